"""What all nine detectors cost on a large project with all facts, and that they find there what is there.

Processor time, so that a busy machine is no failure.
"""

import pytest

from gaps.backtesting.simulated_whole_gaps import PLANTED_TYPES
from gaps.enums import GapType
from tests.benchmarks.bench_gaps import MOST_S, measure_speed

pytestmark = pytest.mark.benchmark


@pytest.mark.parametrize("gap_type", PLANTED_TYPES)
def test_all_detectors_on_thirty_thousand_items_take_at_most_a_second_and_find_the_gap(gap_type: GapType) -> None:
    measured = measure_speed(gap_type)

    assert measured["items"] >= 30_000
    assert gap_type in measured["found"]
    assert measured["s"] <= MOST_S, measured

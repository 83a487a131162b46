"""How urgent an option is depends on whether anything has to be done."""

from __future__ import annotations

import pytest

from predictions.enums import PredictionType, Priority
from predictions.forecasters.risk import PreventiveOption
from tests.predictions.risk_forecasts import risk_of

OPTIONS = tuple(PreventiveOption(str(rank), "", "", rank, 0.05, 48.0) for rank in (Priority.HIGH, Priority.MEDIUM))


@pytest.mark.parametrize(
    ("probability", "alerts_anyway", "ranks"),
    [
        (0.02, False, ["LOW", "LOW"]),
        (0.15, False, ["LOW", "LOW"]),
        (0.151, False, ["HIGH", "MEDIUM"]),
        (0.02, True, ["HIGH", "MEDIUM"]),
    ],
)
def test_options_are_low_where_the_risk_is_accepted(probability: float, alerts_anyway: bool, ranks: list[str]) -> None:
    risk = risk_of(PredictionType.BUDGET_OVERRUN, probability, options=OPTIONS, alerts_anyway=alerts_anyway)

    weighed = risk.ranked_by_need(0.85)

    assert [option.priority for option in weighed.options] == ranks
    assert [option.latest_start_h for option in weighed.options] == [48.0, 48.0]


def test_an_abstention_stays_as_it_is() -> None:
    risk = risk_of(PredictionType.BUDGET_OVERRUN, 0.5)

    assert risk.ranked_by_need(0.85) is risk

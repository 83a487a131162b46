import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.calibration.levels import LevelRecord

NOMINAL = np.linspace(0.05, 0.95, 19)


def record_at(levels: list[float], *, independent: float) -> LevelRecord:
    values = np.array(levels)
    return LevelRecord(values, values, np.ones(len(values)), independent)


def test_without_a_record_levels_are_taken_on_trust() -> None:
    assert np.array_equal(record_at([], independent=0.0).nominal_levels(NOMINAL, strength=10.0), NOMINAL)


def test_even_record_changes_next_to_nothing() -> None:
    even = record_at(((np.arange(500) + 0.5) / 500).tolist(), independent=500.0)

    assert even.nominal_levels(NOMINAL, strength=10.0) == pytest.approx(NOMINAL, abs=0.02)


def test_team_that_outdoes_its_forecasts_as_in_the_worked_example() -> None:
    levels = np.concatenate([np.linspace(0.0, 0.8, 500), np.linspace(0.8, 1.0, 500)]).tolist()

    nominal = record_at(levels, independent=1e6).nominal_levels(np.array([0.5]), strength=10.0)

    assert nominal[0] == pytest.approx(0.8, abs=0.03)


def test_few_outcomes_change_little() -> None:
    moved = [
        abs(record_at([0.95] * 40, independent=n).nominal_levels(np.array([0.5]), strength=10.0)[0] - 0.5)
        for n in (1.0, 5.0, 40.0)
    ]

    assert moved == sorted(moved)
    assert moved[0] < 0.06


@given(
    levels=st.lists(st.floats(0, 1), min_size=1, max_size=40), independent=st.floats(0.1, 200), width=st.floats(0, 0.5)
)
def test_levels_stay_in_order_and_within_zero_and_one(levels: list[float], independent: float, width: float) -> None:
    low = np.array(levels)
    record = LevelRecord(low, np.minimum(low + width, 1.0), np.ones(len(low)), independent)

    nominal = record.nominal_levels(NOMINAL, strength=10.0)

    assert (np.diff(nominal) >= 0).all()
    assert nominal[0] >= 0
    assert nominal[-1] <= 1

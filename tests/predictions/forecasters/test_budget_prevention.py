import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.forecasters.budget_prevention import ACTIONS, budget_options, budget_window, latest_start_h, leave_out
from predictions.forecasters.spending import CostTrials


def trials(rest: list[float], days: list[float], *, level_error: float = 0.0) -> CostTrials:
    return CostTrials(np.array(rest), np.array(days), np.ones(len(rest)), level_error)


def test_worked_example() -> None:
    all_alike = trials([100.0] * 20, [100.0] * 20)

    assert latest_start_h(all_alike, leave_out, money_left=90.0, accepted=0.85) == 50 * 24
    window = budget_window(all_alike, money_left=90.0, accepted=0.85)
    assert window is not None
    assert (window.hours, window.low_h, window.high_h, window.action) == (1200, 1200, 1200, "LEAVE_OUT_SCOPE")


def test_no_window_where_none_is_needed_or_none_helps() -> None:
    all_alike = trials([100.0] * 20, [100.0] * 20)

    assert budget_window(all_alike, money_left=101.0, accepted=0.85) is None
    assert budget_window(all_alike, money_left=50.0, accepted=0.85) is None


@pytest.mark.parametrize("money_left", [1.0, 1_000.0])
def test_no_action_makes_a_budget_certain(money_left: float) -> None:
    all_alike = trials([100.0] * 20, [100.0] * 20)
    before = all_alike.share_crossing(money_left, within_days=1_000)

    options = budget_options(all_alike, money_left=money_left, accepted=0.85)

    assert [option.probability_after for option in options] == [before, before]
    assert 0 < before < 1


def test_money_is_crossed_in_proportion() -> None:
    assert trials([100.0, 50.0, 200.0], [10.0, 10.0, 10.0]).crossing_days(80.0).tolist() == [8.0, 4.0]


@settings(deadline=None, max_examples=40)
@given(
    rest=st.lists(st.floats(10, 200), min_size=5, max_size=12),
    days=st.floats(2, 20),
    left=st.floats(10, 200),
    accepted=st.sampled_from([0.5, 0.85]),
)
def test_latest_start_equals_brute_force_over_every_hour(
    rest: list[float], days: float, left: float, accepted: float
) -> None:
    sample = trials(rest, [days] * len(rest))
    for _code, _title, _description, scenario in ACTIONS:
        hours = range(int(np.ceil(days * 24)) + 1)
        works = [float((scenario(sample, hour / 24) <= left).mean()) >= accepted for hour in hours]

        found = latest_start_h(sample, scenario, money_left=left, accepted=accepted)

        assert found == (max(hour for hour in hours if works[hour]) if works[0] else None)
        assert works == sorted(works, reverse=True)  # an action that comes later never helps more


def test_level_error_widens_the_window() -> None:
    rng = np.random.default_rng(3)
    unsure = CostTrials(rng.normal(100, 3, 500), np.full(500, 100.0), np.ones(500), 0.02)

    window = budget_window(unsure, money_left=92.0, accepted=0.85)

    assert window is not None
    assert window.high_h is not None
    assert window.low_h is not None
    assert window.low_h < window.hours < window.high_h
    assert window.hours == pytest.approx(1000, rel=0.5)

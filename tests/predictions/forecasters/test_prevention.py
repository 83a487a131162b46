import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from predictions.forecasters.finish import FinishTrials
from predictions.forecasters.prevention import (
    ACTIONS,
    Scenario,
    action_effects,
    add_capacity,
    latest_start_h,
    leave_out,
    prevention_window,
    share_within,
)


def trials_of(days: NDArray[np.float64], level_error: float = 0.0) -> FinishTrials:
    return FinishTrials(days=days, newcomer_factor=np.ones(len(days)), level_error=level_error)


def test_window_of_the_worked_example_is_fifty_days() -> None:
    days = np.full(100, 100.0)

    assert latest_start_h(days, leave_out, days_left=90.0, accepted=0.85) == 50 * 24


def test_added_capacity_counts_after_the_ramp_up() -> None:
    days = np.array([148.0])

    assert add_capacity(days, 0.0).tolist() == pytest.approx([28 + 120 / 1.2])
    assert add_capacity(days, 200.0).tolist() == [148.0]


@settings(deadline=None)  # a busy machine is not a failure
@given(
    mean=st.floats(20, 200),
    days_left=st.integers(5, 150),
    accepted=st.sampled_from([0.5, 0.85, 0.95]),
    action=st.sampled_from([scenario for *_names, scenario in ACTIONS]),
)
def test_latest_start_equals_brute_force(mean: float, days_left: int, accepted: float, action: Scenario) -> None:
    days = np.random.default_rng(5).gamma(20, mean / 20, 200)

    found = latest_start_h(days, action, days_left=float(days_left), accepted=accepted)

    hours = [hour for hour in range(days_left * 24 + 1) if share_within(action(days, hour / 24), days_left) >= accepted]
    assert found == (float(max(hours)) if hours else None)


def test_no_window_where_no_action_helps() -> None:
    assert prevention_window(trials_of(np.full(100, 400.0)), days_left=30.0, accepted=0.85) is None


def test_no_window_where_nothing_is_at_risk() -> None:
    assert prevention_window(trials_of(np.full(100, 10.0)), days_left=30.0, accepted=0.85) is None


def test_window_is_the_latest_start_over_all_actions_and_lies_in_its_interval() -> None:
    days = np.random.default_rng(5).gamma(80, 100 / 80, 1_000)

    window = prevention_window(trials_of(days, level_error=0.02), days_left=105.0, accepted=0.85)

    starts = [latest_start_h(days, scenario, days_left=105.0, accepted=0.85) for *_names, scenario in ACTIONS]
    assert window is not None
    assert window.hours == max(start for start in starts if start is not None)
    assert window.low_h is None or window.low_h <= window.hours
    assert window.high_h is None or window.high_h >= window.hours


def test_effects_are_under_the_same_trials_and_the_best_comes_first() -> None:
    days = np.random.default_rng(5).gamma(80, 100 / 80, 1_000)

    best, second = action_effects(trials_of(days), days_left=95.0, accepted=0.85)

    assert (best.code, second.code) == ("LEAVE_OUT_SCOPE", "ADD_CAPACITY")
    assert best.p_on_time_after > second.p_on_time_after > best.p_on_time_before
    assert best.days_saved_p85 == pytest.approx(0.2 * float(np.quantile(days, 0.85)))

"""Dates that several projects keep together: held against what is known of the joint distribution."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import ndtri

from predictions.forecasters.joint_finish import ProjectForecast, error_correlations, joint_finish

FloatArray = NDArray[np.float64]

LEVELS, DAYS = np.array([0.5, 0.7, 0.85, 0.95]), np.array([40.0, 50.0, 65.0, 90.0])
NO_PAST = np.zeros(0)


def project(p_on_time: float | None = 0.8, *, days: FloatArray = DAYS, weekly: FloatArray = NO_PAST) -> ProjectForecast:
    return ProjectForecast(p_on_time, LEVELS, days, weekly)


def shared_weeks(seed: int, *, weeks: int = 400, sign: float = 1.0) -> tuple[FloatArray, FloatArray]:
    """Two teams whose pace goes up and down together, month by month, or against each other."""
    rng = np.random.default_rng(seed)
    months = np.repeat(rng.normal(0, 0.4, weeks // 4), 4)
    first, second = (rng.poisson(12 * np.exp(way * months)).astype(np.float64) for way in (1.0, sign))
    return first, second


def test_unrelated_projects_keep_both_dates_with_the_product_of_their_chances() -> None:
    joint = joint_finish([project(0.8), project(0.8)])

    assert joint.p_all_on_time == pytest.approx(0.64, abs=0.015)
    assert (joint.low, joint.high) == pytest.approx((0.6, 0.8))
    assert joint.level == pytest.approx(0.85**0.5, abs=0.01)


def test_projects_that_err_together_keep_both_dates_more_often_and_those_that_err_against_each_other_less() -> None:
    together, against = (
        joint_finish([project(weekly=one) for one in shared_weeks(3, sign=sign)]) for sign in (1.0, -1.0)
    )
    apart = joint_finish([project(), project()])

    assert apart.p_all_on_time is not None
    assert together.p_all_on_time is not None
    assert against.p_all_on_time is not None
    assert against.p_all_on_time + 0.01 < apart.p_all_on_time < together.p_all_on_time - 0.05
    assert together.level < apart.level <= against.level + 0.005


def test_joint_dates_are_kept_as_often_as_said_whatever_the_correlation() -> None:
    """Played through: ln of the days rises by .3 a standard deviation, and the scores go together by r."""
    days = 50 * np.exp(0.3 * ndtri(LEVELS))
    joint = joint_finish([project(days=days, weekly=one) for one in shared_weeks(5, weeks=2_000)])
    r = float(joint.correlations[0, 1])
    scores = np.random.default_rng(9).multivariate_normal([0, 0], [[1, r], [r, 1]], 40_000)

    kept = (50 * np.exp(0.3 * scores) <= np.array(joint.days)).all(axis=1).mean()

    assert 0.4 < r < 1
    assert kept == pytest.approx(0.85, abs=0.01)


def test_a_joint_date_is_never_before_the_projects_own() -> None:
    joint = joint_finish([project(), project(days=DAYS * 3), project(0.2)])

    assert joint.days[0] == joint.days[2]
    assert joint.days[0] > 65
    assert joint.days[1] == pytest.approx(3 * joint.days[0])


def test_known_quantiles_are_met_and_dates_beyond_ten_years_are_none() -> None:
    one = project()

    assert [one.days_at(level) for level in LEVELS] == pytest.approx(DAYS.tolist())
    assert 90 < one.days_at(0.99) < 200
    assert project(days=DAYS * 60).days_at(0.999) == float("inf")


def test_without_a_target_nobody_can_say_whether_all_are_on_time_but_dates_stand() -> None:
    joint = joint_finish([project(None), project()])

    assert (joint.p_all_on_time, joint.low, joint.high) == (None, None, None)
    assert all(np.isfinite(joint.days))


def test_one_project_is_none_together() -> None:
    with pytest.raises(ValueError, match="single project"):
        joint_finish([project()])


def test_a_correlation_of_few_months_is_hardly_believed() -> None:
    long, short = (error_correlations(shared_weeks(1, weeks=weeks))[0, 1] for weeks in (800, 28))

    assert long > 0.5
    assert short < 0.35


@given(
    chances=st.lists(st.floats(0.01, 0.99), min_size=2, max_size=5),
    weeks=st.lists(st.lists(st.integers(0, 30), max_size=60), min_size=5, max_size=5),
)
def test_it_lies_within_what_is_possible_whatever_the_past(chances: list[float], weeks: list[list[int]]) -> None:
    projects = [
        project(chance, weekly=np.array(week, dtype=np.float64)) for chance, week in zip(chances, weeks, strict=False)
    ]

    joint = joint_finish(projects)

    assert joint.p_all_on_time is not None
    assert joint.low is not None
    assert joint.high is not None
    assert joint.low <= joint.p_all_on_time <= joint.high == min(chances)
    assert np.linalg.eigvalsh(joint.correlations).min() > 0
    assert np.diag(joint.correlations) == pytest.approx(1.0)
    assert all(days >= own.days_at(0.84) for days, own in zip(joint.days, projects, strict=True))


def test_weeks_that_one_project_does_not_know_yet_are_left_out() -> None:
    first, second = shared_weeks(2)
    shorter = np.append(second[:-2], [np.nan, np.nan])

    assert error_correlations([first, shorter])[0, 1] == pytest.approx(
        error_correlations([first, second])[0, 1], abs=0.05
    )

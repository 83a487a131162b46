"""The analysis of a large project stays interactive. Pure computation, so wall time of the best of three is enough."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from gaps.detectors.timeline import detect_timeline_gap
from predictions.calibration.pace import Pace
from predictions.forecasters.delay_risk import forecast_delay_risk
from predictions.forecasters.finish import forecast_finish
from predictions.forecasters.outlook import forecast_outlook
from predictions.forecasters.replay import ReplayPlan, replay_delay_risk
from predictions.forecasters.simulation import TRIALS, simulate_finish
from projects.history import BaselineFact, ProjectHistory, WorkCalendar, flow_metrics
from tests.project_histories import NOW, WEEK, large_team_facts

pytestmark = pytest.mark.benchmark
CALENDAR = WorkCalendar("Europe/Berlin")


def best_of_three_s(work: Callable[[], object]) -> float:
    durations = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        durations.append(time.perf_counter() - began)
    return min(durations)


def test_refresh_of_30000_items_and_ten_years_takes_at_most_a_second() -> None:
    history = ProjectHistory.from_facts(large_team_facts(items=30_000, years=10))
    target = NOW.date() + 52 * WEEK

    def refresh() -> None:
        known = history.as_of(NOW)
        flow_metrics(known, as_of=NOW, calendar=CALENDAR)
        finish = forecast_finish(known, as_of=NOW, target_date=target, calendar=CALENDAR)
        forecast_delay_risk(known, as_of=NOW, target_date=target, calendar=CALENDAR, finish=finish)
        detect_timeline_gap(known, as_of=NOW, target_date=target, calendar=CALENDAR, finish=finish)
        forecast_outlook(known, finish=finish, calendar=CALENDAR)
        assert finish.quantiles

    assert best_of_three_s(refresh) <= 1.0


def test_simulation_of_10000_trials_takes_at_most_a_tenth_of_a_second() -> None:
    weekly = np.random.default_rng(1).poisson(8, 260).astype(float)
    items = np.full(TRIALS, 200.0)

    assert best_of_three_s(lambda: simulate_finish(Pace(weekly), items, np.random.default_rng(1))) <= 0.1


def test_weekly_replay_of_two_years_of_30000_items_takes_at_most_half_a_minute() -> None:
    approved_at = NOW - 150 * WEEK
    plan = BaselineFact(approved_at, approved_at, NOW.date() - 4 * WEEK, 30_000)
    history = ProjectHistory.from_facts([*large_team_facts(items=30_000, years=10), plan])
    began = time.perf_counter()

    replay = replay_delay_risk(history, ReplayPlan(NOW), calendar=CALENDAR, observed_until=NOW)

    assert time.perf_counter() - began <= 30.0
    assert sum(step.probability is not None for step in replay.steps) >= 100
    assert sum(step.result is not None for step in replay.steps) >= 100

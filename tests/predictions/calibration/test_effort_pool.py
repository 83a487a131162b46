import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.calibration.effort_pool import EffortPool, EffortRung, expected_spread
from predictions.calibration.effort_tasks import EffortTasks, effective_number
from predictions.calibration.simulated_efforts import simulate_efforts
from predictions.priors.effort import shipped_effort_pool

plans = st.floats(0.0, 400.0)


def steady(count: int, ratio: float, *, rest: int = 0, plan: float = 4.0) -> EffortTasks:
    """Tasks of one size that all took `ratio` times the plan."""
    return EffortTasks.of(done=[(plan, plan * ratio)] * count, rest=[plan] * rest)


def pool(level: float, tail: float) -> EffortPool:
    return EffortPool(level, tail, np.array([0.25]), np.zeros((3, 1)), np.ones(1), 0.0, np.array([0.3, 0.2, 0.1]))


def test_worked_example_of_the_tasks() -> None:
    tasks = EffortTasks.of(done=[(2, 3), (2, 2), (4, 8), (0, 1)], rest=[2])

    assert (tasks.earned, tasks.spent, tasks.budget_at_completion, tasks.earned_share) == (8, 14, 10, 0.8)
    assert np.exp(tasks.median_log_ratio) == pytest.approx(1.5, abs=0.01)
    assert tasks.effective_done == pytest.approx(64 / 24)


def test_worked_example_of_the_level() -> None:
    tasks = steady(50, np.exp(0.3))

    assert tasks.effective_done == pytest.approx(50)
    assert pool(0.1, 0.1).rest_level(tasks, EffortRung.RECALIBRATED) == pytest.approx(0.25, abs=0.01)
    assert pool(0.1, 0.1).rest_level(tasks, EffortRung.COST_RATIO) == pytest.approx(0.3, abs=0.01)
    assert pool(0.1, 0.1).rest_level(tasks, EffortRung.PLAN) == 0.0


def test_one_exploding_task_moves_the_recalibrated_level_hardly() -> None:
    calm = steady(60, 1.0)
    exploded = EffortTasks(calm.done_plan, np.where(np.arange(60) == 3, 400.0, calm.done_actual), calm.rest_plan)

    before, after = (pool(0.1, 0.1).rest_level(tasks, EffortRung.RECALIBRATED) for tasks in (calm, exploded))

    assert after == pytest.approx(before, abs=0.01)
    assert exploded.log_cost_ratio > calm.log_cost_ratio + 0.9


def test_project_cut_off_knows_nothing_of_later_tasks() -> None:
    tasks = EffortTasks.of(done=[(1, 1), (1, 5), (1, 9), (1, 2)], rest=[4])

    past, later = tasks.until(0.25)

    assert (past.done_actual.tolist(), past.rest_plan.tolist(), later) == ([1, 5], [1, 1, 4], 11)


def test_projects_that_always_take_half_more_teach_it() -> None:
    learned = EffortPool.of_projects([steady(80, 1.5) for _ in range(12)])

    assert learned is not None
    assert np.exp(learned.level) == pytest.approx(1.5, abs=0.02)
    assert learned.tail == pytest.approx(0.0, abs=0.01)
    assert learned.projects == 12
    assert np.exp(shipped_effort_pool().blended(learned).level) == pytest.approx(1.4, abs=0.1)


def test_rung_that_was_nearest_is_the_best_one() -> None:
    on_plan = EffortPool.of_projects([steady(80, 1.0) for _ in range(6)])
    each_its_own = EffortPool.of_projects([steady(400, ratio) for ratio in (0.4, 0.7, 1.0, 1.6, 2.4)])

    assert on_plan is not None
    assert each_its_own is not None
    assert on_plan.best_rung == EffortRung.PLAN  # all alike: the simplest
    assert each_its_own.best_rung == EffortRung.COST_RATIO


def test_one_project_or_small_ones_make_no_pool() -> None:
    assert EffortPool.of_projects([steady(80, 1.5)]) is None
    assert EffortPool.of_projects([steady(9, 1.5)] * 5) is None


def test_pool_does_not_depend_on_the_order_of_projects() -> None:
    projects = simulate_efforts(8, seed=3)

    one, other = EffortPool.of_projects(projects), EffortPool.of_projects(projects[::-1])

    assert one is not None
    assert other is not None
    assert (one.level, one.tail) == (other.level, other.tail)
    assert np.allclose(np.sort(one.errors, axis=1), np.sort(other.errors, axis=1))


@settings(deadline=None, max_examples=60)
@given(done=st.lists(st.tuples(plans, plans), max_size=30), rest=st.lists(plans, max_size=10))
def test_every_reading_is_finite_and_the_spread_shrinks_with_more_tasks(
    done: list[tuple[float, float]], rest: list[float]
) -> None:
    tasks = EffortTasks.of(done=done, rest=rest)

    assert np.isfinite([tasks.log_cost_ratio, tasks.median_log_ratio, tasks.spread, expected_spread(tasks)]).all()
    assert 0 <= tasks.earned_share <= 1 + 1e-12
    assert 0 <= effective_number(tasks.done_plan) <= len(done) + 1e-6


def test_more_tasks_are_surer() -> None:
    assert expected_spread(steady(200, 1.2, rest=200)) < expected_spread(steady(20, 1.2, rest=20))

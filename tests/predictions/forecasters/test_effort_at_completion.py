import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.calibration.effort_pool import EffortPool, EffortRung
from predictions.calibration.effort_tasks import EffortTasks
from predictions.forecasters.effort_at_completion import PROBABILITIES, EffortForecast, forecast_effort
from projects.enums import Readiness
from projects.history.readiness import ReasonCode

STEADY = EffortTasks.of(done=[(4.0, 4.8)] * 50, rest=[4.0] * 150)
any_effort = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.floats(0, 100))


def pool(rung: EffortRung) -> EffortPool:
    """One error of nothing; the named rung is the best."""
    totals = np.array([0.0 if each == rung else 0.1 for each in EffortRung])
    return EffortPool(0.1, 0.1, np.array([0.25]), np.zeros((3, 1)), np.ones(1), 10.0, totals)


def test_rung_served_is_named_and_gives_the_level_of_the_rest() -> None:
    plan, ratio, recalibrated = (forecast_effort(STEADY, pool=pool(rung)) for rung in EffortRung)

    assert (plan.rung, ratio.rung, recalibrated.rung) == tuple(EffortRung)
    assert plan.total(0.5) == pytest.approx(240 + 600, abs=2)
    assert ratio.total(0.5) == pytest.approx(240 + 600 * 1.2, abs=2)
    level = 0.5 * (math.log(1.2) + 0.1) + 0.5 * 0.1
    assert recalibrated.total(0.5) == pytest.approx(240 + 600 * math.exp(level), abs=2)
    assert [plan.own_weight, ratio.own_weight] == [0.0, 1.0]
    assert recalibrated.own_weight == pytest.approx(0.5)
    assert ratio.cost_ratio_total == pytest.approx(960)


def test_quantiles_rise_and_start_above_what_was_spent() -> None:
    forecast = forecast_effort(STEADY)

    totals = [quantile.total for quantile in forecast.quantiles]
    assert [quantile.probability for quantile in forecast.quantiles] == list(PROBABILITIES)
    assert totals == sorted(totals)
    assert totals[0] > 240
    assert forecast.readiness.readiness == Readiness.OK


def test_more_completed_narrows_the_range() -> None:
    late = forecast_effort(EffortTasks.of(done=[(4.0, 4.8)] * 190, rest=[4.0] * 10))

    assert _width(late) < _width(forecast_effort(STEADY)) / 3


def test_plan_of_nothing_and_too_few_tasks_and_nothing_left_are_refused() -> None:
    refusals = {
        ReasonCode.NO_PLANNED_EFFORT: EffortTasks.of(done=[(0.0, 4.0)] * 50, rest=[0.0] * 9),
        ReasonCode.TOO_FEW_FINISHED: EffortTasks.of(done=[(4.0, 4.0)] * 9 + [(0.0, 3.0)] * 40, rest=[4.0]),
        ReasonCode.NOTHING_REMAINING: EffortTasks.of(done=[(4.0, 4.0)] * 50, rest=[]),
        ReasonCode.EFFORT_NOT_RECORDED: EffortTasks.of(done=[(4.0, 0.0)] * 30 + [(4.0, 4.0)] * 20, rest=[4.0]),
        ReasonCode.EFFORT_INVALID: EffortTasks.of(done=[(4.0, -4.0)] * 50, rest=[4.0]),
    }

    for code, tasks in refusals.items():
        forecast = forecast_effort(tasks)
        assert forecast.readiness.reasons[0].code == code
        assert (forecast.quantiles, forecast.budget, forecast.rung, forecast.total(0.5)) == ((), None, None, None)


@settings(deadline=None, max_examples=80)
@given(done=st.lists(st.tuples(any_effort, any_effort), max_size=40), rest=st.lists(any_effort, max_size=12))
def test_never_raises_and_every_number_is_finite(done: list[tuple[float, float]], rest: list[float]) -> None:
    forecast = forecast_effort(EffortTasks.of(done=done, rest=rest))

    assert forecast.readiness.carries_value == bool(forecast.quantiles)
    assert all(math.isfinite(quantile.total) and quantile.total >= 0 for quantile in forecast.quantiles)


def test_order_of_completion_does_not_matter_and_two_runs_agree() -> None:
    rng = np.random.default_rng(4)
    plan, actual = rng.uniform(1, 9, 60), rng.uniform(1, 9, 60)
    order = rng.permutation(60)

    one = forecast_effort(EffortTasks(plan, actual, plan))
    other = forecast_effort(EffortTasks(plan[order], actual[order], plan))

    assert [q.total for q in one.quantiles] == pytest.approx([q.total for q in other.quantiles])
    assert one == forecast_effort(EffortTasks(plan, actual, plan)) != other


def _width(forecast: EffortForecast) -> float:
    low, high = forecast.total(0.1), forecast.total(0.9)
    assert low is not None
    assert high is not None
    return high - low

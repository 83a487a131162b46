import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.history.earned_value import PlannedValueCurve, ValueGap, earned_of_items, earned_value

PLAN = PlannedValueCurve.of_points([(1, 10), (2, 20), (3, 30), (4, 40)])
amounts = st.floats(0, 1e6)


@st.composite
def curves(draw: st.DrawFn) -> PlannedValueCurve:
    steps = draw(st.lists(st.tuples(st.floats(0.1, 10), st.just(0.0) | st.floats(0.01, 1e4)), min_size=1, max_size=12))
    time = value = 0.0
    points = []
    for duration, gain in steps:
        time, value = time + duration, value + gain
        points.append((time, value))
    return PlannedValueCurve.of_points(points)


def test_worked_example() -> None:
    found = earned_value(plan=PLAN, elapsed=3, earned=25, actual_cost=50)

    assert (found.planned_value.value, found.schedule_variance.value, found.cost_variance.value) == (30, -5, -25)
    assert found.schedule_performance.value == pytest.approx(25 / 30)
    assert found.cost_performance.value == 0.5
    assert found.estimate_at_completion.known == pytest.approx((65, 80, 86))
    assert found.estimate_at_completion.low == 65
    assert found.estimate_at_completion.high == pytest.approx(86)
    assert (
        found.to_complete_performance
        == earned_value(plan=PLAN, elapsed=3, earned=25, actual_cost=41).to_complete_performance
    )
    assert found.earned_schedule.value == 2.5
    assert found.schedule_performance_time.value == pytest.approx(2.5 / 3)
    assert found.estimated_duration.value == pytest.approx(4.8)


def test_budget_that_is_spent_has_no_index_for_the_rest() -> None:
    spent = earned_value(plan=PLAN, elapsed=3, earned=25, actual_cost=40)
    left = earned_value(plan=PLAN, elapsed=3, earned=25, actual_cost=30)

    assert spent.to_complete_performance.missing == ValueGap.BUDGET_SPENT
    assert left.to_complete_performance.value == 1.5


def test_late_end_is_late_in_earned_schedule_and_not_in_money() -> None:
    """The reason why earned schedule exists: SPI is 1 when everything is done, however late."""
    found = earned_value(plan=PLAN, elapsed=8, earned=40, actual_cost=40)

    assert found.schedule_performance.value == 1.0
    assert found.schedule_performance_time.value == 0.5
    assert found.estimated_duration.value == 8


def test_no_costs_leave_the_schedule_and_no_plan_leaves_the_costs() -> None:
    no_costs = earned_value(plan=PLAN, elapsed=3, earned=25, actual_cost=None)
    no_plan = earned_value(plan=None, elapsed=3, earned=25, actual_cost=50, budget=40)

    assert no_costs.earned_schedule.value == 2.5
    assert no_costs.cost_performance.missing == ValueGap.NO_COSTS
    assert list(no_costs.estimate_at_completion.known) == []
    assert list(no_plan.estimate_at_completion.known) == [65, 80]
    assert no_plan.planned_value.missing == ValueGap.NO_PLAN
    assert no_plan.estimate_at_completion.with_catching_up.missing == ValueGap.NO_PLAN


def test_nothing_earned_and_budget_of_zero_have_reasons() -> None:
    nothing = earned_value(plan=PLAN, elapsed=3, earned=0, actual_cost=50)
    no_budget = earned_value(plan=None, elapsed=3, earned=0, actual_cost=50, budget=0)

    assert nothing.cost_performance.value == 0
    assert nothing.estimate_at_completion.as_so_far.missing == ValueGap.NOTHING_EARNED
    assert nothing.estimated_duration.missing == ValueGap.NOTHING_EARNED
    assert no_budget.budget_at_completion.missing == ValueGap.NO_BUDGET


@pytest.mark.parametrize(
    "points", [[(0, 10)], [(1, 10), (1, 20)], [(1, 10), (2, 5)], [(1, math.nan)], [(1, -1)], [(math.inf, 4)]]
)
def test_plan_that_contradicts_itself_is_refused(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match=r"plan|period|value"):
        PlannedValueCurve.of_points(points)


@given(curve=curves(), time=st.floats(0.01, 200))
def test_what_is_on_plan_is_earned_when_it_was_planned(curve: PlannedValueCurve, time: float) -> None:
    """The identity of earned schedule: the value planned at ES is EV, whatever the curve."""
    earned = curve.planned_at(time)

    assert curve.planned_at(curve.earned_time(earned)) == pytest.approx(earned, abs=1e-6)


@given(curve=curves(), cost=st.floats(0.01, 1e6))
def test_everything_earned_is_the_budget_and_costs_what_was_spent(curve: PlannedValueCurve, cost: float) -> None:
    found = earned_value(plan=curve, elapsed=curve.times[-1], earned=curve.budget, actual_cost=cost)

    if curve.budget > 0:
        assert found.earned_schedule.value == pytest.approx(curve.duration)
        assert found.estimate_at_completion.known == pytest.approx([cost] * 3)


@given(curve=curves(), first=amounts, second=amounts)
def test_more_earned_is_never_earlier(curve: PlannedValueCurve, first: float, second: float) -> None:
    low, high = sorted((first, second))

    assert curve.earned_time(low) <= curve.earned_time(high) + 1e-9


@given(data=st.data(), items=st.lists(st.tuples(amounts, st.booleans()), max_size=30))
def test_order_of_items_and_points_does_not_matter(data: st.DataObject, items: list[tuple[float, bool]]) -> None:
    shuffled = data.draw(st.permutations(items))

    one, other = (
        earned_of_items([weight for weight, _ in each], done=[done for _, done in each]) for each in (items, shuffled)
    )

    assert one == other
    assert PlannedValueCurve.of_points([(3, 30), (4, 40), (1, 10), (2, 20), (1, 10)]) == PLAN


any_number = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True))


@given(elapsed=st.floats(allow_nan=True), earned=any_number, cost=any_number, budget=any_number)
def test_never_raises_and_a_missing_number_has_a_reason(
    elapsed: float, earned: float | None, cost: float | None, budget: float | None
) -> None:
    for plan in (PLAN, None, PlannedValueCurve((), ())):
        found = earned_value(plan=plan, elapsed=elapsed, earned=earned, actual_cost=cost, budget=budget)

        completion = found.estimate_at_completion
        measures = [
            found.planned_value,
            found.cost_performance,
            found.to_complete_performance,
            found.earned_schedule,
            found.estimated_duration,
            completion.as_planned,
            completion.as_so_far,
            completion.with_catching_up,
        ]
        assert all((measure.value is None) == (measure.missing is not None) for measure in measures)
        assert all(math.isfinite(measure.value) for measure in measures if measure.value is not None)

from datetime import date, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from projects.history import BudgetFact, CostFact, HistoryFact, ProjectHistory
from tests.project_histories import DAY, NOW, generated_facts, without_later_facts, work_item


def cost(number: int, amount: float, day: date, *, recorded_at: datetime = NOW) -> CostFact:
    return CostFact(UUID(int=number), day, recorded_at, amount, "EUR")


def test_cost_counts_from_the_end_of_its_day() -> None:
    history = ProjectHistory.from_facts([cost(1, 80, date(2024, 6, 24))])

    before, after = (history.as_of(datetime.fromisoformat(f"2024-06-{day}+00:00")) for day in ("24T23:59", "25T00:00"))

    assert (before.spent.amount.tolist(), after.spent.amount.tolist()) == ([], [80.0])


def test_corrected_cost_counts_once_as_recorded_last_and_a_double_not_at_all() -> None:
    day = NOW.date() - 9 * DAY
    facts = [cost(1, 80, day), cost(1, 95, day, recorded_at=NOW + DAY), cost(2, 5, day), cost(2, 5, day)]

    assert ProjectHistory.from_facts(facts).as_of(NOW + 2 * DAY).spent.amount.tolist() == [95.0, 5.0]


def test_cost_of_the_future_is_seen_and_not_believed() -> None:
    history = ProjectHistory.from_facts([cost(1, 80, NOW.date() + 9 * DAY, recorded_at=NOW - DAY)]).as_of(NOW)

    assert (len(history.spent), history.future_costs) == (0, 1)


def test_budget_in_force_is_the_one_approved_last() -> None:
    budgets = [BudgetFact(NOW - n * DAY, NOW - n * DAY, 100.0 * n, "EUR") for n in (1, 2, 3)]

    history = ProjectHistory.from_facts(budgets)

    assert [getattr(history.as_of(NOW - n * DAY).budget, "amount", None) for n in (0, 2, 4)] == [100.0, 200.0, None]


def test_a_cost_changes_the_hash_of_the_costs_and_not_of_the_work() -> None:
    work = [work_item(1, created_at=NOW - DAY)]
    one, other = (
        ProjectHistory.from_facts([*work, cost(1, amount, NOW.date() - 2 * DAY)]).as_of(NOW) for amount in (80, 81)
    )

    assert one.inputs_hash == other.inputs_hash
    assert one.costs_hash != other.costs_hash


@settings(deadline=None, max_examples=60)
@given(facts=generated_facts(), back_hours=st.integers(0, 24 * 60), step_hours=st.integers(0, 24 * 20))
def test_deleting_every_later_fact_changes_nothing(facts: list[HistoryFact], back_hours: int, step_hours: int) -> None:
    moment = NOW - timedelta(hours=back_hours)

    whole, cut, turned = (
        ProjectHistory.from_facts(some).as_of(moment)
        for some in (facts, without_later_facts(facts, moment), facts[::-1])
    )
    in_two_steps = ProjectHistory.from_facts(facts).as_of(moment + timedelta(hours=step_hours)).as_of(moment)

    assert len({history.costs_hash for history in (whole, cut, turned, in_two_steps)}) == 1
    assert len({str(history.spent.hash_key()) for history in (whole, cut, turned, in_two_steps)}) == 1
    assert cut.budget == whole.budget == turned.budget == in_two_steps.budget
    assert cut.future_costs == whole.future_costs

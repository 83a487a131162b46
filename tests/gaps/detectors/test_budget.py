from datetime import date, timedelta

import pytest

from gaps.detectors.budget import detect_budget
from gaps.detectors.detection import Detection, Tolerances
from gaps.enums import AreaKind, GapType
from predictions.enums import Severity
from projects.enums import Readiness
from projects.history import BaselineFact, BudgetFact, HistoryFact
from projects.history.readiness import ReasonCode, UnlockStep
from tests.gaps.flow_contexts import context_of, cost_facts
from tests.project_histories import NOW, WEEK, team_facts, work_item

WEEKS = 40
BEFORE = NOW - (WEEKS + 1) * WEEK


def project(
    budget: float, *, amounts: list[float] | None = None, hours: list[float] | None = None, scope: int | None = 240
) -> list[HistoryFact]:
    """Five items a week for forty weeks, 40 open; 1,000 a week unless given; so many items approved."""
    facts: list[HistoryFact] = [
        *team_facts([5] * WEEKS, open_items=40),
        *cost_facts(amounts or [1_000.0] * WEEKS, hours=hours),
        BudgetFact(BEFORE, BEFORE, budget, "EUR"),
    ]
    if scope is not None:
        facts.append(BaselineFact(BEFORE, BEFORE, (NOW + 60 * WEEK).date(), scope))
    return facts


def detection(facts: list[HistoryFact], tolerances: Tolerances | None = None) -> Detection:
    (found,) = detect_budget(context_of(facts, tolerances=tolerances))
    return found


def test_budget_far_too_small_is_a_gap_whose_causes_add_up_to_it_exactly() -> None:
    finding = detection(project(42_000)).finding

    assert finding is not None
    assert (finding.type, finding.severity) == (GapType.BUDGET, Severity.CRITICAL)
    assert (finding.target.value, finding.target.unit) == (42_000.0, "EUR")
    assert finding.effect.tolerance == pytest.approx(2_100)
    assert finding.effect.unit == "EUR"
    assert sum(cause.contribution or 0.0 for cause in finding.root_causes) == finding.effect.value
    assert finding.root_causes[0].code == "EFFICIENCY"  # 175 an item were approved, 200 are spent
    # scope and rework are as planned: what adds nothing is no cause
    assert {cause.code for cause in finding.root_causes} == {"EFFICIENCY", "UNEXPLAINED"}
    unexplained = next(cause for cause in finding.root_causes if cause.code == "UNEXPLAINED")
    assert unexplained.description.endswith("The record cannot tell: price.")
    assert {row.field for row in finding.evidence} == {"budget", "actual_cost", "booked_on"}
    costs = [row.value for row in finding.evidence if row.object_type == "cost_entry"]
    assert [date.fromisoformat(value) for value in costs]  # whoever sees the gap may not see each amount
    assert [area.kind for area in finding.affected_areas] == [AreaKind.WORK_ITEMS]
    assert all(action.steps and action.effort_h and action.owner_role for action in finding.corrective_actions)


def test_its_near_twin_with_enough_money_is_none() -> None:
    found = detection(project(60_000))

    assert found.finding is None
    assert found.readiness.readiness == Readiness.OK
    assert 0 <= (found.effect or 0.0) < 1


def test_dearer_hours_are_the_price() -> None:
    amounts = [700.0] * 10 + [1_100.0] * 30
    finding = detection(project(34_000, amounts=amounts, hours=[10.0] * WEEKS)).finding

    assert finding is not None
    assert finding.root_causes[0].code == "PRICE"
    assert (finding.root_causes[0].share or 0.0) > 0.6
    assert finding.root_causes[0].confidence == 0.7


def test_added_items_are_the_volume() -> None:
    facts = project(40_000, scope=200)
    facts += [work_item(9_000 + n, created_at=NOW - 8 * WEEK - n * timedelta(hours=5)) for n in range(40)]
    finding = detection(facts).finding

    assert finding is not None
    assert finding.root_causes[0].code == "VOLUME"
    assert finding.root_causes[0].description.startswith("There is more to do than was approved: 1.40 times the plan")
    assert finding.root_causes[0].confidence == 0.7
    cheaper = next(cause for cause in finding.root_causes if cause.code == "EFFICIENCY")
    assert (cheaper.contribution or 0.0) < 0
    assert cheaper.description.startswith("An item costs less than planned")


def test_money_that_is_spent_already_is_a_gap_too() -> None:
    spent = detection(project(38_000))
    done = detection([fact for fact in project(30_000) if not _is_open(fact)])

    assert spent.finding is not None
    assert spent.finding.confidence == 0.99
    assert spent.finding.urgency_h is None
    assert done.finding is not None
    assert done.finding.effect.value == 10_000.0  # nothing is left to do: it cost 40,000
    assert done.finding.corrective_actions == ()


def _is_open(fact: HistoryFact) -> bool:
    return getattr(fact, "key", "") != "" and getattr(fact, "resolved_at", NOW) is None


def test_without_costs_or_a_budget_it_is_off_and_says_what_to_do() -> None:
    without_costs = detection(team_facts([5] * WEEKS, open_items=40))
    empty = detection([])

    for found in (without_costs, empty):
        assert found.readiness.readiness == Readiness.MISCONFIGURED
        assert (found.finding, found.effect) == (None, None)
    unlock = {reason.code: reason.unlock for reason in without_costs.readiness.reasons}
    assert unlock[ReasonCode.NO_COSTS] == UnlockStep.RECORD_COSTS
    assert unlock[ReasonCode.NO_BUDGET] == UnlockStep.APPROVE_BUDGET


def test_without_a_baseline_the_volume_is_off_and_the_step_is_named() -> None:
    finding = detection(project(42_000, scope=None)).finding

    assert finding is not None
    assert "VOLUME" not in {cause.code for cause in finding.root_causes}
    assert finding.readiness.readiness == Readiness.LIMITED
    assert [reason.code for reason in finding.readiness.reasons] == [ReasonCode.NO_BASELINE]


def test_project_decides_what_it_tolerates_and_zero_is_no_finding() -> None:
    strict = detection(project(42_000), Tolerances(budget_percent=1)).finding
    lenient = detection(project(42_000), Tolerances(budget_percent=60))
    none = detection(project(42_000), Tolerances(budget_percent=0))

    assert strict is not None
    assert strict.effect.tolerance == pytest.approx(420)
    assert lenient.finding is None
    assert (none.finding, none.effect) == (None, None)


@pytest.mark.parametrize("budget", [50_000, 46_000, 44_000, 42_000, 38_000, 20_000])
def test_effect_rises_as_the_budget_falls(budget: float) -> None:
    here, less = detection(project(budget)), detection(project(budget - 1_000))

    assert here.effect is not None
    assert less.effect is not None
    assert less.effect > here.effect

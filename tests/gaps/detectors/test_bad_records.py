"""What is missing closes the types it feeds, with the reason; what contradicts itself is no finding and no exception.

That contradictions are named in the list of what is wrong with the record: tests/projects/history/test_data_quality.py
and tests/api/test_data_quality.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from gaps.backtesting.simulated_whole_gaps import AS_OF, PLANTED_TYPES, simulate
from gaps.detectors.detection import Detection, Tolerances
from gaps.enums import GapType
from projects.enums import StatusCategory
from projects.history import (
    ActivityFact,
    BaselineFact,
    BlockingLinkFact,
    CapacityFact,
    CostFact,
    FieldChangeFact,
    HistoryFact,
    PulseFact,
    StatusChangeFact,
    WorkCalendar,
    WorkItemFact,
)
from projects.history.data_quality import QualityRule, record_issues
from projects.history.delivery_facts import CiRunFact, DeploymentFact, IncidentFact
from projects.plain_words import STEPS
from tests.benchmarks.bench_gaps import context_of, detections_of

WHOLE = simulate(None, 1)
NOT_ENOUGH = {(GapType.TECHNOLOGY, "time to restore")}
"""Of a whole project: most have too few incidents for it."""


def _without(*kinds: type) -> list[HistoryFact]:
    return [fact for fact in WHOLE if not isinstance(fact, kinds)]


def _without_field(name: str) -> list[HistoryFact]:
    return [fact for fact in WHOLE if not isinstance(fact, FieldChangeFact) or fact.field != name]


def _without_starts() -> list[HistoryFact]:
    begun = StatusCategory.IN_PROGRESS
    return [fact for fact in WHOLE if not isinstance(fact, StatusChangeFact) or fact.to_category != begun]


def _without_types() -> list[HistoryFact]:
    return [replace(fact, item_type="") if isinstance(fact, WorkItemFact) else fact for fact in WHOLE]


Closed = dict[tuple[GapType, str], str]
SOURCES: dict[str, tuple[Callable[[], list[HistoryFact]], Closed]] = {
    "costs": (lambda: _without(CostFact), {(GapType.BUDGET, "project"): "NO_COSTS"}),
    "builds and deployments": (
        lambda: _without(CiRunFact, DeploymentFact, IncidentFact),
        {(GapType.TECHNOLOGY, "project"): "NO_DELIVERIES"},
    ),
    "comments and reviews": (
        lambda: _without(ActivityFact),
        {
            (GapType.COMMUNICATION, "response time"): "NO_ACTIVITY",
            (GapType.COMMUNICATION, "unanswered"): "NO_ACTIVITY",
            (GapType.COMMUNICATION, "touchpoints"): "NO_ACTIVITY",
            (GapType.CULTURE, "strain"): "NO_ACTIVITY",
        },
    ),
    "capacity": (lambda: _without(CapacityFact), {(GapType.RESOURCE, "present capacity"): "NO_CAPACITY"}),
    "pulses": (lambda: _without(PulseFact), {(GapType.CULTURE, "pulse"): "NO_PULSES"}),
    "components": (
        lambda: _without_field("component"),
        {(GapType.SKILL, "depth"): "NO_AREAS", (GapType.SKILL, "demand"): "NO_AREAS"},
    ),
    "assignees": (
        lambda: _without_field("assignee"),
        {
            (GapType.RESOURCE, "critical work"): "NO_ASSIGNEES",
            (GapType.SKILL, "depth"): "NO_ASSIGNEES",
            (GapType.SKILL, "demand"): "NO_ASSIGNEES",
        },
    ),
    "starts": (
        _without_starts,
        {(GapType.PROCESS, "project"): "NO_STARTS", (GapType.CULTURE, "strain"): "NO_ACTIVITY"},
    ),
    "types": (_without_types, {(GapType.QUALITY, "bug rate"): "NO_ITEM_TYPES"}),
    "a plan": (
        lambda: _without(BaselineFact),
        {
            (GapType.TIMELINE, "project"): "NO_TARGET",
            (GapType.RESOURCE, "required rate"): "NO_TARGET",
            (GapType.SKILL, "demand"): "NO_TARGET",
        },
    ),
}


def _asked(facts: Sequence[HistoryFact]) -> dict[tuple[GapType, str], Detection]:
    return {(one.type, one.subject): one for one in detections_of(context_of(facts, trials=200))}


@pytest.mark.parametrize("source", SOURCES)
def test_a_missing_source_closes_what_it_feeds_says_why_and_leaves_the_rest(source: str) -> None:
    facts, closed = SOURCES[source]

    found = _asked(facts())

    assert {key: one.finding for key, one in found.items() if one.finding} == {}
    for key, code in closed.items():
        detection = found[key]
        assert not detection.readiness.carries_value, key
        assert detection.effect is None
        assert code in {reason.code for reason in detection.readiness.reasons}
        assert all(reason.message and reason.unlock in STEPS for reason in detection.readiness.reasons)
    fed = {gap_type for gap_type, _ in closed}
    others = {key for key, one in found.items() if not one.readiness.carries_value and key[0] not in fed}
    assert others <= NOT_ENOUGH


def test_a_budget_without_costs_says_what_to_connect() -> None:
    reasons = _asked(_without(CostFact))[(GapType.BUDGET, "project")].readiness.reasons

    steps = [STEPS[reason.unlock] for reason in reasons if reason.code == "NO_COSTS" and reason.unlock]

    assert steps == ["Connect time tracking or import costs: what has been spent, and when."]


@pytest.mark.parametrize("gap_type", PLANTED_TYPES)
def test_circles_of_links_and_items_that_block_themselves_are_named_and_change_no_finding(gap_type: GapType) -> None:
    facts = simulate(gap_type, 2)
    done = {
        fact.item_id for fact in facts if isinstance(fact, StatusChangeFact) and fact.to_category == StatusCategory.DONE
    }
    waiting = [fact.id for fact in facts if isinstance(fact, WorkItemFact) and fact.id not in done][:6]
    pairs = [*zip(waiting, [*waiting[1:], waiting[0]], strict=True), *((item, item) for item in waiting)]
    at = AS_OF - (AS_OF - min(fact.created_at for fact in facts if isinstance(fact, WorkItemFact))) / 40
    tangled = [*facts, *(BlockingLinkFact(one, other, at, at) for one, other in pairs)]

    context = context_of(tangled, trials=200)
    plain = {key for key, one in _asked(facts).items() if one.finding}
    found = {(one.type, one.subject) for one in detections_of(context) if one.finding}

    assert found == plain
    issues = {issue.rule: issue for issue in record_issues(context.known, as_of=AS_OF, calendar=WorkCalendar())}
    assert issues[QualityRule.CIRCULAR_LINKS].count == len(waiting)


@pytest.mark.parametrize("gap_type", PLANTED_TYPES)
def test_tolerances_of_zero_close_date_and_budget_and_raise_nothing(gap_type: GapType) -> None:
    zero = Tolerances(schedule_days=0, schedule_percent=0, budget_percent=0, scope_percent=0)

    found = detections_of(replace(context_of(simulate(gap_type, 2), trials=200), tolerances=zero))

    closed = [one for one in found if one.type in (GapType.TIMELINE, GapType.BUDGET)]
    assert [(one.finding, one.effect, one.readiness.carries_value) for one in closed] == [(None, None, False)] * 2
    assert all("ZERO_TOLERANCE" in {reason.code for reason in one.readiness.reasons} for one in closed)
    if gap_type not in (GapType.TIMELINE, GapType.BUDGET):
        assert any(one.finding and one.type == gap_type for one in found)

"""What is wrong with a record is named and counted, and never an exception."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projects.enums import StatusCategory
from projects.history import HistoryFact, ProjectHistory, WorkCalendar, finish_readiness
from projects.history.data_quality import (
    FIXES,
    MAX_EXAMPLES,
    Example,
    GoalFact,
    PlanFacts,
    QualityIssue,
    QualityRule,
    QualitySeverity,
    plan_issues,
    record_issues,
)
from projects.history.facts import BlockingLinkFact, StatusChangeFact, WorkItemFact
from tests.project_histories import DAY, NOW, WEEK, team_facts, work_item

CALENDAR = WorkCalendar()
SOURCES = {QualityRule.NO_COSTS, QualityRule.NO_CAPACITY, QualityRule.NO_ACTIVITY, QualityRule.NO_CI_RUNS}
STEADY = team_facts([3] * 26, open_items=10)


def issues(facts: list[HistoryFact]) -> dict[QualityRule, QualityIssue]:
    found = record_issues(ProjectHistory.from_facts(facts), as_of=NOW, calendar=CALENDAR)
    return {issue.rule: issue for issue in found}


def _open_item(number: int) -> WorkItemFact:
    found = work_item(number, created_at=NOW - 20 * WEEK)
    assert isinstance(found, WorkItemFact)
    return found


def _waits(item: WorkItemFact, blocker: WorkItemFact, **values: object) -> BlockingLinkFact:
    return BlockingLinkFact(item.id, blocker.id, NOW - DAY, NOW - 2 * DAY, **values)  # type: ignore[arg-type]


def test_every_rule_says_how_to_fix_it() -> None:
    assert set(FIXES) == set(QualityRule)


def test_steady_team_lacks_sources_estimates_and_statuses_of_open_items_only() -> None:
    tidy = {*SOURCES, QualityRule.NO_BASELINE, QualityRule.NO_ESTIMATES, QualityRule.UNKNOWN_STATUS}
    assert set(issues(STEADY)) <= tidy
    assert set(issues(STEADY)) >= SOURCES


def test_empty_record_says_so() -> None:
    assert QualityRule.NO_ITEMS in issues([])


def test_circle_of_three_is_named_and_what_merely_waits_is_not() -> None:
    a, b, c, outside = (_open_item(5_000 + number) for number in range(4))
    found = issues([*STEADY, a, b, c, outside, _waits(a, b), _waits(b, c), _waits(c, a), _waits(outside, a)])

    circle = found[QualityRule.CIRCULAR_LINKS]
    assert circle.count == 3
    assert {example.key for example in circle.examples} == {a.key, b.key, c.key}


def test_circle_that_was_opened_is_none() -> None:
    a, b = _open_item(5_000), _open_item(5_001)
    gone = _waits(b, a, unlinked_at=NOW - timedelta(hours=1))

    assert QualityRule.CIRCULAR_LINKS not in issues([*STEADY, a, b, _waits(a, b), gone])


def test_work_in_progress_that_nobody_touches_is_a_zombie() -> None:
    quiet, fresh = _open_item(6_000), _open_item(6_001)
    moves = [
        StatusChangeFact(quiet.id, StatusCategory.IN_PROGRESS, NOW - 14 * WEEK, NOW - 14 * WEEK),
        StatusChangeFact(fresh.id, StatusCategory.IN_PROGRESS, NOW - 2 * WEEK, NOW - 2 * WEEK),
    ]

    zombies = issues([*STEADY, quiet, fresh, *moves])[QualityRule.ZOMBIE_WIP]

    assert (zombies.count, [example.key for example in zombies.examples]) == (1, [quiet.key])


def test_examples_are_bounded_and_the_count_is_not() -> None:
    many = [
        StatusChangeFact(item.id, StatusCategory.IN_PROGRESS, NOW - 20 * WEEK, NOW - 20 * WEEK)
        for item in (_open_item(6_000 + number) for number in range(40))
    ]
    items = [_open_item(6_000 + number) for number in range(40)]

    zombies = issues([*STEADY, *items, *many])[QualityRule.ZOMBIE_WIP]

    assert (zombies.count, len(zombies.examples), zombies.severity) == (40, MAX_EXAMPLES, QualitySeverity.HIGH)


def test_what_the_gate_says_the_list_says_too() -> None:
    stale = team_facts([3] * 26, open_items=10, as_of=NOW - 5 * WEEK)
    report = finish_readiness(ProjectHistory.from_facts(stale), as_of=NOW, calendar=CALENDAR)

    (example,) = issues(stale)[QualityRule.RECORD_STALE].examples

    assert example.key in {reason.message for reason in report.reasons}


@settings(max_examples=40, deadline=None)
@given(links=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=25))
def test_any_tangle_of_links_is_named_alike_in_any_order(links: list[tuple[int, int]]) -> None:
    items = [_open_item(7_000 + number) for number in range(8)]
    facts = [_waits(items[one], items[other]) for one, other in links]

    forwards, backwards = issues([*items, *facts]), issues([*reversed(facts), *reversed(items)])

    assert forwards == backwards
    reach = {one: {other for source, other in links if source == one and other != one} for one in range(8)}
    for _ in range(8):
        reach = {one: there.union(*(reach[other] for other in there)) for one, there in reach.items()}
    in_circles = {one for one, there in reach.items() if any(other != one and one in reach[other] for other in there)}
    assert forwards.get(
        QualityRule.CIRCULAR_LINKS, QualityIssue(QualityRule.NO_ITEMS, QualitySeverity.LOW, 0)
    ).count == (len(in_circles))


@settings(max_examples=40, deadline=None)
@given(
    dates=st.lists(
        st.tuples(st.integers(-2_000, 2_000), st.integers(-2_000, 2_000), st.sampled_from(StatusCategory)), max_size=30
    )
)
def test_no_dates_raise_and_counts_stay_within_the_items(dates: list[tuple[int, int, StatusCategory]]) -> None:
    facts: list[HistoryFact] = []
    for number, (created_days, moved_days, category) in enumerate(dates):
        item = work_item(8_000 + number, created_at=NOW + timedelta(days=created_days))
        facts += [item, StatusChangeFact(item.id, category, NOW + timedelta(days=moved_days), NOW - DAY)]

    for issue in issues(facts).values():
        assert 0 < issue.count <= max(len(dates), 1)
        assert len(issue.examples) <= MAX_EXAMPLES


# --- goals ---


def _goal(title: str, value: object, direction: str, **values: object) -> GoalFact:
    told = {"id": str(UUID(int=len(title))), "kind": "NUMBER", "unit": "tests", "has_date": True, **values}
    return GoalFact(title=title, value=value, direction=direction, **told)  # type: ignore[arg-type]


def _rules(plan: PlanFacts) -> dict[QualityRule, int]:
    return {issue.rule: issue.count for issue in plan_issues(plan)}


@pytest.mark.parametrize(
    ("one", "other", "contradict"),
    [
        (("AT_LEAST", 95), ("AT_MOST", 90), True),
        (("AT_LEAST", 90), ("AT_MOST", 95), False),
        (("EXACTLY", 90), ("EXACTLY", 91), True),
        (("EXACTLY", 90), ("AT_LEAST", 91), True),
        (("AT_LEAST", 90), ("AT_LEAST", 95), False),
        (("AT_LEAST", "2026-01-01"), ("AT_MOST", 5), False),
    ],
)
def test_goals_that_no_value_can_meet_are_named(
    one: tuple[str, object], other: tuple[str, object], contradict: bool
) -> None:
    goals = (_goal("Coverage", one[1], one[0]), _goal(" coverage", other[1], other[0]))

    assert _rules(PlanFacts(goals=goals)) == ({QualityRule.CONTRADICTORY_GOALS: 2} if contradict else {})


def test_goals_of_different_things_do_not_contradict() -> None:
    goals = (_goal("Coverage", 95, "AT_LEAST"), _goal("Bugs", 5, "AT_MOST"))

    assert _rules(PlanFacts(goals=goals)) == {}


def test_what_was_left_open_is_named() -> None:
    plan = PlanFacts(
        goals=(_goal("Nothing", None, "AT_LEAST", has_date=False),),
        tolerances=(("schedule", 0.0), ("budget", 5.0)),
        has_target_date=False,
        self_blocking=(Example("1", "A-1"),),
        self_blocking_count=1,
    )

    assert _rules(plan) == {
        QualityRule.GOAL_WITHOUT_TARGET: 1,
        QualityRule.GOAL_WITHOUT_DATE: 1,
        QualityRule.ZERO_TOLERANCE: 1,
        QualityRule.NO_TARGET_DATE: 1,
        QualityRule.SELF_BLOCKING: 1,
    }


@pytest.mark.parametrize(("kind", "tolerance", "named"), [("DATE", 0.0, 1), ("DATE", 3.0, 0), ("NUMBER", 0.0, 0)])
def test_goal_without_tolerance_is_named_where_gaps_are_measured_in_it(kind: str, tolerance: float, named: int) -> None:
    plan = PlanFacts(goals=(_goal("Go live", "2026-06-30", "AT_MOST", kind=kind, tolerance=tolerance),))

    assert _rules(plan) == ({QualityRule.ZERO_TOLERANCE: 1} if named else {})

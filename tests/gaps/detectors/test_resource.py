from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest

from gaps.backtesting.simulated_people_gaps import SEEN_AT, simulate
from gaps.detectors.detection import Detection
from gaps.detectors.presence import presence
from gaps.detectors.resource import detect_resource
from gaps.enums import AreaKind, GapType
from predictions.enums import Severity
from projects.enums import ActivityKind, Readiness, TrackedField
from projects.history import ActivityFact, CapacityFact, FieldChangeFact, HistoryFact, ProjectHistory, WorkCalendar
from projects.history.readiness import ReasonCode
from tests.gaps.detectors.people_contexts import context_of

DAY = timedelta(days=1)


def _of(subject: str, facts: Iterable[HistoryFact], **of: Any) -> Detection:
    return next(one for one in detect_resource(context_of(facts, **of)) if one.subject == subject)


def test_three_of_eight_silent_for_five_weeks_are_three_eighths_of_the_hours() -> None:
    found = _of("present capacity", simulate(GapType.RESOURCE, 0, planted=True))

    assert found.finding is not None
    assert found.effect == pytest.approx(3.75, abs=0.05)
    assert found.finding.severity == Severity.CRITICAL
    assert [cause.code for cause in found.finding.root_causes] == ["DEPARTURES", "UNEXPLAINED"]
    assert found.finding.affected_areas[0].kind == AreaKind.TEAM
    assert found.finding.target.unit == "hours"


def test_leave_that_the_calendar_knows_is_no_gap() -> None:
    """The near-twin: the same three are away, and the plan says so."""
    away = {(SEEN_AT - day * DAY).date() for day in range(-30, 50)}
    planted = simulate(GapType.RESOURCE, 0, planted=True)
    people = sorted({fact.contributor_id for fact in planted if isinstance(fact, CapacityFact)}, key=str)
    facts = [
        replace(fact, exceptions=tuple(sorted({**dict(fact.exceptions), **dict.fromkeys(away, 0.0)}.items())))
        if isinstance(fact, CapacityFact) and fact.contributor_id in people[:3]
        else fact
        for fact in planted
    ]

    assert _of("present capacity", facts).finding is None


def test_silence_of_everybody_is_a_tool_out_of_use_and_not_a_departure() -> None:
    facts = simulate(GapType.RESOURCE, 0, planted=False)

    quiet = _of("present capacity", facts, at=SEEN_AT + 8 * DAY)

    assert (quiet.finding, quiet.effect) == (None, None)


def test_without_calendars_presence_is_off_and_critical_work_is_not() -> None:
    facts = [fact for fact in simulate(GapType.RESOURCE, 1, planted=True) if not isinstance(fact, CapacityFact)]

    presence = _of("present capacity", facts)
    critical = _of("critical work", facts)

    assert presence.readiness.readiness == Readiness.MISCONFIGURED
    assert [reason.code for reason in presence.readiness.reasons] == [ReasonCode.NO_CAPACITY]
    assert critical.finding is not None
    assert critical.finding.root_causes[0].code == "UNEVEN_LOAD"
    assert critical.finding.evidence[1].object_type == "work_item"


def test_critical_work_in_even_hands_is_none() -> None:
    facts = [
        replace(fact, to_value="Minor") if isinstance(fact, FieldChangeFact) and fact.field == "priority" else fact
        for fact in simulate(GapType.RESOURCE, 1, planted=True)
    ]

    assert _of("critical work", facts).finding is None


def test_critical_items_that_came_from_somebody_who_left_are_traced_to_departures() -> None:
    facts = simulate(GapType.RESOURCE, 1, planted=True)
    critical = {fact.item_id for fact in facts if isinstance(fact, FieldChangeFact) and fact.field == "priority"}
    gone = "00000000-0000-0000-0000-0000000000ff"
    facts += [
        FieldChangeFact(item, TrackedField.ASSIGNEE, None, gone, SEEN_AT - 15 * DAY, SEEN_AT - 15 * DAY)
        for item in critical
    ]

    still_here = _of("critical work", facts).finding
    long_ago = SEEN_AT - 60 * DAY
    trace = ActivityFact(UUID(int=5), long_ago, long_ago, ActivityKind.COMMENT, contributor_id=UUID(gone))
    finding = _of("critical work", [*facts, trace]).finding

    assert still_here is not None
    assert still_here.root_causes[0].code == "REASSIGNED"
    assert finding is not None
    assert finding.root_causes[0].code == "DEPARTURES"
    assert gone not in repr(finding)


@pytest.mark.parametrize(("weeks", "expected"), [(2, True), (200, False)])
def test_required_rate_opens_where_the_target_is_too_near(weeks: int, expected: bool) -> None:
    target = (SEEN_AT + timedelta(weeks=weeks)).date()

    found = _of("required rate", simulate(GapType.RESOURCE, 1, planted=False), target_date=target)

    assert (found.finding is not None) is expected
    assert (found.effect or 0.0) >= (1.0 if expected else 0.0)


def test_rate_that_is_needed_is_the_one_that_the_effect_speaks_of() -> None:
    target = (SEEN_AT + timedelta(weeks=2)).date()

    finding = _of("required rate", simulate(GapType.RESOURCE, 1, planted=False), target_date=target).finding

    assert finding is not None
    needed, demonstrated = finding.target.value, finding.current.value
    assert isinstance(needed, float)
    assert isinstance(demonstrated, float)
    assert needed / demonstrated - 1 == pytest.approx(finding.effect.value)
    assert finding.title.startswith(f"{needed:.1f} items a week are needed")


def test_rate_that_fell_when_people_left_is_traced_to_them() -> None:
    target = (SEEN_AT + timedelta(weeks=5)).date()
    facts = simulate(GapType.RESOURCE, 4, planted=True)

    finding = _of("required rate", facts, target_date=target).finding

    assert finding is not None
    assert finding.root_causes[-1].description.startswith("Unexplained variation.")
    assert sum(cause.contribution or 0.0 for cause in finding.root_causes) == pytest.approx(finding.effect.value)


def test_without_a_target_the_rate_is_off_and_says_so() -> None:
    facts = simulate(GapType.RESOURCE, 0, planted=False)

    found = _of("required rate", facts, target_date=date(2020, 1, 1))

    assert [reason.code for reason in found.readiness.reasons] == [ReasonCode.TARGET_PASSED]
    assert found.finding is None


@pytest.mark.parametrize(("silent_days", "p_gone"), [(4, 0.0), (5, 0.32), (10, 0.91)])
def test_silence_against_the_own_habit_by_hand(silent_days: int, p_gone: float) -> None:
    """Active on four of five planned days for ten weeks, then silent."""
    end = date(2024, 7, 1)  # a Monday
    worked = [end - n * DAY for n in range(1, 112) if (end - n * DAY).weekday() < 5]
    active = [day for number, day in enumerate(worked[silent_days : silent_days + 50]) if number % 5 != 2]
    who, at = UUID(int=77), datetime(2024, 7, 1, tzinfo=UTC)
    first_date = worked[silent_days + 49]
    facts: list[HistoryFact] = [
        ActivityFact(UUID(int=1 + n), seen_at, seen_at, ActivityKind.COMMENT, contributor_id=who)
        for n, day in enumerate(active)
        for seen_at in [datetime.combine(day, time(12), tzinfo=UTC)]
    ]
    facts.append(CapacityFact(UUID(int=900), at - 200 * DAY, who, first_date, None, (8.0,) * 5 + (0.0, 0.0)))

    judged = presence(ProjectHistory.from_facts(facts).as_of(at), WorkCalendar())

    assert judged.silent_days.tolist() == [silent_days]
    assert judged.p_gone[0] == pytest.approx(p_gone, abs=0.01)
    assert judged.hours.tolist() == [80.0]

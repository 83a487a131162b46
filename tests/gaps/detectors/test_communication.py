from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from gaps.backtesting.simulated_people_gaps import SEEN_AT, simulate
from gaps.detectors.communication import detect_communication
from gaps.detectors.detection import Detection
from gaps.detectors.responses import clock_of, dependencies, questions
from gaps.detectors.touchpoints import touchpoints
from gaps.enums import GapType
from projects.enums import ActivityKind, Readiness, StatusCategory
from projects.history import ActivityFact, BlockingLinkFact, HistoryFact, ProjectHistory
from projects.history.calendar import WorkCalendar
from projects.history.instants import NEVER, to_us
from tests.gaps.detectors.people_contexts import context_of
from tests.project_histories import DAY, NOW, WEEK, item_id, move, work_item

UTC_WEEK = WorkCalendar()


def _of(subject: str, facts: Iterable[HistoryFact], **of: Any) -> Detection:
    return next(one for one in detect_communication(context_of(facts, **of)) if one.subject == subject)


def _act(number: int, at_days: float, who: int, kind: ActivityKind, item: int = 1) -> ActivityFact:
    at = NOW - at_days * DAY
    return ActivityFact(UUID(int=(9 << 70) + number), at, at, kind, contributor_id=item_id(who), item_id=item_id(item))


def _reviews(count: int) -> list[HistoryFact]:
    """Reviews asked for by one on items of their own, each answered by another a day later."""
    facts: list[HistoryFact] = []
    for index in range(count):
        facts.append(work_item(500 + index, created_at=NOW - 30 * WEEK))
        facts.append(_act(1000 + 2 * index, 30 + index, 101, ActivityKind.REVIEW_REQUESTED, 500 + index))
        facts.append(_act(1001 + 2 * index, 29 + index, 102, ActivityKind.REVIEW, 500 + index))
    return facts


def test_answer_is_the_next_trace_of_another_on_the_same_item() -> None:
    facts = [
        *_reviews(30),
        work_item(1, created_at=NOW - 9 * WEEK),
        _act(1, 6, 101, ActivityKind.REVIEW_REQUESTED),
        _act(2, 5, 101, ActivityKind.COMMENT),
        _act(3, 5, 102, ActivityKind.COMMENT, item=500),
        _act(4, 2, 103, ActivityKind.REVIEW),
        _act(5, 1, 101, ActivityKind.REVIEW_REQUESTED),
    ]

    asked = questions(ProjectHistory.from_facts(facts).as_of(NOW))

    ours = np.flatnonzero(asked.asked_us >= to_us(NOW - 6 * DAY))
    assert asked.asked_us[ours].tolist() == [to_us(NOW - 6 * DAY), to_us(NOW - DAY)]
    assert asked.answered_us[ours].tolist() == [to_us(NOW - 2 * DAY), NEVER]
    assert asked.asked_again[ours].tolist() == [True, False]
    assert len(asked) == 32


def test_without_reviews_a_comment_counts_once_another_takes_part() -> None:
    facts: list[HistoryFact] = [
        work_item(1, created_at=NOW - 9 * WEEK),
        _act(1, 6, 101, ActivityKind.COMMENT),
        _act(2, 5, 101, ActivityKind.COMMENT),
        _act(3, 2, 102, ActivityKind.COMMENT),
    ]

    asked = questions(ProjectHistory.from_facts(facts).as_of(NOW))

    assert asked.asked_us.tolist() == [to_us(NOW - 5 * DAY)]
    assert asked.answered_us.tolist() == [to_us(NOW - 2 * DAY)]


def test_waits_are_working_days_and_end_with_the_item() -> None:
    facts = _reviews(30)
    facts += [work_item(1, created_at=NOW - 9 * WEEK), _act(1, 7, 101, ActivityKind.REVIEW_REQUESTED)]
    done = [*facts, move(1, StatusCategory.DONE, NOW - DAY)]
    waits = []

    for some in (facts, done):
        known = ProjectHistory.from_facts(some).as_of(NOW)
        waits.append(questions(known).waiting_at(known.known_at_us, clock_of(known, UTC_WEEK)).max())

    assert waits == [pytest.approx(5.0), 0.0]


def test_dependency_waits_from_the_start_of_what_needs_it_until_a_trace_on_it() -> None:
    facts: list[HistoryFact] = [
        work_item(1, created_at=NOW - 9 * WEEK),
        work_item(2, created_at=NOW - 9 * WEEK),
        move(1, StatusCategory.IN_PROGRESS, NOW - 2 * WEEK),
        BlockingLinkFact(item_id(1), item_id(2), NOW - 5 * WEEK, NOW - 5 * WEEK),
    ]
    answer = _act(1, 1, 103, ActivityKind.COMMENT, item=2)

    silent, answered = (dependencies(ProjectHistory.from_facts(some).as_of(NOW)) for some in (facts, [*facts, answer]))

    assert silent.asked_us.tolist() == [to_us(NOW - 2 * WEEK)]
    assert (silent.answered_us.tolist(), answered.answered_us.tolist()) == ([NEVER], [to_us(NOW - DAY)])


def test_two_stand_ups_missing_since_monday() -> None:
    days = [NOW - n * DAY for n in range(2, 60) if (NOW - n * DAY).weekday() < 5]  # NOW is a Wednesday
    facts = [ActivityFact(UUID(int=n + 1), at, at, ActivityKind.TOUCHPOINT) for n, at in enumerate(days)]

    on_wednesday, on_thursday = (
        touchpoints(ProjectHistory.from_facts(facts).as_of(NOW + later * DAY), UTC_WEEK) for later in (0, 1)
    )

    assert on_wednesday is not None
    assert on_thursday is not None
    assert (on_wednesday.cadence_days, on_wednesday.missing, on_thursday.missing) == (1.0, 1, 2)
    assert on_thursday.luck < 0.05


def test_team_that_meets_now_and_then_misses_nothing() -> None:
    rng = np.random.default_rng(2)
    at = NOW - 3 * DAY
    facts: list[HistoryFact] = []
    for number in range(14):
        facts.append(ActivityFact(UUID(int=number + 1), at, at, ActivityKind.TOUCHPOINT))
        at -= timedelta(days=int(rng.choice([1, 2, 9, 20])))

    habit = touchpoints(ProjectHistory.from_facts(facts).as_of(NOW + 20 * DAY), UTC_WEEK)

    assert habit is None or habit.luck > 0.05


def test_slow_reviews_are_found_with_the_slowest_of_them() -> None:
    found = _of("response time", simulate(GapType.COMMUNICATION, 0, planted=True)).finding

    assert found is not None
    assert found.current.unit == found.target.unit == "working days"
    assert float(str(found.current.low)) <= float(str(found.current.value)) <= float(str(found.current.high))
    assert [row.field for row in found.evidence[1:]] == ["answered_after_working_days"] * 5
    waits = [float(row.value) for row in found.evidence[1:]]
    assert waits == sorted(waits, reverse=True)
    assert all(row.label.startswith("SIM-") for row in found.evidence[1:])


def test_unanswered_reviews_are_found_and_an_answer_ends_it() -> None:
    facts = simulate(GapType.COMMUNICATION, 2, planted=True)
    waiting = _of("unanswered", facts).finding
    assert waiting is not None
    answers = [
        ActivityFact(
            UUID(int=(7 << 70) + n), SEEN_AT - DAY, SEEN_AT - DAY, ActivityKind.REVIEW, contributor_id=item_id(5),
            item_id=UUID(row.object_id),
        )
        for n, row in enumerate(waiting.evidence[1:])
    ]  # fmt: skip

    assert _of("unanswered", [*facts, *answers]).finding is None


def test_without_meetings_only_the_meetings_are_off() -> None:
    facts = [
        fact
        for fact in simulate(GapType.COMMUNICATION, 0, planted=True)
        if not (isinstance(fact, ActivityFact) and fact.kind == ActivityKind.TOUCHPOINT)
    ]

    assert _of("touchpoints", facts).readiness.readiness == Readiness.MISCONFIGURED
    assert _of("response time", facts).finding is not None


def test_activity_found_later_than_it_was_is_known_from_when_it_was() -> None:
    facts = simulate(GapType.COMMUNICATION, 0, planted=True)
    imported = [replace(fact, recorded_at=SEEN_AT + WEEK) if isinstance(fact, ActivityFact) else fact for fact in facts]

    assert _of("response time", imported).effect == _of("response time", facts).effect


def _answered_by_the_day_after(late_of_forty: int) -> list[HistoryFact]:
    """A healthy project in which 40 reviews a week take a day, but for 5 that take two: of the last weeks so many."""
    of_reviews = (ActivityKind.REVIEW_REQUESTED, ActivityKind.REVIEW)
    facts = [
        fact
        for fact in simulate(GapType.COMMUNICATION, 0, planted=False)
        if not (isinstance(fact, ActivityFact) and fact.kind in of_reviews)
    ]
    for week in range(38):
        answered_at = SEEN_AT - (week + 1) * WEEK + 3.5 * DAY
        for number in range(40):
            item = 10_000 + 40 * week + number
            is_late = number < (late_of_forty if week < 4 else 5)
            days_before = [(answered_at - (2 if is_late else 1) * DAY, 101), (answered_at, 102)]
            facts.append(work_item(item, created_at=answered_at - 3 * DAY))
            facts += [
                ActivityFact(
                    UUID(int=(9 << 70) + 2 * item + part),
                    at,
                    at,
                    kind,
                    contributor_id=item_id(who),
                    item_id=item_id(item),
                )
                for part, ((at, who), kind) in enumerate(zip(days_before, of_reviews, strict=True))
            ]
    return facts


def test_few_that_come_a_day_later_are_no_gap_though_p85_doubles() -> None:
    few, many = (_of("response time", _answered_by_the_day_after(late)) for late in (8, 20))

    assert [few.effect, many.effect] == pytest.approx([2.0, 2.0])
    assert few.finding is None
    assert many.finding is not None
    assert many.finding.title == "Answers take 2.0 working days (P85), 1.0 before"

from datetime import timedelta

import numpy as np
import pytest

from projects.enums import StatusCategory
from projects.history import BlockingLinkFact, FieldChangeFact, HistoryFact, ProjectHistory, StatusChangeFact
from projects.history.calendar import WorkCalendar
from projects.history.instants import to_us
from projects.history.spells import active_spells, active_time, dependency_wait, tells_blocked
from projects.history.work_clock import WorkClock
from tests.project_histories import DAY, IMPORTED, NOW, item_id, move, work_item

MONDAY = NOW - 9 * DAY
"""Monday noon, nine days before Wednesday noon."""
CALENDAR = WorkCalendar()


def clock() -> WorkClock:
    return WorkClock(CALENDAR, (NOW - 60 * DAY).date(), (NOW + 60 * DAY).date())


def flag(number: int, value: str | None, at: object) -> FieldChangeFact:
    return FieldChangeFact(item_id(number), "flag", None, value, at, IMPORTED)  # type: ignore[arg-type]


def days_in_work(facts: list[HistoryFact]) -> tuple[float, float, float]:
    known = ProjectHistory.from_facts(facts).as_of(NOW)
    time = active_time(active_spells(known), clock(), items=len(known.items))
    return float(time.total.sum()), float(time.blocked.sum()), float(time.rework.sum())


def test_from_friday_noon_to_monday_noon_there_is_one_working_day() -> None:
    friday = MONDAY - 3 * DAY

    assert clock().between(np.array([to_us(friday)]), np.array([to_us(MONDAY)])).tolist() == [1.0]


def test_instant_of_a_number_of_working_days_is_the_earliest_one() -> None:
    friday_evening = MONDAY.replace(hour=0) - 2 * DAY
    days = clock().working_days(np.array([to_us(friday_evening)]))

    assert clock().instants_us(days).tolist() == [to_us(friday_evening)]


def test_item_is_in_work_from_its_start_to_its_next_move() -> None:
    facts: list[HistoryFact] = [
        work_item(1, created_at=MONDAY - DAY),
        move(1, StatusCategory.IN_PROGRESS, MONDAY),
        move(1, StatusCategory.DONE, MONDAY + 2 * DAY),
    ]

    assert days_in_work(facts) == (2.0, 0.0, 0.0)


def test_flag_blocks_while_in_work_and_not_before() -> None:
    facts: list[HistoryFact] = [
        work_item(1, created_at=MONDAY - 2 * DAY),
        flag(1, "10019", MONDAY - DAY),
        move(1, StatusCategory.IN_PROGRESS, MONDAY),
        flag(1, None, MONDAY + DAY),
        move(1, StatusCategory.DONE, MONDAY + 3 * DAY),
    ]

    assert days_in_work(facts) == (3.0, 1.0, 0.0)


def test_blocked_status_blocks() -> None:
    facts: list[HistoryFact] = [
        work_item(1, created_at=MONDAY - 2 * DAY),
        move(1, StatusCategory.IN_PROGRESS, MONDAY),
        StatusChangeFact(item_id(1), StatusCategory.IN_PROGRESS, MONDAY + DAY, IMPORTED, is_blocked=True),
        move(1, StatusCategory.IN_PROGRESS, MONDAY + 3 * DAY),
        move(1, StatusCategory.DONE, MONDAY + 4 * DAY),
    ]

    assert days_in_work(facts) == (4.0, 2.0, 0.0)


def test_work_after_the_first_finish_is_rework_and_what_is_blocked_of_it_is_blocked() -> None:
    facts: list[HistoryFact] = [
        work_item(1, created_at=MONDAY - 2 * DAY),
        move(1, StatusCategory.IN_PROGRESS, MONDAY - DAY * 4),
        move(1, StatusCategory.DONE, MONDAY - DAY * 3),
        move(1, StatusCategory.IN_PROGRESS, MONDAY),
        flag(1, "10019", MONDAY + DAY),
        flag(1, None, MONDAY + 2 * DAY),
        move(1, StatusCategory.DONE, MONDAY + 3 * DAY),
    ]

    assert days_in_work(facts) == (4.0, 1.0, 2.0)


def team_that_waits(*, others_open: int = 0) -> list[HistoryFact]:
    """Two items in work for two days; then four wait for a third, which others have in work, for three days."""
    facts: list[HistoryFact] = []
    for number in (1, 2):
        facts += [
            work_item(number, created_at=MONDAY - 9 * DAY),
            move(number, StatusCategory.IN_PROGRESS, MONDAY - 6 * DAY),
            move(number, StatusCategory.DONE, MONDAY),
        ]
    facts += [
        work_item(3, created_at=MONDAY - 9 * DAY),
        move(3, StatusCategory.IN_PROGRESS, MONDAY - 6 * DAY),
        move(3, StatusCategory.DONE, MONDAY + 3 * DAY),
        work_item(9, created_at=MONDAY - 6 * DAY),
        move(9, StatusCategory.DONE, MONDAY),
    ]
    for number in (4, 5, 6, 7):
        facts += [
            work_item(number, created_at=MONDAY - 9 * DAY),
            BlockingLinkFact(item_id(number), item_id(3), recorded_at=IMPORTED, linked_at=MONDAY - 9 * DAY),
            move(number, StatusCategory.IN_PROGRESS, MONDAY + 3 * DAY),
        ]
    facts += [work_item(100 + number, created_at=MONDAY - 9 * DAY) for number in range(others_open)]
    return facts


def waited(facts: list[HistoryFact]) -> tuple[float, list[float]]:
    known = ProjectHistory.from_facts(facts).as_of(NOW)
    wait = dependency_wait(known, active_spells(known), clock())
    return wait.lost_days, wait.by_blocker[wait.by_blocker > 0].tolist()


def test_team_without_anything_to_start_waits_for_the_blocker() -> None:
    lost_days, by_blocker = waited(team_that_waits())

    assert lost_days == pytest.approx(3.0)
    assert by_blocker == pytest.approx([3.0])


def test_team_that_could_start_something_else_does_not_wait() -> None:
    assert waited(team_that_waits(others_open=1)) == (0.0, [])


def test_link_that_was_taken_away_holds_nobody() -> None:
    facts = [
        BlockingLinkFact(fact.item_id, fact.blocker_id, IMPORTED, fact.linked_at, unlinked_at=MONDAY)
        if isinstance(fact, BlockingLinkFact)
        else fact
        for fact in team_that_waits()
    ]

    assert waited(facts) == (0.0, [])


def test_record_that_never_held_a_flag_cannot_tell() -> None:
    facts: list[HistoryFact] = [work_item(1, created_at=MONDAY)]

    assert not tells_blocked(ProjectHistory.from_facts(facts).as_of(NOW))
    assert tells_blocked(ProjectHistory.from_facts([*facts, flag(1, "10019", MONDAY)]).as_of(NOW))
    assert not tells_blocked(
        ProjectHistory.from_facts([*facts, flag(1, "10019", NOW + timedelta(hours=-2))]).as_of(NOW - DAY)
    )

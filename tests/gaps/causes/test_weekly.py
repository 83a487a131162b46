from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from gaps.causes.weekly import Weekly, after_hours, weeks_on_record
from projects.enums import ActivityKind, StatusCategory
from projects.history import ActivityFact, BlockingLinkFact, HistoryFact, ProjectHistory
from projects.history.calendar import WorkCalendar
from projects.history.instants import to_us
from tests.project_histories import DAY, NOW, WEEK, finished_item, item_id, move, team_facts, work_item


def _weekly(facts: list[HistoryFact], weeks: int = 10, calendar: WorkCalendar | None = None) -> Weekly:
    return Weekly(ProjectHistory.from_facts(facts).as_of(NOW), calendar or WorkCalendar(), weeks)


def _active(number: int, who: int, at: datetime) -> ActivityFact:
    return ActivityFact(UUID(int=number), at, at, ActivityKind.COMMENT, contributor_id=UUID(int=who))


def test_weeks_end_at_the_moment_and_hold_what_was_finished() -> None:
    weekly = _weekly(team_facts([1, 2, 0, 4], open_items=3), weeks=4)

    assert weekly.finished.tolist() == [1, 2, 0, 4]
    assert weeks_on_record(weekly.known, longest=52) == 4
    assert weeks_on_record(ProjectHistory.from_facts([]).as_of(NOW), longest=52) == 0


def test_people_are_counted_once_a_week_and_newcomers_by_their_first_day() -> None:
    facts: list[HistoryFact] = [_active(n, 1, NOW - n * DAY) for n in range(100)]
    facts += [_active(200 + n, 2, NOW - n * DAY) for n in range(1, 3)]

    weekly = _weekly(facts)

    assert weekly.people.tolist() == [1] * 9 + [2]
    assert weekly.newcomer_share[-1] == 2 / 9
    assert np.isnan(weekly.newcomer_share[0])


def test_waiting_ends_when_the_blocker_is_done() -> None:
    facts = finished_item(1, created_at=NOW - 9 * WEEK, started_at=NOW - 8 * WEEK, finished_at=NOW - 10 * DAY)
    facts += [work_item(2, created_at=NOW - 9 * WEEK), move(2, StatusCategory.TODO, NOW - 9 * WEEK)]
    facts.append(BlockingLinkFact(item_id(2), item_id(1), NOW, NOW - 30 * DAY))

    assert _weekly(facts, weeks=6).waiting.tolist() == [0, 1, 1, 1, 0, 0]


def test_after_hours_are_local() -> None:
    evening_utc = np.array([to_us(datetime(2024, 7, 1, 18, tzinfo=UTC)), to_us(datetime(2024, 7, 6, 12, tzinfo=UTC))])

    assert after_hours(evening_utc, WorkCalendar()).tolist() == [False, True]
    assert after_hours(evening_utc, WorkCalendar("Europe/Athens")).tolist() == [True, True]
    assert after_hours(evening_utc[:0], WorkCalendar()).tolist() == []


def test_largest_share_needs_carriers() -> None:
    weekly = _weekly(team_facts([4] * 4, open_items=1), weeks=4)

    assert np.isnan(weekly.largest_load_share).all()
    at_us = np.array([to_us(NOW - timedelta(hours=hour)) for hour in (1, 2, 3, 4)])
    assert weekly.largest_share(at_us, np.array([5, 5, 6, 5]))[-1] == 0.75

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from projects.enums import Readiness, StatusCategory
from projects.history import (
    FieldChangeFact,
    HistoryFact,
    ProjectHistory,
    WorkCalendar,
    finish_readiness,
    target_readiness,
)
from projects.history.instants import to_us
from projects.history.readiness import ReasonCode, UnlockStep, bulk_closed
from tests.project_histories import DAY, IMPORTED, NOW, WEEK, item_id, move, team_facts, team_history, work_item

CALENDAR = WorkCalendar()


def verdict(facts: list[HistoryFact]) -> tuple[Readiness, list[ReasonCode]]:
    report = finish_readiness(ProjectHistory.from_facts(facts), as_of=NOW, calendar=CALENDAR)
    return report.readiness, [reason.code for reason in report.reasons]


def test_half_a_year_of_a_steady_team_is_ok() -> None:
    assert verdict(team_facts([3] * 26, open_items=10)) == (Readiness.OK, [])


def test_no_items_is_misconfigured_and_says_what_to_connect() -> None:
    report = finish_readiness(ProjectHistory.from_facts([]), as_of=NOW, calendar=CALENDAR)

    assert report.readiness == Readiness.MISCONFIGURED
    assert report.reasons[0].unlock is UnlockStep.CONNECT_A_TOOL


def test_nothing_left_open_is_misconfigured() -> None:
    assert verdict(team_facts([3] * 26, open_items=0)) == (Readiness.MISCONFIGURED, [ReasonCode.NOTHING_REMAINING])


def test_few_finished_items_say_how_many_are_needed() -> None:
    report = finish_readiness(team_history([1] * 7, open_items=5), as_of=NOW, calendar=CALENDAR)

    reason = next(reason for reason in report.reasons if reason.code is ReasonCode.TOO_FEW_FINISHED)
    assert (reason.readiness, reason.measured, reason.required) == (Readiness.INSUFFICIENT, 7, 10)


def test_eight_weeks_are_limited_and_one_is_insufficient() -> None:
    assert verdict(team_facts([4] * 8, open_items=5)) == (Readiness.LIMITED, [ReasonCode.HISTORY_TOO_SHORT])
    assert verdict(team_facts([40], open_items=5)) == (Readiness.INSUFFICIENT, [ReasonCode.HISTORY_TOO_SHORT])


def test_record_without_a_fact_for_a_month_is_stale() -> None:
    facts = team_facts([3] * 26, open_items=10, as_of=NOW - 5 * WEEK)

    assert verdict(facts) == (Readiness.STALE, [ReasonCode.RECORD_STALE])


def test_bulk_closure_of_the_worked_example_is_insufficient() -> None:
    closed_at = NOW - DAY
    batch = [
        work_item(1000 + n, created_at=NOW - 20 * WEEK, resolved_at=closed_at + timedelta(seconds=n)) for n in range(30)
    ]

    readiness, codes = verdict([*team_facts([1, 0] * 10, open_items=5), *batch])

    assert readiness == Readiness.INSUFFICIENT
    assert ReasonCode.BULK_CLOSED in codes


def test_bulk_closure_is_found_by_the_day_where_only_days_are_recorded() -> None:
    usual = [to_us(NOW.replace(hour=0) - n * DAY) for n in range(40, 10, -1)]
    tidy_up = [to_us(NOW.replace(hour=0) - 5 * DAY)] * 25

    flags = bulk_closed(np.array(usual + tidy_up, dtype=np.int64), CALENDAR)

    assert flags.tolist() == [False] * 30 + [True] * 25


def test_busy_minute_of_nine_items_is_not_a_bulk_closure() -> None:
    instants = np.array([to_us(NOW + timedelta(seconds=n)) for n in range(9)], dtype=np.int64)

    assert not bulk_closed(instants, CALENDAR).any()


def test_done_without_dates_is_insufficient() -> None:
    undated = [work_item(1000 + n, created_at=NOW - 20 * WEEK, status_category=StatusCategory.DONE) for n in range(100)]

    readiness, codes = verdict([*team_facts([3] * 20, open_items=5), *undated])

    assert (readiness, codes) == (Readiness.INSUFFICIENT, [ReasonCode.DONE_WITHOUT_DATE])


def test_finished_before_created_is_insufficient() -> None:
    skewed = [
        work_item(1000 + n, created_at=NOW - WEEK, resolved_at=NOW - 10 * WEEK + n * timedelta(hours=9))
        for n in range(100)
    ]

    readiness, codes = verdict([*team_facts([3] * 20, open_items=5), *skewed])

    assert (readiness, codes) == (Readiness.INSUFFICIENT, [ReasonCode.FINISHED_BEFORE_CREATED])


def test_future_dates_are_insufficient() -> None:
    future = [work_item(1000 + n, created_at=NOW + 300 * DAY) for n in range(100)]

    readiness, codes = verdict([*team_facts([3] * 20, open_items=5), *future])

    assert (readiness, codes) == (Readiness.INSUFFICIENT, [ReasonCode.FUTURE_DATED])


@pytest.mark.parametrize(
    ("target_date", "code"),
    [(None, ReasonCode.NO_TARGET), (NOW.date() - DAY, ReasonCode.TARGET_PASSED)],
)
def test_target_that_cannot_be_missed_is_misconfigured(target_date: date | None, code: ReasonCode) -> None:
    report = target_readiness(target_date, as_of=NOW, calendar=CALENDAR)

    assert report.readiness == Readiness.MISCONFIGURED
    assert [(reason.code, reason.unlock) for reason in report.reasons] == [(code, UnlockStep.SET_TARGET_DATE)]


def test_target_of_today_is_still_to_come() -> None:
    assert target_readiness(NOW.date(), as_of=NOW, calendar=CALENDAR).readiness == Readiness.OK


def test_work_begun_and_left_for_half_a_year_limits_and_most_of_it_decides() -> None:
    began = NOW - 40 * WEEK
    left: list[HistoryFact] = []
    for number in range(1000, 1010):
        left += [work_item(number, created_at=began), move(number, StatusCategory.IN_PROGRESS, began)]

    assert verdict([*team_facts([3] * 26, open_items=20), *left]) == (Readiness.LIMITED, [ReasonCode.LEFT_UNTOUCHED])
    assert verdict([*team_facts([3] * 26, open_items=9), *left]) == (
        Readiness.INSUFFICIENT,
        [ReasonCode.LEFT_UNTOUCHED],
    )


def test_work_that_was_touched_of_late_is_not_left() -> None:
    began = NOW - 40 * WEEK
    busy: list[HistoryFact] = []
    for number in range(1000, 1010):
        busy += [
            work_item(number, created_at=began),
            move(number, StatusCategory.IN_PROGRESS, began),
            FieldChangeFact(item_id(number), "priority", None, "high", NOW - 2 * WEEK, IMPORTED),
        ]

    assert verdict([*team_facts([3] * 26, open_items=5), *busy]) == (Readiness.OK, [])


def test_dates_of_tools_that_know_none_limit() -> None:
    unset = [work_item(number, created_at=datetime(1900, 1, 1, tzinfo=UTC)) for number in range(1000, 1030)]

    assert verdict([*team_facts([3] * 26, open_items=5), *unset]) == (
        Readiness.LIMITED,
        [ReasonCode.IMPLAUSIBLE_DATE],
    )

from datetime import date, datetime

import pytest

from projects.enums import Presence, StatusCategory
from projects.history import HistoryFact, ProjectHistory, WorkCalendar, flow_metrics
from projects.history.flow import Basis, Measure, MissingReason, ThroughputWeek, cycle_times_days, weekly_throughput
from tests.project_histories import DAY, NOW, finished_item, move, team_history, work_item

UTC_CALENDAR = WorkCalendar()
MONDAY = datetime.fromisoformat("2024-06-17T09:00:00+00:00")


def test_cycle_times_of_the_worked_example() -> None:
    facts: list[HistoryFact] = []
    for number, days in enumerate((1, 2, 9) * 4):
        facts += finished_item(number, created_at=MONDAY, started_at=MONDAY, finished_at=MONDAY + days * DAY)

    metrics = flow_metrics(ProjectHistory.from_facts(facts), as_of=NOW, calendar=UTC_CALENDAR)

    assert metrics.cycle_time_p50 == Measure(2.0, "d", 12)
    assert metrics.cycle_time_p85 == Measure(9.0, "d", 12)


def test_quantile_of_three_items_is_as_the_docstring_says_but_too_few_to_show() -> None:
    facts: list[HistoryFact] = []
    for number, days in enumerate((1, 2, 9)):
        facts += finished_item(number, created_at=MONDAY, started_at=MONDAY, finished_at=MONDAY + days * DAY)
    history = ProjectHistory.from_facts(facts)

    metrics = flow_metrics(history, as_of=NOW, calendar=UTC_CALENDAR)

    assert sorted(cycle_times_days(history, as_of=NOW, window_weeks=26).tolist()) == [1.0, 2.0, 9.0]
    assert metrics.cycle_time_p85 == Measure(None, "d", 3, MissingReason.TOO_FEW_FINISHED)


def test_weekly_throughput_leaves_out_the_running_week() -> None:
    facts: list[HistoryFact] = [
        *finished_item(1, created_at=MONDAY, started_at=MONDAY, finished_at=MONDAY + DAY),
        *finished_item(2, created_at=MONDAY, started_at=MONDAY, finished_at=MONDAY + 8 * DAY),
        *finished_item(3, created_at=MONDAY, started_at=MONDAY, finished_at=NOW - DAY),
    ]

    weeks = weekly_throughput(ProjectHistory.from_facts(facts), as_of=NOW, calendar=UTC_CALENDAR)

    assert weeks == (
        ThroughputWeek(date(2024, 6, 17), created=3, finished=1),
        ThroughputWeek(date(2024, 6, 24), created=0, finished=1),
    )


def test_record_without_starts_has_lead_times_and_no_cycle_times() -> None:
    facts = [work_item(number, created_at=MONDAY, resolved_at=MONDAY + number * DAY) for number in range(1, 13)]

    metrics = flow_metrics(ProjectHistory.from_facts(facts), as_of=NOW, calendar=UTC_CALENDAR)

    assert metrics.cycle_time_p50 == Measure(None, "d", 0, MissingReason.NO_DATED_START)
    assert metrics.work_in_progress == Measure(None, "items", 0, MissingReason.NO_DATED_START)
    assert metrics.lead_time_p50 == Measure(6.5, "d", 12)
    assert metrics.service_level.basis is Basis.LEAD_TIME
    assert metrics.service_level.days.value == pytest.approx(10.35)


def test_work_in_progress_counts_live_started_items_and_ages_them() -> None:
    facts: list[HistoryFact] = [
        work_item(1, created_at=MONDAY),
        move(1, StatusCategory.IN_PROGRESS, NOW - 4 * DAY),
        work_item(2, created_at=MONDAY),
        move(2, StatusCategory.IN_PROGRESS, NOW - 10 * DAY),
        work_item(3, created_at=MONDAY, presence=Presence.GONE, presence_changed_at=NOW - DAY),
        move(3, StatusCategory.IN_PROGRESS, NOW - 10 * DAY),
    ]

    metrics = flow_metrics(ProjectHistory.from_facts(facts), as_of=NOW, calendar=UTC_CALENDAR)

    assert metrics.work_in_progress == Measure(2.0, "items", 2)
    assert metrics.age_p50 == Measure(7.0, "d", 2)
    assert metrics.age_oldest == Measure(10.0, "d", 2)


def test_finish_before_creation_has_no_lead_time() -> None:
    facts = [work_item(number, created_at=NOW - DAY, resolved_at=NOW - 2 * DAY) for number in range(12)]

    metrics = flow_metrics(ProjectHistory.from_facts(facts), as_of=NOW, calendar=UTC_CALENDAR)

    assert metrics.lead_time_p50 == Measure(None, "d", 0, MissingReason.TOO_FEW_FINISHED)


def test_rates_of_a_steady_team() -> None:
    metrics = flow_metrics(team_history([5] * 20, open_items=3), as_of=NOW, calendar=UTC_CALENDAR, window_weeks=10)

    assert metrics.throughput_per_week == Measure(5.0, "items/week", 10)
    assert metrics.throughput_per_working_day == Measure(1.0, "items/d", 50)
    assert (metrics.open_items, metrics.finished_items) == (3, 100)


def test_empty_record_has_no_rates() -> None:
    metrics = flow_metrics(ProjectHistory.from_facts([]), as_of=NOW, calendar=UTC_CALENDAR)

    assert metrics.weeks == ()
    assert metrics.throughput_per_week == Measure(None, "items/week", 0, MissingReason.NO_COMPLETE_PERIOD)
    assert metrics.age_p50.value is None

"""Seeded bad data: no number, but readiness, a reason and the step that unlocks."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from gaps.detectors.timeline import detect_timeline_gap
from predictions.forecasters.delay_risk import forecast_delay_risk
from predictions.forecasters.finish import forecast_finish
from projects.enums import Presence, Readiness, StatusCategory
from projects.history import HistoryFact, ProjectHistory
from tests.project_histories import DAY, NOW, WEEK, finished_item, team_facts, work_item

SOON = NOW.date() + 3 * WEEK


def bulk_closed_batch() -> list[HistoryFact]:
    closed_at = NOW - 2 * DAY
    batch = [
        work_item(500 + n, created_at=NOW - 20 * WEEK, resolved_at=closed_at + timedelta(seconds=n)) for n in range(60)
    ]
    return [*team_facts([2, 1] * 10, open_items=9), *batch]


def clock_skew() -> list[HistoryFact]:
    skewed = [
        work_item(500 + n, created_at=NOW - DAY, resolved_at=NOW - 12 * WEEK + n * timedelta(hours=13))
        for n in range(120)
    ]
    return [*team_facts([3] * 12, open_items=9), *skewed]


def future_dates() -> list[HistoryFact]:
    future = [work_item(500 + n, created_at=NOW - WEEK, resolved_at=NOW + (30 + n) * DAY) for n in range(120)]
    return [*team_facts([3] * 12, open_items=9), *future]


def done_without_dates() -> list[HistoryFact]:
    undated = [work_item(500 + n, created_at=NOW - 9 * WEEK, status_category=StatusCategory.DONE) for n in range(90)]
    return [*team_facts([3] * 12, open_items=9), *undated]


def duplicates_of_one_finished_item() -> list[HistoryFact]:
    once = finished_item(1, created_at=NOW - 20 * WEEK, started_at=NOW - 19 * WEEK, finished_at=NOW - 18 * WEEK)
    return [*once * 200, work_item(2, created_at=NOW - DAY)]


def everything_deleted() -> list[HistoryFact]:
    return [
        work_item(n, created_at=NOW - 20 * WEEK, presence=Presence.GONE, presence_changed_at=NOW - WEEK)
        for n in range(60)
    ]


def never_finished() -> list[HistoryFact]:
    return [work_item(n, created_at=NOW - 20 * WEEK + n * DAY) for n in range(60)]


def stopped_five_weeks_ago() -> list[HistoryFact]:
    return team_facts([4] * 30, open_items=12, as_of=NOW - 5 * WEEK)


CASES: list[tuple[Callable[[], list[HistoryFact]], date, Readiness]] = [
    (list, SOON, Readiness.MISCONFIGURED),
    (lambda: team_facts([40], open_items=20), SOON, Readiness.INSUFFICIENT),
    (lambda: team_facts([1] * 6, open_items=20), SOON, Readiness.INSUFFICIENT),
    (bulk_closed_batch, SOON, Readiness.INSUFFICIENT),
    (clock_skew, SOON, Readiness.INSUFFICIENT),
    (future_dates, SOON, Readiness.INSUFFICIENT),
    (done_without_dates, SOON, Readiness.INSUFFICIENT),
    (duplicates_of_one_finished_item, SOON, Readiness.INSUFFICIENT),
    (everything_deleted, SOON, Readiness.MISCONFIGURED),
    (never_finished, SOON, Readiness.INSUFFICIENT),
    (stopped_five_weeks_ago, SOON, Readiness.STALE),
    (lambda: team_facts([4] * 30, open_items=0), SOON, Readiness.MISCONFIGURED),
    (lambda: team_facts([4] * 30, open_items=20), NOW.date() - DAY, Readiness.MISCONFIGURED),
]


@pytest.mark.parametrize(
    ("facts", "target_date", "readiness"),
    CASES,
    ids=[
        "no history",
        "one week",
        "six items",
        "bulk-closed batch",
        "clock skew",
        "future dates",
        "done without dates",
        "duplicates",
        "deleted items",
        "nothing ever finished",
        "stopped",
        "scope of zero",
        "target in the past",
    ],
)
def test_bad_data_never_yields_a_number(
    facts: Callable[[], list[HistoryFact]], target_date: date, readiness: Readiness
) -> None:
    history = ProjectHistory.from_facts(facts())

    forecast = forecast_finish(history, as_of=NOW, target_date=target_date)
    risk = forecast_delay_risk(history, as_of=NOW, target_date=target_date)

    assert (forecast.readiness.readiness, risk.readiness.readiness) == (readiness, readiness)
    assert all(reason.message and reason.unlock for reason in forecast.readiness.reasons)
    assert (forecast.quantiles, forecast.p_on_time, forecast.remaining_items) == ((), None, None)
    assert (forecast.demonstrated_rate, forecast.required_rate, forecast.trials) == (None, None, None)
    assert (risk.probability, risk.base_rate, risk.time_to_occurrence, risk.impact) == (None, None, None, None)
    assert (risk.prevention_window, risk.expected_slip_days, risk.options, risk.indicators) == (None, None, (), ())
    assert detect_timeline_gap(history, as_of=NOW, target_date=target_date) is None


def test_done_without_start_still_has_a_rate_but_no_cycle_time() -> None:
    facts = [
        work_item(n, created_at=NOW - 31 * WEEK, resolved_at=NOW - 30 * WEEK + n * timedelta(hours=50))
        for n in range(100)
    ]

    forecast = forecast_finish(
        ProjectHistory.from_facts([*facts, work_item(900, created_at=NOW - WEEK)]), as_of=NOW, target_date=SOON
    )

    assert forecast.readiness.readiness == Readiness.OK
    assert forecast.p_on_time is not None

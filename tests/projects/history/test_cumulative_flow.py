from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from projects.enums import StatusCategory
from projects.history import HistoryFact, ProjectHistory
from projects.history.calendar import WorkCalendar
from projects.history.cumulative_flow import cumulative_flow
from tests.project_histories import DAY, NOW, finished_item, generated_facts, move, without_later_facts, work_item

UTC_DAYS = WorkCalendar()
MONDAY = NOW - 2 * DAY


def test_worked_example() -> None:
    facts = [
        *finished_item(1, created_at=MONDAY, started_at=MONDAY + DAY, finished_at=MONDAY + 2 * DAY),
        work_item(2, created_at=MONDAY),
    ]

    days = cumulative_flow(ProjectHistory.from_facts(facts), as_of=NOW, calendar=UTC_DAYS).days

    assert [(day.created, day.started, day.done) for day in days] == [(2, 0, 0), (2, 1, 0), (2, 1, 1)]
    assert [day.day for day in days] == [(MONDAY + n * DAY).date() for n in range(3)]


def test_item_that_goes_back_keeps_its_first_arrival() -> None:
    facts = finished_item(1, created_at=MONDAY, started_at=MONDAY, finished_at=MONDAY + DAY)
    facts.append(move(1, StatusCategory.TODO, MONDAY + 2 * DAY))

    assert cumulative_flow(ProjectHistory.from_facts(facts), as_of=NOW, calendar=UTC_DAYS).days[-1].done == 1


def test_done_without_a_date_is_counted_apart() -> None:
    found_done = work_item(1, created_at=MONDAY, status_category=StatusCategory.DONE)

    flow = cumulative_flow(ProjectHistory.from_facts([found_done]), as_of=NOW, calendar=UTC_DAYS)

    assert (flow.days[-1].done, flow.undated) == (0, 1)


def test_empty_record_has_no_days() -> None:
    assert cumulative_flow(ProjectHistory.from_facts([]), as_of=NOW, calendar=UTC_DAYS).days == ()


@settings(deadline=None, max_examples=60)
@given(facts=generated_facts(), back_hours=st.integers(0, 24 * 60))
def test_lines_never_fall_nor_cross_and_know_nothing_of_later_facts(facts: list[HistoryFact], back_hours: int) -> None:
    moment = NOW - timedelta(hours=back_hours)

    whole, cut, turned = (
        cumulative_flow(ProjectHistory.from_facts(some), as_of=moment, calendar=UTC_DAYS)
        for some in (facts, without_later_facts(facts, moment), facts[::-1])
    )

    assert cut.days == whole.days == turned.days
    assert all(day.created >= day.started >= day.done for day in whole.days)
    for line in ("created", "started", "done"):
        heights = [getattr(day, line) for day in whole.days]
        assert heights == sorted(heights)

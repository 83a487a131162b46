from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from projects.enums import Presence, StatusCategory
from projects.history import BaselineFact, HistoryFact, ProjectHistory
from projects.history.burn_up import burn_up
from projects.history.calendar import WorkCalendar
from projects.history.columns import DONE
from tests.project_histories import DAY, NOW, finished_item, generated_facts, move, without_later_facts, work_item

UTC_DAYS = WorkCalendar()
MONDAY = NOW - 2 * DAY


def test_worked_example_shows_growth_that_nobody_approved() -> None:
    facts: list[HistoryFact] = [BaselineFact(MONDAY + DAY, MONDAY + DAY, NOW.date(), 10)]
    for number in range(10):
        facts.append(work_item(number, created_at=MONDAY))
    for number in range(2):
        facts += finished_item(number, created_at=MONDAY, started_at=MONDAY, finished_at=MONDAY + DAY)
    facts += [work_item(number, created_at=MONDAY + DAY) for number in range(10, 13)]

    days = burn_up(ProjectHistory.from_facts(facts), as_of=NOW, calendar=UTC_DAYS).days

    assert [(day.done, day.scope, day.approved) for day in days] == [(0, 10, None), (2, 13, 10), (2, 13, 10)]


def test_reopened_item_is_not_done_and_deleted_one_not_in_scope() -> None:
    facts = finished_item(1, created_at=MONDAY, started_at=MONDAY, finished_at=MONDAY + DAY)
    facts += [
        move(1, StatusCategory.TODO, MONDAY + 2 * DAY),
        work_item(2, created_at=MONDAY, presence=Presence.GONE, presence_changed_at=MONDAY + DAY),
    ]
    history = ProjectHistory.from_facts(facts)

    days = burn_up(history, as_of=NOW, calendar=UTC_DAYS).days

    assert [day.done for day in days] == [0, 1, 0]
    assert [day.scope for day in days] == [2, 1, 1]


def test_empty_record_has_no_days() -> None:
    assert burn_up(ProjectHistory.from_facts([]), as_of=NOW, calendar=UTC_DAYS).days == ()


@settings(deadline=None, max_examples=60)
@given(facts=generated_facts(), back_hours=st.integers(0, 24 * 60))
def test_last_day_is_where_the_items_stand_and_later_facts_are_unknown(
    facts: list[HistoryFact], back_hours: int
) -> None:
    moment = NOW - timedelta(hours=back_hours)
    known = ProjectHistory.from_facts(facts).as_of(moment)

    whole, cut, turned = (
        burn_up(ProjectHistory.from_facts(some), as_of=moment, calendar=UTC_DAYS)
        for some in (facts, without_later_facts(facts, moment), facts[::-1])
    )

    assert cut.days == whole.days == turned.days
    assert all(0 <= day.done <= day.scope for day in whole.days)
    if whole.days:
        done = int((known.states.exists & (known.states.category == DONE)).sum())
        assert (whole.days[-1].done, whole.days[-1].scope) == (done, done + int(known.states.open.sum()))

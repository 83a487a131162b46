from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from projects.enums import Presence, StatusCategory
from projects.history import HistoryFact, ProjectHistory
from projects.history.instants import NEVER, to_us
from projects.history.scope import created_in_bulk, left_scope_us
from tests.project_histories import DAY, NOW, generated_facts, move, without_later_facts, work_item

CREATED, GONE = NOW - 9 * DAY, NOW - 3 * DAY


def deleted(number: int) -> HistoryFact:
    return work_item(number, created_at=CREATED, presence=Presence.GONE, presence_changed_at=GONE)


def test_deleted_item_leaves_unless_it_was_done_by_then() -> None:
    facts = [
        deleted(1),
        deleted(2),
        deleted(3),
        work_item(4, created_at=CREATED),
        move(2, StatusCategory.DONE, GONE - DAY),
        move(3, StatusCategory.DONE, GONE + DAY),
    ]

    left_us = left_scope_us(ProjectHistory.from_facts(facts).as_of(NOW))

    assert left_us.tolist() == [to_us(GONE), NEVER, to_us(GONE), NEVER]


def test_items_created_in_one_go_are_told_from_a_busy_day() -> None:
    batch = [work_item(n, created_at=CREATED + timedelta(seconds=n)) for n in range(12)]
    singly = [work_item(100 + n, created_at=CREATED + DAY + n * timedelta(minutes=9)) for n in range(30)]

    flags = created_in_bulk(ProjectHistory.from_facts([*batch, *singly]).as_of(NOW))

    assert (int(flags[:12].sum()), int(flags[12:].sum())) == (12, 0)


@settings(deadline=None, max_examples=80)
@given(facts=generated_facts(), back_hours=st.integers(0, 24 * 60))
def test_never_before_creation_and_blind_for_what_comes_later(facts: list[HistoryFact], back_hours: int) -> None:
    moment = NOW - timedelta(hours=back_hours)
    known, cut = (ProjectHistory.from_facts(some).as_of(moment) for some in (facts, without_later_facts(facts, moment)))

    assert (left_scope_us(known) >= known.items.created_us).all()
    assert left_scope_us(known).tolist() == left_scope_us(cut).tolist()
    assert created_in_bulk(known).tolist() == created_in_bulk(cut).tolist()

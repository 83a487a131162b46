from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projects.enums import StatusCategory
from projects.history import FieldChangeFact, HistoryFact, ProjectHistory
from projects.history.flow import MissingReason
from projects.history.flow_efficiency import flow_efficiency
from tests.project_histories import (
    DAY,
    IMPORTED,
    NOW,
    finished_item,
    generated_facts,
    item_id,
    move,
    without_later_facts,
    work_item,
)

BEGIN = NOW - 20 * DAY


def flag(number: int, value: str | None, at: datetime) -> FieldChangeFact:
    return FieldChangeFact(item_id(number), "flag", None, value, at, IMPORTED)


def eight_days(number: int) -> list[HistoryFact]:
    return finished_item(number, created_at=BEGIN - 9 * DAY, started_at=BEGIN, finished_at=BEGIN + 8 * DAY)


def test_flagged_for_two_of_eight_days_is_three_quarters() -> None:
    facts = [
        fact
        for number in range(10)
        for fact in (*eight_days(number), flag(number, "Impediment", BEGIN + DAY), flag(number, None, BEGIN + 3 * DAY))
    ]

    found = flow_efficiency(ProjectHistory.from_facts(facts), as_of=NOW)

    assert found.value == pytest.approx(0.75)
    assert (found.active_days, found.waiting_days, found.n, found.with_waiting) == (60, 20, 10, 10)


def test_put_back_waits_and_a_flag_meanwhile_counts_once() -> None:
    facts: list[HistoryFact] = []
    for number in range(10):
        facts += [
            *eight_days(number),
            move(number, StatusCategory.TODO, BEGIN + 2 * DAY),
            move(number, StatusCategory.IN_PROGRESS, BEGIN + 4 * DAY),
            flag(number, "Impediment", BEGIN + 3 * DAY),
            flag(number, None, BEGIN + 5 * DAY),
        ]

    assert flow_efficiency(ProjectHistory.from_facts(facts), as_of=NOW).value == pytest.approx(5 / 8)


def test_too_few_and_items_without_a_start_have_reasons() -> None:
    few = ProjectHistory.from_facts(fact for number in range(9) for fact in eight_days(number))
    no_start = ProjectHistory.from_facts(work_item(n, created_at=BEGIN, resolved_at=NOW - DAY) for n in range(30))

    assert flow_efficiency(few, as_of=NOW).missing == MissingReason.TOO_FEW_FINISHED
    assert flow_efficiency(no_start, as_of=NOW).missing == MissingReason.NO_DATED_START


@settings(deadline=None, max_examples=60)
@given(facts=generated_facts(), back_hours=st.integers(0, 24 * 10), put_back=st.booleans())
def test_share_stays_in_range_and_later_facts_are_unknown(
    facts: list[HistoryFact], back_hours: int, put_back: bool
) -> None:
    moment = NOW - timedelta(hours=back_hours)
    facts = [*facts, *(fact for number in range(10, 22) for fact in eight_days(number))]
    if put_back:
        facts.append(move(12, StatusCategory.TODO, BEGIN + DAY))

    whole, cut, turned = (
        flow_efficiency(ProjectHistory.from_facts(some), as_of=moment)
        for some in (facts, without_later_facts(facts, moment), facts[::-1])
    )

    assert cut == whole == turned
    assert whole.value is None or 0 <= whole.value <= 1

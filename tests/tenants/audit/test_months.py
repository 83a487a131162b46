"""Calendar months, the unit of partitions."""

from __future__ import annotations

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from tenants.audit.partitions import Month, Partition, missing_months

months = st.builds(Month, st.integers(2000, 2100), st.integers(1, 12))


def partition_of(month: Month) -> Partition:
    return Partition(str(month), month.starts_at(), month.plus(1).starts_at())


def test_december_is_followed_by_january() -> None:
    assert Month(2026, 12).plus(1) == Month(2027, 1)
    assert Month(2027, 1).plus(-1) == Month(2026, 12)
    assert str(Month.of(date(2026, 3, 31))) == "2026-03"
    assert Month(2026, 3).starts_at() == datetime(2026, 3, 1, tzinfo=UTC)


@given(months, st.integers(-500, 500))
def test_going_forth_and_back_is_where_one_was(month: Month, months_away: int) -> None:
    assert month.plus(months_away).plus(-months_away) == month


@given(months, st.integers(0, 30))
def test_later_months_sort_later(month: Month, later: int) -> None:
    assert month <= month.plus(later)


def test_missing_months_are_those_no_partition_covers() -> None:
    kept = [partition_of(Month(2026, 11)), partition_of(Month(2027, 1))]

    assert missing_months(kept, Month(2026, 10), Month(2027, 2)) == [
        Month(2026, 10),
        Month(2026, 12),
        Month(2027, 2),
    ]

"""Whether a claim covered what a person reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from predictions.calibration.missed_events import CoveringClaim, Finding, find_cover
from predictions.enums import MissedEventStatus, OutcomeResult

HAPPENED = datetime(2026, 3, 10, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def claim(name: str, *, issued: int = 9, until: int = 20, result: str | None = None) -> CoveringClaim:
    """A claim, issued so many days before the event and open until so many days after the first claim's issue."""
    issued_at = HAPPENED - issued * DAY
    return CoveringClaim(name, issued_at, issued_at + until * DAY, result)


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (None, MissedEventStatus.LINKED),
        (OutcomeResult.OCCURRED, MissedEventStatus.COVERED),
        (OutcomeResult.NOT_OCCURRED, MissedEventStatus.REPORTED),
        (OutcomeResult.CENSORED, MissedEventStatus.REPORTED),
    ],
)
def test_the_outcome_of_the_covering_claim_decides_or_leaves_it_to_a_person(
    result: OutcomeResult | None, status: MissedEventStatus
) -> None:
    assert find_cover(HAPPENED, [claim("a", result=result)]) == Finding(status, "a")


def test_what_was_issued_after_the_event_or_was_over_before_covers_nothing() -> None:
    after, over = claim("after", issued=-1), claim("over", issued=9, until=7)

    assert find_cover(HAPPENED, [after, over]) == Finding(MissedEventStatus.REPORTED, None)
    assert find_cover(HAPPENED, []) == Finding(MissedEventStatus.REPORTED, None)


def test_a_claim_that_ended_on_the_reported_day_covers_it() -> None:
    ended_at_midnight = CoveringClaim("a", HAPPENED - 9 * DAY, HAPPENED - timedelta(hours=9), None)

    assert find_cover(HAPPENED, [ended_at_midnight]).claim_id == "a"


def test_of_several_the_newest_speaks() -> None:
    old, new = claim("old", result=OutcomeResult.OCCURRED), claim("new", issued=2)

    assert (
        find_cover(HAPPENED, [new, old]) == find_cover(HAPPENED, [old, new]) == Finding(MissedEventStatus.LINKED, "new")
    )

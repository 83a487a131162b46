"""How claims of delay end below the level of the project."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from predictions.enums import OutcomeResult
from predictions.forecasters.delay_resolution import resolve_delay_risk
from predictions.forecasters.item_delay.claims import item_risks
from predictions.forecasters.item_delay.forecast import forecast_item_delays
from predictions.forecasters.resolution import OBSERVATION_GRACE, Circumstances, Resolution, ResolutionReason
from predictions.forecasters.risk import IssuedClaim
from projects.enums import Presence, StatusCategory
from projects.history import HistoryFact, ProjectHistory, WorkCalendar
from tests.project_histories import DAY, NOW, WEEK, dated_items, move, work_item

OCCURRED, NOT_OCCURRED, CENSORED = OutcomeResult.OCCURRED, OutcomeResult.NOT_OCCURRED, OutcomeResult.CENSORED
FACTS = dated_items(late_share=0.5, settled=120, open_items=8)
NUMBER = 121
CALENDAR = WorkCalendar()


def _issued() -> IssuedClaim:
    known = ProjectHistory.from_facts(FACTS).as_of(NOW)
    risks = item_risks(known, forecast_item_delays(known, as_of=NOW, calendar=CALENDAR), CALENDAR)
    claims = {risk.claim.subject.key: risk.claim for risk in risks if risk.claim is not None}
    return IssuedClaim(claims[f"DEMO-{NUMBER}"], NOW, NOW)


ISSUED = _issued()
DUE_OVER = ISSUED.claim.ends_at
LATER = DUE_OVER + WEEK


def _done(at: datetime) -> HistoryFact:
    return move(NUMBER, StatusCategory.DONE, at, recorded_at=at)


def _resolve(
    *facts: HistoryFact, at: datetime = LATER, seen: datetime | None = LATER, cancelled_at: datetime | None = None
) -> Resolution:
    history = ProjectHistory.from_facts([*FACTS, *facts])
    return resolve_delay_risk(history, ISSUED, Circumstances(at, seen, cancelled_at))


def test_item_is_late_when_it_is_open_at_the_end_of_its_day() -> None:
    found = _resolve(_done(DUE_OVER + DAY))

    assert (found.result, found.reason, found.decided_at) == (OCCURRED, ResolutionReason.STILL_OPEN, DUE_OVER)
    assert [fact.label for fact in found.evidence][1:] == [f"DEMO-{NUMBER}"]


def test_item_that_is_done_by_the_end_of_its_day_is_in_time() -> None:
    found = _resolve(_done(DUE_OVER - timedelta(microseconds=1)))

    assert (found.result, found.reason) == (NOT_OCCURRED, ResolutionReason.DONE_IN_TIME)
    assert found.evidence[0].field == "items_done"


def test_item_of_a_source_without_times_that_is_done_on_the_next_day_is_late() -> None:
    assert _resolve(_done(DUE_OVER)).result == OCCURRED


def test_item_that_is_reopened_by_then_is_late() -> None:
    """The forecaster learns from where items stood when their day was over, so that is what settles its claims."""
    reopened = move(NUMBER, StatusCategory.IN_PROGRESS, DUE_OVER - DAY / 2, recorded_at=DUE_OVER - DAY / 2)

    assert _resolve(_done(DUE_OVER - DAY), reopened).result == OCCURRED


def test_nothing_is_decided_before_the_day_is_over() -> None:
    assert _resolve(_done(NOW + DAY / 4), at=DUE_OVER - DAY / 24).reason == ResolutionReason.NOT_DUE


@pytest.mark.parametrize(
    ("seen", "at", "result", "reason"),
    [
        (DUE_OVER - DAY, LATER, None, ResolutionReason.NOT_OBSERVED),
        (DUE_OVER - DAY, DUE_OVER + OBSERVATION_GRACE, CENSORED, ResolutionReason.NOT_OBSERVED),
        (None, LATER, None, ResolutionReason.NOT_OBSERVED),
        (LATER, LATER, OCCURRED, ResolutionReason.STILL_OPEN),
    ],
)
def test_record_nobody_looked_at_since_tells_nothing(
    seen: datetime | None, at: datetime, result: OutcomeResult | None, reason: ResolutionReason
) -> None:
    found = _resolve(seen=seen, at=at)

    assert (found.result, found.reason) == (result, reason)


def test_deleted_item_and_stopped_project_are_censored() -> None:
    gone = work_item(
        NUMBER, created_at=NOW - 2 * WEEK, recorded_at=DUE_OVER - DAY, presence=Presence.GONE,
        presence_changed_at=DUE_OVER - DAY,
    )  # fmt: skip

    assert _resolve(gone).reason == ResolutionReason.ITEMS_LOST
    assert _resolve(cancelled_at=DUE_OVER - DAY).reason == ResolutionReason.CANCELLED


def test_item_that_is_no_longer_on_record_is_censored() -> None:
    facts = [fact for fact in FACTS if getattr(fact, "key", "") != f"DEMO-{NUMBER}"]

    found = resolve_delay_risk(ProjectHistory.from_facts(facts), ISSUED, Circumstances(LATER, LATER))

    assert (found.result, found.reason) == (CENSORED, ResolutionReason.SCOPE_LOST)

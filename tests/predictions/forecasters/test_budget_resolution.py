"""How claims of an overrun end: by the order in which money and work run out."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.enums import OutcomeResult
from predictions.forecasters.budget_overrun import forecast_budget_overrun
from predictions.forecasters.budget_resolution import LEDGER_GRACE, resolve_budget_overrun
from predictions.forecasters.resolution import Circumstances, Resolution, ResolutionReason
from predictions.forecasters.risk import IssuedClaim
from projects.enums import StatusCategory
from projects.history import CostFact, HistoryFact, ProjectHistory
from tests.project_histories import DAY, NOW, WEEK, costly_project, move, without_later_facts

OCCURRED, NOT_OCCURRED, CENSORED = OutcomeResult.OCCURRED, OutcomeResult.NOT_OCCURRED, OutcomeResult.CENSORED
BUDGET, SPENT, OPEN = 48_000.0, 40_000.0, range(201, 241)
FACTS = costly_project(BUDGET)


def _issued() -> IssuedClaim:
    risk = forecast_budget_overrun(ProjectHistory.from_facts(FACTS), as_of=NOW)
    assert risk.claim is not None
    return IssuedClaim(risk.claim, NOW, NOW)


ISSUED = _issued()
HORIZON = ISSUED.claim.ends_at


def _cost(amount: float, at: datetime, *, recorded_at: datetime | None = None, number: int = 1) -> CostFact:
    """A cost that counts from the end of its day on."""
    return CostFact(UUID(int=90_000 + number), at.date() - DAY, recorded_at or at, amount, "EUR")


def _done(at: datetime) -> list[HistoryFact]:
    return [move(number, StatusCategory.DONE, at, recorded_at=at) for number in OPEN]


def _resolve(*facts: HistoryFact, at: datetime, cancelled_at: datetime | None = None) -> Resolution:
    history = ProjectHistory.from_facts([*FACTS, *facts])
    return resolve_budget_overrun(history, ISSUED, Circumstances(at, at, cancelled_at))


def test_crossing_before_the_work_is_done_is_the_event() -> None:
    crossing = _cost(BUDGET - SPENT + 1, NOW + 3 * WEEK)

    found = _resolve(crossing, *_done(NOW + 4 * WEEK), at=NOW + 4 * WEEK)

    assert (found.result, found.reason) == (OCCURRED, ResolutionReason.BUDGET_CROSSED)
    assert found.decided_at == crossing.incurred_at
    assert [(fact.field, fact.value) for fact in found.evidence] == [
        ("budget", "48000.00 EUR"),
        ("actual_cost", "48001.00 EUR"),
    ]


def test_the_budget_to_the_cent_is_not_crossed() -> None:
    found = _resolve(_cost(BUDGET - SPENT, NOW + 3 * WEEK), at=NOW + 4 * WEEK)

    assert (found.result, found.reason) == (None, ResolutionReason.NOT_DUE)


def test_work_that_is_done_first_ends_the_claim_once_the_ledger_is_closed() -> None:
    done_at = NOW + 2 * WEEK
    facts = [*_done(done_at), _cost(BUDGET, NOW + 3 * WEEK)]

    early = _resolve(*facts, at=done_at + LEDGER_GRACE - DAY)
    late = _resolve(*facts, at=done_at + LEDGER_GRACE)

    assert early.result is None
    assert (late.result, late.reason, late.decided_at) == (NOT_OCCURRED, ResolutionReason.SCOPE_DONE_FIRST, done_at)


def test_cost_from_before_the_end_of_the_work_that_is_booked_later_counts() -> None:
    done_at = NOW + 2 * WEEK
    booked_late = _cost(BUDGET, NOW + 1 * WEEK, recorded_at=done_at + 20 * DAY)

    found = _resolve(*_done(done_at), booked_late, at=done_at + LEDGER_GRACE)

    assert (found.result, found.decided_at) == (OCCURRED, booked_late.incurred_at)


def test_horizon_that_passes_without_either_is_no_overrun() -> None:
    small = _cost(10.0, NOW + 3 * WEEK)

    waiting = _resolve(small, at=HORIZON + DAY)
    over = _resolve(small, at=HORIZON + LEDGER_GRACE)

    assert waiting.result is None
    assert (over.result, over.reason, over.decided_at) == (NOT_OCCURRED, ResolutionReason.NOT_CROSSED, HORIZON)


def test_crossing_after_the_horizon_does_not_count() -> None:
    found = _resolve(_cost(BUDGET, HORIZON + 2 * DAY), at=HORIZON + LEDGER_GRACE)

    assert found.result == NOT_OCCURRED


def test_ledger_that_nobody_kept_is_censored() -> None:
    found = _resolve(at=HORIZON + LEDGER_GRACE)

    assert (found.result, found.reason) == (CENSORED, ResolutionReason.NOT_OBSERVED)


def test_cancelled_project_is_censored_unless_it_had_crossed() -> None:
    at, cancelled_at = HORIZON + LEDGER_GRACE, HORIZON - WEEK
    small, large = _cost(10.0, NOW + 3 * WEEK), _cost(BUDGET, NOW + 3 * WEEK)

    assert _resolve(small, at=at, cancelled_at=cancelled_at).reason == ResolutionReason.CANCELLED
    assert _resolve(large, at=at, cancelled_at=cancelled_at).result == OCCURRED


def test_scope_that_is_lost_is_censored_at_the_end_and_open_before() -> None:
    history = ProjectHistory.from_facts(
        [*[fact for fact in FACTS if getattr(fact, "id", None) != UUID(int=210)], _cost(BUDGET, NOW + 3 * WEEK)]
    )

    found = [resolve_budget_overrun(history, ISSUED, Circumstances(at, at)) for at in (NOW + 4 * WEEK, HORIZON)]

    assert [each.result for each in found] == [None, CENSORED]
    assert found[1].reason == ResolutionReason.SCOPE_LOST


@settings(deadline=None, max_examples=40)
@given(
    crossing=st.none() | st.integers(1, 100),
    done=st.none() | st.integers(1, 100),
    asked=st.integers(1, 400),
    more=st.integers(1, 200),
)
def test_day_of_asking_does_not_change_a_decision_and_later_facts_do_not_matter(
    crossing: int | None, done: int | None, asked: int, more: int
) -> None:
    facts = [*FACTS]
    facts += [] if crossing is None else [_cost(BUDGET, NOW + crossing * DAY)]
    facts += [] if done is None else _done(NOW + done * DAY)
    at, later = NOW + timedelta(days=asked), NOW + timedelta(days=asked + more)
    history = ProjectHistory.from_facts(facts)

    early, late = (resolve_budget_overrun(history, ISSUED, Circumstances(each, each)) for each in (at, later))

    assert early.result is None or (early.result, early.decided_at) == (late.result, late.decided_at)
    known = ProjectHistory.from_facts(without_later_facts(facts, at))
    assert resolve_budget_overrun(known, ISSUED, Circumstances(at, at)) == early


@pytest.mark.parametrize("amount", [float("nan"), -1e9])
def test_nonsense_in_the_ledger_crosses_nothing(amount: float) -> None:
    assert _resolve(_cost(amount, NOW + 3 * WEEK), at=NOW + 4 * WEEK).result is None

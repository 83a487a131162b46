"""Milestones from the record: what stands before their last item, and how the claims about them end."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.enums import OutcomeResult
from predictions.forecasters.delay_resolution import resolve_delay_risk
from predictions.forecasters.milestone_delay import forecast_milestones
from predictions.forecasters.resolution import Circumstances, ResolutionReason
from predictions.forecasters.risk import IssuedClaim, RiskForecast
from projects.enums import Readiness, StatusCategory
from projects.history import HistoryFact, ProjectHistory
from projects.history.group_facts import MilestoneFact, StayFact
from projects.history.readiness import ReasonCode
from tests.project_histories import DAY, NOW, WEEK, item_id, move, releasing_team, team_facts, without_later_facts

FIRST_OPEN = 201


def _ask(facts: list[HistoryFact]) -> list[RiskForecast]:
    return list(forecast_milestones(ProjectHistory.from_facts(facts).as_of(NOW)))


def _chances(facts: list[HistoryFact]) -> list[float]:
    return [risk.probability.value for risk in _ask(facts) if risk.probability is not None]


def test_each_release_waits_for_the_ones_before_it() -> None:
    near, far = _ask(releasing_team([8, 8]))

    assert near.claim is not None
    assert far.claim is not None
    assert [near.claim.subject.key, far.claim.subject.key] == ["R10", "R11"]
    assert near.claim.description == "Not all of the 8 open items of R10 are done by the end of 2024-07-31."
    assert (near.claim.scope_items, near.claim.ends_at.isoformat()) == (8, "2024-08-01T00:00:00+00:00")
    assert [driver.value for driver in far.drivers if driver.code == "QUEUE"] == [16.0]
    assert near.claim.scope_hash != far.claim.scope_hash


def test_more_in_it_or_before_it_is_more_risk() -> None:
    easy, hard = _chances(releasing_team([4, 4])), _chances(releasing_team([60, 4]))

    assert easy[0] < 0.2
    assert hard[0] > 0.9
    assert hard[1] > easy[1] + 0.3


def test_work_outside_of_releases_takes_capacity() -> None:
    """Twice the rate, half of it for no release: no sooner done than before."""
    alone, shared = _chances(releasing_team([20])), _chances(releasing_team([20], outside=5))

    assert shared[0] == pytest.approx(alone[0], abs=0.25)
    (risk,) = _ask(releasing_team([20], outside=5))
    (other,) = [driver for driver in risk.drivers if driver.code == "OTHER_WORK"]
    assert 0.3 < other.value < 0.7
    assert other.effect > 0


@pytest.mark.parametrize(("late", "base_rate"), [(0, 1 / 11), (5, 6 / 11)])
def test_base_rate_is_that_of_own_releases(late: int, base_rate: float) -> None:
    """Nine are over, and one ends today."""
    assert _ask(releasing_team([8], late=late))[0].base_rate == pytest.approx(base_rate)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (team_facts([5] * 40, open_items=10), ReasonCode.NO_TARGET),
        (releasing_team([]), ReasonCode.NO_TARGET),
        ([fact for fact in releasing_team([8]) if not isinstance(fact, StayFact)], ReasonCode.NO_TARGET),
        ([], ReasonCode.NO_TARGET),
    ],
)
def test_without_a_date_or_without_its_items_there_is_a_reason_and_no_number(
    facts: list[HistoryFact], code: ReasonCode
) -> None:
    (risk,) = _ask(facts)

    assert (risk.probability, risk.claim, risk.readiness.readiness) == (None, None, Readiness.MISCONFIGURED)
    assert code in {reason.code for reason in risk.readiness.reasons}


def test_same_facts_give_the_same_answer_in_any_order() -> None:
    facts = releasing_team([8, 30])

    assert _chances(facts) == _chances(facts[::-1])


@settings(deadline=None, max_examples=15)
@given(back_days=st.integers(0, 40), outside=st.integers(0, 3))
def test_deleting_every_later_fact_changes_nothing(back_days: int, outside: int) -> None:
    moment, facts = NOW - timedelta(days=back_days), releasing_team([8, 30], outside=outside)

    def told(some: list[HistoryFact]) -> list[tuple[object, ...]]:
        risks = forecast_milestones(ProjectHistory.from_facts(some).as_of(moment))
        return [(risk.claim, risk.probability, risk.base_rate, risk.inputs_hash) for risk in risks]

    assert told(facts) == told(without_later_facts(facts, moment))


# --- how it ends ---

FACTS = releasing_team([8, 30])
GROUP = UUID(int=6_000_010)


def _issued() -> IssuedClaim:
    claim = _ask(FACTS)[0].claim
    assert claim is not None
    return IssuedClaim(claim, NOW, NOW)


ISSUED = _issued()
OVER = ISSUED.claim.ends_at


def _resolve(*facts: HistoryFact, without: type | None = None) -> tuple[OutcomeResult | None, ResolutionReason]:
    kept = [fact for fact in FACTS if without is None or not isinstance(fact, without)]
    found = resolve_delay_risk(
        ProjectHistory.from_facts([*kept, *facts]), ISSUED, Circumstances(OVER + DAY, OVER + DAY)
    )
    return found.result, found.reason


def _done(count: int) -> list[HistoryFact]:
    return [
        move(number, StatusCategory.DONE, OVER - DAY, recorded_at=OVER - DAY)
        for number in range(FIRST_OPEN, FIRST_OPEN + count)
    ]


def test_release_is_late_when_one_of_its_items_is_open() -> None:
    assert _resolve(*_done(7)) == (OutcomeResult.OCCURRED, ResolutionReason.STILL_OPEN)


def test_release_is_in_time_when_its_items_are_done_whatever_the_others_are() -> None:
    assert _resolve(*_done(8)) == (OutcomeResult.NOT_OCCURRED, ResolutionReason.ALL_DONE)


def test_what_joins_or_leaves_later_or_a_date_that_moves_does_not_matter() -> None:
    joined = StayFact(item_id(FIRST_OPEN + 8), GROUP, NOW + DAY, NOW + DAY)
    moved = MilestoneFact(GROUP, "10", NOW + DAY, "R10", None, None, (OVER + 8 * WEEK).date())

    assert _resolve(*_done(8), joined, moved) == (OutcomeResult.NOT_OCCURRED, ResolutionReason.ALL_DONE)
    assert _resolve(*_done(7), joined, moved) == (OutcomeResult.OCCURRED, ResolutionReason.STILL_OPEN)


def test_membership_that_is_recorded_later_does_not_change_the_scope() -> None:
    late = StayFact(item_id(FIRST_OPEN + 8), GROUP, OVER, NOW - WEEK)

    assert _resolve(*_done(8), late) == (OutcomeResult.NOT_OCCURRED, ResolutionReason.ALL_DONE)


def test_release_that_lost_its_items_is_censored() -> None:
    assert _resolve(*_done(8), without=StayFact) == (OutcomeResult.CENSORED, ResolutionReason.SCOPE_LOST)

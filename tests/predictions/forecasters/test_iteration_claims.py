"""Iterations from the record: how they are cut, what is claimed of the one that runs, and how that ends."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.calibration.iterations import COLUMNS
from predictions.enums import OutcomeResult
from predictions.forecasters.delay_resolution import resolve_delay_risk
from predictions.forecasters.iteration_claims import forecast_iterations
from predictions.forecasters.iteration_snapshots import iteration_snapshots
from predictions.forecasters.resolution import OBSERVATION_GRACE, Circumstances, ResolutionReason
from predictions.forecasters.risk import IssuedClaim, RiskForecast
from projects.enums import Readiness, StatusCategory
from projects.history import FieldChangeFact, HistoryFact, ProjectHistory
from projects.history.group_facts import IterationFact, StayFact
from projects.history.readiness import ReasonCode
from tests.project_histories import (
    DAY,
    NOW,
    WEEK,
    finished_item,
    generated_facts,
    item_id,
    iterating_team,
    move,
    without_later_facts,
    work_item,
)

SPRINT = UUID(int=99)
STARTS, ENDS = NOW - 4 * DAY, NOW + 10 * DAY


def _stay(number: int, *, joined: float = -1, left: float | None = None) -> StayFact:
    """In the sprint from so many days after its start."""
    left_at = None if left is None else STARTS + timedelta(days=left)
    return StayFact(item_id(number), SPRINT, STARTS - DAY, STARTS + timedelta(days=joined), left_at)


def _item(number: int, points: float, *, done: float | None = None, started: float | None = None) -> list[HistoryFact]:
    created_at = STARTS - WEEK
    facts: list[HistoryFact] = [work_item(number, created_at=created_at)]
    if done is not None:
        finished_at = STARTS + timedelta(days=done)
        facts = finished_item(number, created_at=created_at, started_at=created_at + DAY, finished_at=finished_at)
    elif started is not None:
        facts.append(move(number, StatusCategory.IN_PROGRESS, STARTS + timedelta(days=started)))
    return [*facts, FieldChangeFact(item_id(number), "estimate_points", None, f"{points}", created_at, NOW)]


def _sprint() -> IterationFact:
    return IterationFact(SPRINT, "1", STARTS - DAY, "Sprint", None, STARTS, ENDS)


BY_HAND: list[HistoryFact] = [
    _sprint(),
    *_item(1, 2), _stay(1),
    *_item(2, 2, done=1), _stay(2),
    *_item(3, 2, started=1), _stay(3),
    *_item(4, 2, done=9), _stay(4),
    *_item(5, 2), _stay(5, left=2),
    *_item(6, 3), _stay(6, joined=1),
    *_item(7, 5, done=-2), _stay(7),
    *_item(8, 8),
]  # fmt: skip


def test_figures_that_can_be_checked_by_hand() -> None:
    """Five items of 2 points at the start; one went, one of 3 came; two are done by the end, one of them by now."""
    now = iteration_snapshots(ProjectHistory.from_facts(BY_HAND).as_of(NOW), elapsed=4 / 14).table
    end = iteration_snapshots(ProjectHistory.from_facts(BY_HAND).as_of(ENDS), elapsed=4 / 14).table

    assert (now.committed_items.tolist(), now.committed_points.tolist()) == ([5], [10])
    assert (now.added_points.tolist(), now.removed_points.tolist()) == ([3], [2])
    assert (now.todo_points[0], now.in_progress_points[0], now.done_points[0]) == (2 + 3, 2 + 2, 2)
    assert np.isnan(now.delivered_points).all()
    assert end.delivered_points.tolist() == [4]
    assert end.where(np.array([True])).committed_points.tolist() == now.committed_points.tolist()


def test_estimate_counts_as_it_was_at_each_moment() -> None:
    changed = FieldChangeFact(item_id(2), "estimate_points", "2", "13", STARTS + 2 * DAY, NOW)
    table = iteration_snapshots(ProjectHistory.from_facts([*BY_HAND, changed]).as_of(ENDS), elapsed=4 / 14).table

    assert (table.committed_points[0], table.done_points[0], table.delivered_points[0]) == (10, 13, 15)


def _ask(facts: list[HistoryFact]) -> RiskForecast:
    (risk,) = forecast_iterations(ProjectHistory.from_facts(facts).as_of(NOW))
    return risk


def test_running_iteration_is_claimed_to_fall_short() -> None:
    risk = _ask(iterating_team([3] * 16))

    assert risk.probability is not None
    assert risk.probability.low < risk.probability.value < risk.probability.high
    assert risk.probability.value > 0.6
    claim = risk.claim
    assert claim is not None
    assert (claim.subject.type, claim.subject.key, claim.ends_at) == ("iteration", "Sprint 16", NOW + 10 * DAY)
    assert (claim.threshold, claim.unit, claim.terms["committed_points"]) == (16.0, "points", 20.0)
    assert claim.description == "Sprint 16 delivers less than 16 of the 20 points committed at its start."
    assert risk.quantiles is not None
    assert [fact.field for fact in risk.evidence] == ["committed_points", "scope_points", "done_points"]


def test_team_that_delivers_is_less_of_a_risk_than_one_that_does_not() -> None:
    good, bad = (_ask(iterating_team([each] * 16)).probability for each in (10, 3))

    assert good is not None
    assert bad is not None
    assert good.value < 0.5 < bad.value


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ([], ReasonCode.NO_TARGET),
        (iterating_team([8] * 3, begun_days=20), ReasonCode.NO_TARGET),
        ([_sprint()], ReasonCode.NOTHING_REMAINING),
        (iterating_team([8] * 12, points=0.0), ReasonCode.NOTHING_REMAINING),
    ],
)
def test_nothing_that_could_fall_short_is_a_reason_and_no_number(facts: list[HistoryFact], code: ReasonCode) -> None:
    risk = _ask(facts)

    assert (risk.probability, risk.claim) == (None, None)
    assert code in {reason.code for reason in risk.readiness.reasons}


def test_first_iterations_of_a_team_are_limited() -> None:
    risk = _ask(iterating_team([8, 8]))

    assert risk.readiness.readiness == Readiness.LIMITED
    assert risk.probability is not None


# --- how it ends ---

FACTS = iterating_team([8] * 12)
LAST = range(121, 131)


def _issued() -> IssuedClaim:
    claim = _ask(FACTS).claim
    assert claim is not None
    return IssuedClaim(claim, NOW, NOW)


ISSUED = _issued()
OVER = ISSUED.claim.ends_at


@pytest.mark.parametrize(("done", "result"), [(7, OutcomeResult.OCCURRED), (8, OutcomeResult.NOT_OCCURRED)])
def test_four_fifths_of_the_commitment_decide(done: int, result: OutcomeResult) -> None:
    moves = [move(number, StatusCategory.DONE, OVER, recorded_at=OVER) for number in LAST[:done]]
    late = move(LAST[9], StatusCategory.DONE, OVER + DAY, recorded_at=OVER + DAY)

    found = resolve_delay_risk(ProjectHistory.from_facts([*FACTS, *moves, late]), ISSUED, Circumstances(OVER + 2 * DAY))

    assert (found.result, found.decided_at) == (result, OVER)
    assert (found.evidence[0].field, found.evidence[0].value) == ("delivered_points", f"{2 * done}")


def test_planned_end_that_moves_later_does_not_move_the_claim() -> None:
    (last,) = [fact for fact in FACTS if isinstance(fact, IterationFact) and fact.ends_at == OVER]
    moved = IterationFact(last.id, last.external_id, NOW + DAY, last.name, None, last.starts_at, OVER + 2 * WEEK)
    late = [move(number, StatusCategory.DONE, OVER + DAY, recorded_at=OVER + DAY) for number in LAST]

    found = resolve_delay_risk(ProjectHistory.from_facts([*FACTS, moved, *late]), ISSUED, Circumstances(OVER + 2 * DAY))

    assert found.reason == ResolutionReason.FELL_SHORT


@pytest.mark.parametrize(
    ("now", "reason", "is_decided"),
    [
        (Circumstances(OVER - DAY, OVER), ResolutionReason.NOT_DUE, False),
        (Circumstances(OVER + DAY, OVER - DAY), ResolutionReason.NOT_OBSERVED, False),
        (Circumstances(OVER + OBSERVATION_GRACE, OVER - DAY), ResolutionReason.NOT_OBSERVED, True),
        (Circumstances(OVER + DAY, OVER, OVER - DAY), ResolutionReason.CANCELLED, True),
    ],
)
def test_what_nobody_can_say_waits_or_is_censored(
    now: Circumstances, reason: ResolutionReason, is_decided: bool
) -> None:
    found = resolve_delay_risk(ProjectHistory.from_facts(FACTS), ISSUED, now)

    assert (found.reason, found.result) == (reason, OutcomeResult.CENSORED if is_decided else None)


def test_iteration_that_lost_its_items_is_censored() -> None:
    group = UUID(ISSUED.claim.subject.id)
    facts = [fact for fact in FACTS if not (isinstance(fact, StayFact) and fact.group_id == group)]

    found = resolve_delay_risk(ProjectHistory.from_facts(facts), ISSUED, Circumstances(OVER + DAY, OVER + DAY))

    assert found.reason == ResolutionReason.SCOPE_LOST


# --- nothing from later ---


@settings(deadline=None, max_examples=30)
@given(facts=generated_facts(), back_days=st.integers(0, 60), elapsed=st.floats(0, 1))
def test_deleting_every_later_fact_changes_nothing(facts: list[HistoryFact], back_days: int, elapsed: float) -> None:
    moment = NOW - timedelta(days=back_days)
    both = [*facts, *iterating_team([8, 5, 3], first_number=1_000)]

    def cut(some: list[HistoryFact]) -> dict[str, list[float]]:
        table = iteration_snapshots(ProjectHistory.from_facts(some).as_of(moment), elapsed=elapsed).table
        return {name: np.nan_to_num(getattr(table, name), nan=-1.0).tolist() for name in COLUMNS}

    assert cut(both) == cut(without_later_facts(both, moment))

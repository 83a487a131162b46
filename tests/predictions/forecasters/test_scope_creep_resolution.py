"""How a claimed scope creep is decided: by hand on small histories, and against brute force on generated ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.backtesting.simulated_growth import simulate_growing_project
from predictions.enums import OutcomeResult
from predictions.forecasters.resolution import OBSERVATION_GRACE, Circumstances, Resolution, ResolutionReason
from predictions.forecasters.risk import Claim, IssuedClaim
from predictions.forecasters.scope_creep import forecast_scope_creep
from predictions.forecasters.scope_creep_resolution import resolve_scope_creep
from projects.enums import Presence, StatusCategory
from projects.history import BaselineFact, HistoryFact, ProjectHistory, StatusChangeFact, WorkItemFact
from tests.project_histories import DAY, NOW, WEEK, generated_facts, item_id, work_item

OCCURRED, NOT_OCCURRED, CENSORED = OutcomeResult.OCCURRED, OutcomeResult.NOT_OCCURRED, OutcomeResult.CENSORED
BEGUN, ISSUED, END = NOW - 60 * DAY, NOW - 30 * DAY, NOW
LATER = END + DAY


def claim(*, approved: int = 20, growth: int = 0, threshold: int = 2, ends_at: datetime = END) -> IssuedClaim:
    terms: dict[str, str | float | int | bool | None]
    terms = {"approved_items": approved, "growth_items": growth, "counted_since": BEGUN.isoformat()}
    return IssuedClaim(
        Claim(description="", ends_at=ends_at, threshold=float(threshold), unit="items", terms=terms), ISSUED, ISSUED
    )


def plan(items: int, at: datetime = BEGUN) -> BaselineFact:
    return BaselineFact(at, at, END.date(), items)


def scope() -> list[HistoryFact]:
    return [
        plan(20),
        *(work_item(n, created_at=BEGUN - DAY, recorded_at=BEGUN) for n in range(20)),
        StatusChangeFact(item_id(0), StatusCategory.IN_PROGRESS, LATER, LATER),
    ]


def added(*days: float, first: int = 100) -> list[HistoryFact]:
    return [
        work_item(first + n, created_at=ISSUED + day * DAY, recorded_at=ISSUED + day * DAY)
        for n, day in enumerate(days)
    ]


def decide(facts: list[HistoryFact], issued: IssuedClaim | None = None, at: datetime = LATER) -> Resolution:
    return resolve_scope_creep(ProjectHistory.from_facts(facts), issued or claim(), Circumstances(at))


def test_occurs_when_the_threshold_is_first_reached_and_says_what_came() -> None:
    resolution = decide([*scope(), *added(3, 7, 9)])

    assert (resolution.result, resolution.reason) == (OCCURRED, ResolutionReason.LEVEL_REACHED)
    assert resolution.decided_at == ISSUED + 7 * DAY
    assert [fact.value for fact in resolution.evidence[:2]] == ["2", "0"]
    assert resolution.evidence[2].label == "DEMO-101"


def test_near_twin_with_one_item_less_does_not_occur() -> None:
    resolution = decide([*scope(), *added(3)])

    assert (resolution.result, resolution.reason) == (NOT_OCCURRED, ResolutionReason.LEVEL_NOT_REACHED)
    assert resolution.decided_at == END


def test_what_was_taken_out_before_makes_room_and_afterwards_undoes_nothing() -> None:
    gone = work_item(
        5, created_at=BEGUN - DAY, recorded_at=BEGUN, presence=Presence.GONE, presence_changed_at=ISSUED + 5 * DAY
    )
    others = [fact for fact in scope() if not (isinstance(fact, WorkItemFact) and fact.id == gone.id)]

    assert decide([*others, gone, *added(3, 7)]).result == NOT_OCCURRED
    assert decide([*others, gone, *added(3, 4)]).result == OCCURRED
    assert decide([*others, gone, *added(3, 7, 8)]).decided_at == ISSUED + 8 * DAY


def test_item_deleted_after_it_was_done_was_part_of_the_scope() -> None:
    gone = work_item(
        5, created_at=BEGUN - DAY, recorded_at=BEGUN, presence=Presence.GONE, presence_changed_at=ISSUED + 5 * DAY
    )
    others = [fact for fact in scope() if not (isinstance(fact, WorkItemFact) and fact.id == gone.id)]
    done = StatusChangeFact(item_id(5), StatusCategory.DONE, ISSUED + 4 * DAY, ISSUED + 4 * DAY)

    assert decide([*others, gone, done, *added(3, 7)]).result == OCCURRED


@pytest.mark.parametrize(
    ("approved_on", "recorded_on", "result"), [(5, 5, NOT_OCCURRED), (5, 25, NOT_OCCURRED), (20, 20, OCCURRED)]
)
def test_approval_raises_the_scope_from_its_date_on(approved_on: int, recorded_on: int, result: OutcomeResult) -> None:
    approval = BaselineFact(ISSUED + approved_on * DAY, ISSUED + recorded_on * DAY, END.date(), 21)

    assert decide([*scope(), approval, *added(3, 7)]).result == result


def test_approval_that_lowers_the_scope_makes_no_creep() -> None:
    assert decide([*scope(), plan(10, ISSUED + DAY), *added(3)]).result == NOT_OCCURRED


def test_list_imported_in_one_go_censors_and_one_that_is_not_needed_does_not() -> None:
    batch = [
        work_item(300 + n, created_at=ISSUED + 2 * DAY + timedelta(seconds=n), recorded_at=ISSUED + 2 * DAY)
        for n in range(15)
    ]

    alone, beside = decide([*scope(), *batch]), decide([*scope(), *batch, *added(3, 7)])

    assert (alone.result, alone.reason) == (CENSORED, ResolutionReason.CREATED_IN_BULK)
    assert (beside.result, beside.decided_at) == (OCCURRED, ISSUED + 7 * DAY)


def test_items_from_before_issue_that_arrive_late_are_no_growth() -> None:
    late = [work_item(400 + n, created_at=ISSUED - DAY - n * WEEK / 2, recorded_at=ISSUED + 9 * DAY) for n in range(6)]

    assert decide([*scope(), *late]).result == NOT_OCCURRED


def test_answer_does_not_depend_on_the_day_somebody_asks() -> None:
    facts = [*scope(), *added(3, 7, 31, 32, 40)]

    asked = [decide(facts, at=ISSUED + day * DAY) for day in (7, 8, 20, 31, 45, 300)]

    assert {(resolution.result, resolution.decided_at) for resolution in asked} == {(OCCURRED, ISSUED + 7 * DAY)}
    assert decide(facts, at=ISSUED + 6 * DAY) == Resolution(None, ResolutionReason.NOT_DUE)


def test_nobody_looked_since_waits_and_then_is_lost() -> None:
    facts = scope()[:-1]

    assert decide(facts) == Resolution(None, ResolutionReason.NOT_OBSERVED)
    lost = decide(facts, at=END + OBSERVATION_GRACE)
    assert (lost.result, lost.reason) == (CENSORED, ResolutionReason.NOT_OBSERVED)
    looked = Circumstances(LATER, observed_until=LATER)
    assert resolve_scope_creep(ProjectHistory.from_facts(facts), claim(), looked).result == NOT_OCCURRED


def test_cancelled_before_the_end_is_censored_unless_it_had_crept_by_then() -> None:
    now = Circumstances(LATER, cancelled_at=END - DAY)

    quiet = resolve_scope_creep(ProjectHistory.from_facts(scope()), claim(), now)
    crept = resolve_scope_creep(ProjectHistory.from_facts([*scope(), *added(3, 7)]), claim(), now)

    assert (quiet.result, quiet.reason) == (CENSORED, ResolutionReason.CANCELLED)
    assert crept.result == OCCURRED


def test_claim_without_its_terms_is_censored() -> None:
    whole = claim()
    for broken in (replace(whole.claim, terms={}), replace(whole.claim, threshold=None)):
        resolution = decide(scope(), replace(whole, claim=broken))
        assert (resolution.result, resolution.reason) == (CENSORED, ResolutionReason.CLAIM_INCOMPLETE)


# --- against brute force ---


def brute_force(facts: list[HistoryFact], issued: IssuedClaim, at: datetime) -> datetime | None:
    """Walk through every instant at which anything happens, and count with the fingers. Without batches."""
    end = min(issued.claim.ends_at, at)
    items: dict[object, WorkItemFact] = {}
    for fact in facts:
        if isinstance(fact, WorkItemFact):
            items[fact.id] = fact
    moves = [fact for fact in facts if isinstance(fact, StatusChangeFact)]

    def is_known(true_at: datetime, recorded_at: datetime) -> bool:
        return min(true_at, recorded_at) <= at

    def was_done(item: WorkItemFact, moment: datetime) -> bool:
        steps = [
            (move.changed_at, move.sequence, move.to_category == StatusCategory.DONE)
            for move in moves
            if move.item_id == item.id and move.changed_at <= moment and is_known(move.changed_at, move.recorded_at)
        ]
        if item.resolved_at is not None and item.resolved_at <= moment:
            steps.append((item.resolved_at, 2**31 - 2, True))
        if item.status_category is not None and item.recorded_at <= moment:
            steps.append((item.recorded_at, 2**31 - 1, item.status_category == StatusCategory.DONE))
        return max(steps, default=(None, 0, False), key=lambda step: (step[0], step[1]))[2] if steps else False

    def in_scope(item: WorkItemFact, moment: datetime) -> bool:
        if item.created_at > moment or not is_known(item.created_at, item.recorded_at):
            return False
        gone_at = (item.presence_changed_at or item.recorded_at) if item.presence != Presence.LIVE else None
        return gone_at is None or max(gone_at, item.created_at) > moment or was_done(item, gone_at)

    def net(moment: datetime) -> int:
        came = sum(in_scope(item, moment) for item in items.values() if item.created_at > issued.as_of)
        old = [item for item in items.values() if item.created_at <= issued.as_of]
        left = sum(in_scope(item, issued.as_of) and not in_scope(item, moment) for item in old)
        plans = [fact for fact in facts if isinstance(fact, BaselineFact) and fact.approved_at <= moment]
        newest = max(plans, key=lambda fact: (fact.approved_at, repr(fact)), default=None)
        terms = issued.claim.terms
        extra = max(0, newest.scope_items - int(str(terms["approved_items"]))) if newest else 0
        return int(str(terms["growth_items"])) + came - left - extra

    instants = {item.created_at for item in items.values()}
    instants |= {fact.presence_changed_at or fact.recorded_at for fact in items.values()}
    instants |= {fact.approved_at for fact in facts if isinstance(fact, BaselineFact)}
    assert issued.claim.threshold is not None
    return min((x for x in instants if issued.as_of < x <= end and net(x) >= issued.claim.threshold), default=None)


@settings(deadline=None, max_examples=150)
@given(
    facts=generated_facts(),
    issued_back=st.integers(1, 24 * 100),
    length=st.integers(1, 24 * 60),
    growth=st.integers(-2, 1),
    threshold=st.integers(1, 4),
)
def test_first_moment_equals_brute_force(
    facts: list[HistoryFact], issued_back: int, length: int, growth: int, threshold: int
) -> None:
    as_of = NOW - timedelta(hours=issued_back)
    issued = replace(
        claim(growth=growth, threshold=max(threshold, growth + 1), ends_at=as_of + timedelta(hours=length)),
        as_of=as_of,
    )
    at = NOW + 70 * DAY

    resolution = resolve_scope_creep(ProjectHistory.from_facts(facts), issued, Circumstances(at, observed_until=at))

    expected = brute_force(facts, issued, at)
    if expected is None:
        assert resolution.result == NOT_OCCURRED
    else:
        assert (resolution.result, resolution.decided_at) == (OCCURRED, expected)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10_000), week=st.integers(8, 50))
def test_simulated_claims_equal_brute_force_where_nothing_was_imported(seed: int, week: int) -> None:
    project = simulate_growing_project(seed)
    history = ProjectHistory.from_facts(project.facts)
    moment = project.begins_at + timedelta(weeks=week, hours=12)
    risk = forecast_scope_creep(history, as_of=moment, trials=50)
    if risk.claim is None:
        return
    issued = IssuedClaim(risk.claim, moment, moment)

    resolution = resolve_scope_creep(history, issued, Circumstances(project.ends_at, observed_until=project.ends_at))

    if resolution.reason != ResolutionReason.CREATED_IN_BULK and not project.has_import and resolution.result:
        expected = brute_force(list(project.facts), issued, project.ends_at)
        assert resolution.decided_at == (expected or risk.claim.ends_at)

"""How a claimed delay is decided: by hand on small histories, and against brute force on generated ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.enums import OutcomeResult
from predictions.forecasters.delay_risk import forecast_delay_risk
from predictions.forecasters.resolution import (
    OBSERVATION_GRACE,
    Circumstances,
    Resolution,
    ResolutionReason,
    done_at_once_us,
    open_all_along_since_us,
    open_items,
    resolve_delay,
    scope_hash,
)
from predictions.forecasters.risk import Claim, IssuedClaim
from projects.enums import Presence, StatusCategory
from projects.history import HistoryFact, ProjectHistory, StatusChangeFact
from projects.history.columns import DONE
from projects.history.instants import from_us, to_us
from tests.project_histories import (
    DAY,
    NOW,
    WEEK,
    generated_facts,
    generated_teams,
    item_id,
    move,
    team_history,
    without_later_facts,
    work_item,
)

TO_DO, DOING, FINISHED = StatusCategory.TODO, StatusCategory.IN_PROGRESS, StatusCategory.DONE
OCCURRED, NOT_OCCURRED, CENSORED = OutcomeResult.OCCURRED, OutcomeResult.NOT_OCCURRED, OutcomeResult.CENSORED
BEGUN, ISSUED, TARGET = NOW - 20 * DAY, NOW - 10 * DAY, NOW
LATER = TARGET + DAY
AT_ONCE = BEGUN


def _items(*numbers: int) -> list[HistoryFact]:
    return [work_item(number, created_at=BEGUN, recorded_at=AT_ONCE) for number in numbers]


def _done(number: int, at: datetime) -> StatusChangeFact:
    return move(number, FINISHED, at, recorded_at=at)


def _issued(items_hash: str, *, at: datetime = ISSUED, ends_at: datetime = TARGET) -> IssuedClaim:
    return IssuedClaim(Claim(description="Not all is done.", ends_at=ends_at, scope_hash=items_hash), at, at)


def _claim(history: ProjectHistory, *, at: datetime = ISSUED, ends_at: datetime = TARGET) -> IssuedClaim:
    known = history.as_of(at)
    return _issued(scope_hash(known, known.states.open), at=at, ends_at=ends_at)


def _resolve(
    facts: list[HistoryFact],
    *,
    at: datetime = LATER,
    seen: datetime | None = LATER,
    cancelled_at: datetime | None = None,
) -> Resolution:
    history = ProjectHistory.from_facts(facts)
    return resolve_delay(history, _claim(history), Circumstances(at, seen, cancelled_at))


# --- decided by what happened ---


def test_open_item_at_the_target_makes_the_event_occur() -> None:
    found = _resolve([*_items(1, 2), _done(1, NOW - DAY)])

    assert (found.result, found.reason, found.decided_at) == (OCCURRED, ResolutionReason.STILL_OPEN, TARGET)
    assert [(fact.object_id, fact.value) for fact in found.evidence] == [("", "1"), (str(item_id(2)), "open")]


def test_all_done_before_the_target_is_decided_when_the_last_one_is() -> None:
    facts = [*_items(1, 2), _done(1, NOW - 3 * DAY), _done(2, NOW - 2 * DAY)]

    found = _resolve(facts, at=NOW - DAY, seen=NOW - DAY)

    assert (found.result, found.decided_at) == (NOT_OCCURRED, NOW - 2 * DAY)
    assert found.evidence[-1].object_id == str(item_id(2))


def test_item_that_comes_later_belongs_to_no_earlier_claim() -> None:
    facts = [*_items(1), _done(1, NOW - 2 * DAY), work_item(2, created_at=NOW - 5 * DAY, recorded_at=NOW - 5 * DAY)]

    assert _resolve(facts).result == NOT_OCCURRED


def test_what_is_done_on_the_next_day_is_late_also_where_the_source_keeps_no_times() -> None:
    in_time, too_late = TARGET - timedelta(microseconds=1), TARGET

    assert _resolve([*_items(1), _done(1, in_time)]).result == NOT_OCCURRED
    assert _resolve([*_items(1), _done(1, too_late)]).result == OCCURRED


def test_reopening_after_all_were_done_is_new_work() -> None:
    facts = [
        *_items(1, 2),
        _done(1, NOW - 4 * DAY),
        _done(2, NOW - 3 * DAY),
        move(1, DOING, NOW - 2 * DAY, recorded_at=NOW - 2 * DAY),
    ]

    assert _resolve(facts).result == _resolve(facts, at=NOW - DAY, seen=NOW - DAY).result == NOT_OCCURRED


def test_item_reopened_before_the_others_are_done_counts_as_open() -> None:
    facts = [
        *_items(1, 2),
        _done(1, NOW - 4 * DAY),
        move(1, DOING, NOW - 3 * DAY, recorded_at=NOW - 3 * DAY),
        _done(2, NOW - 2 * DAY),
    ]

    assert _resolve(facts).result == OCCURRED


def test_before_the_target_an_open_item_decides_nothing() -> None:
    found = _resolve(_items(1), at=NOW - DAY, seen=NOW - DAY)

    assert (found.result, found.reason) == (None, ResolutionReason.NOT_DUE)


# --- nobody can say ---


@pytest.mark.parametrize("presence", [Presence.GONE, Presence.HIDDEN])
def test_only_lost_items_missing_is_censored(presence: Presence) -> None:
    lost = work_item(2, created_at=BEGUN, recorded_at=AT_ONCE, presence=presence, presence_changed_at=NOW - 2 * DAY)

    found = _resolve([*_items(1), lost, _done(1, NOW - DAY)])

    assert (found.result, found.reason) == (CENSORED, ResolutionReason.ITEMS_LOST)


def test_lost_item_does_not_hide_an_open_one() -> None:
    lost = work_item(2, created_at=BEGUN, presence=Presence.GONE, presence_changed_at=NOW - 2 * DAY)

    assert _resolve([*_items(1), lost]).result == OCCURRED


def test_item_that_was_lost_after_the_target_was_open_at_the_target() -> None:
    lost = work_item(1, created_at=BEGUN, presence=Presence.GONE, presence_changed_at=TARGET + timedelta(hours=1))

    assert _resolve([lost]).result == OCCURRED


def test_item_found_done_after_the_target_without_a_date_is_censored() -> None:
    found_later = work_item(1, created_at=BEGUN, recorded_at=TARGET + timedelta(hours=1), status_category=FINISHED)

    found = _resolve([found_later])

    assert (found.result, found.reason) == (CENSORED, ResolutionReason.DONE_WITHOUT_DATE)


@pytest.mark.parametrize(
    ("cancelled_at", "result"), [(TARGET - DAY, CENSORED), (TARGET + timedelta(hours=1), OCCURRED)]
)
def test_project_stopped_before_the_target_is_censored(cancelled_at: datetime, result: OutcomeResult) -> None:
    assert _resolve(_items(1), cancelled_at=cancelled_at).result == result


def test_record_that_was_not_looked_at_since_is_waited_for_and_then_given_up() -> None:
    waiting = _resolve(_items(1), seen=TARGET - DAY)
    given_up = _resolve(_items(1), at=TARGET + OBSERVATION_GRACE, seen=TARGET - DAY)

    assert (waiting.result, waiting.reason) == (None, ResolutionReason.NOT_OBSERVED)
    assert (given_up.result, given_up.reason) == (CENSORED, ResolutionReason.NOT_OBSERVED)


def test_later_fact_shows_that_the_record_was_looked_at() -> None:
    facts = [*_items(1), work_item(9, created_at=TARGET + timedelta(hours=2), recorded_at=LATER)]

    assert _resolve(facts, seen=None).result == OCCURRED


def test_scope_that_the_record_does_not_give_back_is_censored() -> None:
    history = ProjectHistory.from_facts(_items(1))
    claim = _issued("0" * 64)

    found = resolve_delay(history, claim, Circumstances(LATER, LATER))

    assert (found.result, found.reason) == (CENSORED, ResolutionReason.SCOPE_LOST)


# --- facts that arrive late ---


def test_scope_is_what_was_on_record_when_the_claim_was_made() -> None:
    """A finish and an item from before the claim, both synchronised after it, change neither scope nor answer."""
    claim = _claim(ProjectHistory.from_facts(_items(1, 2)))
    late_id = UUID(int=(int((ISSUED + DAY).timestamp() * 1000) << 80) + 7)  # first held a day after the claim
    late_item = work_item(7, created_at=BEGUN, recorded_at=ISSUED + DAY)
    facts = [
        *_items(1, 2),
        move(1, FINISHED, ISSUED - DAY, recorded_at=ISSUED + DAY),
        _done(2, NOW - DAY),
        replace(late_item, id=late_id),
    ]

    found = resolve_delay(ProjectHistory.from_facts(facts), claim, Circumstances(LATER, LATER))

    assert (found.result, found.decided_at) == (NOT_OCCURRED, NOW - DAY)


def test_forecast_and_rule_name_the_scope_alike() -> None:
    history = team_history([5] * 40, open_items=20)
    risk = forecast_delay_risk(history, as_of=NOW, target_date=(NOW + 8 * WEEK).date())

    known = history.as_of(NOW)
    assert risk.claim is not None
    assert scope_hash(known, open_items(known, known.known_at_us)) == risk.claim.scope_hash


# --- generated histories ---

moments = st.integers(min_value=-24 * 100, max_value=24 * 20).map(lambda hours: NOW + timedelta(hours=hours))


@given(facts=generated_facts(), moment=moments)
def test_open_items_are_those_of_the_restricted_history(facts: list[HistoryFact], moment: datetime) -> None:
    known = ProjectHistory.from_facts(facts).as_of(NOW + 30 * DAY)
    then = known.as_of(moment)

    assert list(known.items.ids[open_items(known, to_us(moment))]) == list(then.items.ids[then.states.open])


@given(facts=generated_facts(), since=moments, until=moments)
def test_moment_when_all_were_done_is_that_of_brute_force(
    facts: list[HistoryFact], since: datetime, until: datetime
) -> None:
    since, until = min(since, until), max(since, until)
    known = ProjectHistory.from_facts(facts).as_of(NOW + 30 * DAY)
    scope = open_items(known, to_us(since))

    found = done_at_once_us(known, scope, to_us(since), to_us(until))

    instants = sorted({to_us(since), *known.statuses.at_us.tolist()})
    candidates = [us for us in instants if to_us(since) <= us <= to_us(until)]
    assert found == next((us for us in candidates if _all_done_at(known, scope, us)), None)


def _all_done_at(known: ProjectHistory, scope: np.ndarray, us: int) -> bool:
    latest: dict[int, int] = {}
    for item, at_us, category in zip(
        known.statuses.item.tolist(), known.statuses.at_us.tolist(), known.statuses.category.tolist(), strict=True
    ):
        if at_us <= us:
            latest[item] = category
    return all(latest.get(item) == DONE for item in np.flatnonzero(scope).tolist())


@given(facts=generated_facts(), at=moments, back=st.integers(0, 24 * 60))
def test_claim_over_an_item_that_was_open_all_along_waits_for_its_target(
    facts: list[HistoryFact], at: datetime, back: int
) -> None:
    history = ProjectHistory.from_facts(facts)
    known, scope_at = history.as_of(at), at - timedelta(hours=back)
    claim = _claim(history, at=scope_at, ends_at=at + DAY)

    if to_us(scope_at) >= open_all_along_since_us(known):
        assert resolve_delay(history, claim, Circumstances(at, at)).result is None


@settings(deadline=None)
@given(facts=generated_teams(), weeks=st.integers(0, 6))
def test_answer_rests_on_no_fact_from_after_the_run(facts: list[HistoryFact], weeks: int) -> None:
    at = NOW + weeks * WEEK
    history = ProjectHistory.from_facts(facts)
    claim, now = _claim(history, at=NOW - WEEK, ends_at=NOW + 2 * WEEK), Circumstances(at, at)

    before = resolve_delay(ProjectHistory.from_facts(without_later_facts(facts, at)), claim, now)

    assert resolve_delay(history, claim, now) == before


@settings(deadline=None)
@given(facts=generated_teams(), first=st.integers(0, 6), more=st.integers(0, 6))
def test_day_of_asking_does_not_change_a_decision(facts: list[HistoryFact], first: int, more: int) -> None:
    history = ProjectHistory.from_facts(facts)
    claim = _claim(history, at=NOW - WEEK, ends_at=NOW + 2 * WEEK)
    asked = [NOW + first * WEEK, NOW + (first + more) * WEEK]

    early, late = (resolve_delay(history, claim, Circumstances(at, at)) for at in asked)

    assert early.result is None or (early.result, early.decided_at) == (late.result, late.decided_at)
    if late.result == NOT_OCCURRED:
        assert late.decided_at is not None
        assert from_us(to_us(late.decided_at)) <= claim.claim.ends_at

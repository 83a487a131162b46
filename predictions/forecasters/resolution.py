"""What became of a claimed delay: the rule by which "these items are not all done by then" is decided.

1. The scope is the items that were open at t0. Facts may have arrived since, so it is restored twice, by the dates of
   the facts and by what was on record at issue, and the hash kept at issue says which one is the scope.
2. The event did not occur when there was a moment, up to the target's end, at which all of them were done at once. That
   can be before the target, and then it is decided there; what is reopened afterwards is new work. So the answer does
   not depend on the day on which somebody asks.
3. Otherwise the end of the target decides, once the record was looked at after it: an item that was still open then
   makes the event occur. The instant at which the target day ends is on the next day: sources without times of day
   date what was finished then by it.
4. Censored, because nobody can say: the project was cancelled before; only items are missing that were deleted or
   hidden before, or that were later found done without a date; the scope cannot be restored; or the record ends before
   the target and nobody has looked for OBSERVATION_GRACE.

Assumes that a record which was looked at after the target holds what happened before it.

Example: items A and B were open on Monday, the target is Friday. A is done on Tuesday, B on Thursday, A is reopened on
Friday morning: not occurred, decided on Thursday. Had B been deleted on Wednesday: censored. Had B stayed open: it
occurred.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import numpy as np

from predictions.enums import OutcomeResult
from predictions.forecasters.answers import MAX_EVIDENCE_ITEMS, EvidenceFact, hash_of
from predictions.forecasters.risk import Claim, IssuedClaim
from projects.history.columns import DONE, UNKNOWN, Codes, Flags, StatusColumns
from projects.history.instants import NEVER, Instants, from_us, to_us
from projects.history.project_history import ProjectHistory
from projects.history.readiness import STALE_AFTER_DAYS

OBSERVATION_GRACE = timedelta(days=STALE_AFTER_DAYS)
"""A record that nobody renewed for so long after the target is lost for the claim."""
ID_TIME_BYTES, MICROSECONDS_PER_MILLISECOND = 6, 1000


class ResolutionReason(StrEnum):
    """Why a claim was decided as it was, or why not yet."""

    ALL_DONE = "ALL_DONE"
    STILL_OPEN = "STILL_OPEN"
    CANCELLED = "CANCELLED"
    ITEMS_LOST = "ITEMS_LOST"
    DONE_WITHOUT_DATE = "DONE_WITHOUT_DATE"
    SCOPE_LOST = "SCOPE_LOST"
    NOT_OBSERVED = "NOT_OBSERVED"
    NOT_DUE = "NOT_DUE"
    DONE_IN_TIME = "DONE_IN_TIME"
    BUDGET_CROSSED = "BUDGET_CROSSED"
    SCOPE_DONE_FIRST = "SCOPE_DONE_FIRST"
    NOT_CROSSED = "NOT_CROSSED"
    FELL_SHORT = "FELL_SHORT"
    DELIVERED = "DELIVERED"
    SHORTAGE_OCCURRED = "SHORTAGE_OCCURRED"
    NO_SHORTAGE = "NO_SHORTAGE"
    OVERLOAD_OCCURRED = "OVERLOAD_OCCURRED"
    NO_OVERLOAD = "NO_OVERLOAD"
    FACTS_LOST = "FACTS_LOST"
    CONSENT_WITHDRAWN = "CONSENT_WITHDRAWN"
    LEVEL_REACHED = "LEVEL_REACHED"
    LEVEL_NOT_REACHED = "LEVEL_NOT_REACHED"
    CREATED_IN_BULK = "CREATED_IN_BULK"
    CLAIM_INCOMPLETE = "CLAIM_INCOMPLETE"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the settling run knows beside the history.

    observed_until: when the record was last looked at, None: never;  cancelled_at: None for a project that goes on
    team_signals_enabled: whether the team still agrees that its hours are looked at
    """

    at: datetime
    observed_until: datetime | None = None
    cancelled_at: datetime | None = None
    team_signals_enabled: bool = True


@dataclass(frozen=True, slots=True)
class Resolution:
    """How a claim ended; result is None while it is open.

    decided_at: when the scope was done, or the target was over
    """

    result: OutcomeResult | None
    reason: ResolutionReason
    decided_at: datetime | None = None
    evidence: tuple[EvidenceFact, ...] = ()


Resolver = Callable[[ProjectHistory, IssuedClaim, Circumstances], Resolution]
"""The rule of one type: (history, claim, circumstances) -> how it ended."""


def resolve_delay(history: ProjectHistory, issued: IssuedClaim, now: Circumstances) -> Resolution:
    """Decide a claim by what is known at `now.at`.  Raises ValueError for naive instants.

    history: unrestricted, or restricted to `now.at`
    A claim about a milestone has those of its items that were open for its scope.
    """
    known = history.as_of(now.at)
    is_due, scope_us = now.at >= issued.claim.ends_at, to_us(issued.as_of)
    by_date = open_items(known, scope_us) & members_at(known, issued)
    if not is_due and done_at_once_us(known, by_date, scope_us, known.known_at_us) is None:
        return Resolution(None, ResolutionReason.NOT_DUE)  # asked for every claim at every run, so without the hash
    scope = scope_of(known, issued, by_date)
    if scope is not None:
        done_us = done_at_once_us(known, scope, scope_us, min(_last_us(issued.claim), known.known_at_us))
        if done_us is not None:
            return _all_done(known, scope, done_us)
    return judge_at_end(known, scope, issued, now) if is_due else Resolution(None, ResolutionReason.NOT_DUE)


def open_items(known: ProjectHistory, moment_us: int) -> Flags:
    """The items of a later history that were open at a moment, as `history.as_of(moment).states.open` has them.

    Shape (items,) of the later history; a tenth of the work of restricting it.
    """
    moves = known.statuses.take(known.statuses.at_us <= moment_us)
    return _open(known, _category(moves, len(known.items)), moment_us)


def open_all_along_since_us(known: ProjectHistory) -> int:
    """When the oldest item was created that is open and never was done, NEVER where there is none.

    Every scope from then on holds that item, so no such claim can be decided before its target is over: with this a
    run looks at a project's open claims once, and not at each.
    """
    was_done = np.zeros(len(known.items), dtype=np.bool_)
    was_done[known.statuses.item[known.statuses.category == DONE]] = True
    created_us = known.items.created_us[known.states.open & ~was_done]
    return int(created_us.min()) if created_us.size else NEVER


def done_at_once_us(known: ProjectHistory, scope: Flags, since_us: int, until_us: int) -> int | None:
    """The first instant in [since, until] at which all items of the scope were done; None where there was none."""
    moves = known.statuses.take(scope[known.statuses.item] & (known.statuses.at_us <= until_us))
    before = moves.take(moves.at_us <= since_us)
    was_done = scope & (_category(before, len(scope)) == DONE)
    missing = int(scope.sum() - was_done.sum())
    if missing == 0:
        return since_us
    after = moves.take(moves.at_us > since_us)
    is_done = after.category == DONE
    previous = np.empty(len(after), dtype=np.bool_)
    previous[1:] = is_done[:-1]
    first = np.ones(len(after), dtype=np.bool_)
    first[1:] = after.item[1:] != after.item[:-1]
    previous[first] = was_done[after.item[first]]
    steps = is_done.astype(np.int64) - previous.astype(np.int64)
    order = np.argsort(after.at_us, kind="stable")
    instants, done = after.at_us[order], np.cumsum(steps[order])
    ends_instant = np.ones(len(instants), dtype=np.bool_)
    ends_instant[:-1] = instants[1:] != instants[:-1]
    complete = np.flatnonzero(ends_instant & (done == missing))
    return int(instants[complete[0]]) if complete.size else None


def scope_hash(known: ProjectHistory, scope: Flags) -> str:
    """The hash by which a claim names its items."""
    return hash_of({"items": tuple(str(item) for item in known.items.ids[scope])})


# --- the scope ---


def scope_of(known: ProjectHistory, issued: IssuedClaim, by_date: Flags) -> Flags | None:
    """The items of the claim; None where neither the dates nor the recording of the facts give them back.

    by_date: `open_items` at the moment of the claim
    """
    if scope_hash(known, by_date) == issued.claim.scope_hash:
        return by_date
    by_recording = _open_as_recorded(known, issued) & members_at(known, issued, as_recorded=True)
    return by_recording if scope_hash(known, by_recording) == issued.claim.scope_hash else None


def members_at(known: ProjectHistory, issued: IssuedClaim, *, as_recorded: bool = False) -> Flags:
    """The items that were in the milestone of a claim when it was made; all where it is about none.

    as_recorded: without memberships that were recorded later
    """
    subject = issued.claim.subject
    if subject.type != "milestone":
        return np.ones(len(known.items), dtype=np.bool_)
    stays = known.context.stays
    if as_recorded:
        stays = stays.take(stays.recorded_us <= to_us(issued.issued_at))
    return stays.members(UUID(subject.id), to_us(issued.as_of), len(known.items))


def _open_as_recorded(known: ProjectHistory, issued: IssuedClaim) -> Flags:
    """What was open at t0 as far as the record held it at issue: without facts that arrived later."""
    scope_us, issued_us = to_us(issued.as_of), to_us(issued.issued_at)
    statuses = known.statuses
    moves = statuses.take((statuses.at_us <= scope_us) & (statuses.recorded_us <= issued_us))
    held: Flags = _first_held_us(known) <= issued_us
    return _open(known, _category(moves, len(known.items)), scope_us) & held


def _first_held_us(known: ProjectHistory) -> Instants:
    """When the record first held each item: its identifier is a UUIDv7, whose first bytes are that time in ms."""
    leading = known.items.id_bytes[:, :ID_TIME_BYTES].astype(np.int64)
    weights = 256 ** np.arange(ID_TIME_BYTES - 1, -1, -1, dtype=np.int64)
    return np.asarray(leading @ weights * MICROSECONDS_PER_MILLISECOND, dtype=np.int64)


def _category(moves: StatusColumns, items: int) -> Codes:
    category = np.full(items, UNKNOWN, dtype=np.int8)
    category[moves.item] = moves.category  # rows are ordered, so the last assignment is the latest move
    return category


def _open(known: ProjectHistory, category: Codes, moment_us: int) -> Flags:
    items = known.items
    flags: Flags = (items.created_us <= moment_us) & (items.gone_us > moment_us) & (category != DONE)
    return flags


# --- the verdict ---


def is_observed(known: ProjectHistory, ends_at: datetime, now: Circumstances) -> bool:
    """Whether somebody looked at the record after the end of a claim: a look, or a fact from later."""
    if now.observed_until is not None and now.observed_until >= ends_at:
        return True
    return known.last_fact_us is not None and known.last_fact_us >= to_us(ends_at)


def seen_until(known: ProjectHistory, now: Circumstances) -> datetime:
    """Until when the record can be trusted to hold what people did: the last look at it, or its newest fact."""
    looked = [moment for moment in (now.observed_until,) if moment is not None]
    newest = [known.last_fact_us] if known.last_fact_us is not None else []
    if len(known.activity):
        newest.append(int(known.activity.at_us[-1]))
    looked += [from_us(us) for us in newest]
    return min(max(looked, default=datetime.min.replace(tzinfo=now.at.tzinfo)), now.at)


def is_cancelled(ends_at: datetime, now: Circumstances) -> bool:
    """Whether the project was cancelled before a claim could be decided."""
    return now.cancelled_at is not None and now.cancelled_at < ends_at


def unobserved(ends_at: datetime, now: Circumstances) -> Resolution:
    """A claim is over and nobody looked at the record since: it waits, and is given up in the end."""
    if now.at >= ends_at + OBSERVATION_GRACE:
        return Resolution(OutcomeResult.CENSORED, ResolutionReason.NOT_OBSERVED, ends_at)
    return Resolution(None, ResolutionReason.NOT_OBSERVED)


def _all_done(known: ProjectHistory, scope: Flags, done_us: int) -> Resolution:
    moment = from_us(done_us)
    count = EvidenceFact("project", "", "Scope at issue", "items_done", str(int(scope.sum())), moment)
    moves = known.statuses
    closing = np.unique(moves.item[(moves.at_us == done_us) & (moves.category == DONE) & scope[moves.item]])
    items = _evidence(known, closing[:MAX_EVIDENCE_ITEMS], "done_at", moment.isoformat(), moment)
    return Resolution(OutcomeResult.NOT_OCCURRED, ResolutionReason.ALL_DONE, moment, (count, *items))


def judge_at_end(known: ProjectHistory, scope: Flags | None, issued: IssuedClaim, now: Circumstances) -> Resolution:
    """The target is over: what is not done then decides, once somebody has looked.  scope: None where it is lost"""
    claim = issued.claim
    if is_cancelled(claim.ends_at, now):
        return Resolution(OutcomeResult.CENSORED, ResolutionReason.CANCELLED, claim.ends_at)
    if scope is None:
        return Resolution(OutcomeResult.CENSORED, ResolutionReason.SCOPE_LOST, claim.ends_at)
    if is_observed(known, claim.ends_at, now):
        return _state_at_end(known, scope, claim)
    return unobserved(claim.ends_at, now)


def _last_us(claim: Claim) -> int:
    """The last instant at which something is in time."""
    return to_us(claim.ends_at) - 1


def _state_at_end(known: ProjectHistory, scope: Flags, claim: Claim) -> Resolution:
    """The same, for a record that was looked at since."""
    end_us = _last_us(claim)
    moves = known.statuses.take(known.statuses.at_us <= end_us)
    undone: Flags = scope & (_category(moves, len(scope)) != DONE)
    if not bool(undone.any()):
        return _verdict(known, scope, claim, OutcomeResult.NOT_OCCURRED, ResolutionReason.DONE_IN_TIME)
    lost: Flags = undone & (known.items.gone_us <= end_us)
    undated: Flags = undone & ~lost & _found_done(known, end_us)
    surely: Flags = undone & ~lost & ~undated
    if bool(surely.any()):
        return _verdict(known, surely, claim, OutcomeResult.OCCURRED, ResolutionReason.STILL_OPEN)
    if bool(lost.any()):
        return _verdict(known, lost, claim, OutcomeResult.CENSORED, ResolutionReason.ITEMS_LOST)
    return _verdict(known, undated, claim, OutcomeResult.CENSORED, ResolutionReason.DONE_WITHOUT_DATE)


def _found_done(known: ProjectHistory, end_us: int) -> Flags:
    """Items whose first sign after the target is that they were found done, with nothing to say since when."""
    later = known.statuses.take((known.statuses.at_us > end_us) & (known.statuses.at_us <= known.known_at_us))
    found = np.zeros(len(known.items), dtype=np.bool_)
    found[later.item[::-1]] = ((later.category == DONE) & ~later.dated)[::-1]  # reversed: the first move stays
    return found


def _verdict(
    known: ProjectHistory, items: Flags, claim: Claim, result: OutcomeResult, reason: ResolutionReason
) -> Resolution:
    field = "items_done" if result == OutcomeResult.NOT_OCCURRED else "items_not_done"
    count = EvidenceFact("project", "", "Scope at issue", field, str(int(items.sum())), claim.ends_at)
    rows = np.flatnonzero(items)
    rows = rows[np.argsort(known.items.created_us[rows], kind="stable")][:MAX_EVIDENCE_ITEMS]
    facts = _evidence(known, rows, "state_at_target", _STATE[reason], claim.ends_at)
    return Resolution(result, reason, claim.ends_at, (count, *facts))


_STATE = {
    ResolutionReason.DONE_IN_TIME: "done",
    ResolutionReason.STILL_OPEN: "open",
    ResolutionReason.ITEMS_LOST: "gone or hidden",
    ResolutionReason.DONE_WITHOUT_DATE: "found done later, without a date",
}


def _evidence(
    known: ProjectHistory, rows: Instants, field: str, value: str, moment: datetime
) -> tuple[EvidenceFact, ...]:
    items = known.items
    return tuple(
        EvidenceFact("work_item", str(items.ids[row]), str(items.keys[row]), field, value, moment, str(items.urls[row]))
        for row in rows
    )

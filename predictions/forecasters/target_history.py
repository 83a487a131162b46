"""Which target date was in force since when: what was promised does not change when the promise does.

1. The project's own end date decides where it has one; else the plan approved last.
2. A plan counts from its approval. A change of it counts from when it was made, not from its approval: who edits a plan
   moves the target today, and does not move what it was.
3. A plan that was taken away counts until then.

Example: approved in January for June; moved in April to August by an edit of the plan: June from January, August from
April.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class TargetSource(StrEnum):
    """Who said so."""

    PROJECT = "PROJECT"
    BASELINE = "BASELINE"
    SCOPE_APPROVAL = "SCOPE_APPROVAL"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class EndDate:
    """The project's own end date from a moment on; None takes it away."""

    since: datetime
    target_date: date | None


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """One state of an approved plan.

    since: when it began to count;  until: when it was changed or taken away, None while it stands
    approved_at: of the plan; the latest one in force decides
    """

    source: TargetSource
    approved_at: datetime
    since: datetime
    until: datetime | None
    target_date: date | None


@dataclass(frozen=True, slots=True)
class TargetInForce:
    """A target date, and from when on it was the one; None: there was none."""

    target_date: date | None
    since: datetime
    source: TargetSource


def targets_in_force(end_dates: Sequence[EndDate], plans: Sequence[PlanVersion]) -> tuple[TargetInForce, ...]:
    """The targets one after the other, oldest first; neighbours differ in date or source."""
    moments = {each.since for each in end_dates} | {plan.since for plan in plans}
    moments |= {plan.until for plan in plans if plan.until is not None}
    found: list[TargetInForce] = []
    for moment in sorted(moments):
        now = _in_force(moment, end_dates, plans)
        if found and (found[-1].target_date, found[-1].source) == (now.target_date, now.source):
            continue
        if found or now.target_date is not None:
            found.append(now)
    return tuple(found)


def _in_force(moment: datetime, end_dates: Sequence[EndDate], plans: Sequence[PlanVersion]) -> TargetInForce:
    own = max((each for each in end_dates if each.since <= moment), key=lambda each: each.since, default=None)
    if own is not None and own.target_date is not None:
        return TargetInForce(own.target_date, moment, TargetSource.PROJECT)
    standing = [
        plan
        for plan in plans
        if plan.target_date is not None
        and plan.since <= moment
        and plan.approved_at <= moment
        and (plan.until is None or plan.until > moment)
    ]
    newest = max(standing, key=lambda plan: (plan.approved_at, plan.since), default=None)
    if newest is None:
        return TargetInForce(None, moment, TargetSource.NONE)
    return TargetInForce(newest.target_date, moment, newest.source)

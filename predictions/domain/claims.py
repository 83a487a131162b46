"""The one place where a claim becomes the `event` of a prediction, and comes back from it."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from predictions.enums import PredictionType
from predictions.forecasters.risk import Claim, IssuedClaim, Subject
from predictions.models import Prediction

MAX_CLAIM_CHARACTERS, MAX_KEY_CHARACTERS = 500, 200
"""As in the schema of `event`: a tool's keys may be longer than anybody reads."""
UNTIL_DECIDED = frozenset({PredictionType.BUDGET_OVERRUN})
"""Types without a target day whose event stays the same however often its horizon is drawn anew."""
EPOCH = date(1970, 1, 1)


def event_of(claim: Claim, *, project_id: UUID, as_of: datetime) -> dict[str, Any]:
    """A claim as JSON, complete: settlement reads nothing else."""
    event: dict[str, Any] = {
        "claim": claim.description[:MAX_CLAIM_CHARACTERS],
        "subject": _subject_row(claim.subject, project_id),
    }
    if claim.target_date is not None:
        event["target_date"] = claim.target_date.isoformat()
    if claim.scope_items is not None:
        event["scope"] = {"item_count": claim.scope_items, "as_of": as_of.isoformat()}
        if claim.scope_hash:
            event["scope"]["items_hash"] = claim.scope_hash
    if claim.threshold is not None:
        event |= {"threshold": claim.threshold, "unit": claim.unit}
    if claim.terms:
        event["terms"] = dict(claim.terms)
    return event


def issued_claim(prediction: Prediction) -> IssuedClaim:
    """The claim of a stored prediction, as it was at issue."""
    event = prediction.event
    scope: dict[str, Any] = event.get("scope") or {}
    subject: dict[str, Any] = event.get("subject") or {}
    target, as_of = event.get("target_date"), scope.get("as_of")
    claim = Claim(
        subject=_subject(subject),
        description=str(event.get("claim", "")),
        ends_at=prediction.predicted_for,
        target_date=date.fromisoformat(target) if target else None,
        scope_items=scope.get("item_count"),
        scope_hash=str(scope.get("items_hash", "")),
        threshold=event.get("threshold"),
        unit=str(event.get("unit", "")),
        terms=event.get("terms") or {},
    )
    return IssuedClaim(
        claim, as_of=datetime.fromisoformat(as_of) if as_of else prediction.as_of, issued_at=prediction.issued_at
    )


def event_key(kind: PredictionType, claim: Claim, *, project_id: UUID, as_of: datetime) -> str:
    """Names the event across re-forecasts: the type, what it is about, and the target in force."""
    return _key(kind, claim, project_id, _target(kind, claim, _window_days(claim, as_of), shift=0))


def key_before(kind: PredictionType, claim: Claim, *, project_id: UUID, as_of: datetime) -> str | None:
    """The event that this one follows where a claim is about a window that moves with the clock; None elsewhere.

    Its warning goes on in this one, although it is another event.
    """
    if not is_of_window(kind, claim):
        return None
    return _key(kind, claim, project_id, _target(kind, claim, _window_days(claim, as_of), shift=-1))


def is_of_window(kind: PredictionType, claim: Claim) -> bool:
    """Whether it says "within so many days from now", so that tomorrow's claim is about other days.

    So it does where no day is promised, or where it ends before that day.
    """
    ends_with_target = claim.target_date is not None and claim.ends_at.date() >= claim.target_date
    return not ends_with_target and kind not in UNTIL_DECIDED


def _target(kind: PredictionType, claim: Claim, window_days: int, *, shift: int) -> str:
    """The day promised; else the level, and for a moving window which of the windows that fit side by side it is in.

    Windows of neighbouring days share nearly all their days, so they are one event; 28 days later it is another.
    """
    target = "" if claim.target_date is None else claim.target_date.isoformat()
    if is_of_window(kind, claim):
        window = (claim.ends_at.date() - EPOCH).days // window_days + shift
        return f"{target} window {window} of {window_days} d"
    return target or ("" if claim.threshold is None else f"{claim.threshold:.6g} {claim.unit}")


def _window_days(claim: Claim, as_of: datetime) -> int:
    return max(1, round((claim.ends_at - as_of) / timedelta(days=1)))


def _key(kind: PredictionType, claim: Claim, project_id: UUID, target: str) -> str:
    subject = _subject_row(claim.subject, project_id)
    return hashlib.sha256(f"{kind} {subject['type']} {subject['id']} {target}".encode()).hexdigest()


def _subject_row(subject: Subject, project_id: UUID) -> dict[str, str]:
    row = {"type": subject.type, "id": subject.id or str(project_id)}
    return {**row, "key": subject.key[:MAX_KEY_CHARACTERS]} if subject.key else row


def _subject(row: dict[str, Any]) -> Subject:
    kind = str(row.get("type", "project"))
    if kind == "project":
        return Subject()
    return Subject(kind, str(row.get("id", "")), str(row.get("key", "")))

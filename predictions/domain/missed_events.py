"""Reports of events that nobody was warned of: made by people, settled by claims where they tell, else by a person.

Every step leaves a `MissedEventVerdict`. A person who vouches for a report or rejects it has the last word: no run
takes it back, only another person.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from predictions.calibration.missed_events import DAY, CoveringClaim, Finding, find_cover
from predictions.enums import MissedEventStatus, PredictionType
from predictions.models import MissedEvent, MissedEventVerdict, Prediction
from projects.models import Project
from tenants.domain.auditing import record_bulk
from tenants.domain.refusals import Refusal
from tenants.models import User

WAITING = (MissedEventStatus.REPORTED, MissedEventStatus.LINKED)
ABOUT_THE_PROJECT = Q(event__subject__type="project") | Q(event__subject__type__isnull=True)
VERDICTS = (MissedEventStatus.CONFIRMED, MissedEventStatus.REJECTED)
"""What a person may decide."""


class VerdictRefused(Refusal):
    """A verdict that the report's state does not allow."""


def report_missed_event(
    *, project: Project, type: PredictionType, occurred_at: datetime, description: str, by: User, at: datetime
) -> MissedEvent:
    """Keep that something happened without a warning, and look whether a claim covered it.

    Raises ValidationError for an event of the future or without a description, IntegrityError for a second report.
    """
    if occurred_at > at:
        raise ValidationError({"occurred_at": "This lies in the future: report what has happened."})
    if not description.strip():
        raise ValidationError({"description": "Say what happened."})
    event: MissedEvent = MissedEvent.objects.create(
        project=project,
        type=type,
        occurred_at=occurred_at,
        description=description.strip(),
        reported_at=at,
        reported_by_id=by.pk,
    )
    _step(event, MissedEventStatus.REPORTED, None, by_id=by.pk, at=at, note="")
    _follow([event], at=at)
    return event


def settle_missed_events(*, project: Project, at: datetime) -> int:
    """Settle what the claims of a project tell by now. Returns how many reports moved. Idempotent."""
    waiting = MissedEvent.objects.filter(project=project, status__in=WAITING).select_for_update(of=("self",))
    return _follow(list(waiting.order_by("id")), at=at)


def judge_missed_event(
    *, event: MissedEvent, status: MissedEventStatus, note: str, by: User, at: datetime
) -> MissedEvent:
    """Vouch for a report, or reject it.

    Raises VerdictRefused where a claim covers the event (its outcome counts already), for a verdict that stands
    already, and for one without a reason.
    """
    locked: MissedEvent = MissedEvent.objects.select_for_update(of=("self",)).get(pk=event.pk)
    if status not in VERDICTS:
        raise VerdictRefused("Confirm it or reject it; the rest follows from the claims.", field="status")
    if locked.status == MissedEventStatus.COVERED:
        raise VerdictRefused("A claim covers this event, and its outcome counts already.", field="status")
    if locked.status == MissedEventStatus.LINKED:
        raise VerdictRefused("A claim that is still open covers this event: its outcome decides.", field="status")
    if locked.status == status:
        raise VerdictRefused(f"It is {locked.get_status_display().lower()} already.", field="status")
    if not note.strip():
        raise VerdictRefused("Say why: the history keeps it.", field="note")
    locked.status, locked.settled_at = status, at
    locked.save()
    _step(locked, status, locked.prediction_id, by_id=by.pk, at=at, note=note.strip())
    event.refresh_from_db()
    return event


def reported_misses(events: QuerySet[MissedEvent]) -> dict[str, int]:
    """How many of the reports a person may see are in which state."""
    counts = dict.fromkeys((status.value for status in MissedEventStatus), 0)
    for status in events.order_by().values_list("status", flat=True):
        counts[status] += 1
    return counts


def _follow(events: list[MissedEvent], *, at: datetime) -> int:
    moved = 0
    for event in events:
        finding = find_cover(event.occurred_at, _claims(event))
        claim_id = None if finding.claim_id is None else UUID(finding.claim_id)
        if (event.status, event.prediction_id) == (finding.status, claim_id):
            continue
        event.status, event.prediction_id = finding.status, claim_id
        event.settled_at = at if finding.status == MissedEventStatus.COVERED else None
        event.save()
        _step(event, finding.status, claim_id, by_id=None, at=at, note=_note(finding))
        moved += 1
    if moved:
        record_bulk(model=MissedEventVerdict, counts={"created": moved})
    return moved


def _claims(event: MissedEvent) -> Iterable[CoveringClaim]:
    """Claims about the project as a whole, as the report is: that one item is late covers no missed release."""
    rows: Any = (
        Prediction.objects.filter(
            ABOUT_THE_PROJECT,
            project=event.project_id,
            type=event.type,
            is_retrospective=False,
            issued_at__lt=event.occurred_at,
            predicted_for__gt=event.occurred_at - DAY,
        )
        .order_by("-issued_at", "-id")
        .values_list("pk", "issued_at", "predicted_for", "outcomes__result")[:1]
    )
    return (CoveringClaim(str(pk), issued_at, until, result) for pk, issued_at, until, result in rows)


def _note(finding: Finding) -> str:
    match finding.status:
        case MissedEventStatus.LINKED:
            return "An open claim covers the event; its outcome decides."
        case MissedEventStatus.COVERED:
            return "The claim that covers the event occurred, so the ledger counts it."
        case _ if finding.claim_id is None:
            return "No claim covers the event."
    return "The claim that covers the event did not occur, or cannot be judged; a person decides."


def _step(
    event: MissedEvent, status: MissedEventStatus, claim_id: UUID | None, *, by_id: UUID | None, at: datetime, note: str
) -> MissedEventVerdict:
    verdict: MissedEventVerdict = MissedEventVerdict.objects.create(
        missed_event=event, status=status, claim_id=claim_id, actor_id=by_id, at=at, note=note
    )
    return verdict

"""Taking a message to send, and keeping what became of it: the two transactions around a try.

1. A claim names one delivery and holds until a moment. While one of a destination holds, no other of it is made: a
   place has one sender at a time, however many workers there are, and gets messages in their order where none fails.
2. Each claim counts as a try. A sender that is killed leaves its claim behind; when that has run out the delivery is
   claimed anew. The place may have it already, and knows it again by its id: at least once, never two at a time.
3. What became of it is kept only by who holds the claim. Both transactions lock the destination first.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.db.models import Q, QuerySet

from integrations.destinations.base import Parcel
from integrations.domain.outgoing.recipients import opened_address
from integrations.domain.outgoing.schedule import MOST_ATTEMPTS, has_failed_for_too_long, hold_after, wait_after
from integrations.domain.outgoing.secrets import signing_secrets
from integrations.enums import DeliveryState, DisabledBecause
from integrations.http.errors import CredentialsMissing, Gone, InternalError, ToolError
from integrations.http.waiting import Waiting
from integrations.models import Delivery, Destination
from tenants.audit.enums import AuditAction, Operation
from tenants.domain import auditing
from tenants.encryption.errors import EncryptionError
from tenants.isolation.context import require_tenant_id
from tenants.models import Tenant

logger = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=2)
"""Several times as long as a try may take."""
KEPT_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this sender alone may send now. parcel: None where the address cannot be opened"""

    delivery_id: UUID
    destination_id: UUID
    kind: str
    token: UUID
    parcel: Parcel | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a try. error: None where it was taken"""

    at: datetime
    duration_ms: int
    status_code: int | None = None
    error: ToolError | None = None


def unclaimed(at: datetime) -> Q:
    """Nobody is sending it."""
    return Q(claimed_until__isnull=True) | Q(claimed_until__lte=at)


def due_deliveries(at: datetime) -> QuerySet[Delivery]:
    """What waits to be sent now and that nobody is sending; of a closed organisation there is nothing."""
    waiting = Delivery.objects.filter(unclaimed(at), state=DeliveryState.WAITING, next_try_at__lte=at)
    return waiting.filter(tenant__is_active=True)


def due_destinations(at: datetime) -> list[UUID]:
    """Destinations of the current tenant for which something is due, also those that it must be cancelled for."""
    held = Q(destination__is_active=True, destination__held_until__gt=at)
    found = due_deliveries(at).exclude(held).order_by("destination_id")
    return list(found.values_list("destination_id", flat=True).distinct())


def claim_next(destination_id: UUID, *, at: datetime) -> Claim | None:
    """Take the oldest message that is due for a destination.

    None when there is none, when another sender is at it, or when the place is held. What waits for a destination
    that is switched off is cancelled.
    """
    destination = Destination.objects.select_for_update(of=("self",)).filter(pk=destination_id).first()
    if destination is None:
        return None
    waiting = Delivery.objects.filter(destination=destination, state=DeliveryState.WAITING)
    if not destination.is_active:
        cancel(waiting.filter(unclaimed(at)))
        return None
    if destination.held_until is not None and destination.held_until > at:
        return None
    if waiting.filter(claimed_until__gt=at).exists():
        return None
    due = due_deliveries(at).filter(destination=destination).order_by("id")
    _end_worn_out(due)
    delivery = due.select_related("message__project").first()
    return None if delivery is None else _claimed(delivery, destination, at)


def _end_worn_out(due: QuerySet[Delivery]) -> None:
    """End what senders died of, time and again."""
    due.filter(attempts__gte=MOST_ATTEMPTS).update(
        state=DeliveryState.FAILED, error_code=InternalError.code, next_try_at=None, claim=None, claimed_until=None
    )


def _claimed(delivery: Delivery, destination: Destination, at: datetime) -> Claim:
    token = uuid4()
    Delivery.objects.filter(pk=delivery.pk).update(
        claim=token, claimed_until=at + LEASE, attempts=delivery.attempts + 1
    )
    return Claim(delivery.pk, destination.pk, destination.kind, token, _parcel(delivery, destination, at))


def _parcel(delivery: Delivery, destination: Destination, at: datetime) -> Parcel | None:
    message = delivery.message
    try:
        address = opened_address(destination, message.project or destination.project)
        secrets = signing_secrets(destination, at=at)
    except EncryptionError:
        return None
    return Parcel(
        message_id=message.pk,
        type=message.type,
        occurred_at=message.occurred_at,
        data=message.data,
        project_name="" if message.project is None else message.project.name,
        time_zone=Tenant.objects.values_list("time_zone", flat=True).get(pk=require_tenant_id()),
        at=at,
        address=address,
        signing_secrets=secrets,
        notice=message.notice,
        memory=dict(delivery.memory),
        thread_memory=_thread_memory(delivery),
    )


def _thread_memory(delivery: Delivery) -> dict[str, Any]:
    """What the sender kept of the first message of the thread that arrived at the same place."""
    thread = delivery.message.thread
    if not thread:
        return {}
    before = Delivery.objects.filter(
        destination=delivery.destination_id, state=DeliveryState.SENT, message__thread=thread, pk__lt=delivery.pk
    )
    found: dict[str, Any] | None = before.order_by("id").values_list("memory", flat=True).first()
    return found or {}


def parcel_of(claim: Claim) -> Parcel:
    """What there is to send. Raises CredentialsMissing where the address cannot be opened."""
    if claim.parcel is None:
        raise CredentialsMissing("The stored address cannot be opened; enter it again.")
    return claim.parcel


def keep_outcome(claim: Claim, outcome: Outcome, waiting: Waiting) -> bool:
    """Keep what became of a try. False where the claim ran out meanwhile and another sender has it."""
    destination = Destination.objects.select_for_update(of=("self",)).filter(pk=claim.destination_id).first()
    delivery = Delivery.objects.select_for_update(of=("self",)).filter(pk=claim.delivery_id, claim=claim.token).first()
    if destination is None or delivery is None:
        logger.warning("delivery %s was claimed anew, or removed, while it was sent", claim.delivery_id)
        return False
    if claim.parcel is not None:
        delivery.memory = claim.parcel.memory
    if outcome.error is None:
        _keep_sent(delivery, destination, outcome)
    else:
        _keep_failed(delivery, destination, outcome, outcome.error, waiting)
    return True


def _keep_sent(delivery: Delivery, destination: Destination, outcome: Outcome) -> None:
    _keep(delivery, outcome, state=DeliveryState.SENT, sent_at=outcome.at, next_try_at=None)
    Destination.objects.filter(pk=destination.pk).update(
        last_sent_at=outcome.at, failure_count=0, failing_since=None, held_until=None, last_error_code=""
    )


def _keep_failed(
    delivery: Delivery, destination: Destination, outcome: Outcome, error: ToolError, waiting: Waiting
) -> None:
    at = outcome.at
    wait = wait_after(delivery.attempts, error, waiting.uniform)
    state = DeliveryState.FAILED if wait is None else DeliveryState.WAITING
    _keep(delivery, outcome, state=state, next_try_at=None if wait is None else at + wait)
    failures, failing_since = destination.failure_count + 1, destination.failing_since or at
    hold = hold_after(failures, error)
    Destination.objects.filter(pk=destination.pk).update(
        failure_count=failures,
        failing_since=failing_since,
        held_until=None if hold is None else at + hold,
        last_error_code=error.code,
    )
    if isinstance(error, Gone):
        switch_off(destination, DisabledBecause.GONE, at=at)
    elif has_failed_for_too_long(failing_since, at):
        switch_off(destination, DisabledBecause.FAILING, at=at)


def _keep(delivery: Delivery, outcome: Outcome, **values: Any) -> None:
    code = "" if outcome.error is None else outcome.error.code
    tried = {
        "at": outcome.at.isoformat(),
        "status_code": outcome.status_code,
        "error_code": code,
        "duration_ms": outcome.duration_ms,
    }
    Delivery.objects.filter(pk=delivery.pk).update(
        claim=None,
        claimed_until=None,
        status_code=outcome.status_code,
        error_code=code,
        log=[*delivery.log, tried][-KEPT_TRIES:],
        memory=delivery.memory,
        **values,
    )


def cancel(waiting: QuerySet[Delivery]) -> None:
    waiting.update(state=DeliveryState.CANCELLED, next_try_at=None, claim=None, claimed_until=None)


def switch_off(destination: Destination, because: DisabledBecause, *, at: datetime) -> None:
    """Stop sending to a destination, cancel what waits for it, and say why in the audit trail."""
    Destination.objects.filter(pk=destination.pk).update(
        is_active=False, disabled_at=at, disabled_because=because, updated_at=at
    )
    cancel(Delivery.objects.filter(destination=destination, state=DeliveryState.WAITING))
    auditing.record(
        action=AuditAction.CONFIGURE_INTEGRATION,
        operation=Operation.UPDATE,
        resource=destination,
        changes={"is_active": [True, False], "disabled_because": because.value},
        reason="switched off by the system",
    )
    logger.warning("destination %s was switched off: %s", destination.pk, because.value)

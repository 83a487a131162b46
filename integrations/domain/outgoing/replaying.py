"""Sending again what people ask for: one delivery, everything since a moment, or a test."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import uuid4

from django.db.models import Q

from integrations.domain.outgoing.announcing import DELIVER_TASK, address, is_wanted
from integrations.domain.outgoing.claiming import unclaimed
from integrations.domain.outgoing.links import page_link
from integrations.enums import DeliveryState, EventType
from integrations.messages.notice import Notice
from integrations.messages.words import trial_notice
from integrations.models import Delivery, Destination, OutgoingMessage
from tenants.domain import auditing
from tenants.domain.auditing import AuditAction, Operation
from tenants.domain.refusals import Refusal
from tenants.isolation.context import require_tenant_id
from tenants.isolation.queue import defer_job
from tenants.models import Tenant

MOST_AT_ONCE: Final = 5_000


class CannotSend(Refusal):
    """The destination is switched off, a sender is at it, or it would be too much."""


def send_again(*, delivery: Delivery, at: datetime) -> Delivery:
    """Send one message to one destination again, with the same id and as if it had never been tried.

    Raises CannotSend while it is being sent, or where the destination is switched off.
    """
    destination = Destination.objects.get(pk=delivery.destination_id)
    _check_active(destination)
    if not _renew(Q(pk=delivery.pk), at):
        raise CannotSend("It is being sent at this moment.")
    defer_job(DELIVER_TASK, subject=destination.pk)
    _audit(destination, "one message is sent again", 1)
    delivery.refresh_from_db()
    return delivery


def send_again_since(*, destination: Destination, since: datetime, at: datetime) -> int:
    """Send a destination all that it wants to know and that was put in since a moment, also what it was never sent.

    Returns how many messages. What is being sent, or waits for its first try, is not touched.
    Raises CannotSend where the destination is switched off, or where that is more than `MOST_AT_ONCE`.
    """
    _check_active(destination)
    put_in = OutgoingMessage.objects.filter(created_at__gte=since).exclude(type=EventType.TEST).order_by("id")
    wanted = [each for each in put_in[: MOST_AT_ONCE + 1] if is_wanted(destination, each)]
    if len(wanted) > MOST_AT_ONCE:
        raise CannotSend(f"That is more than {MOST_AT_ONCE:,} messages. Choose a later moment.", field="since")
    deliveries = Delivery.objects.filter(destination=destination, message__in=wanted)
    known = set(deliveries.values_list("message_id", flat=True))
    renewed = _renew(Q(destination=destination, message__in=wanted) & ~Q(state=DeliveryState.WAITING, attempts=0), at)
    new = [each for each in wanted if each.pk not in known]
    for message in new:
        address(message, [destination], at=at)
    if renewed:
        defer_job(DELIVER_TASK, subject=destination.pk)
    count = renewed + len(new)
    _audit(destination, f"everything since {since.isoformat()} is sent again", count)
    return count


def send_test(*, destination: Destination, at: datetime) -> Delivery:
    """Send a destination a message that says nothing, to see whether it arrives. Raises CannotSend."""
    _check_active(destination)
    message = OutgoingMessage.objects.create(
        type=EventType.TEST, key=str(uuid4()), occurred_at=at, notice=_trial(destination).as_json()
    )
    [delivery] = address(message, [destination], at=at)
    _audit(destination, "a test is sent", 1)
    return delivery


def _trial(destination: Destination) -> Notice:
    organisation = Tenant.objects.get(pk=require_tenant_id())
    return trial_notice(organisation=organisation.shown_name, destination=destination.name, link=page_link(destination))


def _check_active(destination: Destination) -> None:
    if not destination.is_active:
        raise CannotSend("The destination is switched off; switch it on first.")


def _renew(which: Q, at: datetime) -> int:
    """Let deliveries that nobody is sending wait for a first try. Returns how many."""
    return Delivery.objects.filter(unclaimed(at), which).update(
        state=DeliveryState.WAITING, attempts=0, next_try_at=at, claim=None, claimed_until=None, memory={}
    )


def _audit(destination: Destination, reason: str, count: int) -> None:
    auditing.record(
        action=AuditAction.BULK_WRITE,
        operation=Operation.BULK,
        resource=destination,
        changes={"counts": {"messages": count}},
        reason=reason,
    )

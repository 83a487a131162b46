"""Putting a message in: rows of the transaction in which it happened, and a job for each place that wants to know.

    something happens ── same transaction ──→ message ─→ a delivery for each destination ─→ a job for each destination

Nothing is sent here, and nothing that goes wrong here reaches the caller: an analysis is worth more than its news.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from integrations.enums import DestinationKind, EventType
from integrations.models import Delivery, Destination, OutgoingMessage
from projects.models import Project
from tenants.isolation.queue import defer_job

logger = logging.getLogger(__name__)

DELIVER_TASK: Final = "deliver_messages"
"""The job that sends what waits for one destination, by the name that workers know it by."""
MADE_FOR: Final = "destination"
"""In the data of a message that is for one destination alone."""


def announce(
    *,
    type: EventType,
    key: str,
    occurred_at: datetime,
    data: Mapping[str, Any],
    project: Project | None = None,
    kinds: Collection[DestinationKind] = (),
    not_before: datetime | None = None,
) -> OutgoingMessage | None:
    """Tell every active destination that wants to know, once this transaction commits: programs only.

    key: names the event within its type: what was told under it is not told again
    data: JSON: ids, kinds, figures, links; no names of people, nothing that people wrote
    kinds: of destinations to tell, () for all;  not_before: when it is sent at the earliest, None: at once
    Returns None when the organisation has no destination, when it was told before, or when it could not be put in,
    which is logged. Never raises for what goes wrong in here; must not be called in a transaction that is broken.
    """
    told: OutgoingMessage | None = None
    with out_of_the_way(type):
        told = _put_in(
            OutgoingMessage(
                type=type, key=key, project=project, occurred_at=occurred_at, data=dict(data), kinds=sorted(kinds)
            ),
            at=max(occurred_at, not_before or occurred_at),
        )
    return told


@contextmanager
def out_of_the_way(what: str) -> Iterator[None]:
    """Gather and put in news without ever failing whoever has them: what goes wrong inside is taken back and logged."""
    try:
        with transaction.atomic():
            yield
    except Exception:
        logger.exception("%s could not be put in", what)


def has_destinations() -> bool:
    """Whether the organisation has any place at all to tell things, switched on or off."""
    return Destination.objects.exists()


def _put_in(message: OutgoingMessage, *, at: datetime) -> OutgoingMessage | None:
    if not has_destinations():
        return None
    return put_in(message, wanting_destinations(message), at=at)


def put_in(message: OutgoingMessage, destinations: Iterable[Destination], *, at: datetime) -> OutgoingMessage | None:
    """Keep a message and let it be sent to destinations, once this transaction commits. None: it was told before.

    For whoever has to know that it is in, because something else of the transaction depends on that.
    at: from when on it is sent
    """
    OutgoingMessage.objects.bulk_create([message], ignore_conflicts=True)
    if not OutgoingMessage.objects.filter(pk=message.pk).exists():
        return None
    address(message, destinations, at=at)
    return message


def wanting_destinations(message: OutgoingMessage) -> list[Destination]:
    """The active destinations that are told of a message."""
    return [each for each in active_destinations() if is_wanted(each, message)]


def active_destinations() -> list[Destination]:
    return list(Destination.objects.filter(is_active=True).order_by("id"))


def is_wanted(destination: Destination, message: OutgoingMessage) -> bool:
    """Whether a message is of the kind, the types and the project that a destination is told of.

    Places where people read want only what has words: what is told to people is decided by the rules of alerts, and
    nobody reads a line for every gap and every run. A digest is of the destination that it was made for.
    """
    if destination.kind != DestinationKind.WEBHOOK and not message.notice:
        return False
    if message.data.get(MADE_FOR, str(destination.pk)) != str(destination.pk):
        return False
    is_for_kind = not message.kinds or destination.kind in message.kinds
    is_of_project = destination.project_id is None or destination.project_id == message.project_id
    return is_for_kind and is_of_project and (not destination.event_types or message.type in destination.event_types)


def address(message: OutgoingMessage, destinations: Iterable[Destination], *, at: datetime) -> list[Delivery]:
    """Let a message be sent to destinations.  at: from when on"""
    deliveries = [Delivery(message=message, destination=each, next_try_at=at) for each in destinations]
    Delivery.objects.bulk_create(deliveries)
    for delivery in deliveries:
        defer_job(DELIVER_TASK, subject=delivery.destination_id)
    return deliveries

"""What hints are good for: they bring the next run forward, and the census of places where something was deleted.

    a hint comes ── no run since, and the last one began long enough ago ──> a run is due
                 └─ a run is under way, or began just now ──> due when the gap is over

1. A hint waits until a run begins that is later than it by SETTLING. Nothing else remembers it, so neither a job that
   is lost, nor a run under way that has passed the place already, nor a killed worker loses it.
2. Runs for hints begin at least the tool's gap apart (`WebhookScheme.least_gap`), however many come.
3. They hurry nothing while the tool asked for a pause, or runs fail: then the next time stands as it was set.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import F, Q, QuerySet

from integrations.connectors.registry import hinting_types, scheme_of
from integrations.models import IncomingDelivery, IncomingWebhook, Integration

SETTLING: Final = timedelta(seconds=5)
"""A run that begins sooner after a hint is followed by another: a tool's lists may be a little behind what it says, and
the clocks of our machines a little apart."""
DELIVERY_RETENTION: Final = timedelta(days=7)
"""How long a repetition is known as one. Tools repeat for hours, a few for three days; GitHub's page lets people send
one again for three days."""


def hinted_integrations(at: datetime) -> QuerySet[IncomingWebhook, UUID]:
    """Ids of the tenant's integrations of which a hint is due, for a subquery."""
    ripe = Q(run_begun_at__isnull=True)
    for tool in hinting_types():
        ripe |= Q(integration__type=tool, run_begun_at__lte=at - scheme_of(tool).least_gap)
    waiting = Q(run_begun_at__isnull=True) | Q(hinted_at__gt=F("run_begun_at") - SETTLING)
    free = Q(held_until__isnull=True) | Q(held_until__lte=at)
    found = IncomingWebhook.objects.filter(waiting, ripe, free, hinted_at__isnull=False)
    return found.order_by().values_list("integration_id", flat=True)


def waits_for_a_run(webhook: IncomingWebhook) -> bool:
    """Whether a hint came that no run has heeded yet."""
    hinted_at, begun_at = webhook.hinted_at, webhook.run_begun_at
    return hinted_at is not None and (begun_at is None or hinted_at > begun_at - SETTLING)


def note_run_begun(integration: Integration, at: datetime) -> None:
    """Hints until now are heeded by this run. at: when it began, also if it goes on after a kill"""
    IncomingWebhook.objects.filter(integration=integration).update(run_begun_at=at)


def note_hold(integration: Integration, until: datetime | None) -> None:
    """until: hints hurry no run before, None: they do"""
    IncomingWebhook.objects.filter(integration=integration).update(held_until=until)


def deletions_hinted(integration: Integration, since: datetime) -> frozenset[str]:
    """Places where something was deleted since, or just before, in lower case; "" where a message did not say."""
    recent = IncomingDelivery.objects.filter(integration=integration, received_at__gt=since - SETTLING)
    named = recent.exclude(deletions_in=[]).values_list("deletions_in", flat=True)
    return frozenset(place.lower() for places in named for place in places)


def forget_old_deliveries(integration: Integration, at: datetime) -> None:
    """Remove what is past its retention."""
    IncomingDelivery.objects.filter(integration=integration, received_at__lt=at - DELIVERY_RETENTION).delete()

"""What hints are good for: they bring the next run forward, and the census of places where something was deleted.

    a hint comes ── no run since, and the last one began long enough ago ──> a run is due
                 └─ a run is under way, or began just now ──> due when the gap is over

1. A hint waits while it is later than the beginning of the last run. Nothing else remembers it, so neither a job that
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

DELIVERY_RETENTION: Final = timedelta(days=7)
"""How long a repetition is known as one. Tools repeat for hours, a few for three days; GitHub's page lets people send
one again for three days."""


def hinted_integrations(at: datetime) -> QuerySet[IncomingWebhook, UUID]:
    """Ids of the tenant's integrations of which a hint is due, for a subquery."""
    ripe = Q(run_begun_at__isnull=True)
    for tool in hinting_types():
        ripe |= Q(integration__type=tool, run_begun_at__lte=at - scheme_of(tool).least_gap)
    waiting = Q(run_begun_at__isnull=True) | Q(hinted_at__gt=F("run_begun_at"))
    free = Q(held_until__isnull=True) | Q(held_until__lte=at)
    found = IncomingWebhook.objects.filter(waiting, ripe, free, hinted_at__isnull=False)
    return found.order_by().values_list("integration_id", flat=True)


def note_run_begun(integration: Integration, at: datetime) -> None:
    """Hints until now are heeded by this run. at: when it began, also if it goes on after a kill"""
    IncomingWebhook.objects.filter(integration=integration).update(run_begun_at=at)


def note_hold(integration: Integration, until: datetime | None) -> None:
    """until: hints hurry no run before, None: they do"""
    IncomingWebhook.objects.filter(integration=integration).update(held_until=until)


def deletions_hinted(integration: Integration, since: datetime) -> frozenset[str]:
    """Places where something was deleted since, in lower case; "" where a message did not say."""
    rows = IncomingDelivery.objects.filter(integration=integration, received_at__gte=since).exclude(deletions_in=[])
    return frozenset(place.lower() for places in rows.values_list("deletions_in", flat=True) for place in places)


def forget_old_deliveries(integration: Integration, at: datetime) -> None:
    """Remove what is past its retention."""
    IncomingDelivery.objects.filter(integration=integration, received_at__lt=at - DELIVERY_RETENTION).delete()

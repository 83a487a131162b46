"""Which integrations are to be read now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q

from integrations.domain.hints import hinted_integrations
from integrations.domain.syncing.finishing import LONGEST_PAUSE
from integrations.enums import IntegrationStatus
from integrations.models import Integration
from integrations.models.integration import LONGEST_INTERVAL_MINUTES
from projects.enums import ProjectStatus

SWITCHED_ON: Final = (IntegrationStatus.ACTIVE, IntegrationStatus.ERROR, IntegrationStatus.SYNCING)
FURTHEST: Final = max(LONGEST_PAUSE, timedelta(minutes=LONGEST_INTERVAL_MINUTES)) + timedelta(days=1)


def due_integrations(at: datetime) -> list[UUID]:
    """Ids of the tenant's integrations whose time has come, the longest waiting first; of a closed one there are none,
    nor of a project that is archived.

    Their time has also come when their tool has hinted at a change (`hints.py`).

    One that is SYNCING is among them: if its run is alive it holds the lock, and if it was killed it goes on. So is one
    whose next time lies further ahead than any is set: our clock was wrong when it was.
    """
    due = Integration.objects.filter(
        Q(next_run_at__isnull=True)
        | Q(next_run_at__lte=at)
        | Q(next_run_at__gt=at + FURTHEST)
        | Q(pk__in=hinted_integrations(at)),
        status__in=SWITCHED_ON,
        tenant__is_active=True,
    ).exclude(project__status=ProjectStatus.ARCHIVED)
    return list(due.order_by("next_run_at", "id").values_list("id", flat=True))

"""Removing what was told long ago."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from integrations.models import OutgoingMessage


def drop_old_messages(at: datetime) -> None:
    """Remove the tenant's messages that are older than the retention, with their deliveries, whatever their state."""
    kept_from = at - timedelta(days=settings.OUTGOING_MESSAGE_RETENTION_DAYS)
    OutgoingMessage.objects.filter(created_at__lt=kept_from)._raw_delete("default")

"""Addresses that a message points to."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings


def api_link(route: str, row_id: UUID) -> str:
    """Where the API shows a row to whoever may see it.  route: such as sync-results"""
    return f"{settings.PUBLIC_URL}/api/v1/{route}/{row_id}"

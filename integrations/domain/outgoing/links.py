"""Addresses that a message points to."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db.models import Model
from django.urls import reverse


def api_link(route: str, row_id: UUID) -> str:
    """Where the API shows a row to whoever may see it.  route: such as sync-results"""
    return f"{settings.PUBLIC_URL}/api/v1/{route}/{row_id}"


def page_link(row: Model) -> str:
    """Where the backoffice shows a row to whoever may see it; empty where the installation has no public address."""
    meta = row._meta
    return page_address(f"admin:{meta.app_label}_{meta.model_name}_change", row.pk)


def page_address(name: str, *arguments: object) -> str:
    """A page of the backoffice by its name; empty where the installation has no public address."""
    return f"{settings.PUBLIC_URL.rstrip('/')}{reverse(name, args=arguments)}" if settings.PUBLIC_URL else ""

"""Rows that only the owner writes, over a connection of its own, committed at once."""

from __future__ import annotations

from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.utils import timezone
from psycopg.sql import SQL, Identifier

from tenants.models import Tenant


def owner_connection() -> psycopg.Connection[Any]:
    """Return a connection of the owner to the test database, in autocommit.

    It gives up on a lock after five seconds: the test's own open transaction may hold it.
    """
    parameters: dict[str, Any] = settings.DATABASES["default"]["OWNER"]
    options = "-c lock_timeout=5s"
    return psycopg.connect(dbname=connection.settings_dict["NAME"], autocommit=True, options=options, **parameters)


def insert_tenant(tenant: Tenant) -> None:
    """Commit a tenant as the owner."""
    now = timezone.now()
    with owner_connection() as owner:
        owner.execute(
            "INSERT INTO tenants_tenant (id, name, is_active, retention_days, time_zone, created_at, updated_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [tenant.pk, tenant.name, tenant.is_active, tenant.retention_days, tenant.time_zone, now, now],
        )


def delete_tenant(tenant: Tenant) -> None:
    """Delete a tenant as the owner; its rows were rolled back with the test."""
    with owner_connection() as owner:
        owner.execute("DELETE FROM tenants_tenant WHERE id = %s", [tenant.pk])


def empty_queue() -> None:
    """Remove all jobs and workers: no flush knows their tables."""
    with owner_connection() as owner:
        for table in ("periodic_defers", "jobs", "workers"):
            owner.execute(SQL("DELETE FROM queue.{}").format(Identifier(f"procrastinate_{table}")))

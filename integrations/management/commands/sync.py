"""Read connected tools into the record."""

from __future__ import annotations

import logging
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import close_old_connections, reset_queries
from django.utils import timezone

from integrations.domain.environment import Environment, SyncStep
from integrations.domain.syncing import due_integrations, sync_integration
from integrations.domain.syncing.garbage import collect_rarely
from integrations.enums import SyncStatus
from integrations.models import Integration, SyncResult
from tenants.isolation.transaction import tenant_context
from tenants.management.tenant_argument import add_tenant_argument, all_tenants, find_tenant
from tenants.models import Tenant

logger = logging.getLogger(__name__)

REASON = "sync"
LOOP_PAUSE_S = 30.0
"""Intervals are five minutes and longer, so nobody waits noticeably."""


class Command(BaseCommand):
    """One integration after the other; what fails is reported, and the others go on.

    An interrupted run goes on where it stopped, when it is started again. Of two commands at once one reads an
    integration, and the other passes it over.
    """

    help = "Read what is due, of one organisation or of all, or one integration now. Safe to repeat and to interrupt."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_tenant_argument(parser, required=False)
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--integration", metavar="ID", type=UUID, help="read this one now, whether it is due or not")
        which.add_argument("--due", action="store_true", help="read all whose time has come (the default)")
        parser.add_argument("--loop", action="store_true", help=f"look again every {LOOP_PAUSE_S:.0f} s, for ever")
        parser.add_argument("--progress", action="store_true", help="show progress although stderr is no terminal")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["integration"] and options["loop"]:
            raise CommandError("--loop reads what is due; it does not go with --integration.")
        collect_rarely()
        self._shows_progress = options["progress"] or self.stderr.isatty()
        environment = Environment.configured(on_step=self._show)
        if options["integration"]:
            self._sync_one(options["integration"], options["tenant"], environment)
            return
        while True:
            found = self._sync_due(options["tenant"], environment)
            if not options["loop"]:
                break
            environment.waiting.sleep(LOOP_PAUSE_S)
            close_old_connections()
        if not found:
            self.stdout.write("Nothing is due.")

    def _sync_one(self, integration_id: UUID, tenant_name: str | None, environment: Environment) -> None:
        for tenant in _tenants(tenant_name):
            if _name_of(tenant, integration_id) is not None:
                result = self._sync(tenant, integration_id, environment)
                if result is not None and result.status == SyncStatus.FAILED:
                    raise CommandError(f"The run failed. {result.error_message}")
                return
        raise CommandError("There is no integration of that id.")

    def _sync_due(self, tenant_name: str | None, environment: Environment) -> int:
        count = 0
        for tenant in _tenants(tenant_name):
            with tenant_context(tenant.pk, reason=REASON):
                due = due_integrations(timezone.now())
            for integration_id in due:
                self._sync(tenant, integration_id, environment)
            count += len(due)
        return count

    def _sync(self, tenant: Tenant, integration_id: UUID, environment: Environment) -> SyncResult | None:
        name = _name_of(tenant, integration_id)
        self._last_line = ""
        try:
            result = sync_integration(tenant_id=tenant.pk, integration_id=integration_id, environment=environment)
        except Exception:  # whatever is wrong with one, the others are read
            logger.exception("sync of integration %s failed", integration_id)
            self.stderr.write(f"{tenant.name}, {name}: failed because of an error of ours; see the log.")
            return None
        if self._shows_progress and self._last_line:
            self.stderr.write("")
        told = "another worker is at it" if result is None else _line(result)
        self.stdout.write(f"{tenant.name}, {name}: {told}")
        return result

    def _show(self, step: SyncStep) -> None:
        reset_queries()  # under DEBUG Django keeps every statement, and a first reading has many
        if self._shows_progress:
            self._last_line = f"{step.stream} of {step.partition}: {step.read:,} records, {step.requests:,} requests"
            self.stderr.write(f"\r{self._last_line}\x1b[K", ending="")
            self.stderr.flush()


def _tenants(name_or_id: str | None) -> list[Tenant]:
    return [find_tenant(name_or_id)] if name_or_id else all_tenants()


def _name_of(tenant: Tenant, integration_id: UUID) -> str | None:
    with tenant_context(tenant.pk, reason=REASON):
        found: str | None = Integration.objects.filter(pk=integration_id).values_list("name", flat=True).first()
    return found


def _line(result: SyncResult) -> str:
    counts = (
        f"{result.created_count:,} items created, {result.updated_count:,} updated, "
        f"{result.unchanged_count:,} unchanged, {result.gone_count:,} gone, {result.hidden_count:,} hidden, "
        f"{result.failed_count:,} failed"
    )
    seconds = result.duration_ms / 1000
    cost = f"{result.request_count:,} requests in {seconds:,.1f} s, {result.waited_ms / 1000:,.1f} s of it waiting"
    error = f" {result.error_message}" if result.error_message else ""
    return f"{result.get_status_display()}: {counts}; {cost}.{error}"

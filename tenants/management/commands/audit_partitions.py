"""Make the audit trail's partitions ahead and apply retention."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError
from django.db import connection, transaction

from tenants.audit.partitions import (
    MONTHS_AHEAD,
    PartitionsAhead,
    database_now,
    drop_partitions_before,
    list_partitions,
    make_partitions,
    partitions_ahead,
)
from tenants.domain.audit_retention import (
    announce_dropping,
    apply_tenant_retention,
    erase_audit_entries,
    longest_retention,
)
from tenants.isolation.owner import OwnerCommand


class Command(OwnerCommand):
    """Run daily: makes partitions, drops those past the longest retention, deletes what is past a tenant's own."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; fail when partitions are missing")
        parser.add_argument("--months-ahead", type=int, default=MONTHS_AHEAD, help="whole months (default 3)")
        parser.add_argument("--keep", action="store_true", help="make partitions only; remove no entry")

        parser.add_argument(
            "--erase-tenant", type=UUID, metavar="ID", help="only remove every entry of one organisation, now"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            self._check(partitions_ahead(connection))
            return
        if options["erase_tenant"]:
            removed = erase_audit_entries(tenant_id=options["erase_tenant"])
            self.stdout.write(f"{removed} entries removed.")
            return
        if not 1 <= options["months_ahead"] <= 24:  # noqa: PLR2004 - two years: more is a typing error
            raise CommandError("--months-ahead is a number from 1 to 24.")
        with transaction.atomic():
            made = make_partitions(connection, months_ahead=options["months_ahead"])
        self.stdout.write(f"Partitions made: {', '.join(map(str, made)) or 'none missing'}.")
        if not options["keep"]:
            self._remove_expired(database_now(connection))

    def _check(self, ahead: PartitionsAhead) -> None:
        if not ahead.is_enough:
            missing = ", ".join(map(str, ahead.missing))
            raise CommandError(f"Audit partitions are missing for {missing}. Run `manage.py audit_partitions`.")
        self.stdout.write(f"Audit partitions: {ahead.months} months ahead.")

    def _remove_expired(self, now: datetime) -> None:
        moment = now - timedelta(days=longest_retention())
        if ending := [partition.ends_at for partition in list_partitions(connection) if partition.ends_at <= moment]:
            announce_dropping(max(ending))
        with transaction.atomic():
            dropped = drop_partitions_before(connection, moment)
        self.stdout.write(f"Partitions dropped: {', '.join(dropped) or 'none'}.")
        for name, removed in apply_tenant_retention(now=now):
            self.stdout.write(f"{name}: {removed} entries past retention removed.")

"""Erase an organisation and everything it ever had here."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from tenants.audit.seal_keys import seal_keys
from tenants.domain.audit_sealing import seal_tenant, seals_are_kept
from tenants.domain.erasing import Erasure, ErasureUnfinished, erase_tenant
from tenants.domain.keys import CACHE_LIFETIME_S
from tenants.isolation.owner import OwnerCommand
from tenants.management.tenant_argument import add_tenant_argument, find_tenant
from tenants.models.tenant import Tenant


class Command(OwnerCommand):
    """Destroys the organisation's keys first, then its rows, then the organisation. There is no way back.

    Interrupted, it is started again in the same way and goes on.
    """

    help = "Erase an organisation: destroy its keys, delete its rows with progress, say what stays. Not reversible."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_tenant_argument(parser)
        parser.add_argument("--confirm", required=True, metavar="NAME", help="the organisation's exact name, once more")
        parser.add_argument("--reason", default="manage.py erase_tenant", help="kept in the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = find_tenant(options["tenant"])
        if options["confirm"] != tenant.name:
            raise CommandError("--confirm is not the organisation's exact name. Nothing was changed.")
        self.stdout.write(f"Erasing “{tenant.name}” ({tenant.pk}).")
        try:
            erasure = erase_tenant(
                tenant=tenant, at=timezone.now(), reason=options["reason"], progress=self._show_progress
            )
        except ErasureUnfinished as error:
            raise CommandError(str(error)) from error
        if seals_are_kept():
            seal_tenant(erasure.tenant_id, seal_keys())  # with a single database user nobody finds it by itself later
        self._say_what_stays(tenant, erasure)

    def _show_progress(self, label: str, done: int, total: int) -> None:
        self.stdout.write(f"  {label}: {done:,} of {max(total, done):,}")

    def _say_what_stays(self, tenant: Tenant, erasure: Erasure) -> None:
        rows = sum(erasure.deleted_rows.values())
        self.stdout.write(f"Erased: {rows:,} rows, {erasure.destroyed_keys} data keys.")
        self.stdout.write(
            f"What stays: audit entries and their seals under the id {erasure.tenant_id}, until their retention of "
            f"{tenant.retention_days} days ends (the seals, which hold ids and hashes, for good); "
            "backups and archived WAL, until they expire. Secrets in them can be "
            "read only with the key ring of their time: `rotate_keys --ring` with a new key, then discarding the old "
            f"one, ends that too. Running processes forget the data keys within {CACHE_LIFETIME_S:.0f} s."
        )

"""Compare the audit trail with its seals."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from tenants.audit.seal_keys import SealKeysMisconfigured, seal_keys
from tenants.domain.audit_sealing import Head, trail_tenants
from tenants.domain.audit_verifying import Verdict, verify_tenant
from tenants.isolation.owner import OwnerCommand
from tenants.management.tenant_argument import find_tenant

SHOWN = 20


class Command(OwnerCommand):
    """Ends with status 1 when an entry was edited, lost or added, or a seal is not genuine."""

    help = "Verify the audit trail against its seals, and name the first entry that is not as it was sealed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", help="name or id of one organisation, also of one that was erased; default all")
        parser.add_argument("--heads", type=Path, metavar="FILE", help="heads that `audit_seal --heads` wrote earlier")

    def handle(self, *args: Any, **options: Any) -> None:
        kept = _heads_in(options["heads"]) if options["heads"] else []
        wanted = [_tenant_id(options["tenant"])] if options["tenant"] else trail_tenants()
        if not options["tenant"]:
            wanted = sorted({*wanted, *(head.tenant_id for head in kept)})
        try:
            keys = seal_keys()
        except SealKeysMisconfigured as error:
            raise CommandError(str(error)) from error
        is_whole = True
        for tenant_id in wanted:
            verdict = verify_tenant(tenant_id, keys, [head for head in kept if head.tenant_id == tenant_id])
            self._say(verdict)
            is_whole = is_whole and not verdict.discrepancies
        if not is_whole:
            raise CommandError("The trail is not the one that was sealed.")

    def _say(self, verdict: Verdict) -> None:
        self.stdout.write(
            f"{verdict.tenant_id}: {verdict.sealed:,} entries as sealed by {verdict.seals} seals, "
            f"{verdict.unsealed:,} not sealed yet, {verdict.removed:,} removed after their retention."
        )
        for number, discrepancy in enumerate(verdict.discrepancies[:SHOWN]):
            self.stdout.write(f"  {'first: ' if number == 0 else ''}{discrepancy}")
        if len(verdict.discrepancies) > SHOWN:
            self.stdout.write(f"  and {len(verdict.discrepancies) - SHOWN:,} more")


def _tenant_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return find_tenant(text).pk


def _heads_in(file: Path) -> list[Head]:
    """Raises CommandError where the file is not one of heads."""
    try:
        return [
            Head(UUID(each["tenant_id"]), int(each["number"]), str(each["mac"]))
            for each in json.loads(file.read_text())
        ]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CommandError(f"{file} is not a file of heads ({type(error).__name__}).") from error

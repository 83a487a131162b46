"""Walk the chain of predictions, project by project."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from predictions.domain.ledger import LedgerCheck, check_ledger
from projects.models import Project
from tenants.isolation.transaction import tenant_context
from tenants.management.tenant_argument import add_tenant_argument, all_tenants, find_tenant

REASON = "verify_ledger"


class Command(BaseCommand):
    """Reads only. Ends with an error when a chain is broken, so that a timer notices."""

    help = "Check that no prediction was changed or removed since it was written, of one organisation or of all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_tenant_argument(parser, required=False)

    def handle(self, *args: Any, **options: Any) -> None:
        tenants = [find_tenant(options["tenant"])] if options["tenant"] else all_tenants()
        broken = 0
        for tenant in tenants:
            with tenant_context(tenant.pk, reason=REASON):
                projects = list(Project.objects.order_by("name_lower").values_list("pk", "name"))
                for project_id, name in projects:
                    check = check_ledger(project_id)
                    broken += check.first_broken is not None
                    if check.rows:
                        self.stdout.write(f"{tenant.name}, {name}: {_line(check)}")
        if broken:
            raise CommandError(f"The ledger of {broken} project{'s' if broken > 1 else ''} is broken.")


def _line(check: LedgerCheck) -> str:
    if check.first_broken is None:
        return f"{check.rows} predictions, unbroken, newest hash {check.newest_hash}"
    row = check.first_broken
    return (
        f"{check.rows} predictions, {check.broken} broken, first prediction {row.pk}, "
        f"issued {row.issued_at.isoformat()}: {check.problem}"
    )

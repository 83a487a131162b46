"""Django's shell, inside one organisation."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands.shell import Command as DjangoShell

from tenants.isolation.transaction import tenant_context
from tenants.management.tenant_argument import add_tenant_argument, find_tenant


class Command(DjangoShell):
    """With --tenant the session is one transaction inside that organisation: kept on leaving, undone by an error.

    Without it there is no tenant, and queries of tenants' rows raise TenantContextRequired, which names the ways in.
    """

    help = "Run Python with the project loaded; --tenant enters one organisation for the session's single transaction."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        add_tenant_argument(parser, required=False)

    def handle(self, **options: Any) -> None:
        if not options["tenant"]:
            super().handle(**options)
            return
        tenant = find_tenant(options["tenant"])
        self.stderr.write(f"Inside “{tenant.name}”, in one transaction: changes are kept when you leave.")
        with tenant_context(tenant.pk, reason="manage.py shell"):
            self._run(options)

    def _run(self, options: dict[str, Any]) -> None:
        """exit() is the ordinary way out of an interactive session; it must not undo the transaction."""
        try:
            super().handle(**options)
        except SystemExit as leaving:
            if leaving.code not in (None, 0):
                raise

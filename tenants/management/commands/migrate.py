"""Migrate as the owner, then bring policies and grants to what the models declare."""

from __future__ import annotations

from typing import Any

from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import connections

from tenants.isolation.owner import OwnerCommand
from tenants.isolation.provisioning import sync_access


class Command(OwnerCommand, DjangoMigrate):
    """Django's ``migrate`` with the owner's rights; afterwards every table is closed as declared."""

    def check(self, **options: Any) -> None:  # type: ignore[override]  # Django's keyword arguments, passed on
        """Check everything but the database, which is what this command mends."""
        super().check(**{**options, "databases": None})

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if options["database"] == "default" and not options["plan"] and not options["check_unapplied"]:
            sync_access(connections["default"])

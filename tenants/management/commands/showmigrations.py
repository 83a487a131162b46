"""Show migrations; reads the applied ones with the owner's rights."""

from __future__ import annotations

from django.core.management.commands.showmigrations import Command as DjangoShowMigrations

from tenants.isolation.owner import OwnerCommand


class Command(OwnerCommand, DjangoShowMigrations):
    """Show migrations; reads the applied ones with the owner's rights."""

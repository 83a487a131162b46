"""Write migrations; reads the applied ones with the owner's rights."""

from __future__ import annotations

from django.core.management.commands.makemigrations import Command as DjangoMakeMigrations

from tenants.isolation.owner import OwnerCommand


class Command(OwnerCommand, DjangoMakeMigrations):
    """Write migrations; reads the applied ones with the owner's rights."""

"""Load fixtures with the owner's rights: they hold several tenants."""

from __future__ import annotations

from django.core.management.commands.loaddata import Command as DjangoLoaddata

from tenants.isolation.owner import OwnerCommand


class Command(OwnerCommand, DjangoLoaddata):
    """Load fixtures with the owner's rights: they hold several tenants."""

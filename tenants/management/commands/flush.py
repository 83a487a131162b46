"""Empty every table, with the owner's rights."""

from __future__ import annotations

from django.core.management.commands.flush import Command as DjangoFlush

from tenants.isolation.owner import OwnerCommand


class Command(OwnerCommand, DjangoFlush):
    """Empty every table, with the owner's rights."""

"""Create a platform operator, with the owner's rights."""

from __future__ import annotations

from django.contrib.auth.management.commands.createsuperuser import Command as DjangoCreatesuperuser

from tenants.isolation.owner import OwnerCommand


class Command(OwnerCommand, DjangoCreatesuperuser):
    """Create a platform operator, with the owner's rights."""

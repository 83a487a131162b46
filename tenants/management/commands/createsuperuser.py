"""Create a platform operator, with the owner's rights."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands.createsuperuser import Command as DjangoCreatesuperuser

from tenants.isolation.owner import OwnerCommand
from tenants.isolation.roles import database_roles
from tenants.isolation.transaction import auth_context


class Command(OwnerCommand, DjangoCreatesuperuser):
    """Create a platform operator, who belongs to no organisation; with one database user, under the auth purpose."""

    def handle(self, *args: Any, **options: Any) -> Any:
        if database_roles() is not None:
            return super().handle(*args, **options)
        with auth_context():
            return super().handle(*args, **options)

"""Set somebody's password, found by their address in any organisation."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands.changepassword import Command as DjangoChangepassword

from tenants.isolation.transaction import auth_context


class Command(DjangoChangepassword):
    """Django's ``changepassword``, under the auth purpose: an address is looked up before its tenant is known."""

    def handle(self, *args: Any, **options: Any) -> Any:
        with auth_context():
            return super().handle(*args, **options)

"""Work with the owner's credentials: migrations, fixtures and maintenance, never a request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DEFAULT_DB_ALIAS, connections

from .context import AccessContext, Purpose, use_context
from .postgresql.credentials import OWNER, chosen_credentials, connect_as
from .roles import database_roles


@contextmanager
def owner_access(reason: str = "maintenance") -> Iterator[None]:
    """Connect as the owner of the tables for the duration, then go back to the login.

    Its policy shows the owner every tenant's rows.  With a single database user there is no such policy: the same
    user stays connected, and the work enters each tenant.
    Raises RuntimeError inside an open transaction, whose connection cannot change hands.
    """
    context = AccessContext(Purpose.OWNER, reason=reason)
    if chosen_credentials() == OWNER or database_roles() is None:
        with use_context(context):
            yield
        return
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.in_atomic_block:
        raise RuntimeError("The owner's work cannot start inside a transaction of the login.")
    connection.close()
    try:
        with connect_as(OWNER), use_context(context):
            yield
    finally:
        connection.close()


class OwnerCommand(BaseCommand):
    """A management command that runs with the owner's credentials by itself."""

    def execute(self, *args: Any, **options: Any) -> Any:
        with owner_access(reason=f"manage.py {type(self).__module__.rsplit('.', 1)[-1]}"):
            return super().execute(*args, **options)

"""Reads across tenants go through the platform's own login; everything else through the default one."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS

from .context import Purpose, current_context
from .isolated_tables import access_by_table
from .postgresql.base import PLATFORM_ALIAS


class PlatformRouter:
    """Route by the purpose of the context in force."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        context = current_context()
        if context and context.purpose is Purpose.PLATFORM and model._meta.db_table in access_by_table():
            return PLATFORM_ALIAS
        return DEFAULT_DB_ALIAS

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """Allow tables in the default database, and none for the apps of which only the code is used."""
        return db == DEFAULT_DB_ALIAS and app_label not in settings.TABLELESS_APPS

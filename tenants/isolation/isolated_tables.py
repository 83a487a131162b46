"""The access of every table, Django's own among them, with the columns that searches read."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from django.apps import apps

from .registry import FULL, TableAccess, access_of, isolated_models
from .search.sources import columns_read_by_search

# Django's own tables: sessions belong to the auth purpose; the other two hold no tenant's data.
SESSIONS = TableAccess("django_session", None, auth=FULL)
SHARED_READ_ONLY = ("django_content_type", "django_migrations")


@cache
def access_by_table() -> dict[str, TableAccess]:
    """Return the access of every isolated table by its name.  Needs loaded apps; cached for the process."""
    apps.check_models_ready()
    found = [access for model in isolated_models() if (access := access_of(model))]
    searched = columns_read_by_search()
    return {
        access.table: replace(access, search=searched.get(access.table, frozenset())) for access in [*found, SESSIONS]
    }

"""Test databases are created, cloned and dropped with the owner's credentials."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import creation

from ..owner import owner_access


class DatabaseCreation(creation.DatabaseCreation):
    """Creation as the owner; the tests themselves then run with the login, which bypasses nothing."""

    def _create_test_db(self, *args: Any, **kwargs: Any) -> Any:
        with owner_access():
            return super()._create_test_db(*args, **kwargs)

    def _clone_test_db(self, *args: Any, **kwargs: Any) -> Any:
        with owner_access():
            return super()._clone_test_db(*args, **kwargs)

    def _destroy_test_db(self, *args: Any, **kwargs: Any) -> Any:
        with owner_access():
            return super()._destroy_test_db(*args, **kwargs)

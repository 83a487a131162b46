"""Test databases are created, cloned and dropped with the owner's credentials."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import creation

from ..owner import owner_access
from ..roles import credentials, database_roles


class DatabaseCreation(creation.DatabaseCreation):
    """Creation as the owner; the tests themselves then run with the login, which bypasses nothing."""

    def _create_test_db(self, *args: Any, **kwargs: Any) -> Any:
        # Imported here: provisioning itself reads through this backend.
        from ..provisioning import close_large_objects, provision_cluster  # noqa: PLC0415

        provision = bool(credentials("SUPERUSER")) and database_roles() is not None
        if provision:
            provision_cluster()
        with owner_access():
            name = super()._create_test_db(*args, **kwargs)
        if provision:
            close_large_objects(name)
        return name

    def _clone_test_db(self, *args: Any, **kwargs: Any) -> Any:
        with owner_access():
            return super()._clone_test_db(*args, **kwargs)

    def _destroy_test_db(self, *args: Any, **kwargs: Any) -> Any:
        with owner_access():
            return super()._destroy_test_db(*args, **kwargs)

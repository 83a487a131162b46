"""Sessions in the database, reached under the auth purpose only.

The app role has no right to the session table, so a statement injected into a tenant's request cannot read one.
"""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.contrib.sessions.models import Session

from tenants.isolation.transaction import auth_step


class SessionStore(DatabaseSessionStore):
    """Django's session store, each of its steps in an auth transaction."""

    def __init__(self, session_key: str | None = None) -> None:
        """Take a key that no text column holds for none at all."""
        super().__init__(None if session_key and "\0" in session_key else session_key)

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def load(self) -> dict[str, Any]:
        with auth_step():
            loaded: dict[str, Any] = super().load()
            return loaded

    def exists(self, session_key: str) -> bool:
        with auth_step():
            return super().exists(session_key)

    def save(self, must_create: bool = False) -> None:
        with auth_step():
            super().save(must_create=must_create)

    def delete(self, session_key: str | None = None) -> None:
        with auth_step():
            super().delete(session_key)

    @classmethod
    def clear_expired(cls) -> None:
        with auth_step():
            super().clear_expired()

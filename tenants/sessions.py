"""Sessions in the database, reached under the auth purpose only.

The app role has no right to the session table, so a statement injected into a tenant's request cannot read one. The
table keeps a digest of the key that the browser holds: nobody signs in with what a dump or a replica shows. The key is
random, so the digest needs neither salt nor secret.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, cast

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone

from tenants.isolation.transaction import auth_step

_KEPT_CHARACTERS = 40  # the width of Django's column: 160 bits of the digest


def kept_key(session_key: str) -> str:
    """What the table has of a session's key."""
    return sha256(session_key.encode("utf-8", "surrogatepass")).hexdigest()[:_KEPT_CHARACTERS]


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
            return super().exists(kept_key(session_key))

    def save(self, must_create: bool = False) -> None:
        with auth_step():
            super().save(must_create=must_create)

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is None:
            return
        with auth_step():
            super().delete(kept_key(key))

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        row = cast("Session", super().create_model_instance(data))
        row.session_key = kept_key(row.session_key)
        return row

    def _get_session_from_db(self) -> Session | None:
        key = self.session_key
        found = (
            Session.objects.filter(session_key=kept_key(key), expire_date__gt=timezone.now()).first() if key else None
        )
        if found is None:
            self._session_key = None
        return found

    @classmethod
    def clear_expired(cls) -> None:
        with auth_step():
            super().clear_expired()

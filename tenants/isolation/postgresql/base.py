"""Connection: the message that opens a transaction also says who asks and for which tenant.

1. ``BEGIN; RESET ALL; SET LOCAL ROLE …; SET LOCAL stratibreak.context = …`` goes out as one message in place of
   Django's BEGIN, so the context costs no round trip, and no setting of an earlier request is left.
2. Before each statement the context in force is compared with the one last issued; where it changed inside the
   transaction (a nested tenant, an auth step) it is issued again, in a message of its own.
3. ROLLBACK TO SAVEPOINT takes ``SET LOCAL`` back with it, so after one the context is issued again.

Outside a transaction nothing is issued, and the login itself has no rights: no transaction, no tenant's row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base
from django.db.backends.utils import CursorDebugWrapper, CursorWrapper, debug_transaction

from ..context import AccessContext, Purpose, TenantContextRequired, current_context, use_context
from ..roles import credentials, database_roles
from ..signing import ContextSigner, unsigned_claim
from .creation import DatabaseCreation
from .credentials import chosen_credentials
from .features import DatabaseFeatures
from .operations import DatabaseOperations
from .schema import DatabaseSchemaEditor

PLATFORM_ALIAS = "platform"

# A statement injected into one tenant's request may set what outlives its transaction: a time zone that shifts every
# instant the next tenant reads, a search path without its tables.  Django's own setting is made again.
_FORGET_SESSION = "RESET ALL; SET LOCAL TimeZone = 'UTC'"


class _ContextCursor(CursorWrapper):
    """A cursor that makes sure the transaction carries the context in force before it runs a statement."""

    def _execute(self, sql: Any, params: Any, *ignored: Any) -> Any:
        self.db.validate_no_broken_transaction()
        self.db.issue_context()
        return super()._execute(sql, params, *ignored)

    def _executemany(self, sql: Any, param_list: Any, *ignored: Any) -> Any:
        self.db.validate_no_broken_transaction()
        self.db.issue_context()
        return super()._executemany(sql, param_list, *ignored)

    # What psycopg's cursor runs by itself: Django would hand these through.

    def callproc(self, *args: Any, **kwargs: Any) -> Any:
        self.db.issue_context()
        return super().callproc(*args, **kwargs)

    def copy(self, *args: Any, **kwargs: Any) -> Any:
        self.db.issue_context()
        return self.cursor.copy(*args, **kwargs)

    def stream(self, *args: Any, **kwargs: Any) -> Any:
        self.db.issue_context()
        return self.cursor.stream(*args, **kwargs)


class _ContextDebugCursor(CursorDebugWrapper, _ContextCursor):
    """The same, with Django's query log."""


class _ServerCursor(_ContextCursor):
    """A server-side cursor: its rows are found while they are fetched, by the policies in force at that moment.

    Raises TenantContextRequired where they are fetched in another context than the one that opened it.
    """

    _opened_in: AccessContext | None = None

    def _execute(self, *args: Any) -> Any:
        self._opened_in = current_context()
        return super()._execute(*args)

    @contextmanager
    def _in_its_context(self) -> Iterator[None]:
        if not same_transport(self._opened_in, current_context()):
            raise TenantContextRequired("Rows of an iterator are read in the context it was opened in.")
        self.db.issue_context()
        with self.db.wrap_database_errors:
            yield

    def fetchone(self) -> Any:
        with self._in_its_context():
            return self.cursor.fetchone()

    def fetchmany(self, *args: Any) -> Any:
        with self._in_its_context():
            return self.cursor.fetchmany(*args)

    def fetchall(self) -> Any:
        with self._in_its_context():
            return self.cursor.fetchall()

    def scroll(self, *args: Any, **kwargs: Any) -> Any:
        with self._in_its_context():
            return self.cursor.scroll(*args, **kwargs)

    def __iter__(self) -> Iterator[Any]:
        while (row := self.fetchone()) is not None:
            yield row


class _DebugServerCursor(_ContextDebugCursor, _ServerCursor):
    """The same, with Django's query log."""


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL with the access context in the message that opens the transaction."""

    SchemaEditorClass = DatabaseSchemaEditor
    creation_class = DatabaseCreation
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._issued: AccessContext | None = None
        self._issue_needed = False
        self._signer: ContextSigner | None = None
        self._opened_as = "LOGIN"

    # Credentials

    def get_connection_params(self) -> dict[str, Any]:
        """Return the parameters of the login, or of the owner inside ``connect_as``."""
        params: dict[str, Any] = super().get_connection_params()
        self._opened_as = chosen_credentials()
        other = credentials(self._opened_as) if self._opened_as != "LOGIN" else None
        if other:
            params.update(other)
        return params

    @property
    def pool(self) -> Any:
        """Return the pool of the login; the owner's connections are few and never pooled."""
        return None if chosen_credentials() != "LOGIN" else super().pool

    # Transactions

    def _start_transaction_under_autocommit(self) -> None:
        """Open the transaction with the context inside the same message (Django calls this in place of BEGIN)."""
        context = current_context()
        claim = self._transport(context)
        message = f"BEGIN{self._access_mode()}; {_FORGET_SESSION}; {claim}" if claim else "BEGIN"
        self._send(message, "BEGIN", context)
        self._issued, self._issue_needed = context, False

    def _access_mode(self) -> str:
        """Return what a transaction is opened as: its mode is fixed before settings can be reset."""
        return f" ISOLATION LEVEL READ COMMITTED READ {'ONLY' if self.alias == PLATFORM_ALIAS else 'WRITE'}"

    def issue_context(self) -> None:
        """Issue the context in force again where it differs from what the open transaction carries."""
        if not self.in_atomic_block:
            return
        context = current_context()
        if context is self._issued and not self._issue_needed:
            return
        if same_transport(context, self._issued) and not self._issue_needed:
            self._issued = context
            return
        claim = self._transport(context) or self._transport_of_nobody()
        if claim:
            self._send(claim, "SET LOCAL", context)
        self._issued, self._issue_needed = context, False

    def _send(self, message: str, verb: str, context: AccessContext | None) -> None:
        """Send one message; Django's query log, where it is kept, shows the verb and whom it is for."""
        logged = debug_transaction(self, self._logged(verb, context)) if self.queries_logged else nullcontext()
        with logged, self.wrap_database_errors:
            self.connection.cursor().execute(message.encode())

    def _savepoint_rollback(self, sid: str) -> None:
        """Roll back before anything else is sent: a failed transaction takes no other statement."""
        self._issued, self._issue_needed = current_context(), False
        try:
            super()._savepoint_rollback(sid)
        finally:
            self._issue_needed = True

    def _transport(self, context: AccessContext | None) -> str:
        """Return the SET LOCAL statements for a context, "" where this connection carries none.

        Only an enum's value, a UUID and hexadecimal digits enter the text, so there is nothing to escape.
        """
        if context is None or self._opened_as != "LOGIN" or not self._serves(context.purpose):
            return ""
        roles = database_roles()
        signer = self._context_signer()
        token = signer.token(context) if signer else unsigned_claim(context)
        role = f"SET LOCAL ROLE {roles.of(context.purpose)}; " if roles else ""
        return f"{role}SET LOCAL stratibreak.context = '{token}'"

    def _serves(self, purpose: Purpose) -> bool:
        if purpose is Purpose.OWNER:
            return False
        return (purpose is Purpose.PLATFORM) == (self.alias == PLATFORM_ALIAS)

    def _transport_of_nobody(self) -> str:
        if self._opened_as != "LOGIN":
            return ""
        role = "SET LOCAL ROLE NONE; " if database_roles() else ""
        return f"{role}SET LOCAL stratibreak.context = ''"

    def _context_signer(self) -> ContextSigner | None:
        if self._signer is None and settings.CONTEXT_SIGNING_KEY and database_roles():
            self._signer = ContextSigner(settings.CONTEXT_SIGNING_KEY, settings.CONTEXT_SIGNING_KEY_VERSION)
        return self._signer

    @staticmethod
    def _logged(verb: str, context: AccessContext | None) -> str:
        """Return what the query log shows: never the token."""
        return f"{verb} ({context.purpose.value} {context.tenant_id or ''})" if context else verb

    def on_commit(self, func: Any, robust: bool = False) -> None:
        """Call ``func`` after the commit in the context of now: by then an outer one may be in force."""
        context = current_context()

        def in_context() -> Any:
            with use_context(context):
                return func()

        super().on_commit(in_context, robust)

    # Cursors

    def make_cursor(self, cursor: Any) -> _ContextCursor:
        return (_ServerCursor if _is_server_side(cursor) else _ContextCursor)(cursor, self)

    def make_debug_cursor(self, cursor: Any) -> _ContextDebugCursor:
        return (_DebugServerCursor if _is_server_side(cursor) else _ContextDebugCursor)(cursor, self)


def same_transport(one: AccessContext | None, other: AccessContext | None) -> bool:
    """Whether both contexts say the same to the database, whoever acts in them."""
    if one is None or other is None:
        return one is other
    return (one.purpose, one.tenant_id) == (other.purpose, other.tenant_id)


def _is_server_side(cursor: Any) -> bool:
    return getattr(cursor, "name", None) is not None


def rows(connection: Any, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run one statement of ours and return its rows (catalogue queries of checks and provisioning)."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        return list(cursor.fetchall()) if cursor.description else []

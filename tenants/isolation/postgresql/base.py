"""Connection: the message that opens a transaction also says who asks and for which tenant.

1. ``BEGIN; RESET ALL; SET LOCAL ROLE …; SET LOCAL stratibreak.context = …`` takes the place of Django's BEGIN. It
   waits for the first statement and goes out with it in one message: the context costs no round trip, no setting of an
   earlier request is left, and a transaction without statements says nothing at all.
2. Before each statement the context in force is compared with the one last issued; where it changed inside the
   transaction (a nested tenant, an auth step) it is issued again, in a message of its own.
3. ROLLBACK TO SAVEPOINT takes ``SET LOCAL`` back with it, so after one the context is issued again.
4. A statement whose answer nobody needs may wait for COMMIT and go out with it in one message (``execute_later``).
   Whatever else comes first sends it first, so statements reach the server in the order they were made in.
5. PostgreSQL answers the COMMIT of a transaction that a refusal has broken with a silent ROLLBACK. Here it is an error:
   whoever swallowed the refusal, perhaps of what waited, must not go on as if everything were kept.

Outside a transaction nothing is issued, and the login itself has no rights: no transaction, no tenant's row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base
from django.db.backends.utils import CursorDebugWrapper, CursorWrapper, debug_transaction
from django.db.transaction import TransactionManagementError
from psycopg import ClientCursor
from psycopg.pq import TransactionStatus

from ..context import AccessContext, Purpose, TenantContextRequired, current_context, use_context
from ..roles import credentials, database_roles
from ..signing import ContextSigner, unsigned_claim
from .creation import DatabaseCreation
from .credentials import chosen_credentials
from .features import DatabaseFeatures
from .operations import OPENING_END, DatabaseOperations
from .schema import DatabaseSchemaEditor

PLATFORM_ALIAS = "platform"

# A statement injected into one tenant's request may set what outlives its transaction: a time zone that shifts every
# instant the next tenant reads, a search path without its tables.  Django's own setting is made again.
_FORGET_SESSION = ("RESET ALL", "SET LOCAL TimeZone = 'UTC'")


@dataclass(frozen=True, slots=True)
class _Opening:
    """What opens a transaction, not yet sent.  message: SQL;  statements: how many answers it gets"""

    message: str
    statements: int

    def before(self, statement: str) -> str:
        """The message with a statement after it, on a line of its own: errors quote the line they are in."""
        return f"{self.message}{OPENING_END}{statement}"


class _ContextCursor(CursorWrapper):
    """A cursor that makes sure the transaction carries the context in force before it runs a statement."""

    def _execute(self, sql: Any, params: Any, *ignored: Any) -> Any:
        self.db.validate_no_broken_transaction()
        opening = self.db.opening_for(self.cursor, sql)
        if opening is None:
            self.db.issue_context()
            return super()._execute(sql, params, *ignored)
        with self.db.wrap_database_errors, self.db.being_opened():
            # Bound before it is put behind the opening: psycopg keeps what it parsed by text, and the token changes.
            statement = sql if params is None else self.cursor.mogrify(sql, params)
            self.cursor.execute(opening.before(statement))
            return self.cursor.set_result(opening.statements)

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
        self._is_opening = False
        self._later = ""
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
        """Open the transaction with its first statement (Django calls this in place of BEGIN)."""
        self._is_opening = True

    def opening_for(self, cursor: Any, sql: Any) -> _Opening | None:
        """What has to go out before this statement, in one message with it; None where nothing waits, or cannot."""
        can_join = isinstance(sql, str) and type(cursor) is base.Cursor
        return self._opening() if self._is_opening and can_join else None

    @contextmanager
    def being_opened(self) -> Iterator[None]:
        """Send the opening inside. What the server refuses to read as a whole has opened nothing: it waits on."""
        context = current_context()
        logged = debug_transaction(self, self._logged("BEGIN", context)) if self.queries_logged else nullcontext()
        with logged:
            try:
                yield
            finally:
                if self.connection.pgconn.transaction_status != TransactionStatus.IDLE:
                    self._issued, self._issue_needed, self._is_opening = context, False, False

    def _opening(self) -> _Opening:
        claim = self._transport(current_context())
        statements = (f"BEGIN{self._access_mode()}", *_FORGET_SESSION, *claim) if claim else ("BEGIN",)
        return _Opening("; ".join(statements), len(statements))

    def _open_now(self) -> None:
        """Send the opening by itself, for what cannot go in one message with it."""
        opening = self._opening()
        with self.being_opened(), self.wrap_database_errors:
            self.connection.cursor().execute(opening.message.encode())

    def execute_later(self, sql: str, params: Sequence[Any]) -> None:
        """Run a statement whose answer nobody needs: with COMMIT, or by itself before whatever comes sooner.

        It runs in the context in force now, at once where no transaction is open or nothing was said in it yet.
        What the server refuses is raised where it is sent, and then nothing of the transaction is kept.
        """
        self.validate_thread_sharing()
        self.validate_no_broken_transaction()
        if not self.in_atomic_block or self._is_opening:
            with self.cursor() as cursor:
                cursor.execute(sql, params)
            return
        self.issue_context()
        with self.wrap_database_errors:
            self._later = self._bound(sql, params)

    def _bound(self, sql: str, params: Sequence[Any]) -> str:
        """The statement with its values in it, also where cursors leave them to the server."""
        text: str = ClientCursor(self.connection).mogrify(sql, params)
        return text

    def _send_later(self, ending: str = "") -> None:
        """Send what waits, in one message with the statement that ends the transaction, if one does."""
        statements = [statement for statement in (self._later, ending) if statement]
        self._later = ""
        with ExitStack() as logged:
            for statement in reversed(statements) if self.queries_logged else ():
                logged.enter_context(debug_transaction(self, statement))
            with self.wrap_database_errors:
                self.connection.cursor().execute(";\n".join(statements))

    def _commit(self) -> None:
        self._is_opening = False
        if self._later:
            self._send_later("COMMIT")
            return
        if self.connection is not None and self.connection.pgconn.transaction_status == TransactionStatus.INERROR:
            raise TransactionManagementError("A statement was refused and the refusal swallowed: nothing is kept.")
        super()._commit()

    def _rollback(self) -> None:
        self._is_opening, self._later = False, ""
        super()._rollback()

    def _close(self) -> None:
        self._is_opening, self._later = False, ""
        super()._close()

    def _access_mode(self) -> str:
        """Return what a transaction is opened as: its mode is fixed before settings can be reset."""
        return f" ISOLATION LEVEL READ COMMITTED READ {'ONLY' if self.alias == PLATFORM_ALIAS else 'WRITE'}"

    def issue_context(self) -> None:
        """Issue the context in force again where it differs from what the open transaction carries."""
        if not self.in_atomic_block:
            return
        if self._is_opening:
            self._open_now()
            return
        if self._later:
            self._send_later()
        context = current_context()
        if context is self._issued and not self._issue_needed:
            return
        if same_transport(context, self._issued) and not self._issue_needed:
            self._issued = context
            return
        claim = self._transport(context) or self._transport_of_nobody()
        if claim:
            self._send("; ".join(claim), "SET LOCAL", context)
        self._issued, self._issue_needed = context, False

    def _send(self, message: str, verb: str, context: AccessContext | None) -> None:
        """Send one message; Django's query log, where it is kept, shows the verb and whom it is for."""
        logged = debug_transaction(self, self._logged(verb, context)) if self.queries_logged else nullcontext()
        with logged, self.wrap_database_errors:
            self.connection.cursor().execute(message.encode())

    def _savepoint_rollback(self, sid: str) -> None:
        """Roll back before anything else is sent: a failed transaction takes no other statement."""
        self._issued, self._issue_needed, self._later = current_context(), False, ""
        try:
            super()._savepoint_rollback(sid)
        finally:
            self._issue_needed = True

    def _transport(self, context: AccessContext | None) -> tuple[str, ...]:
        """Return the SET LOCAL statements for a context, none where this connection carries none.

        Only an enum's value, a UUID and hexadecimal digits enter the text, so there is nothing to escape.
        """
        if context is None or self._opened_as != "LOGIN" or not self._serves(context.purpose):
            return ()
        roles = database_roles()
        signer = self._context_signer()
        token = signer.token(context) if signer else unsigned_claim(context)
        claim = f"SET LOCAL stratibreak.context = '{token}'"
        return (f"SET LOCAL ROLE {roles.of(context.purpose)}", claim) if roles else (claim,)

    def _serves(self, purpose: Purpose) -> bool:
        if purpose is Purpose.OWNER:
            return False
        return (purpose is Purpose.PLATFORM) == (self.alias == PLATFORM_ALIAS)

    def _transport_of_nobody(self) -> tuple[str, ...]:
        if self._opened_as != "LOGIN":
            return ()
        claim = "SET LOCAL stratibreak.context = ''"
        return ("SET LOCAL ROLE NONE", claim) if database_roles() else (claim,)

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

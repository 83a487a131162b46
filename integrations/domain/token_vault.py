"""Where renewed tokens are kept: in the credentials of their integration, by one at a time and for good.

1. The lock of the integration's tokens is taken. Whoever waits for it finds what the one before has kept.
2. What is kept is read anew. If its access token is another one by now, that is the answer.
3. The tool is asked. No transaction of the tenant is open for it, and no row is locked.
4. The new pair is kept and committed, audited without a value; then the lock is let go and the pair is used. Where
   somebody has put other credentials in place meanwhile, those stay and are the answer.

It is called inside of a request's transaction, too, which may be rolled back after the tool has spent the token. So the
reading and the keeping have a connection of their own there, that of a thread, which stands for nothing around it.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import connection, connections
from django.db.models import QuerySet

from integrations.connectors.credentials import ACCESS_TOKEN, ENDED_AT, PREVIOUS, Credentials
from integrations.domain.locks import token_lock
from integrations.http.errors import ConnectionEnded, CredentialsMissing, Unreachable
from integrations.models import Integration
from tenants.audit.enums import AuditAction, Operation
from tenants.domain import auditing
from tenants.encryption.errors import EncryptionError
from tenants.encryption.fields import seal_fields
from tenants.encryption.secret import Secret
from tenants.isolation.transaction import tenant_context

RENEWED: Final = "credentials refreshed"
ENDED: Final = "refresh refused by the tool"
PATIENCE_S: Final = 30.0
"""Longer than a login takes that is well; somebody may be looking at a page meanwhile."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredTokens:
    """The vault of one integration. actor_id: who is served, None for the system"""

    tenant_id: UUID
    integration_id: UUID
    actor_id: UUID | None = None

    def renew(self, held: str, ask: Callable[[Credentials], Credentials]) -> Credentials:
        with token_lock(self.tenant_id, self.integration_id, patience_s=PATIENCE_S) as is_taken:
            if not is_taken:
                raise Unreachable("Its login has been asked for long.")
            kept = for_good(self._kept)
            if kept.get(ACCESS_TOKEN, "") != held:
                return kept
            try:
                made = ask(kept)
            except ConnectionEnded:
                if not kept.get(ENDED_AT):
                    ended = {**kept, ENDED_AT: datetime.now(UTC).isoformat()}
                    for_good(lambda: self._keep(ended, instead_of=kept, reason=ENDED))
                raise
            return for_good(lambda: self._keep(made, instead_of=kept, reason=RENEWED))

    def current(self) -> Credentials:
        return for_good(self._kept)

    def confirm(self, token: str) -> None:
        def forget() -> None:
            with self._context(RENEWED):
                row = self._locked_row()
                kept = credentials_in(row)
                if kept.get(ACCESS_TOKEN) == token and kept.get(PREVIOUS):
                    _store(row, {name: value for name, value in kept.items() if name != PREVIOUS})

        for_good(forget)

    def _kept(self) -> Credentials:
        with self._context(RENEWED):
            return credentials_in(self._row(Integration.objects.all()))

    def _keep(self, made: Credentials, *, instead_of: Credentials, reason: str) -> Credentials:
        """What is kept afterwards."""
        with self._context(reason):
            row = self._locked_row()
            kept = credentials_in(row)
            if kept != instead_of:
                return kept
            _store(row, made)
            auditing.record(
                action=AuditAction.CONFIGURE_INTEGRATION,
                resource=row,
                operation=Operation.UPDATE,
                reason=reason,
                changes={"project": str(row.project_id)},
            )
            return made

    def _context(self, reason: str) -> Any:
        return tenant_context(self.tenant_id, actor_id=self.actor_id, reason=reason, durable=True)

    def _locked_row(self) -> Integration:
        """Not for ever: a request that held the row itself would wait for its own thread, and no one would notice."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{round(PATIENCE_S * 1000)}ms"])
        return self._row(Integration.objects.select_for_update())

    def _row(self, rows: QuerySet[Integration]) -> Integration:
        """Raises CredentialsMissing when it is gone."""
        found = rows.filter(pk=self.integration_id).first()
        if found is None:
            raise CredentialsMissing("The connection is gone, or is not stored yet.")
        return found


def credentials_in(integration: Integration) -> Credentials:
    """The opened credentials, {} where there are none. Raises CredentialsMissing where they cannot be opened."""
    if integration.credentials is None:
        return {}
    try:
        opened = integration.credentials.reveal_json()
    except EncryptionError:
        raise CredentialsMissing("The stored ones cannot be opened; enter them again.") from None
    return opened if isinstance(opened, dict) else {}


def _store(row: Integration, credentials: Credentials) -> None:
    """Past `save()`: nobody has changed the connection, so its times of change stay and no entry of a change is due."""
    row.credentials = Secret.of_json(dict(credentials))
    seal_fields(row)
    Integration.objects.filter(pk=row.pk).update(credentials=row.credentials)


def for_good(do: Callable[[], T]) -> T:
    """Do what opens a durable transaction, whatever transaction is open around it."""
    if not connection.in_atomic_block:
        return do()
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(contextvars.copy_context().run, _on_own_connections, do).result()


def _on_own_connections(do: Callable[[], T]) -> T:
    try:
        return do()
    finally:
        connections.close_all()

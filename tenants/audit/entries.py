"""Writing an entry: one INSERT that fills time, transaction and hash in the database.

Not the ORM's INSERT, because that one asks for the columns the database filled (RETURNING), which the auth role, who
may add entries but read none, is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections

from tenants.isolation.identifiers import uuid7
from tenants.request_info import RequestInfo, current_request_info, printable

from .changes import storable_changes
from .enums import AuditAction, Operation

TABLE = "tenants_auditentry"
INSTALLATION = UUID(int=0)
"""The tenant of entries that concern no tenant: unknown people at the door, operators, the installation itself."""

REASON_MAX_CHARS = 500
RESOURCE_TYPE_MAX_CHARS = 100
RESOURCE_ID_MAX_CHARS = 64

HASH_VERSION = 1
HASHED_COLUMNS = {
    1: (
        "id",
        "tenant_id",
        "timestamp",
        "action",
        "operation",
        "actor_id",
        "resource_type",
        "resource_id",
        "changes",
        "reason",
        "ip_address",
        "user_agent",
        "request_id",
        "transaction_id",
    )
}
"""Columns under the hash, in order, by hash version. A version that has written a row is never edited."""

_AS_HASHED = {
    "timestamp": '(extract(epoch FROM e."timestamp") * 1000000)::bigint',  # no time zone, no date style
    "ip_address": "host(e.ip_address)",
}


def row_hash_sql(version: int) -> str:
    """Return the expression of a row's hash, over a row named ``e``.

    SHA-256 of the UTF-8 text of the JSON array [version, column, …]; jsonb's text is canonical (sorted keys, one
    spelling), and an array keeps neighbouring columns apart.
    """
    columns = ", ".join(_AS_HASHED.get(name, f'e."{name}"') for name in HASHED_COLUMNS[version])
    return f"sha256(convert_to(jsonb_build_array({version}, {columns})::text, 'UTF8'))"


_INSERT = f"""
INSERT INTO {TABLE} ({", ".join(f'"{name}"' for name in HASHED_COLUMNS[HASH_VERSION])}, hash_version, row_hash)
SELECT {", ".join(f'e."{name}"' for name in HASHED_COLUMNS[HASH_VERSION])}, {HASH_VERSION}, {row_hash_sql(HASH_VERSION)}
FROM (SELECT %s::uuid AS id, %s::uuid AS tenant_id, clock_timestamp() AS "timestamp", %s::text AS action,
  %s::text AS operation, %s::uuid AS actor_id, %s::text AS resource_type, %s::text AS resource_id, %s::jsonb AS changes,
  %s::text AS reason, %s::inet AS ip_address, %s::text AS user_agent, %s::text AS request_id,
  pg_current_xact_id()::text::bigint AS transaction_id) AS e
"""  # noqa: S608 - built from constants


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry before it is written: everything but time, transaction and hash, which the database fills.

    tenant_id: ``INSTALLATION`` where the entry concerns no tenant;  actor_id: None for the system or a stranger
    changes: see ``storable_changes``;  request: where it came from, taken when the draft is made
    """

    action: AuditAction
    tenant_id: UUID
    actor_id: UUID | None = None
    operation: Operation = Operation.NONE
    resource_type: str = ""
    resource_id: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    request: RequestInfo = field(default_factory=current_request_info)


def write_entry(draft: Draft, *, using: str = DEFAULT_DB_ALIAS) -> UUID:
    """Insert the entry in the current transaction and return its id.

    Raises DatabaseError where the context in force may not write for that tenant.
    """
    entry_id = uuid7()
    with connections[using].cursor() as cursor:
        cursor.execute(_INSERT, _parameters(entry_id, draft))
    return entry_id


def write_entry_at_end(draft: Draft, *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Insert the entry with what ends the current transaction, or before the next statement of it if there is one.

    For reads, which end in their entry: it costs them no wait of its own, and what cannot be kept is not answered.
    Raises DatabaseError there, where the context in force now may not write for that tenant.
    """
    connection: Any = connections[using]
    connection.execute_later(_INSERT, _parameters(uuid7(), draft))


def _parameters(entry_id: UUID, draft: Draft) -> list[Any]:
    return [
        entry_id,
        draft.tenant_id,
        AuditAction(draft.action).value,
        Operation(draft.operation).value,
        draft.actor_id,
        printable(draft.resource_type, RESOURCE_TYPE_MAX_CHARS),
        printable(draft.resource_id, RESOURCE_ID_MAX_CHARS),
        json.dumps(storable_changes(draft.changes), allow_nan=False, ensure_ascii=False),
        printable(draft.reason, REASON_MAX_CHARS),
        draft.request.ip,
        draft.request.user_agent,
        draft.request.request_id,
    ]

"""Accounts of a source, kept as pseudonymous contributors of the tenant."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from projects.domain.recording.bulk import Column, Scope, array_literal, fetch, upsert
from projects.domain.recording.pseudonyms import Pseudonyms, pseudonym_of
from projects.models import Contributor
from projects.observations import ObservationBatch
from tenants.isolation.identifiers import uuid7

PERSON_FIELDS = frozenset({"assignee", "reporter", "creator"})
"""Fields whose changes name accounts."""

_TABLE = Contributor._meta.db_table


def accounts_in(batch: ObservationBatch) -> set[str]:
    """Every account that the facts name, in whatever part."""
    accounts = {account for item in batch.items for account in item.assignee_ids}
    accounts |= {item.reporter_id for item in batch.items if item.reporter_id}
    accounts |= {change.actor_id for change in batch.changes if change.actor_id}
    accounts |= {activity.actor_id for activity in batch.activities if activity.actor_id}
    accounts |= {entry.actor_id for entry in batch.time_entries if entry.actor_id}
    for change in batch.changes:
        if change.field in PERSON_FIELDS:
            accounts |= {account for account in (change.from_id, change.to_id) if account}
    return accounts


def record_contributors(scope: Scope, accounts: Iterable[str], pseudonyms: Pseudonyms) -> dict[str, UUID]:
    """The row of each account, made where it is new."""
    digest_of = {account: pseudonyms.digest(source=scope.source, account_id=account) for account in accounts}
    found = _find(scope, digest_of.values())
    unknown = sorted(set(digest_of.values()) - found.keys())
    if unknown:
        found |= _insert(scope, unknown)
        raced = [digest for digest in unknown if digest not in found]
        found |= _find(scope, raced)
    return {account: found[digest] for account, digest in digest_of.items()}


def _find(scope: Scope, digests: Iterable[str]) -> dict[str, UUID]:
    wanted = list(digests)
    if not wanted:
        return {}
    rows = fetch(
        f"SELECT external_id_digest, id FROM {_TABLE} "  # noqa: S608 - our own table
        "WHERE tenant_id = %s AND source = %s AND external_id_digest = ANY (%s::text[])",
        [scope.tenant_id, scope.source, array_literal(wanted, sql_type="text")],
    )
    return dict(rows)


def _insert(scope: Scope, digests: list[str]) -> dict[str, UUID]:
    columns = [
        Column("id", "uuid", [uuid7() for _ in digests]),
        Column("external_id_digest", "text", digests),
        Column("pseudonym", "text", [pseudonym_of(digest) for digest in digests]),
    ]
    shared = {
        "tenant_id": scope.tenant_id,
        "source": scope.source,
        "display_label": "",
        "is_active": True,
        "recorded_at": scope.at,
    }
    rows = upsert(_TABLE, columns, shared=shared, key=("tenant_id", "source", "external_id_digest"))
    return {digest: row_id for row_id, _, _, digest in rows}

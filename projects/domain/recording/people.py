"""Which accounts of a tenant are one person: kept on the accounts, and worked out anew when something speaks for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from django.db.models import Q

from projects.domain.recording.bulk import Scope, array_literal, execute, fetch
from projects.domain.recording.pseudonyms import Pseudonyms
from projects.identities import AccountSigns, people_of
from projects.models import Contributor
from projects.models.contributor import IS_LINKED
from projects.observations import AccountObservation
from tenants.isolation.context import require_tenant_id

_TABLE: Final = Contributor._meta.db_table
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('stratibreak people ' || %s::text, 0))"
_HAS_SIGN: Final = (
    ~Q(email_digest="") | Q(user__isnull=False) | Q(linked_by_hand__isnull=False) | IS_LINKED  # the last: may end
)


def record_addresses(scope: Scope, accounts: Iterable[AccountObservation], pseudonyms: Pseudonyms) -> int:
    """Keep digests of addresses, of accounts that are recorded already, and link what they have in common.

    Of an account without an address nothing is said. Returns the number of accounts whose address or person changed.
    """
    told = {
        pseudonyms.digest(source=scope.source, account_id=account.account_id): pseudonyms.email_digest(account.email)
        for account in accounts
    }
    digest_of = {account: address for account, address in sorted(told.items()) if address}
    if not digest_of or not _differ(scope, digest_of):
        return 0
    hold_people()
    return _write(scope, digest_of) + regroup_people()


def hold_people() -> None:
    """Let nobody else link accounts of the tenant until the transaction ends: two at once would miss each other."""
    fetch(_LOCK, [str(require_tenant_id())])


def regroup_people() -> int:
    """Work out anew who is one person. Returns the number of accounts whose person changed.

    Call `hold_people` before the first write of what it rests on.
    """
    rows = Contributor.objects.filter(_HAS_SIGN).order_by("pk")
    signs = ("source", "email_digest", "user_id", "linked_by_hand", "is_apart")
    known = {row[0]: row for row in rows.values_list("pk", *signs, "person")}
    people = people_of([AccountSigns(*row[:-1]) for row in known.values()])
    moved = [(pk, people.get(pk)) for pk, row in known.items() if row[-1] != people.get(pk)]
    if not moved:
        return 0
    return execute(
        f"UPDATE {_TABLE} AS kept SET person = told.person "  # noqa: S608 - our own table
        "FROM UNNEST(%s::uuid[], %s::uuid[]) AS told (id, person) WHERE kept.tenant_id = %s AND kept.id = told.id",
        [
            array_literal([pk for pk, _ in moved], sql_type="uuid"),
            array_literal([person for _, person in moved], sql_type="uuid"),
            require_tenant_id(),
        ],
    )


def load_people() -> dict[UUID, UUID]:
    """Account -> the account that stands for its person, the first one known; only of those that share theirs.

    One query.
    """
    groups: dict[UUID, list[UUID]] = {}
    for pk, person in Contributor.objects.filter(IS_LINKED).order_by().values_list("pk", "person"):
        groups.setdefault(person, []).append(pk)
    return {pk: min(group) for group in groups.values() for pk in group}


def _differ(scope: Scope, digest_of: dict[str, str]) -> bool:
    rows = fetch(
        f"SELECT external_id_digest, email_digest FROM {_TABLE} "  # noqa: S608 - our own table
        "WHERE tenant_id = %s AND source = %s AND external_id_digest = ANY (%s::text[])",
        [scope.tenant_id, scope.source, array_literal(list(digest_of), sql_type="text")],
    )
    return any(digest_of[account] != address for account, address in rows)


def _write(scope: Scope, digest_of: dict[str, str]) -> int:
    return execute(
        f"UPDATE {_TABLE} AS kept SET email_digest = told.address "  # noqa: S608 - our own table
        "FROM UNNEST(%s::text[], %s::text[]) AS told (account, address) "
        "WHERE kept.tenant_id = %s AND kept.source = %s AND kept.external_id_digest = told.account "
        "AND kept.email_digest <> told.address",
        [
            array_literal(list(digest_of), sql_type="text"),
            array_literal(list(digest_of.values()), sql_type="text"),
            scope.tenant_id,
            scope.source,
        ],
    )

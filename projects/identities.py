"""Which accounts belong to one person. Pure: the same signs give the same groups, in whatever order they come.

1. Accounts that people have linked, and accounts of one user of ours, are one person.
2. Accounts of different sources with the same verified address are one person. An address that two accounts of one
   source have is a shared mailbox, and says nothing.
3. What is linked to one of them is linked to all. An account that stands apart is linked to none.

Names say nothing: two people may have the same, and one person two.

Example: jira-1 and asana-1 with one address, asana-1 and slack-1 linked by hand: one person with three accounts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

ADDRESS = "email_digest"


@dataclass(frozen=True, slots=True)
class AccountSigns:
    """What speaks for whose an account is. email_digest: "" where none is known"""

    id: UUID
    source: str
    email_digest: str = ""
    user_id: UUID | None = None
    linked_by_hand: UUID | None = None
    is_apart: bool = False


def people_of(accounts: Sequence[AccountSigns]) -> dict[UUID, UUID]:
    """Account -> person, of all accounts that share theirs with another one. A person is named by the first account."""
    leader_of = {account.id: account.id for account in accounts}

    def leader(account_id: UUID) -> UUID:
        while leader_of[account_id] != account_id:
            leader_of[account_id] = leader_of[leader_of[account_id]]
            account_id = leader_of[account_id]
        return account_id

    for group in _signs_in_common(account for account in accounts if not account.is_apart):
        leaders = {leader(account_id) for account_id in group}
        for each in leaders:
            leader_of[each] = min(leaders)
    found = {account.id: leader(account.id) for account in accounts}
    sizes = Counter(found.values())
    return {account_id: person for account_id, person in found.items() if sizes[person] > 1}


def _signs_in_common(accounts: Iterable[AccountSigns]) -> list[list[UUID]]:
    by_sign: dict[tuple[str, str], list[AccountSigns]] = defaultdict(list)
    for account in accounts:
        for kind in (ADDRESS, "user_id", "linked_by_hand"):
            if sign := getattr(account, kind):
                by_sign[kind, str(sign)].append(account)
    return [[account.id for account in group] for (kind, _), group in by_sign.items() if _is_of_one(kind, group)]


def _is_of_one(kind: str, group: Sequence[AccountSigns]) -> bool:
    return kind != ADDRESS or len({account.source for account in group}) == len(group)

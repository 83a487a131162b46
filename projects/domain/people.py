"""What people say about whose accounts are whose."""

from __future__ import annotations

from contextlib import ExitStack

from projects.domain.recording.people import hold_people, regroup_people
from projects.models import Contributor
from tenants.domain.recorded_edits import recorded_change
from tenants.domain.refusals import Refusal
from tenants.isolation.models import uuid7


class AccountsNotLinked(Refusal):
    """Accounts that cannot be linked."""


def link_accounts(*accounts: Contributor) -> None:
    """Say that these accounts, and all that are linked to them by hand, are one person's. Audited on each account.

    The accounts are read anew under a lock, and no longer stand apart.
    Raises AccountsNotLinked for fewer than two.
    """
    if len({account.pk for account in accounts}) < 2:  # noqa: PLR2004 - to link takes two
        raise AccountsNotLinked("Choose at least two accounts.")
    hold_people()
    current = list(Contributor.objects.filter(pk__in=[account.pk for account in accounts]).order_by("pk"))
    said = [account.linked_by_hand for account in current if account.linked_by_hand]
    group = min(said, default=uuid7())
    current += Contributor.objects.filter(linked_by_hand__in=said).exclude(pk__in=[each.pk for each in current])
    with ExitStack() as audited:
        for account in current:
            audited.enter_context(recorded_change(account))
            account.linked_by_hand, account.is_apart = group, False
            account.save(update_fields=["linked_by_hand", "is_apart"])
    regroup_people()


def set_apart(account: Contributor) -> None:
    """Say that an account is nobody else's: no address and no user links it any more. Audited.

    What was counted as one person before is counted as it was; `link_accounts` takes it back.
    """
    hold_people()
    current = Contributor.objects.get(pk=account.pk)
    with recorded_change(current):
        current.linked_by_hand, current.person, current.is_apart = None, None, True
        current.save(update_fields=["linked_by_hand", "person", "is_apart"])
    regroup_people()


def user_changed() -> None:
    """Link accounts anew after one was given to a user, or taken from one."""
    hold_people()
    regroup_people()


def other_accounts(account: Contributor) -> list[Contributor]:
    """The further accounts of the same person, the first known first; none where nobody else's is."""
    if account.person is None:
        return []
    return list(Contributor.objects.filter(person=account.person).exclude(pk=account.pk).order_by("pk"))

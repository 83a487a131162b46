"""One person for all of their accounts, while rows are read."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID


class People:
    """Accounts that are not linked stand for themselves: with none linked every row is read as it is."""

    def __init__(self, first_account_of: Mapping[UUID, UUID]) -> None:
        """first_account_of: account -> the one that stands for its person, as `load_people` tells"""
        self._of = first_account_of
        self._of_text = {str(account): str(first) for account, first in first_account_of.items()}

    def of(self, account: UUID | None) -> UUID | None:
        """The account that counts."""
        return self._of.get(account, account) if account is not None else None

    def of_text(self, account: str) -> str:
        """The same in a value of a change, which names accounts as text."""
        return self._of_text.get(account, account)

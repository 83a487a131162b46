"""What connectors read of records in the same way, and say of them in the same words. Pure.

Every function raises FieldRefused, naming the member, for one that cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from projects.enums import TrackedField
from projects.imports.errors import FieldRefused
from projects.imports.json_access import JsonObject, number_in, string_in
from projects.imports.values import count, identifier, instant
from projects.observations import AccountObservation, FieldChangeObservation, StatusObservation

POINTS: Final = frozenset({"story points", "story point estimate", "points", "estimate (points)"})
"""What people call the number field of their own that holds story points, in lower case."""


def id_of(sent: JsonObject, *, path: str = "") -> str:
    """The identifier of a record. path: what kind of record it is, "" where only one kind can be meant"""
    return identifier(string_in(sent, "id", path=path or "record") or "", field=f"{path}.id" if path else "id")


def account_of(person: JsonObject | None, *, path: str) -> str | None:
    """An account by its number, which survives a change of its name; None for a deleted one."""
    return None if person is None or person.get("id") is None else id_of(person, path=path)


def addresses_of(people: Iterable[object], *, ids_in: tuple[str, ...], email_in: str) -> tuple[AccountObservation, ...]:
    """The addresses that records of people carry, each account once; whoever carries none, or is odd, is passed over.

    ids_in: the members that may hold the account, the first that does counts
    """
    found: dict[str, str] = {}
    for person in people:
        email = person.get(email_in) if isinstance(person, dict) else None
        if not isinstance(person, dict) or not isinstance(email, str) or "@" not in email:
            continue
        account = next((person[member] for member in ids_in if isinstance(person.get(member), str | int)), "")
        if account:
            found[str(account)] = email
    return tuple(AccountObservation(account_id=account, email=email) for account, email in found.items())


def moment(sent: JsonObject, member: str) -> datetime:
    return instant(string_in(sent, member, path="record") or "", field=member)


def moment_or_none(sent: JsonObject, member: str, *, path: str = "record") -> datetime | None:
    text = string_in(sent, member, path=path)
    return instant(text, field=member) if text else None


def issue_number(sent: JsonObject, member: str) -> int:
    """The number of an issue within its project."""
    value = number_in(sent, member, path="issue")
    if value is None:
        raise FieldRefused(member, "is missing")
    return count(value, field=member)


def status_move(
    change: FieldChangeObservation, before: StatusObservation, after: StatusObservation
) -> FieldChangeObservation:
    """The change as a move between two statuses."""
    return replace(
        change,
        field=TrackedField.STATUS,
        from_id=before.external_id,
        from_text=before.name,
        to_id=after.external_id,
        to_text=after.name,
    )

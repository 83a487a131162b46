"""What GitLab's own notes say of fields that have no history of events: assignees, due date, estimate, links, title.

The words are the same in every language of the interface. Source: lib and app/services/system_notes of GitLab.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import zip_longest
from typing import Final

from integrations.connectors.gitlab.payloads import Note
from projects.enums import TrackedField
from projects.imports.json_access import JsonObject
from projects.imports.values import NAME_LENGTH, cut_text
from projects.observations import FieldChangeObservation, TimeEntryObservation

_ACCOUNT: Final = re.compile(r"@([\w.-]+)")
_DUE: Final = re.compile(r"changed due date to ([A-Z][a-z]+ \d{1,2}, \d{4})")
_ESTIMATE: Final = re.compile(r"^(?:changed time estimate to|added time estimate of)((?: -?\d+(?:mo|w|d|h|m|s))+)")
_LENGTH: Final = r"(?:-?\d{1,9}(?:mo|w|d|h|m|s) ?){1,12}"
_DAY: Final = r"\d{4}-\d\d-\d\d"
_SPENT: Final = re.compile(rf"(?P<word>added|subtracted) (?P<length>{_LENGTH})\s?of time spent(?: at (?P<day>{_DAY}))?")
_DELETED_TIME: Final = re.compile(rf"deleted ({_LENGTH})\s?of spent time from ({_DAY})")
_RELATION: Final = re.compile(
    r"^(marked this \w+ as (?:related to|blocking|blocked by)|removed the relation with) (.+)", re.DOTALL
)
_SECONDS: Final = {"mo": 576_000, "w": 144_000, "d": 28_800, "h": 3_600, "m": 60, "s": 1}
"""A month has four weeks of five days of eight hours."""


def note_changes(item_id: str, notes: Sequence[Note], accounts: Mapping[str, str]) -> Iterator[FieldChangeObservation]:
    """Changes that the notes tell of, oldest first.

    "assigned to @ann and unassigned @bob" -> assignee, from the number of bob to that of ann. An account whose number
    is not known (it was deleted) is kept by its name with the @.
    """
    due, estimate = "", ""
    for note in (each for each in notes if each.is_system):
        change = FieldChangeObservation(
            external_id=f"note {note.id}", item_id=item_id, field="", changed_at=note.at, actor_id=note.author
        )
        if note.body.startswith(("assigned to ", "unassigned ")):
            yield from _assignee_changes(change, note.body, accounts)
        elif (day := due_day(note.body)) is not None:
            yield replace(change, field=TrackedField.DUE_DATE, from_text=due, to_text=day)
            due = day
        elif (length := estimate_s(note.body)) is not None:
            yield replace(change, field=TrackedField.ESTIMATE_S, from_text=estimate, to_text=length)
            estimate = length
        elif (relation := _RELATION.match(note.body)) is not None:
            targets = cut_text(relation[2], field="note", limit=NAME_LENGTH)
            is_end = relation[1].startswith("removed")
            yield replace(
                change, field=TrackedField.LINK, from_text=targets if is_end else "", to_text="" if is_end else targets
            )
        elif note.body.startswith("changed title from "):
            yield replace(change, field="title")


def note_times(item_id: str, notes: Sequence[Note]) -> tuple[TimeEntryObservation, ...]:
    """Times that the notes tell of, and that have not been taken back since. notes: oldest first

    1. "added 1h 30m of time spent at 2026-05-02" is an entry of that day, without a day one of the note's.
    2. "subtracted 30m of time spent" is one with a negative duration.
    3. "deleted 1h of spent time from 2026-05-02" takes the newest such entry away, by whomever it was.
    4. "removed time spent" takes all of them away.
    """
    kept: list[TimeEntryObservation] = []
    for note in (each for each in notes if each.is_system):
        if note.body.startswith("removed time spent"):
            kept = []
        elif (deleted := _DELETED_TIME.match(note.body)) is not None:
            length, day = _length_s(deleted[1]), _day(deleted[2], note)
            place = next((at for at in reversed(range(len(kept))) if _is(kept[at], length, day)), None)
            kept = kept if place is None else kept[:place] + kept[place + 1 :]
        elif (spent := _SPENT.match(note.body)) is not None:
            sign = -1 if spent["word"] == "subtracted" else 1
            kept.append(
                TimeEntryObservation(
                    external_id=f"note {note.id}",
                    item_id=item_id,
                    worked_on_date=_day(spent["day"], note),
                    duration_s=sign * _length_s(spent["length"]),
                    actor_id=note.author,
                )
            )
    return tuple(kept)


def _day(told: str | None, note: Note) -> date:
    """The day that a note tells, else its own."""
    try:
        return date.fromisoformat(told or "")
    except ValueError:
        return note.at.astimezone(UTC).date()


def _is(entry: TimeEntryObservation, length_s: int, day: date) -> bool:
    return (entry.duration_s, entry.worked_on_date) == (length_s, day)


def own_words(sent: Iterable[JsonObject]) -> list[str]:
    """What GitLab itself has written about an issue, of notes as they were sent."""
    own = (note for note in sent if note.get("system") is True and note.get("noteable_type") in ("Issue", None))
    return [str(note.get("body") or "").strip() for note in own]


def tells_of_relations(bodies: Iterable[str]) -> bool:
    """Whether the issue may have links: only then is asked for them."""
    return any(_RELATION.match(body) for body in bodies)


def named_assignees(bodies: Iterable[str]) -> set[str]:
    """Names of all accounts that were ever assigned or unassigned, in lower case."""
    told = (body for body in bodies if body.startswith(("assigned to ", "unassigned ")))
    return {name.casefold() for body in told for name in _ACCOUNT.findall(body)}


def due_day(body: str) -> str | None:
    """The day as YYYY-MM-DD, "" when it was taken away, None when the note is about something else."""
    if body.startswith("removed due date") or " and removed due date" in body:
        return ""
    found = _DUE.search(body)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1], "%B %d, %Y").date().isoformat()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None


def estimate_s(body: str) -> str | None:
    """Seconds, "" when the estimate was taken away, None when the note is about something else.

    "changed time estimate to 1w 4d 5h" -> 277200
    """
    if body.startswith("removed time estimate"):
        return ""
    found = _ESTIMATE.match(body)
    if found is None:
        return None
    return str(_length_s(found[1]))


def _length_s(words: str) -> int:
    """ "1w 4d 5h" -> 277200"""
    return sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"(-?\d+)(mo|w|d|h|m|s)", words))


def _assignee_changes(
    change: FieldChangeObservation, body: str, accounts: Mapping[str, str]
) -> Iterator[FieldChangeObservation]:
    before, _, after = body.partition("unassigned ")
    joined, left = _ACCOUNT.findall(before), _ACCOUNT.findall(after)
    for number, (from_name, to_name) in enumerate(zip_longest(left, joined)):
        yield replace(
            change,
            external_id=f"{change.external_id}.{number}",
            field=TrackedField.ASSIGNEE,
            from_id=_number_of(from_name, accounts),
            to_id=_number_of(to_name, accounts),
        )


def _number_of(name: str | None, accounts: Mapping[str, str]) -> str:
    return accounts.get(name.casefold(), f"@{name}") if name else ""

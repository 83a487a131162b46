"""The change history that Jira embeds in an issue.

Cloud sends the newest entries first and at most 40 of them; Data Center sends all, oldest first. `total` tells which.
Source: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/ (changelog), and recorded traffic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from projects.enums import TrackedField
from projects.imports.jira_sprints import sprint_ids
from projects.imports.json_access import JsonObject, number_in, object_in, objects_in, string_in
from projects.imports.memberships import GroupChange
from projects.imports.values import NAME_LENGTH, checked_text, identifier, instant
from projects.observations import FieldChangeObservation

FIELD_NAME_LENGTH: Final = 64
FIELD_NAMES: Final[dict[str, TrackedField]] = {
    "sprint": TrackedField.ITERATION,
    "fix version": TrackedField.MILESTONE,
    "duedate": TrackedField.DUE_DATE,
    "story points": TrackedField.ESTIMATE_POINTS,
    "story point estimate": TrackedField.ESTIMATE_POINTS,
    "timeoriginalestimate": TrackedField.ESTIMATE_S,
    "epic link": TrackedField.PARENT,
    "issueparentassociation": TrackedField.PARENT,
    "issuetype": TrackedField.ITEM_TYPE,
    "flagged": TrackedField.FLAG,
}
"""Jira's names in lower case. The others that we track (status, assignee, priority, ...) have the same name there."""
# Prose and file names: when they changed is a fact of the work, what they say is nobody's business here.
PROSE_FIELDS: Final = frozenset({"summary", "description", "environment", "comment", "attachment"})
# The display value of these is a person's name; the identifier of the account says enough.
PERSON_FIELDS: Final = frozenset({"assignee", "reporter", "creator"})


@dataclass(frozen=True, slots=True)
class Changelog:
    """changes: oldest first;  is_whole: nothing was cut off"""

    changes: tuple[FieldChangeObservation, ...] = ()
    is_whole: bool = False

    def of(self, field: TrackedField) -> Iterator[FieldChangeObservation]:
        return (change for change in self.changes if change.field == field)


def parse_changelog(changelog: JsonObject | None, *, item_id: str) -> Changelog:
    """changelog: the member of that name; None, when the file has none, is a history that was cut off."""
    if changelog is None:
        return Changelog()
    histories = objects_in(changelog, "histories", path="changelog")
    total = number_in(changelog, "total", path="changelog")
    changes = [
        change
        for position, history in enumerate(histories)
        for change in _parse_history(history, item_id=item_id, path=f"changelog.histories[{position}]")
    ]
    # Identifiers of entries are numbers that grow; those that share an instant are sorted by them.
    changes.sort(key=lambda change: (change.changed_at, len(change.external_id), change.external_id))
    return Changelog(changes=tuple(changes), is_whole=total is None or len(histories) >= total)


def account_id(person: JsonObject | None, *, path: str) -> str | None:
    """Cloud names an account by accountId, Data Center by key, exports by name; never a display name or an address."""
    if person is None:
        return None
    for member in ("accountId", "key", "name"):
        text = string_in(person, member, path=path)
        if text and text.strip():
            return identifier(text, field=f"{path}.{member}")
    return None


def sprint_changes(changelog: Changelog) -> tuple[tuple[GroupChange, ...], bool]:
    """Who joined and left which sprint when, and whether some entries had to be passed over: they hold names only."""
    found: list[GroupChange] = []
    lacks_ids = False
    for change in changelog.of(TrackedField.ITERATION):
        if bool(change.from_text) > bool(change.from_id) or bool(change.to_text) > bool(change.to_id):
            lacks_ids = True
            continue
        before = sprint_ids(change.from_id, field="changelog.Sprint")
        after = sprint_ids(change.to_id, field="changelog.Sprint")
        left = tuple(sprint_id for sprint_id in before if sprint_id not in after)
        joined = tuple(sprint_id for sprint_id in after if sprint_id not in before)
        found.append(GroupChange(change.changed_at, left=left, joined=joined))
    return tuple(found), lacks_ids


def version_changes(changelog: Changelog) -> tuple[GroupChange, ...]:
    """Fix versions change one at a time: an entry names the one that was removed or the one that was added."""
    return tuple(
        GroupChange(
            change.changed_at,
            left=(change.from_id,) if change.from_id else (),
            joined=(change.to_id,) if change.to_id else (),
        )
        for change in changelog.of(TrackedField.MILESTONE)
    )


def _parse_history(history: JsonObject, *, item_id: str, path: str) -> Iterator[FieldChangeObservation]:
    """An entry has an identifier; what changed in it has a place. Together they name one change for ever."""
    history_id = identifier(string_in(history, "id", path=path) or "", field=f"{path}.id")
    changed_at = instant(string_in(history, "created", path=path) or "", field=f"{path}.created")
    actor_id = account_id(object_in(history, "author", path=path), path=f"{path}.author")
    for index, item in enumerate(objects_in(history, "items", path=path)):
        item_path = f"{path}.items[{index}]"
        name = identifier(string_in(item, "field", path=item_path) or "", field=f"{item_path}.field").casefold()
        from_id, from_text = _value(item, "from", "fromString", name=name, path=item_path)
        to_id, to_text = _value(item, "to", "toString", name=name, path=item_path)
        yield FieldChangeObservation(
            external_id=identifier(f"{history_id}:{index}", field=f"{path}.id"),
            item_id=item_id,
            field=FIELD_NAMES.get(name, name)[:FIELD_NAME_LENGTH],
            from_id=from_id,
            from_text=from_text,
            to_id=to_id,
            to_text=to_text,
            changed_at=changed_at,
            actor_id=actor_id,
        )


def _value(item: JsonObject, id_member: str, text_member: str, *, name: str, path: str) -> tuple[str, str]:
    """Identifier and display value. What is longer than a name is prose, whatever the field is called."""
    if name in PROSE_FIELDS:
        return "", ""
    value_id = checked_text(string_in(item, id_member, path=path) or "", field=f"{path}.{id_member}")
    text = checked_text(string_in(item, text_member, path=path) or "", field=f"{path}.{text_member}")
    if name in PERSON_FIELDS or len(text) > NAME_LENGTH:
        text = ""
    return (value_id if len(value_id) <= NAME_LENGTH else ""), text

"""Who was active when, and who carried which item, as columns of pseudonymous contributors.

1. An activity is a comment, a review, a meeting, or a change that somebody made to an item: the instant, the kind, the
   role and the contributor's key. Several fields changed in one go are one activity.
2. An assignment is a value of an item's assignee, dated by the change history, else from when it was found.

These serve measures of a team. Nothing here may be given out per contributor.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from projects.enums import ActivityKind, ActivityRole, TrackedField
from projects.history.columns import UNDATED_LAST, Codes, Columns, Flags, Rows, sorted_without_doubles
from projects.history.facts import FieldChangeFact, StatusChangeFact, WorkItemFact
from projects.history.instants import Instants, to_us
from projects.history.observed import digest_of
from projects.history.team_facts import ActivityFact
from projects.history.two_clocks import NOBODY, key_of

CHANGE = 0
"""Code of the kind of an activity that is a change of an item."""
ACTIVITY_CODES: Mapping[ActivityKind, int] = {kind: code for code, kind in enumerate(ActivityKind, start=1)}
ROLE_CODES: Mapping[ActivityRole, int] = {role: code for code, role in enumerate(ActivityRole)}


@dataclass(frozen=True, eq=False)
class ActivityColumns(Columns):
    """One row per activity, ordered by instant, then by all other columns; no two rows are alike.

    contributor, item: `key_of` their ids, NOBODY where none is named;  event: of an event's own id, 0 for a change
    kind: CHANGE or ACTIVITY_CODES;  role: ROLE_CODES
    """

    at_us: Instants
    contributor: Instants
    kind: Codes
    role: Codes
    item: Instants
    event: Instants
    recorded_us: Instants

    def __len__(self) -> int:
        return len(self.at_us)

    def known_at(self, moment_us: int) -> Self:
        """What was known at a moment."""
        return self.take(np.minimum(self.at_us, self.recorded_us) <= moment_us)

    def until(self, moment_us: int) -> Self:
        """What was true by a moment."""
        return self.take(self.at_us <= moment_us)

    def digest(self) -> str:
        """SHA-256 over everything that a result can depend on: 64 hex digits."""
        return digest_of(self, without={"recorded_us"})


@dataclass(frozen=True, eq=False)
class AssignmentColumns(Columns):
    """One row per value an item's assignee took, ordered by item, instant, sequence.

    contributor: `key_of` the id, NOBODY where nobody carries it
    """

    item: Rows
    at_us: Instants
    sequence: NDArray[np.int32]
    contributor: Instants
    recorded_us: Instants

    def __len__(self) -> int:
        return len(self.at_us)

    def known_at(self, moment_us: int, known_items: Flags, new_row: Rows) -> Self:
        """What was known at a moment, of the items known then."""
        kept = self.take(known_items[self.item] & (np.minimum(self.at_us, self.recorded_us) <= moment_us))
        return type(self)(**{**vars(kept), "item": new_row[kept.item]})

    def latest(self, moment_us: int, items: int) -> Instants:
        """The key of who carries each item at a moment, NOBODY where nobody does or it is unknown: shape (items,)."""
        rows = self.take(self.at_us <= moment_us)
        carriers = np.full(items, NOBODY, dtype=np.int64)
        carriers[rows.item] = rows.contributor  # rows are ordered, so the last assignment is the latest
        return carriers

    def digest(self) -> str:
        """SHA-256 over everything that a result can depend on: 64 hex digits."""
        return digest_of(self, without={"recorded_us"})


def activity_columns(
    events: Iterable[ActivityFact], changes: Iterable[StatusChangeFact | FieldChangeFact]
) -> ActivityColumns:
    """Columns of events and of the changes that name who made them, in any order; doubles collapse."""
    keys = _Keys()
    rows = [
        (to_us(fact.occurred_at), keys.of(fact.contributor_id), ACTIVITY_CODES[fact.kind], ROLE_CODES[fact.role],
         keys.of(fact.item_id), key_of(fact.id), to_us(fact.recorded_at))
        for fact in events
    ]  # fmt: skip
    other = ROLE_CODES[ActivityRole.OTHER]
    rows += [
        (to_us(change.changed_at), keys.of(change.actor_id), CHANGE, other, keys.of(change.item_id), 0,
         to_us(change.recorded_at))
        for change in changes
        if change.actor_id is not None
    ]  # fmt: skip
    table = sorted_without_doubles(np.array(rows, dtype=np.int64).reshape(-1, 7))
    return ActivityColumns(
        at_us=table[:, 0].copy(),
        contributor=table[:, 1].copy(),
        kind=table[:, 2].astype(np.int8),
        role=table[:, 3].astype(np.int8),
        item=table[:, 4].copy(),
        event=table[:, 5].copy(),
        recorded_us=table[:, 6].copy(),
    )


def assignment_columns(
    observed: Iterable[WorkItemFact], changes: Iterable[FieldChangeFact], row_of: Mapping[int, int]
) -> AssignmentColumns:
    """Every dated assignment of a known item, and the undated ones from when they were found."""
    rows = [
        (row_of[change.item_id.int], to_us(change.changed_at), change.sequence, key_of(change.to_value),
         to_us(change.recorded_at))
        for change in changes
        if change.field == TrackedField.ASSIGNEE and change.item_id.int in row_of
    ]  # fmt: skip
    rows += [
        (row_of[item.id.int], to_us(item.recorded_at), UNDATED_LAST, key_of(item.assignee_id), to_us(item.recorded_at))
        for item in observed
        if item.assignee_id is not None
    ]
    table = sorted_without_doubles(np.array(rows, dtype=np.int64).reshape(-1, 5))
    return AssignmentColumns(
        item=table[:, 0].astype(np.intp),
        at_us=table[:, 1].copy(),
        sequence=table[:, 2].astype(np.int32),
        contributor=table[:, 3].copy(),
        recorded_us=table[:, 4].copy(),
    )


class _Keys:
    """Keys of identifiers that come again and again."""

    def __init__(self) -> None:
        self._of: dict[UUID, int] = {}

    def of(self, identifier: UUID | None) -> int:
        if identifier is None:
            return NOBODY
        key = self._of.get(identifier)
        if key is None:
            key = self._of[identifier] = key_of(identifier)
        return key

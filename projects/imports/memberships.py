"""When an item was in which group (a sprint, a release), from the present state and the history of changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from projects.observations import MembershipObservation


@dataclass(frozen=True, slots=True)
class GroupChange:
    """At one moment an item left some groups and joined others; group identifiers as the source has them."""

    changed_at: datetime
    left: tuple[str, ...]
    joined: tuple[str, ...]


def reconstruct_memberships(
    *,
    item_id: str,
    created_at: datetime,
    changes: Sequence[GroupChange],
    present_ids: Sequence[str],
    history_is_whole: bool,
) -> tuple[MembershipObservation, ...]:
    """Every stay of the item in a group, in no particular order.

    1. A group that the item left before it ever joined, or is in without having joined, held it from the beginning:
       since its creation if the history is whole, else since nobody knows when.
    2. Every change ends the stays in what was left and begins one in what was joined.

    changes: oldest first. Changes before created_at occur in items that were moved between servers; then the item began
    with the first of them.
    """
    began_at = min([created_at, *(change.changed_at for change in changes[:1])]) if history_is_whole else None
    open_since: dict[str, datetime | None] = dict.fromkeys(_from_the_beginning(changes, present_ids), began_at)
    stays: dict[tuple[str, datetime | None], datetime | None] = {}
    for change in changes:
        for group_id in change.left:
            if group_id in open_since:
                stays[group_id, open_since.pop(group_id)] = change.changed_at
        for group_id in change.joined:
            open_since.setdefault(group_id, change.changed_at)
    stays.update(dict.fromkeys(open_since.items()))
    return tuple(
        MembershipObservation(item_id=item_id, group_id=group_id, joined_at=joined_at, left_at=left_at)
        for (group_id, joined_at), left_at in stays.items()
    )


def _from_the_beginning(changes: Sequence[GroupChange], present_ids: Sequence[str]) -> list[str]:
    first_seen_leaving: dict[str, bool] = {}
    for change in changes:
        for group_id in change.left:
            first_seen_leaving.setdefault(group_id, True)
        for group_id in change.joined:
            first_seen_leaving.setdefault(group_id, False)
    for group_id in present_ids:
        first_seen_leaving.setdefault(group_id, True)
    return [group_id for group_id, was_there in first_seen_leaving.items() if was_there]

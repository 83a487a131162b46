"""Items of two tools that are one piece of work, and which of them counts.

1. Two items are one when a person has said so of a link between them, or when each calls the other the same work: both
   tools say it. A person's "no" outweighs the tools. Titles, and the word of one tool, are not enough.
2. The item that a link leads to counts: a copy names its original, and code names the plan. Where each names the other,
   the one that was recorded first counts.
3. Nobody's work may vanish: a copy whose original is gone or hidden counts itself.

Example: app#1 is the same work as PROJ-12, and that as OPS-3: OPS-3 counts, for all three.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q

from projects.enums import Presence
from projects.models import WorkItem, WorkItemLink
from projects.models.work_item_link import SAME_WORK_AS


class LinkRow(NamedTuple):
    """A link between two items of the record. is_same_work: what people said, None for nothing"""

    item_id: UUID
    target_id: UUID
    link_type: str
    direction: str
    recorded_at: datetime
    linked_at: datetime | None
    unlinked_at: datetime | None
    is_same_work: bool | None

    @property
    def may_be_same_work(self) -> bool:
        return self.is_same_work is not None or (self.link_type == SAME_WORK_AS and self.unlinked_at is None)


LINK_COLUMNS = (
    "work_item_id",
    "target_item_id",
    "link_type",
    "direction",
    "recorded_at",
    "linked_at",
    "unlinked_at",
    "is_same_work",
)
"""Of a WorkItemLink, in the order of a LinkRow."""


def project_copies(project_id: UUID) -> dict[UUID, UUID]:
    """`load_copies` over the links of a project. One query where there are none."""
    said = Q(is_same_work__isnull=False) | Q(link_type=SAME_WORK_AS, unlinked_at__isnull=True)
    rows = (
        WorkItemLink.objects.filter(said, work_item__project_id=project_id, target_item__isnull=False)
        .order_by()
        .values_list(*LINK_COLUMNS)
    )
    return load_copies(map(LinkRow._make, rows))


def load_copies(links: Iterable[LinkRow]) -> dict[UUID, UUID]:
    """Item that does not count -> the one that counts for it. One query where there are any, else none."""
    originals = originals_of(links)
    if not originals:
        return {}
    named = {*originals, *originals.values()}
    live = set(WorkItem.objects.filter(pk__in=named, presence=Presence.LIVE).values_list("pk", flat=True))
    return leading(originals, live)


def originals_of(links: Iterable[LinkRow]) -> dict[UUID, UUID]:
    """Copy -> original, of every pair that is one piece of work."""
    said = [row for row in links if row.may_be_same_work]
    refused = {frozenset((row.item_id, row.target_id)) for row in said if row.is_same_work is False}
    told = {(row.item_id, row.target_id) for row in said if row.is_same_work is None}
    pairs = {(row.item_id, row.target_id) for row in said if row.is_same_work}
    pairs |= {(item, target) for item, target in told if (target, item) in told}
    found: dict[UUID, UUID] = {}
    for item, target in sorted(pairs):
        if item != target and frozenset((item, target)) not in refused:
            found.setdefault(item, target)
    return found


def leading(originals: Mapping[UUID, UUID], live: set[UUID]) -> dict[UUID, UUID]:
    """Copy -> what counts for it: as far along the originals as they are live; of a circle the first recorded."""
    found: dict[UUID, UUID] = {}
    for item in originals:
        path = [item]
        while (following := originals.get(path[-1])) is not None and following not in path:
            path.append(following)
        circle = path[path.index(following) :] if following is not None else []
        candidates = [min(circle)] if circle else path[:0:-1]
        leader = next((each for each in candidates if each in live), None)
        if leader is not None and leader != item:
            found[item] = leader
    return found

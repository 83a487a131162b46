"""The open items of a project that an option may drop: found by id, in an order to drop them, or by what holds them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Lower

from predictions.forecasters.minimal_cut import CutUnit
from projects.domain.queries.same_work import project_copies
from projects.enums import IterationState, Presence, StatusCategory
from projects.models import Iteration, IterationMembership, Project, WorkItem

OPEN = (StatusCategory.TODO, StatusCategory.IN_PROGRESS)
PRIORITY_RANKS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (0, ("trivial", "lowest", "p5", "5")),
    (1, ("minor", "low", "p4", "4", "nice to have", "could have", "could")),
    (3, ("major", "high", "p2", "2", "should have", "should")),
    (4, ("critical", "highest", "urgent", "blocker", "p1", "1", "p0", "0", "must have", "must", "immediate")),
)
"""Names of priorities in the tools people use, the ones to drop first at 0; any other name stands in the middle."""
MIDDLE_RANK = 2


class CutOrder(StrEnum):
    """Which items go first."""

    PRIORITY = "PRIORITY"
    YOUNGEST = "YOUNGEST"


ORDER_RULES = {
    CutOrder.PRIORITY: "Lowest priority first, the youngest first among equals; other names stand in the middle.",
    CutOrder.YOUNGEST: "The youngest first.",
}


class CutBy(StrEnum):
    """What is kept or dropped as a whole."""

    ITEM = "ITEM"
    PARENT = "PARENT"
    ITERATION = "ITERATION"


@dataclass(frozen=True, slots=True)
class OpenItem:
    """An item as an answer names it."""

    id: UUID
    key: str
    url: str


@dataclass(frozen=True, slots=True)
class CountedItems:
    """The items of a project that its history counts.  copies: items for which another one counts"""

    project: Project
    copies: Collection[UUID]

    @classmethod
    def of(cls, project: Project) -> CountedItems:
        """One query where nothing is said to be the same work, else two."""
        return cls(project, project_copies(project.pk).keys())

    def open_from(self, as_of: datetime) -> QuerySet[WorkItem]:
        """Those that are open now and existed at a moment: what the forecast of then counted and is still to do."""
        items = WorkItem.objects.filter(
            project=self.project, status_category__in=OPEN, presence=Presence.LIVE, opened_at__lte=as_of
        )
        return (items.exclude(pk__in=self.copies) if self.copies else items).order_by()


def find_open_items(counted: CountedItems, ids: Collection[UUID], *, as_of: datetime) -> dict[UUID, OpenItem]:
    """Those of the ids that are open items of the project; one query, whatever the rest of the ids name."""
    if not ids:
        return {}
    rows = counted.open_from(as_of).filter(pk__in=ids).values_list("pk", "key", "url")
    return {row[0]: OpenItem(*row) for row in rows}


def items_to_drop(
    counted: CountedItems, *, keep: Collection[UUID], order: CutOrder, count: int, as_of: datetime
) -> list[OpenItem]:
    """So many items, those to drop first."""
    found: Any = counted.open_from(as_of).exclude(pk__in=keep)
    if order == CutOrder.PRIORITY:
        whens = [When(name__in=names, then=Value(rank)) for rank, names in PRIORITY_RANKS]
        found = found.annotate(name=Lower("priority")).annotate(
            rank=Case(*whens, default=Value(MIDDLE_RANK), output_field=IntegerField())
        )
        found = found.order_by("rank", "-opened_at", "-pk")
    else:
        found = found.order_by("-opened_at", "-pk")
    return [OpenItem(*row) for row in found.values_list("pk", "key", "url")[:count]]


def parents_to_drop(counted: CountedItems, *, keep: Collection[UUID], as_of: datetime) -> list[CutUnit]:
    """Open items by their direct parent, a parent with an item to keep left out; the latest key first among equals."""
    rows: Any = (
        counted.open_from(as_of)
        .exclude(parent_external_id="", parent_key="")
        .values_list("source", "parent_external_id", "parent_key")
        .annotate(items=Count("pk"), kept=Count("pk", filter=Q(pk__in=keep)))
    )
    merged: dict[str, tuple[int, int]] = {}
    for _source, external_id, key, items, kept in rows:
        name = key or external_id
        before = merged.get(name, (0, 0))
        merged[name] = before[0] + items, before[1] + kept
    ordered = sorted(merged.items(), key=lambda unit: (len(unit[0]), unit[0]), reverse=True)
    return [CutUnit(name, items) for name, (items, kept) in ordered if not kept]


def iterations_to_drop(
    counted: CountedItems, *, keep: Collection[UUID], as_of: datetime
) -> tuple[list[CutUnit], dict[str, str]]:
    """Open items by the iteration they are in and that is not closed, the latest one first; and the iterations' names.

    An item in several iterations counts in the one it joined last.
    """
    stays: Any = (
        IterationMembership.objects.filter(
            iteration__project=counted.project, left_at__isnull=True, work_item__in=counted.open_from(as_of)
        )
        .exclude(iteration__state=IterationState.CLOSED)
        .order_by("work_item_id", "-id")
        .distinct("work_item_id")
        .values_list("work_item_id", "iteration_id")
    )
    kept, held = set(keep), dict[UUID, int]()
    with_kept = set()
    for item_id, iteration_id in stays:
        held[iteration_id] = held.get(iteration_id, 0) + 1
        if item_id in kept:
            with_kept.add(iteration_id)
    iterations = (
        Iteration.objects.filter(project=counted.project, pk__in=held)
        .order_by("-starts_at", "-pk")
        .values_list("pk", "name")
    )
    units, names = [], {}
    for iteration_id, name in iterations:
        if iteration_id not in with_kept:
            units.append(CutUnit(str(iteration_id), held[iteration_id]))
            names[str(iteration_id)] = name
    return units, names

"""The facts a history is made of: what was true, when it was true, and when it was recorded.

Two clocks run through every fact:

- `..._at` (created, resolved, changed, approved): when it was true in the world, by the source's own log.
- `recorded_at`: when our record first held it.

A dated fact counts as known from the moment it was true, because the tool's log held it then even where we imported it
later; a history that leans on this is labelled "reconstructed". A value without a date (the final status of a row in a
spreadsheet) is unknown before `recorded_at`. A fact dated after it was recorded is a defect: it is seen, counted and
believed only once its date has come.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from projects.enums import Presence, StatusCategory


@dataclass(frozen=True, slots=True)
class WorkItemFact:
    """One work item as last observed.

    created_at, resolved_at: dated by the source; resolved_at is None while the item is open
    recorded_at: the observation that last changed one of the undated values below; they are unknown before it
    status_category, item_type, due_date, estimate_points: undated, as last observed
    presence_changed_at: when the item was found gone or hidden; None reads as recorded_at
    """

    id: UUID
    key: str
    created_at: datetime
    recorded_at: datetime
    item_type: str = ""
    status_category: StatusCategory | None = None
    resolved_at: datetime | None = None
    due_date: date | None = None
    estimate_points: float | None = None
    presence: Presence = Presence.LIVE
    presence_changed_at: datetime | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class StatusChangeFact:
    """One move of an item to another status.

    sequence: the source's own order among changes of one item at one instant
    is_blocked: the status it moved to says that nobody can go on with it
    """

    item_id: UUID
    to_category: StatusCategory
    changed_at: datetime
    recorded_at: datetime
    from_category: StatusCategory | None = None
    sequence: int = 0
    is_blocked: bool = False


@dataclass(frozen=True, slots=True)
class FieldChangeFact:
    """One dated change of any other field (due_date, estimate_points, assignee, iteration, ...), values as text.

    from_value is kept for the reader; a history at t never reads it, because it would tell of a change still to come.
    """

    item_id: UUID
    field: str
    from_value: str | None
    to_value: str | None
    changed_at: datetime
    recorded_at: datetime
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class BaselineFact:
    """A plan somebody approved: so many items by that day. The newest one known at t is in force at t.

    scope_items: items in the approved scope, at least 1;  start_date: when work was to begin, None where not planned
    """

    approved_at: datetime
    recorded_at: datetime
    target_date: date
    scope_items: int
    start_date: date | None = None


@dataclass(frozen=True, slots=True)
class BudgetFact:
    """A budget somebody approved, in one currency. The newest one known at t is in force at t."""

    approved_at: datetime
    recorded_at: datetime
    amount: float
    currency: str


@dataclass(frozen=True, slots=True)
class CostFact:
    """One cost incurred on one day; a reversal is negative. Of several about one id the one recorded last holds.

    It is true from the end of its day in UTC on: earlier in the day a replay could not have known it.
    """

    id: UUID
    incurred_on_date: date
    recorded_at: datetime
    amount: float
    currency: str

    @property
    def incurred_at(self) -> datetime:
        """The instant from which on the cost counts."""
        return datetime.combine(self.incurred_on_date, time.min, tzinfo=UTC) + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class BlockingLinkFact:
    """One item cannot go on before another is done.

    linked_at: None where the source does not date the link; it is then known from when it was recorded
    unlinked_at: None while the link stands
    """

    item_id: UUID
    blocker_id: UUID
    recorded_at: datetime
    linked_at: datetime | None = None
    unlinked_at: datetime | None = None


HistoryFact = (
    WorkItemFact | StatusChangeFact | FieldChangeFact | BaselineFact | BudgetFact | CostFact | BlockingLinkFact
)


def facts_known_at(facts: Iterable[HistoryFact], moment: datetime) -> list[HistoryFact]:
    """The same facts with everything deleted that became known only after a moment.

    What a history answers at that moment must not change by it: this knows facts only, no column and no analysis.
    """
    kept: list[HistoryFact] = []
    for fact in facts:
        match fact:
            case WorkItemFact():
                if min(fact.created_at, fact.recorded_at) <= moment:
                    kept.append(_item_known_at(fact, moment))
            case StatusChangeFact() | FieldChangeFact():
                if min(fact.changed_at, fact.recorded_at) <= moment:
                    kept.append(fact)
            case CostFact():
                if min(fact.incurred_at, fact.recorded_at) <= moment:
                    kept.append(fact)
            case BaselineFact() | BudgetFact():
                if min(fact.approved_at, fact.recorded_at) <= moment:
                    kept.append(fact)
            case BlockingLinkFact():
                if min(fact.linked_at or fact.recorded_at, fact.recorded_at) <= moment:
                    is_over = fact.unlinked_at is not None and fact.unlinked_at <= moment
                    kept.append(fact if is_over else replace(fact, unlinked_at=None))
    return kept


def _item_known_at(item: WorkItemFact, moment: datetime) -> WorkItemFact:
    if (item.presence_changed_at or item.recorded_at) > moment:
        item = replace(item, presence=Presence.LIVE, presence_changed_at=None)
    if item.resolved_at is not None and min(item.resolved_at, item.recorded_at) > moment:
        item = replace(item, resolved_at=None)
    if item.recorded_at > moment:
        item = replace(item, item_type="", status_category=None, due_date=None, estimate_points=None)
    return item

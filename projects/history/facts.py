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
from typing import assert_never
from uuid import UUID

from projects.enums import Presence, StatusCategory
from projects.history.delivery_facts import CiRunFact, DeploymentFact, IncidentFact
from projects.history.group_facts import IterationFact, MilestoneFact, StayFact
from projects.history.team_facts import ActivityFact, CapacityFact, PulseFact


@dataclass(frozen=True, slots=True)
class WorkItemFact:
    """One work item as last observed.

    created_at, resolved_at: dated by the source; resolved_at is None while the item is open
    recorded_at: the observation that last changed one of the undated values below; they are unknown before it
    status_category, item_type, due_date, estimate_points, assignee_id: undated, as last observed
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
    assignee_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class StatusChangeFact:
    """One move of an item to another status.

    sequence: the source's own order among changes of one item at one instant
    is_blocked: the status it moved to says that nobody can go on with it
    actor_id: the contributor who moved it, None where the source does not say
    to_state: the name of the status it moved to, as the tool shows it; empty where it is not known
    """

    item_id: UUID
    to_category: StatusCategory
    changed_at: datetime
    recorded_at: datetime
    from_category: StatusCategory | None = None
    sequence: int = 0
    is_blocked: bool = False
    actor_id: UUID | None = None
    to_state: str = ""


@dataclass(frozen=True, slots=True)
class FieldChangeFact:
    """One dated change of any other field (due_date, estimate_points, assignee, iteration, ...), values as text.

    from_value is kept for the reader; a history at t never reads it, because it would tell of a change still to come.
    actor_id: the contributor who made it, None where the source does not say
    """

    item_id: UUID
    field: str
    from_value: str | None
    to_value: str | None
    changed_at: datetime
    recorded_at: datetime
    sequence: int = 0
    actor_id: UUID | None = None


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

    hours: of work that it pays for, None where the ledger does not say;  contributor_id: whose work, None likewise
    It is true from the end of its day in UTC on: earlier in the day a replay could not have known it.
    """

    id: UUID
    incurred_on_date: date
    recorded_at: datetime
    amount: float
    currency: str
    hours: float | None = None
    contributor_id: UUID | None = None
    is_labour: bool = False

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


WorkFact = WorkItemFact | StatusChangeFact | FieldChangeFact | BaselineFact | BudgetFact | CostFact | BlockingLinkFact
ContextFact = (
    IterationFact
    | MilestoneFact
    | StayFact
    | ActivityFact
    | CapacityFact
    | PulseFact
    | CiRunFact
    | DeploymentFact
    | IncidentFact
)
"""What surrounds the work; each of these facts says itself what of it was known at a moment."""
HistoryFact = WorkFact | ContextFact


def facts_known_at(facts: Iterable[HistoryFact], moment: datetime) -> list[HistoryFact]:
    """The same facts with everything deleted that became known only after a moment.

    What a history answers at that moment must not change by it: this knows facts only, no column and no analysis.
    """
    known = (_work_known_at(fact, moment) if isinstance(fact, WorkFact) else fact.known_at(moment) for fact in facts)
    return [fact for fact in known if fact is not None]


def _work_known_at(fact: WorkFact, moment: datetime) -> WorkFact | None:
    match fact:
        case WorkItemFact():
            is_known = min(fact.created_at, fact.recorded_at) <= moment
            return _item_known_at(fact, moment) if is_known else None
        case StatusChangeFact() | FieldChangeFact():
            dated_at = fact.changed_at
        case CostFact():
            dated_at = fact.incurred_at
        case BaselineFact() | BudgetFact():
            dated_at = fact.approved_at
        case BlockingLinkFact():
            dated_at = fact.linked_at or fact.recorded_at
            is_over = fact.unlinked_at is not None and fact.unlinked_at <= moment
            fact = fact if is_over else replace(fact, unlinked_at=None)
        case _:
            assert_never(fact)
    return fact if min(dated_at, fact.recorded_at) <= moment else None


def _item_known_at(item: WorkItemFact, moment: datetime) -> WorkItemFact:
    if (item.presence_changed_at or item.recorded_at) > moment:
        item = replace(item, presence=Presence.LIVE, presence_changed_at=None)
    if item.resolved_at is not None and min(item.resolved_at, item.recorded_at) > moment:
        item = replace(item, resolved_at=None)
    if item.recorded_at > moment:
        item = replace(item, item_type="", status_category=None, due_date=None, estimate_points=None, assignee_id=None)
    return item

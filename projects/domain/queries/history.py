"""A project's whole past, read from the record in eighteen queries and handed to pure code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from projects.domain.queries.context import ROWS_PER_FETCH, context_facts
from projects.domain.queries.microseconds import Microseconds
from projects.domain.queries.people import People
from projects.domain.queries.same_work import LINK_COLUMNS, LinkRow, load_copies
from projects.domain.recording.contributors import PERSON_FIELDS
from projects.domain.recording.people import load_people
from projects.enums import CostCategory, LinkDirection, Presence, StatusCategory, TrackedField
from projects.history.facts import (
    BaselineFact,
    BlockingLinkFact,
    BudgetFact,
    CostFact,
    FieldChangeFact,
    HistoryFact,
    StatusChangeFact,
    WorkItemFact,
)
from projects.history.instants import from_us
from projects.history.project_history import ProjectHistory
from projects.models import Baseline, CostEntry, FieldChange, ScopeApproval, WorkflowStatus, WorkItem, WorkItemLink

ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

BLOCKED_STATUS = re.compile(r"\b(blocked|blocker|on[ -]hold|impeded|impediment|stalled|paused)\b", re.IGNORECASE)
"""Names of statuses in which nobody can go on; no tool has a category for it. Flags tell the same in any language."""
BLOCKING_LINK = re.compile(r"block", re.IGNORECASE)
DEPENDING_LINK = re.compile(r"depend|require", re.IGNORECASE)
"""By the tool's name of the type: the outward end of the one blocks, that of the other waits."""

StatusKey = tuple[str, str]


def load_history(project_id: UUID) -> ProjectHistory:
    """Everything on record about a project's work, in the tenant that is current; restrict it with `.as_of(t)`.

    Eighteen queries, whatever the size: eight of the work, ten of what surrounds it. An unknown project has an empty
    history. Of several accounts of one person the first stands for all, and of several items that are one piece of
    work the leading one, so that both are counted once (a nineteenth query where there are such items). A status change
    whose new status has no WorkflowStatus is left out, because its category would be a guess.
    """
    return ProjectHistory.from_facts(_facts(project_id))


def _facts(project_id: UUID) -> Iterator[HistoryFact]:
    people = People(load_people())
    links = list(_links(project_id))
    copies = load_copies(links)
    sources: dict[UUID, str] = {}
    for source, fact in _item_facts(project_id, people):
        sources[fact.id] = source
        if fact.id not in copies:
            yield fact
    yield from _change_facts(project_id, sources, _meaning_of_status(project_id), people)
    yield from _link_facts(links, copies)
    yield from _plan_facts(project_id)
    yield from _cost_facts(project_id, people)
    yield from context_facts(project_id, people, copies)


def _item_facts(project_id: UUID, people: People) -> Iterator[tuple[str, WorkItemFact]]:
    rows = WorkItem.objects.filter(project_id=project_id).order_by().values_list(
        "source", "id", "key", Microseconds("opened_at"), Microseconds("recorded_at"), "item_type", "status_category",
        Microseconds("resolved_at"), "due_date", "estimate_points", "presence", Microseconds("presence_changed_at"),
        "url", "assignee_id",
    )  # fmt: skip
    for source, id_, key, opened_us, recorded_us, item_type, category, resolved_us, *rest in rows.iterator(
        chunk_size=ROWS_PER_FETCH
    ):
        due_date, estimate_points, presence, presence_changed_us, url, assignee_id = rest
        yield (
            source,
            WorkItemFact(
                id=id_,
                key=key,
                created_at=from_us(opened_us),
                recorded_at=from_us(recorded_us),
                item_type=item_type,
                status_category=StatusCategory(category),
                resolved_at=None if resolved_us is None else from_us(resolved_us),
                due_date=due_date,
                estimate_points=estimate_points,
                presence=Presence(presence),
                presence_changed_at=None if presence_changed_us is None else from_us(presence_changed_us),
                url=url,
                assignee_id=people.of(assignee_id),
            ),
        )


def _meaning_of_status(project_id: UUID) -> dict[StatusKey, tuple[StatusCategory, bool, str]]:
    """Category of each status, whether its name says that work in it is blocked, and its name."""
    rows = WorkflowStatus.objects.filter(project_id=project_id).order_by().values_list(
        "source", "status_id", "category", "name"
    )  # fmt: skip
    return {
        (source, status_id): (StatusCategory(category), BLOCKED_STATUS.search(name) is not None, name)
        for source, status_id, category, name in rows
    }


def _change_facts(
    project_id: UUID,
    sources: Mapping[UUID, str],
    meaning_of: Mapping[StatusKey, tuple[StatusCategory, bool, str]],
    people: People,
) -> Iterator[HistoryFact]:
    """Changes in the order of their instants; identifiers grow with recording, which follows the source's order."""
    rows = FieldChange.objects.filter(project_id=project_id).order_by("changed_at", "id").values_list(
        "work_item_id", "field", "from_id", "from_text", "to_id", "to_text", Microseconds("changed_at"),
        Microseconds("recorded_at"), "actor_id",
    )  # fmt: skip
    for sequence, row in enumerate(rows.iterator(chunk_size=ROWS_PER_FETCH)):
        item_id, field, from_id, from_text, to_id, to_text, changed_us, recorded_us, account_id = row
        actor_id = people.of(account_id)
        changed_at, recorded_at = from_us(changed_us), from_us(recorded_us)
        if field == TrackedField.STATUS:
            source = sources.get(item_id, "")
            meaning = meaning_of.get((source, to_id))
            if meaning is not None:
                to_category, is_blocked, to_state = meaning
                from_category, *_ = meaning_of.get((source, from_id), (None,))
                yield StatusChangeFact(
                    item_id, to_category, changed_at, recorded_at, from_category, sequence, is_blocked, actor_id,
                    to_state,
                )  # fmt: skip
        else:
            if field in PERSON_FIELDS:
                from_id, to_id = people.of_text(from_id), people.of_text(to_id)
            from_value, to_value = _value(field, from_id, from_text), _value(field, to_id, to_text)
            yield FieldChangeFact(item_id, field, from_value, to_value, changed_at, recorded_at, sequence, actor_id)


def _value(field: str, value_id: str, text: str) -> str | None:
    """One value as history reads it: the id where there is one (names are localised), None where it was empty.

    Dates become ISO days and estimates the form of Python's floats, as they stand on the items themselves, so that a
    change to the present value and the present value are the same text.
    """
    value = value_id or text
    if not value:
        return None
    if field == TrackedField.DUE_DATE:
        day = ISO_DATE.match(value)
        return day.group() if day else value
    if field == TrackedField.ESTIMATE_POINTS:
        return _number_text(text or value)
    return value


def _number_text(text: str) -> str:
    try:
        return repr(float(text))
    except ValueError:
        return text


def _links(project_id: UUID) -> Iterator[LinkRow]:
    """Links that say something here: that one item waits for another, or that both are one piece of work."""
    rows = (
        WorkItemLink.objects.filter(work_item__project_id=project_id, target_item__isnull=False)
        .order_by()
        .values_list(*LINK_COLUMNS)
    )
    for row in map(LinkRow._make, rows.iterator(chunk_size=ROWS_PER_FETCH)):
        if row.may_be_same_work or BLOCKING_LINK.search(row.link_type) or DEPENDING_LINK.search(row.link_type):
            yield row


def _link_facts(links: Iterable[LinkRow], copies: Mapping[UUID, UUID]) -> Iterator[BlockingLinkFact]:
    """Links that make one item of the record wait for another; what waits outside of it cannot be seen to be done."""
    for row in links:
        item_id, target_id = (copies.get(each, each) for each in (row.item_id, row.target_id))
        item_acts = row.direction == LinkDirection.OUTWARD
        if BLOCKING_LINK.search(row.link_type):
            waiting, blocker = (target_id, item_id) if item_acts else (item_id, target_id)
        elif DEPENDING_LINK.search(row.link_type):
            waiting, blocker = (item_id, target_id) if item_acts else (target_id, item_id)
        else:
            continue
        yield BlockingLinkFact(waiting, blocker, row.recorded_at, row.linked_at, row.unlinked_at)


def _plan_facts(project_id: UUID) -> Iterator[BaselineFact | BudgetFact]:
    """Each baseline, and each approved change since as a baseline of its own: what was in force from then on."""
    plans: list[Any] = list(
        Baseline.objects.filter(project_id=project_id)
        .order_by()
        .values_list("approved_at", "created_at", "finish_date", "scope_item_count", "budget", "currency", "start_date")
    )
    approvals: list[Any] = list(
        ScopeApproval.objects.filter(project_id=project_id)
        .order_by()
        .values_list("approved_at", "created_at", "finish_date", "item_count_delta", "budget_delta")
    )
    yield from _baseline_facts(plans, approvals)
    yield from _budget_facts(plans, approvals)


def _baseline_facts(plans: list[Any], approvals: list[Any]) -> Iterator[BaselineFact]:
    baselines = [
        BaselineFact(row[0], row[1], row[2], row[3], start_date=row[6])
        for row in plans
        if row[2] is not None and row[3]
    ]
    steps = sorted(
        [(plan.approved_at, 0, plan) for plan in baselines] + [(row[0], 1, row[:4]) for row in approvals],
        key=lambda step: (step[0], step[1], repr(step[2])),
    )
    in_force: BaselineFact | None = None
    for _, _, step in steps:
        if isinstance(step, BaselineFact):
            in_force = step
        elif in_force is not None:
            in_force = _after_approval(in_force, *step)
        if in_force is not None:
            yield in_force


def _budget_facts(plans: list[Any], approvals: list[Any]) -> Iterator[BudgetFact]:
    """A plan without a budget leaves the one before it in force; a change without money does too."""
    budgets = [BudgetFact(row[0], row[1], float(row[4]), row[5]) for row in plans if row[4] is not None]
    steps: list[tuple[datetime, int, BudgetFact | tuple[datetime, datetime, float]]] = [
        (budget.approved_at, 0, budget) for budget in budgets
    ]
    steps += [(row[0], 1, (row[0], row[1], float(row[4]))) for row in approvals if row[4]]
    in_force: BudgetFact | None = None
    for _, _, step in sorted(steps, key=lambda step: (step[0], step[1], repr(step[2]))):
        if isinstance(step, BudgetFact):
            in_force = step
        elif in_force is not None:
            approved_at, recorded_at, delta = step
            in_force = replace(
                in_force,
                approved_at=approved_at,
                recorded_at=max(in_force.recorded_at, recorded_at),
                amount=in_force.amount + delta,
            )
        if in_force is not None:
            yield in_force


def _cost_facts(project_id: UUID, people: People) -> Iterator[CostFact]:
    rows = CostEntry.objects.filter(project_id=project_id).order_by()
    for id_, day, recorded_us, amount, currency, hours, contributor_id, category in rows.values_list(
        "id",
        "incurred_on_date",
        Microseconds("recorded_at"),
        "amount",
        "currency",
        "hours",
        "contributor_id",
        "category",
    ).iterator(chunk_size=ROWS_PER_FETCH):
        yield CostFact(
            id_,
            day,
            from_us(recorded_us),
            float(amount),
            currency,
            hours,
            contributor_id=people.of(contributor_id),
            is_labour=category == CostCategory.LABOUR,
        )


def _after_approval(
    plan: BaselineFact, approved_at: datetime, recorded_at: datetime, finish_date: Any, item_count_delta: int
) -> BaselineFact:
    return replace(
        plan,
        approved_at=approved_at,
        recorded_at=max(plan.recorded_at, recorded_at),
        target_date=finish_date or plan.target_date,
        scope_items=max(1, plan.scope_items + item_count_delta),
    )

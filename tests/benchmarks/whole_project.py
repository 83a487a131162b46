"""A large project with all facts: simulated teams beside each other, and period after period of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Any
from uuid import UUID

from gaps.backtesting import simulated_people_gaps as people
from gaps.backtesting.simulated_whole_gaps import simulate
from gaps.enums import GapType
from projects.enums import StatusCategory, TrackedField
from projects.history import BaselineFact, BudgetFact, FieldChangeFact, HistoryFact, StatusChangeFact, WorkItemFact

TEAMS, PERIODS = 4, 14
"""Thirty-two people and twelve years: about 32,000 items."""
PERSON_FIELDS = frozenset({"contributor_id", "actor_id"})
SPENT_SHARE = 0.85
"""Of all budgets: what was left over of each period does not add up."""
SAME_VARIANT = 6
"""Gaps about people come in two or three variants by the seed: all teams get the same, or none would be large."""


def whole_project_facts(gap_type: GapType | None, *, teams: int = TEAMS, periods: int = PERIODS) -> list[HistoryFact]:
    """One plan, one budget; the gap is in the last period of every team, of a budget in all: it is that of all."""
    found: list[HistoryFact] = []
    for team in range(teams):
        for period in range(periods):
            is_last = period == periods - 1
            is_planted = is_last or gap_type == GapType.BUDGET
            facts = simulate(gap_type if is_planted else None, SAME_VARIANT * (team * periods + period))
            back = timedelta(weeks=people.WEEKS * (periods - 1 - period))
            kept = facts if is_last else _finished(facts)
            found += (_shifted(fact, back, ids=team * periods + period, persons=team) for fact in kept)
    return [*(fact for fact in found if not isinstance(fact, BaselineFact | BudgetFact)), *_agreed(found)]


def _finished(facts: Sequence[HistoryFact]) -> Iterator[HistoryFact]:
    """Without the items of which nothing came: nobody keeps them for ten years."""
    done = {
        fact.item_id for fact in facts if isinstance(fact, StatusChangeFact) and fact.to_category == StatusCategory.DONE
    }
    for fact in facts:
        item = fact.id if isinstance(fact, WorkItemFact) else getattr(fact, "item_id", None)
        if item is None or item in done:
            yield fact


def _agreed(facts: Sequence[HistoryFact]) -> tuple[HistoryFact, HistoryFact]:
    """All plans and all budgets as one each, from the beginning on."""
    plans = [fact for fact in facts if isinstance(fact, BaselineFact)]
    budgets = [fact for fact in facts if isinstance(fact, BudgetFact)]
    first, last = min(plans, key=lambda plan: plan.approved_at), max(plans, key=lambda plan: plan.target_date)
    scope = sum(isinstance(fact, WorkItemFact) and not fact.key.startswith("LATE") for fact in facts)
    start = min(budgets, key=lambda budget: budget.approved_at)
    return (
        replace(first, target_date=last.target_date, scope_items=scope),
        replace(start, amount=round(SPENT_SHARE * sum(budget.amount for budget in budgets), 2)),
    )


def _shifted(fact: HistoryFact, back: timedelta, *, ids: int, persons: int) -> HistoryFact:
    """The same fact earlier, of another item and another person.  ids, persons: which others"""
    changes: dict[str, Any] = {}
    for each in fields(fact):
        value = getattr(fact, each.name)
        match value:
            case UUID():
                changes[each.name] = _other(value, persons if each.name in PERSON_FIELDS else ids)
            case datetime() | date():
                changes[each.name] = value - back
            case tuple() if each.name == "exceptions":
                changes[each.name] = tuple((day - back, hours) for day, hours in value)
    if isinstance(fact, FieldChangeFact) and fact.field == TrackedField.ASSIGNEE and fact.to_value:
        changes["to_value"] = str(_other(UUID(fact.to_value), persons))
    if isinstance(fact, FieldChangeFact) and fact.field == "component":
        changes["to_value"] = f"{fact.to_value} of team {persons}"
    return replace(fact, **changes)


def _other(identifier: UUID, number: int) -> UUID:
    return UUID(bytes=blake2b(identifier.bytes, digest_size=16, salt=number.to_bytes(2)).digest())

"""A project that has everything on, and ten years of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import numpy as np

from projects.enums import MilestoneState
from projects.history import (
    BaselineFact,
    BudgetFact,
    CostFact,
    FieldChangeFact,
    HistoryFact,
    StatusChangeFact,
    WorkItemFact,
)
from projects.history.group_facts import IterationFact, MilestoneFact, StayFact
from tests.project_histories import DAY, NOW, WEEK, large_team_facts

PEOPLE, SPRINT_DAYS = 40, 14


def large_project_facts(*, items: int = 30_000, years: int = 10, seed: int = 2) -> list[HistoryFact]:
    """Typed work with due dates, estimates, assignees, iterations, releases; costs by the week, a plan, a budget.

    Every change says who made it.
    """
    rng = np.random.default_rng(seed)
    facts = [_as_planned(fact, rng) for fact in large_team_facts(items=items, years=years)]
    work = [fact for fact in facts if isinstance(fact, WorkItemFact)]
    begin = NOW - timedelta(days=365 * years)
    sprints = [begin + timedelta(days=SPRINT_DAYS * number) for number in range(365 * years // SPRINT_DAYS + 1)]
    groups = [UUID(int=9_000_000 + number) for number in range(len(sprints))]
    for number, starts_at in enumerate(sprints):
        ends_at = starts_at + timedelta(days=SPRINT_DAYS)
        facts.append(
            IterationFact(groups[number], f"{number}", starts_at, f"Sprint {number}", None, starts_at, ends_at)
        )
    for fact in work:
        due = None if fact.due_date is None else fact.due_date.isoformat()
        person, points = f"{_person(rng)}", f"{float(rng.integers(1, 9))}"
        kind = "Bug" if rng.random() < 0.15 else "Story"
        for name, value in (("item_type", kind), ("due_date", due), ("assignee", person), ("estimate_points", points)):
            if value is not None:
                change = FieldChangeFact(fact.id, name, None, value, fact.created_at, fact.recorded_at)
                facts.append(replace(change, actor_id=UUID(person)))
        number = min((fact.created_at - begin) // timedelta(days=SPRINT_DAYS) + 1, len(sprints) - 1)
        facts.append(StayFact(fact.id, groups[number], fact.created_at, fact.created_at))
    facts += _releases(work, years)
    facts = [replace(fact, actor_id=_person(rng)) if isinstance(fact, StatusChangeFact) else fact for fact in facts]
    return [*facts, *_money(years), BaselineFact(begin, begin, (NOW + 52 * WEEK).date(), items - 500)]


def _person(rng: np.random.Generator) -> UUID:
    return UUID(int=8_000_000 + int(rng.integers(PEOPLE)))


def _releases(work: Sequence[WorkItemFact], years: int) -> list[HistoryFact]:
    """One each quarter, with what was created in the quarter before; the next ones share what is open."""
    facts: list[HistoryFact] = []
    quarters, begin = 4 * years + 4, NOW - timedelta(days=365 * years)
    groups = [UUID(int=7_000_000 + number) for number in range(quarters)]
    for number, group in enumerate(groups):
        target_at = begin + timedelta(days=91.25 * (number + 1))
        state = MilestoneState.PLANNED if target_at > NOW else MilestoneState.RELEASED
        facts.append(MilestoneFact(group, f"{number}", begin, f"R{number}", state, None, target_at.date()))
    for place, fact in enumerate(work):
        number = (fact.created_at - begin) // timedelta(days=91.25) + 1
        if fact.resolved_at is None:
            number = quarters - 1 - place % 4
        facts.append(StayFact(fact.id, groups[min(number, quarters - 1)], fact.created_at, fact.created_at))
    return facts


def _as_planned(fact: HistoryFact, rng: np.random.Generator) -> HistoryFact:
    if not isinstance(fact, WorkItemFact) or rng.random() < 0.2:
        return fact
    days = float(rng.exponential(25)) + 3
    from_day = NOW if fact.resolved_at is None and rng.random() < 0.5 else fact.created_at
    return replace(fact, due_date=(from_day + timedelta(days=days)).date())


def _money(years: int) -> list[HistoryFact]:
    weeks = 52 * years
    costs = [
        CostFact(UUID(int=10_000_000 + week), (NOW - week * WEEK - DAY).date(), NOW - week * WEEK, 40_000.0, "EUR")
        for week in range(weeks)
    ]
    begin = NOW - weeks * WEEK
    return [*costs, BudgetFact(begin, begin, 40_000.0 * (weeks + 60), "EUR")]

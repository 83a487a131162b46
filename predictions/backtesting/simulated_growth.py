"""Projects that never existed whose scope grows and is approved now and then: to judge forecasts of scope creep by.

1. A plan of some items is approved. After it requests come in bunches of a few items, most of them in phases of demand
   that begin without notice and last some weeks; a project is quiet, usual or hungry by nature.
2. Now and then a bunch is taken out of the scope again, and in most projects a committee approves all or part of what
   has come in, every so many weeks.
3. Some projects import a list in one go, which is no growth.
4. Items are finished at a steady pace; the plan has a target, and a new one once it has passed.

Knows nothing of the forecaster: days, not weeks, are played, and no negative binomial is in it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from projects.enums import Presence, StatusCategory
from projects.history.facts import BaselineFact, HistoryFact, StatusChangeFact, WorkItemFact

BEGIN = datetime(2023, 1, 2, tzinfo=UTC)
DAYS = 7 * 70
SCOPE = (30, 260)
REQUESTS_A_WEEK_PER_100 = (0.05, 1.2)
"""Bunches of requests, by nature of the project."""
DEMAND_CHANCE_A_DAY, DEMAND_DAYS, DEMAND_FACTOR = 1 / 150, (14, 90), (2.0, 7.0)
BUNCH = 0.55
"""Chance that a bunch ends with this item: geometric."""
TAKEN_OUT_SHARE = 0.15
COMMITTEE_SHARE, COMMITTEE_EVERY_DAYS = 0.7, (28, 160)
IMPORT_CHANCE = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class GrowingProject:
    """facts: all, also later ones;  begins_at: approval of the plan;  ends_at: of what was played"""

    facts: tuple[HistoryFact, ...]
    begins_at: datetime
    ends_at: datetime
    has_import: bool


@dataclass(slots=True)
class _Play:
    facts: list[HistoryFact]
    number: int
    approved: int
    in_scope: list[UUID]


def simulate_growing_project(seed: int) -> GrowingProject:
    """One project; the same seed gives the same facts."""
    rng = np.random.default_rng([seed, 20_477])
    scope = int(rng.integers(*SCOPE))
    play = _Play([], 0, scope, [])
    for _ in range(scope):
        _create(play, BEGIN - timedelta(days=float(rng.uniform(1, 60))), rng)
    low, high = REQUESTS_A_WEEK_PER_100
    usual = low * (high / low) ** rng.random() * scope / 100 / 7
    committee_every = int(rng.integers(*COMMITTEE_EVERY_DAYS)) if rng.random() < COMMITTEE_SHARE else 0
    imports_on = int(rng.integers(60, DAYS)) if rng.random() < IMPORT_CHANCE else -1
    target = BEGIN + timedelta(days=int(rng.integers(120, 420)))
    play.facts.append(_plan(BEGIN, target, scope))
    demand_until, factor = 0, 1.0
    for day in range(1, DAYS):
        at = BEGIN + timedelta(days=day)
        if at >= target:
            target = at + timedelta(days=int(rng.integers(60, 200)))
            play.facts.append(_plan(at, target, play.approved))
        if rng.random() < DEMAND_CHANCE_A_DAY:
            demand_until, factor = day + int(rng.integers(*DEMAND_DAYS)), float(rng.uniform(*DEMAND_FACTOR))
        for _ in range(int(rng.poisson(usual * (factor if day < demand_until else 1.0)))):
            _bunch(play, at, rng)
        if day == imports_on:
            for second in range(int(rng.integers(15, 60))):
                _create(play, at + timedelta(hours=13, seconds=second), rng)
        is_untouched = not 0 <= imports_on <= day  # a list that was imported is nobody's request
        if committee_every and day % committee_every == 0 and is_untouched:
            _approve(play, at, target, float(rng.choice([0.4, 1.0])))
        play.facts.append(StatusChangeFact(play.in_scope[0], StatusCategory.IN_PROGRESS, at, at))
    return GrowingProject(tuple(play.facts), BEGIN, BEGIN + timedelta(days=DAYS), imports_on >= 0)


def _bunch(play: _Play, at: datetime, rng: np.random.Generator) -> None:
    many = int(rng.geometric(BUNCH))
    if rng.random() < TAKEN_OUT_SHARE:
        for _ in range(min(many, len(play.in_scope) - 2)):
            index = int(rng.integers(1, len(play.in_scope)))
            _take_out(play, play.in_scope.pop(index), at + timedelta(hours=float(rng.uniform(9, 17))))
        return
    for _ in range(many):
        _create(play, at + timedelta(hours=float(rng.uniform(9, 17))), rng)


def _create(play: _Play, at: datetime, rng: np.random.Generator) -> None:
    play.number += 1
    item = UUID(int=play.number)
    play.facts.append(WorkItemFact(id=item, key=f"GROW-{play.number}", created_at=at, recorded_at=at))
    play.in_scope.append(item)


def _take_out(play: _Play, item: UUID, at: datetime) -> None:
    for index, fact in enumerate(play.facts):
        if isinstance(fact, WorkItemFact) and fact.id == item:
            play.facts[index] = WorkItemFact(
                id=item, key=fact.key, created_at=fact.created_at, recorded_at=fact.recorded_at,
                presence=Presence.GONE, presence_changed_at=max(at, fact.created_at),
            )  # fmt: skip
            return


def _approve(play: _Play, at: datetime, target: datetime, share: float) -> None:
    """A share of what stands is approved."""
    growth = len(play.in_scope) - play.approved
    if growth > 0:
        play.approved += round(share * growth)
        play.facts.append(_plan(at, target, play.approved))


def _plan(at: datetime, target: datetime, scope: int) -> BaselineFact:
    return BaselineFact(at, at, target.date(), scope)

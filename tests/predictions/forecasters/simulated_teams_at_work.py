"""Teams that never existed, to hold forecasts of overload against: quiet weeks, crunches, and those in between.

Written without a look at the forecaster's own simulation: a crunch begins by chance, grows, lasts some weeks and ends;
evenings and work in progress follow it with a noise of their own.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from projects.enums import ActivityKind, StatusCategory
from projects.history import ActivityFact, HistoryFact, StatusChangeFact, WorkItemFact

FloatArray = NDArray[np.float64]

AS_OF = datetime(2024, 7, 3, 3, tzinfo=UTC)
"""A Wednesday, before work."""
HOURS_A_WEEK = 12
"""Clock hours in which a person leaves a trace."""


@dataclass(frozen=True, slots=True, eq=False)
class TeamAtWork:
    """One team as it was.  strain: by week, oldest first, 0 is usual"""

    facts: list[HistoryFact]
    strain: FloatArray


def team_at_work(seed: int, *, weeks_before: int = 27, weeks_after: int = 8) -> TeamAtWork:
    """Play a team; how often it crunches, how many people it has and how it usually works differ by team."""
    rng = np.random.default_rng(seed)
    weeks = weeks_before + weeks_after
    strain = _strain(rng, weeks, often=float(rng.uniform(0.0, 0.08)))
    people = int(rng.integers(6, 12))
    evenings = np.clip(rng.uniform(0.03, 0.12) * np.exp(0.45 * strain + 0.15 * rng.standard_normal(weeks)), 0, 0.9)
    load = rng.uniform(1.0, 2.0) * np.exp(0.22 * strain + 0.06 * rng.standard_normal(weeks))
    return TeamAtWork(team_facts(evenings, load, people=people, weeks_after=weeks_after, seed=seed), strain)


def _strain(rng: np.random.Generator, weeks: int, *, often: float) -> FloatArray:
    strain, level, target, left = np.zeros(weeks), 0.0, 0.0, 0
    for week in range(weeks):
        if left > 0:
            left -= 1
        elif rng.random() < often:
            left, target = int(rng.integers(4, 13)), float(rng.uniform(2.0, 5.0))
        else:
            target = 0.0
        level += 0.6 * (target - level) + 0.25 * float(rng.standard_normal())
        strain[week] = level
    return strain


def team_facts(
    evenings: FloatArray, load: FloatArray, *, people: int = 6, weeks_after: int = 8, seed: int = 0
) -> list[HistoryFact]:
    """A team with so many evenings (share of hours) and items per person in each week.

    The last weeks_after weeks begin with the Monday of the week of AS_OF.
    """
    rng = np.random.default_rng(seed)
    monday = (AS_OF - timedelta(days=AS_OF.weekday())).replace(hour=0)
    facts: list[HistoryFact] = []
    number, begun = 0, list[tuple[UUID, datetime]]()
    for week, (late, per_person) in enumerate(zip(evenings, load, strict=True)):
        start = monday + timedelta(weeks=week - (len(evenings) - weeks_after))
        for person in range(people):
            hours = rng.choice(50, size=HOURS_A_WEEK, replace=False)
            is_late = rng.random(HOURS_A_WEEK) < late
            for hour, late_hour in zip(hours.tolist(), is_late.tolist(), strict=True):
                day, slot = divmod(hour, 10)
                at = start + timedelta(days=day, hours=(20 if late_hour else 8) + slot % (4 if late_hour else 10))
                at += timedelta(minutes=int(rng.integers(60)))
                who = UUID(int=1_000 + person)
                facts.append(ActivityFact(UUID(int=10**7 + number), at, at, ActivityKind.REVIEW, contributor_id=who))
                number += 1
        wanted = round(per_person * people)
        at = start + timedelta(hours=9)
        while len(begun) < wanted:
            item = UUID(int=10**6 + number)
            number += 1
            begun.append((item, at))
            facts.append(WorkItemFact(item, f"TEAM-{number}", at - timedelta(days=2), at))
            facts.append(StatusChangeFact(item, StatusCategory.IN_PROGRESS, at, at))
        while len(begun) > wanted:
            item, _ = begun.pop(0)
            facts.append(StatusChangeFact(item, StatusCategory.DONE, at, at))
    return facts

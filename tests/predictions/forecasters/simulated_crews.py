"""Crews that never existed, to hold forecasts of capacity and overload against: people who come, go, and work late.

Written without a look at the forecasters' own simulation: absences have lengths drawn from two kinds (a few days, some
weeks), leavers do not come back, and some crews lose people all at once.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from projects.enums import ActivityKind, StatusCategory
from projects.history import ActivityFact, HistoryFact, StatusChangeFact, WorkItemFact

START = datetime(2023, 1, 2, tzinfo=UTC)
"""A Monday."""
AS_OF_WEEKS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Crew:
    """One crew as it was.  presence: (people, working days);  facts: of all days;  as_of: the moment of the question"""

    facts: list[HistoryFact]
    presence: NDArray[np.bool_]
    days: list[date]
    as_of: datetime
    target: date


def crew(seed: int, *, weeks: int = AS_OF_WEEKS + 8) -> Crew:
    """Play a crew: sizes, habits of absence, pace and promise differ by crew."""
    rng = np.random.default_rng(seed)
    days = [(START + timedelta(days=n)).date() for n in range(7 * weeks) if n % 7 < 5]
    people = int(rng.integers(4, 14))
    presence = np.array([_presence(rng, len(days), often=rng.uniform(0.01, 0.05)) for _ in range(people)])
    if rng.random() < 0.3:  # some are called away together
        begin = int(rng.integers(0, len(days)))
        presence[rng.permutation(people)[: max(1, people // 4)], begin : begin + int(rng.integers(10, 60))] = False
    as_of = START + timedelta(weeks=AS_OF_WEEKS, hours=3)
    pace = float(rng.uniform(0.15, 0.4))
    facts, done_rate = _facts(rng, presence, days, pace, as_of)
    left = int(rng.integers(30, 61))  # working days until the target
    target = (as_of + timedelta(days=int(left * 7 / 5))).date()
    open_items = max(1, round(done_rate * left * float(rng.uniform(0.6, 1.15))))
    facts += [WorkItemFact(UUID(int=900_000 + n), f"OPEN-{n}", START, START) for n in range(open_items)]
    return Crew(facts, presence, days, as_of, target)


def _presence(rng: np.random.Generator, days: int, *, often: float) -> NDArray[np.bool_]:
    here = np.ones(days, dtype=np.bool_)
    day = int(rng.integers(0, 10))
    while day < days:
        if rng.random() < often:
            length = int(rng.integers(1, 5)) if rng.random() < 0.5 else int(rng.integers(8, 20))
            here[day : day + length] = False
            day += length
        day += 1
    if rng.random() < 0.12:
        here[int(rng.integers(days // 3, days)) :] = False  # left
    if rng.random() < 0.15:
        here[: int(rng.integers(0, days))] = False  # came later
    return here


def _facts(
    rng: np.random.Generator, presence: NDArray[np.bool_], days: list[date], pace: float, as_of: datetime
) -> tuple[list[HistoryFact], float]:
    facts: list[HistoryFact] = []
    number = 0
    finished = 0
    for position, day in enumerate(days):
        for person in np.flatnonzero(presence[:, position]).tolist():
            who, at = UUID(int=1_000 + person), datetime.combine(day, time(10), tzinfo=UTC)
            if rng.random() < 0.7:
                at += timedelta(minutes=int(rng.integers(0, 360)))
                facts.append(
                    ActivityFact(UUID(int=10_000_000 + number), at, at, ActivityKind.REVIEW, contributor_id=who)
                )
                number += 1
            if rng.random() < pace:
                item = UUID(int=100_000 + number)
                number += 1
                finished += int(as_of - timedelta(weeks=12) <= at < as_of)
                facts.append(WorkItemFact(item, f"CREW-{number}", at - timedelta(days=9), at, resolved_at=at))
                facts.append(StatusChangeFact(item, StatusCategory.IN_PROGRESS, at - timedelta(days=3), at))
                facts.append(StatusChangeFact(item, StatusCategory.DONE, at, at, actor_id=who))
    return facts, finished / 60


def steady_crew(
    people: int = 6,
    *,
    weeks: int = 30,
    ahead_weeks: int = 8,
    open_items: int = 60,
    left_from: date | None = None,
    leavers: int = 0,
    a_day: float = 0.5,
) -> list[HistoryFact]:
    """People who each finish so many items a working day, of whom some leave, around AS_OF; and what is open."""
    facts: list[HistoryFact] = []
    number = 0
    begin = AS_OF - timedelta(weeks=weeks)
    for offset in range(7 * (weeks + ahead_weeks)):
        day = begin + timedelta(days=offset)
        if day.weekday() >= 5:
            continue
        for person in range(people):
            if left_from is not None and person < leavers and day.date() >= left_from:
                continue
            who, at = UUID(int=1_000 + person), day.replace(hour=10, minute=person)
            facts.append(ActivityFact(UUID(int=5_000_000 + number), at, at, ActivityKind.REVIEW, contributor_id=who))
            number += 1
            if (offset + person) % round(1 / a_day) == 0:
                item = UUID(int=100_000 + number)
                facts.append(WorkItemFact(item, f"DONE-{number}", at - timedelta(hours=1), at, resolved_at=at))
                facts.append(StatusChangeFact(item, StatusCategory.DONE, at, at, actor_id=who))
    facts += [WorkItemFact(UUID(int=900_000 + n), f"OPEN-{n}", begin, begin) for n in range(open_items)]
    return facts


AS_OF = datetime(2024, 7, 3, 3, tzinfo=UTC)
"""A Wednesday, before work."""

"""Projects that never existed and their bugs: to judge forecasts of quality issues by.

1. Work is taken up and finished day by day; how many items are in progress drifts, and so does their size.
2. A feature that is finished brings bugs into the world, more so when many items were in progress; users find each of
   them some days later. A background of bugs comes whatever happens.
3. Now and then a bad release multiplies what is found for some weeks; some products wear out, others mature.
4. Outages come rarely, more often in the weeks of a bad release.

Knows nothing of the forecaster: days, not weeks, are played, and bugs follow from work, not from a level.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from projects.enums import IncidentSeverity, StatusCategory
from projects.history.delivery_facts import IncidentFact
from projects.history.facts import HistoryFact, StatusChangeFact, WorkItemFact

BEGIN = datetime(2022, 1, 3, tzinfo=UTC)
DAYS = 7 * 110
FINISHED_A_DAY = (0.3, 3.0)
BUGS_A_FEATURE = (0.2, 1.2)
BACKGROUND_A_DAY = (0.02, 0.6)
FOUND_AFTER_DAYS = 9.0
BAD_RELEASE_CHANCE_A_DAY, BAD_RELEASE_DAYS, BAD_RELEASE_FACTOR = 1 / 170, (14, 80), (1.6, 4.0)
TREND_A_YEAR = 0.5
"""Standard deviation of the logarithm of how much more or less the background is after a year."""
OUTAGES_A_DAY = (0.0005, 0.004)
NO_INCIDENT_TOOL = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class BuggyProject:
    """facts: all, also later ones;  begins_at, ends_at: of what was played"""

    facts: tuple[HistoryFact, ...]
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class _Nature:
    pace: float
    bugs_a_feature: float
    background: float
    trend: float
    outages: float
    has_incidents: bool
    wip_matters: float


def simulate_buggy_project(seed: int) -> BuggyProject:
    """One project; the same seed gives the same facts."""
    rng = np.random.default_rng([seed, 31_337])
    nature = _Nature(
        pace=_between(rng, FINISHED_A_DAY),
        bugs_a_feature=_between(rng, BUGS_A_FEATURE),
        background=_between(rng, BACKGROUND_A_DAY),
        trend=float(rng.normal(0, TREND_A_YEAR)) / 365,
        outages=_between(rng, OUTAGES_A_DAY),
        has_incidents=bool(rng.random() > NO_INCIDENT_TOOL),
        wip_matters=float(rng.uniform(0, 1.0)),
    )
    facts: list[HistoryFact] = []
    number = 0
    crowd, bad_until, factor = 0.0, 0, 1.0
    found = np.zeros(DAYS + 200)
    for day in range(DAYS):
        at = BEGIN + timedelta(days=day)
        crowd = 0.97 * crowd + float(rng.normal(0, 0.12))
        if rng.random() < BAD_RELEASE_CHANCE_A_DAY:
            bad_until, factor = day + int(rng.integers(*BAD_RELEASE_DAYS)), float(rng.uniform(*BAD_RELEASE_FACTOR))
        is_bad = day < bad_until
        for _ in range(int(rng.poisson(nature.pace * (5 / 7)))):
            number += 1
            facts += _feature(number, at, crowd, rng)
            for _ in range(int(rng.poisson(nature.bugs_a_feature * np.exp(nature.wip_matters * crowd)))):
                found[day + int(rng.exponential(FOUND_AFTER_DAYS))] += 1
        background = nature.background * np.exp(nature.trend * day)
        for _ in range(int(rng.poisson((found[day] + background) * (factor if is_bad else 1.0)))):
            number += 1
            facts += _bug(number, at, rng)
        if nature.has_incidents and rng.random() < nature.outages * (3 if is_bad else 1):
            facts.append(_incident(day, at, severe=True))
        if nature.has_incidents and (rng.random() < 3 * nature.outages or day == 0):
            facts.append(_incident(DAYS + day, at, severe=False))
    return BuggyProject(tuple(facts), BEGIN, BEGIN + timedelta(days=DAYS))


def _between(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    low, high = limits
    return float(low * (high / low) ** rng.random())


def _feature(number: int, at: datetime, crowd: float, rng: np.random.Generator) -> list[HistoryFact]:
    """In progress for longer where more is in progress at once."""
    finished_at = at + timedelta(hours=float(rng.uniform(9, 18)))
    started_at = finished_at - timedelta(days=float(rng.gamma(2.0, 2.5)) * float(np.exp(crowd)))
    created_at = started_at - timedelta(days=float(rng.exponential(20)))
    return [
        _item(number, created_at, "Story"),
        StatusChangeFact(UUID(int=number), StatusCategory.IN_PROGRESS, started_at, started_at),
        StatusChangeFact(UUID(int=number), StatusCategory.DONE, finished_at, finished_at),
    ]


def _bug(number: int, at: datetime, rng: np.random.Generator) -> list[HistoryFact]:
    created_at = at + timedelta(hours=float(rng.uniform(6, 22)))
    closed_at = created_at + timedelta(days=float(rng.exponential(12)))
    return [
        _item(number, created_at, "Bug"),
        StatusChangeFact(UUID(int=number), StatusCategory.DONE, closed_at, closed_at),
    ]


def _item(number: int, created_at: datetime, item_type: str) -> WorkItemFact:
    return WorkItemFact(UUID(int=number), f"BUGS-{number}", created_at, created_at, item_type=item_type)


def _incident(number: int, at: datetime, *, severe: bool) -> IncidentFact:
    severity = IncidentSeverity.SEV1 if severe else IncidentSeverity.SEV3
    return IncidentFact(UUID(int=1_000_000 + number), at + timedelta(hours=11), at + timedelta(hours=11), severity)

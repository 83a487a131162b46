"""Which projects share people, and what dates they can promise together, as JSON values.

1. Whoever carries open items of two projects is shared. Two projects are tied by the larger share that shared people
   carry of either's open, assigned items; less than a fifth is no tie.
2. Ties are followed from the strongest on, and make groups of up to eight projects; a larger one would say of each date
   that everything depends on everything.
3. A group's members with a forecast get dates together (forecasters.joint_finish); the others are named as missing.

Nobody is named, only counted. Whom a person may not see takes no part: neither their project nor their items.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import combinations
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import Count, QuerySet
from django.db.models.fields.json import KeyTransform
from numpy.typing import NDArray

from predictions.forecasters.joint_finish import JointFinish, ProjectForecast, joint_finish
from predictions.forecasters.prevention import P85
from projects.domain.queries.runs import standing_runs
from projects.enums import CARRYING, AnalysisKind
from projects.models import WorkItem
from projects.models.contributor import person_of
from projects.models.work_item import IS_CARRIED

LEAST_TIE = 0.2
"""Share of the open items from which projects get in each other's way. Starting value."""
MOST_TOGETHER = 8
WEEK = timedelta(weeks=1)

Carried = Mapping[UUID, Mapping[UUID, int]]
"""Open items by project and by who carries them."""


@dataclass(frozen=True, slots=True)
class Tie:
    """Two projects with people in common.  share: in (0, 1];  people: who carries items of both"""

    first: UUID
    second: UUID
    share: float
    people: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class _Run:
    """The forecast that stands for a project, as far as dates together need it."""

    as_of: datetime
    target_date: str | None
    p_on_time: float | None
    dates: tuple[tuple[float, date], ...]
    weekly: tuple[float, ...]


def describe_joint_dates(ids: Sequence[UUID], *, items: QuerySet[WorkItem], until: datetime) -> list[dict[str, Any]]:
    """One row per group of projects that share people, the most shared first.  ids: of projects that may be seen

    Two queries, however many projects; one where nobody is shared.
    """
    carried = _carried(ids, items)
    ties = _ties(carried)
    groups = groups_of(ties)
    if not groups:
        return []
    runs = _runs([project for group in groups for project in group], until)
    shared = _people_shared(groups, ties)
    rows = [_row(group, len(people), runs) for group, people in zip(groups, shared, strict=True)]
    return sorted(rows, key=lambda row: -int(row["people_shared"]))


def _carried(ids: Sequence[UUID], items: QuerySet[WorkItem]) -> Carried:
    rows = (
        items.filter(IS_CARRIED, project__in=ids)
        .order_by()
        .annotate(person=person_of("assignee"))
        .values_list("project_id", "person")
        .annotate(number=Count("pk"))
    )
    carried: dict[UUID, dict[UUID, int]] = defaultdict(dict)
    for project, person, number in rows:
        carried[project][person] = number
    return carried


def _ties(carried: Carried) -> list[Tie]:
    """Those that count, the strongest first."""
    projects_of: dict[UUID, list[UUID]] = defaultdict(list)
    for project, people in carried.items():
        for person in people:
            projects_of[person].append(project)
    shared: dict[tuple[UUID, UUID], set[UUID]] = defaultdict(set)
    for person, projects in projects_of.items():
        for first, second in combinations(sorted(projects), 2):
            shared[first, second].add(person)
    ties = [
        Tie(first, second, max(_share(carried[first], people), _share(carried[second], people)), frozenset(people))
        for (first, second), people in shared.items()
    ]
    return sorted((tie for tie in ties if tie.share >= LEAST_TIE), key=lambda tie: (-tie.share, tie.first, tie.second))


def _share(carried: Mapping[UUID, int], people: Iterable[UUID]) -> float:
    return sum(carried[person] for person in people) / sum(carried.values())


def groups_of(ties: Sequence[Tie]) -> list[tuple[UUID, ...]]:
    """Projects that belong together.  ties: the strongest first"""
    group_of: dict[UUID, frozenset[UUID]] = {}
    for tie in ties:
        joined = group_of.get(tie.first, frozenset({tie.first})) | group_of.get(tie.second, frozenset({tie.second}))
        if len(joined) <= MOST_TOGETHER:
            group_of.update(dict.fromkeys(joined, joined))
    return sorted(tuple(sorted(group)) for group in set(group_of.values()))


def _runs(ids: Sequence[UUID], until: datetime) -> dict[UUID, _Run]:
    rows = (
        standing_runs(ids, AnalysisKind.FORECAST)
        .filter(as_of__lte=until)
        .values_list(
            "project_id",
            "as_of",
            "readiness",
            KeyTransform("target_date", "results"),
            KeyTransform("p_on_time", "results"),
            KeyTransform("quantiles", "results"),
            KeyTransform("weekly_finishes", "results"),
        )
    )
    runs = {}
    for project, as_of, readiness, target_date, p_on_time, quantiles, weekly in rows:
        if readiness not in CARRYING:  # an older run that carried a date does not stand in for it
            continue
        dates = tuple((point["p"], date.fromisoformat(point["value"])) for point in quantiles or () if point["value"])
        if len(dates) > 1:
            chance = (p_on_time or {}).get("value")
            runs[project] = _Run(as_of, target_date, chance, dates, tuple(weekly or ()))
    return runs


def _people_shared(groups: Sequence[Sequence[UUID]], ties: Sequence[Tie]) -> list[set[UUID]]:
    place_of = {project: place for place, group in enumerate(groups) for project in group}
    people: list[set[UUID]] = [set() for _ in groups]
    for tie in ties:
        place = place_of.get(tie.first)
        if place is not None and place == place_of.get(tie.second):
            people[place] |= tie.people
    return people


def _row(group: Sequence[UUID], people_shared: int, runs: Mapping[UUID, _Run]) -> dict[str, Any]:
    told = [project for project in group if project in runs]
    joint = _joint([runs[project] for project in told]) if len(told) > 1 else None
    return {
        "people_shared": people_shared,
        "p_all_on_time": None
        if joint is None or joint.p_all_on_time is None
        else {"value": joint.p_all_on_time, "low": joint.low, "high": joint.high},
        "level": None if joint is None else joint.level,
        "correlation": None if joint is None else _mean_correlation(joint),
        "without_forecast": [project for project in group if project not in runs],
        "projects": [
            _date_row(project, runs[project], None if joint is None else joint.days[place])
            for place, project in enumerate(told)
        ],
    }


def _joint(runs: Sequence[_Run]) -> JointFinish:
    latest = max(run.as_of for run in runs)
    return joint_finish([_forecast(run, latest) for run in runs])


def _forecast(run: _Run, latest: datetime) -> ProjectForecast:
    """Without the weeks after its own run that another one knows: the last weeks of all have to be the same."""
    missed = round((latest - run.as_of) / WEEK)
    weekly: NDArray[np.float64] = np.array([*run.weekly, *[np.nan] * missed], dtype=np.float64)
    today = run.as_of.date()
    return ProjectForecast(
        p_on_time=run.p_on_time,
        levels=np.array([level for level, _ in run.dates]),
        days=np.array([(day - today).days for _, day in run.dates], dtype=np.float64),
        weekly=weekly,
    )


def _mean_correlation(joint: JointFinish) -> float:
    pairs = joint.correlations[np.triu_indices(len(joint.correlations), 1)]
    return float(pairs.mean())


def _date_row(project: UUID, run: _Run, days: float | None) -> dict[str, Any]:
    joint = None if days is None or not np.isfinite(days) else run.as_of.date() + timedelta(days=round(days))
    return {
        "project": project,
        "target_date": run.target_date,
        "p_on_time": run.p_on_time,
        "p85_finish_date": next((day.isoformat() for level, day in run.dates if level == P85), None),
        "joint_finish_date": None if joint is None else joint.isoformat(),
    }

"""The basis of a finish forecast as it is kept with the run: what its trials can be played from again.

It stands in the run's AnalysisRecord, so that it is isolated, kept and erased like the forecast itself, and holds
counts and days only: no item, no name. A run of before it was kept has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Any

from predictions.domain.team_records import load_pools
from predictions.forecasters.finish import FinishForecast
from predictions.forecasters.finish_basis import FinishBasis, ScopeCounts
from predictions.forecasters.prevention import P85
from predictions.forecasters.team_flow import TeamFlow
from predictions.forecasters.throughput import NewcomerShare
from projects.history.calendar import WorkCalendar
from projects.models import Project

BASIS = "basis"
"""The name under which the results of a run hold it."""


def kept_basis(finish: FinishForecast) -> dict[str, Any]:
    """What a run keeps beside its results; nothing where the record carries no forecast at all."""
    if finish.basis is None:
        return {}
    p85 = finish.quantile(P85)
    row = basis_row(finish.basis)
    return {BASIS: {**row, "p85_days": None if p85 is None or p85.weeks is None else p85.weeks * 7}}


def without_basis(results: Mapping[str, Any]) -> dict[str, Any]:
    """The results as they are shown."""
    return {name: value for name, value in results.items() if name != BASIS}


def basis_row(basis: FinishBasis) -> dict[str, Any]:
    """A basis as JSON; the seed is text, because it has more digits than a reader in another language keeps."""
    calendar = basis.calendar
    return {
        "as_of": basis.as_of.isoformat(),
        "target_date": None if basis.target_date is None else basis.target_date.isoformat(),
        "calendar": {
            "time_zone": calendar.time_zone,
            "working_weekdays": sorted(calendar.working_weekdays),
            "holidays": [day.isoformat() for day in sorted(calendar.holidays)],
        },
        "weekly": list(basis.weekly),
        "scope": asdict(basis.scope),
        "newcomers": asdict(basis.newcomers),
        "flow": asdict(basis.flow),
        "seed": str(basis.seed),
        "trials": basis.trials,
        "pools": basis.pools_digest,
    }


def loaded_basis(project: Project, results: Mapping[str, Any]) -> FinishBasis | None:
    """The basis of a run with what other teams of the tenant were off by then, read anew: it is not kept with the run,
    because whoever sees this project need not see theirs.

    None where the run holds no basis, or where the other teams' record of that time is no longer the same. One query
    where other teams took part.
    """
    basis = basis_of(results)
    if basis is None or not results[BASIS].get("pools"):
        return basis
    whole = replace(basis, pools=load_pools(project, as_of=basis.as_of))
    return whole if whole.pools_digest == results[BASIS]["pools"] else None


def basis_of(results: Mapping[str, Any]) -> FinishBasis | None:
    """The basis that the results of a run hold, without other teams; None where they hold none."""
    row = results.get(BASIS)
    if not row:
        return None
    calendar = row["calendar"]
    return FinishBasis(
        as_of=datetime.fromisoformat(row["as_of"]),
        target_date=None if row["target_date"] is None else date.fromisoformat(row["target_date"]),
        calendar=WorkCalendar(
            time_zone=calendar["time_zone"],
            working_weekdays=frozenset(calendar["working_weekdays"]),
            holidays=frozenset(date.fromisoformat(day) for day in calendar["holidays"]),
        ),
        weekly=tuple(row["weekly"]),
        scope=ScopeCounts(**row["scope"]),
        newcomers=NewcomerShare(**row["newcomers"]),
        flow=TeamFlow(**row["flow"]),
        seed=int(row["seed"]),
        trials=row["trials"],
    )

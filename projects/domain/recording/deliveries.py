"""What delivery tools report: CI runs, deployments, incidents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, Final, Protocol, TypeVar

from projects.domain.recording.bulk import Column, Overwrite, Scope, observed, upsert
from projects.models import CiRun, Deployment, Incident
from projects.observations import CiRunObservation, DeploymentObservation, IncidentObservation
from tenants.isolation.identifiers import uuid7


class _Named(Protocol):
    @property
    def external_id(self) -> str: ...


Fact = TypeVar("Fact", bound=_Named)
_KEY: Final = ("tenant_id", "project_id", "source", "external_id")

# column -> (type, attribute of the observation)
_Columns = dict[str, tuple[str, str]]
_CI_RUN: Final[_Columns] = {
    "pipeline": ("text", "pipeline"),
    "branch": ("text", "branch"),
    "commit": ("text", "commit"),
    "attempt": ("bigint", "attempt"),
    "outcome": ("text", "outcome"),
    "started_at": ("timestamptz", "started_at"),
    "finished_at": ("timestamptz", "finished_at"),
    "url": ("text", "url"),
}
_DEPLOYMENT: Final[_Columns] = {
    "environment": ("text", "environment"),
    "commit": ("text", "commit"),
    "committed_at": ("timestamptz", "committed_at"),
    "outcome": ("text", "outcome"),
    "started_at": ("timestamptz", "started_at"),
    "finished_at": ("timestamptz", "finished_at"),
    "url": ("text", "url"),
}
_INCIDENT: Final[_Columns] = {
    "title": ("text", "title"),
    "severity": ("text", "severity"),
    "opened_at": ("timestamptz", "opened_at"),
    "resolved_at": ("timestamptz", "resolved_at"),
    "deployment_external_id": ("text", "deployment_id"),
    "url": ("text", "url"),
}


def record_ci_runs(scope: Scope, runs: Iterable[CiRunObservation]) -> int:
    """Each function adds facts, or brings them up to date, and returns the number of rows written."""
    return _record(scope, CiRun._meta.db_table, _newest(runs), _CI_RUN)


def record_deployments(scope: Scope, deployments: Iterable[DeploymentObservation]) -> int:
    return _record(scope, Deployment._meta.db_table, _newest(deployments), _DEPLOYMENT)


def record_incidents(scope: Scope, incidents: Iterable[IncidentObservation]) -> int:
    return _record(scope, Incident._meta.db_table, _newest(incidents), _INCIDENT)


def _newest(facts: Iterable[Fact]) -> list[Fact]:
    """One of each, the last that came, in the order of identifiers."""
    distinct = {fact.external_id: fact for fact in facts}
    return [distinct[external_id] for external_id in sorted(distinct)]


def _record(scope: Scope, table: str, facts: Sequence[Any], names: _Columns) -> int:
    if not facts:
        return 0
    columns = [
        Column("id", "uuid", [uuid7() for _ in facts]),
        Column("external_id", "text", [fact.external_id for fact in facts]),
        *(
            Column(name, sql_type, list(map(attrgetter(attribute), facts)))
            for name, (sql_type, attribute) in names.items()
        ),
    ]
    overwrite = Overwrite(values=observed(*names), also=observed("recorded_at"))
    shared = {**scope.source_columns, "recorded_at": scope.at}
    return len(upsert(table, columns, shared=shared, key=_KEY, overwrite=overwrite))

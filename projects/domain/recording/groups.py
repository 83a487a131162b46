"""Iterations and milestones: what items are put into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar
from uuid import UUID

from projects.domain.recording.bulk import Column, Overwrite, Scope, array_literal, fetch, upsert
from projects.enums import MilestoneState
from projects.models import Iteration, Milestone
from projects.observations import IterationObservation, MilestoneObservation
from tenants.isolation.identifiers import uuid7

Observation = TypeVar("Observation", IterationObservation, MilestoneObservation)

_ITERATIONS: Final = Iteration._meta.db_table
_MILESTONES: Final = Milestone._meta.db_table
_KEY: Final = ("tenant_id", "project_id", "source", "external_id")


def _said(column: str) -> str:
    """The observed value, or the recorded one where the source did not say."""
    return f"coalesce(excluded.{column}, kept.{column})"


_NAME: Final = "coalesce(nullif(excluded.name, ''), kept.name)"
_ALSO: Final = {"recorded_at": "excluded.recorded_at"}
_START, _END = _said("starts_at"), _said("ends_at")
_ITERATION: Final = Overwrite(
    values={
        "name": _NAME,
        "state": _said("state"),
        "starts_at": _START,
        # Two answers of the source, each for one end, may contradict each other.
        "ends_at": f"CASE WHEN {_END} >= {_START} THEN {_END} WHEN {_START} IS NULL THEN {_END} END",
        "completed_at": _said("completed_at"),
    },
    also=_ALSO,
)
_FIRST, _TARGET = _said("start_date"), _said("target_date")
_MILESTONE_DATES: Final = {
    "name": _NAME,
    "start_date": f"CASE WHEN {_FIRST} <= {_TARGET} THEN {_FIRST} WHEN {_TARGET} IS NULL THEN {_FIRST} END",
    "target_date": _TARGET,  # a source that moves its one date to the day of the release does not unsay the promise
}
_MILESTONE_OF_UNKNOWN_STATE: Final = Overwrite(
    values={**_MILESTONE_DATES, "released_date": _said("released_date")}, also=_ALSO
)
_MILESTONE: Final = Overwrite(
    values={
        **_MILESTONE_DATES,
        "state": "excluded.state",
        "released_date": f"CASE WHEN excluded.state = '{MilestoneState.RELEASED.value}' "
        f"THEN {_said('released_date')} END",
    },
    also=_ALSO,
)


def record_iterations(scope: Scope, iterations: Iterable[IterationObservation]) -> tuple[dict[str, UUID], int]:
    """The row of each iteration by external id, and the number of rows written."""
    seen = list(iterations)
    full = _fullest_of_each([each for each in seen if not each.in_passing])
    mentioned = _fullest_of_each([each for each in seen if each.in_passing])
    written = _upsert(scope, _ITERATIONS, _iteration_columns(full), overwrite=_ITERATION)
    written |= _upsert(scope, _ITERATIONS, _iteration_columns(mentioned))
    return _rows_of(scope, _ITERATIONS, seen, written), len(written)


def record_milestones(scope: Scope, milestones: Iterable[MilestoneObservation]) -> tuple[dict[str, UUID], int]:
    """The row of each milestone by external id, and the number of rows written."""
    seen = list(milestones)
    full = [each for each in seen if not each.in_passing]
    certain = _fullest_of_each([each for each in full if each.state is not None])
    stateless = _fullest_of_each([each for each in full if each.state is None])
    mentioned = _fullest_of_each([each for each in seen if each.in_passing])
    written = _upsert(scope, _MILESTONES, _milestone_columns(certain), overwrite=_MILESTONE)
    written |= _upsert(scope, _MILESTONES, _milestone_columns(stateless), overwrite=_MILESTONE_OF_UNKNOWN_STATE)
    written |= _upsert(scope, _MILESTONES, _milestone_columns(mentioned))
    return _rows_of(scope, _MILESTONES, seen, written), len(written)


def _fullest_of_each(observations: Sequence[Observation]) -> list[Observation]:
    """One observation of each group, in the order of identifiers: the one that says most, of equals the last."""
    fullest: dict[str, tuple[int, Observation]] = {}
    for each in observations:
        said = sum(getattr(each, name) not in (None, "") for name in each.__slots__)
        if each.external_id not in fullest or said >= fullest[each.external_id][0]:
            fullest[each.external_id] = said, each
    return [fullest[external_id][1] for external_id in sorted(fullest)]


def _upsert(
    scope: Scope, table: str, columns: Sequence[Column], *, overwrite: Overwrite | None = None
) -> dict[str, UUID]:
    shared = {**scope.source_columns, "recorded_at": scope.at}
    return {row[-1]: row[0] for row in upsert(table, columns, shared=shared, key=_KEY, overwrite=overwrite)}


def _rows_of(scope: Scope, table: str, seen: Sequence[Observation], written: Mapping[str, UUID]) -> dict[str, UUID]:
    others = sorted({each.external_id for each in seen} - written.keys())
    if not others:
        return dict(written)
    rows = fetch(
        f"SELECT external_id, id FROM {table} "  # noqa: S608 - our own tables
        "WHERE tenant_id = %s AND project_id = %s AND source = %s AND external_id = ANY (%s::text[])",
        [scope.tenant_id, scope.project_id, scope.source, array_literal(others, sql_type="text")],
    )
    return {**written, **dict(rows)}


def _iteration_columns(iterations: Sequence[IterationObservation]) -> list[Column]:
    return [
        Column("id", "uuid", [uuid7() for _ in iterations]),
        Column("external_id", "text", [each.external_id for each in iterations]),
        Column("name", "text", [each.name for each in iterations]),
        Column("state", "text", [each.state for each in iterations]),
        Column("starts_at", "timestamptz", [each.starts_at for each in iterations]),
        Column("ends_at", "timestamptz", [each.ends_at for each in iterations]),
        Column("completed_at", "timestamptz", [each.completed_at for each in iterations]),
    ]


def _milestone_columns(milestones: Sequence[MilestoneObservation]) -> list[Column]:
    return [
        Column("id", "uuid", [uuid7() for _ in milestones]),
        Column("external_id", "text", [each.external_id for each in milestones]),
        Column("name", "text", [each.name for each in milestones]),
        Column("state", "text", [each.state or MilestoneState.PLANNED for each in milestones]),
        Column("start_date", "date", [each.start_date for each in milestones]),
        Column("target_date", "date", [each.target_date for each in milestones]),
        Column("released_date", "date", [each.released_date for each in milestones]),
    ]

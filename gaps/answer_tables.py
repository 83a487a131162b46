"""The tables inside answers about gaps over all projects, about a gap and about two runs, as columns of files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gaps.domain.portfolio import Cell
from gaps.enums import GapType, TransitionKind
from projects.answer_tables import with_place
from tenants.api.tables import Row, TableOf, Told, alone, counted, listed, under

# --- how everything stands ---

CHANGES = tuple(str(kind).lower() for kind in TransitionKind if kind != TransitionKind.UPDATED)


def _heat_map(told: Told) -> Iterator[Row]:
    return ({"project": row["project"], "name": row["name"], **row["gaps"]} for row in told["projects"])


def _heat_map_totals(told: Told) -> Iterator[Row]:
    for gap_type, counts in told["totals"]["gaps"].items():
        yield {"type": gap_type, **{cell: counts.get(cell, 0) for cell in Cell}}


def _changes(told: Told) -> Iterator[Row]:
    return ({"project": row["project"], "name": row["name"], **row["changes"]} for row in told["projects"])


def _joint_groups(told: Told) -> Iterator[Row]:
    return with_place(told["joint_dates"], "group")


def _joint_dates(told: Told) -> Iterator[Row]:
    """Every project of every group, also those without a forecast, of which nothing else is known."""
    names = {row["project"]: row["name"] for row in told["projects"]}
    for group in _joint_groups(told):
        everyone: list[dict[str, Any]] = [*group["projects"], *({"project": pk} for pk in group["without_forecast"])]
        for row in everyone:
            yield {"group": group["group"], "name": names[row["project"]], **row}


PORTFOLIO = (
    TableOf(
        "projects",
        (
            "rank",
            "project",
            "name",
            "owner",
            "as_of",
            "readiness",
            "target_date",
            "p_on_time",
            "p85_finish_date",
            "open_gaps",
            "expected_loss_tolerances",
        ),
        lambda told: with_place(told["projects"]),
    ),
    TableOf("heat_map", ("project", "name", *GapType.values), _heat_map),
    TableOf("changes", ("project", "name", "p_on_time_before", "p_on_time_moved", *CHANGES), _changes),
    TableOf(
        "joint_dates",
        ("group", "project", "name", "target_date", "p_on_time", "p85_finish_date", "joint_finish_date"),
        _joint_dates,
    ),
    TableOf(
        "joint_groups",
        (
            "group",
            "people_shared",
            "p_all_on_time.value",
            "p_all_on_time.low",
            "p_all_on_time.high",
            "level",
            "correlation",
        ),
        _joint_groups,
    ),
    TableOf(
        "totals",
        (
            "projects",
            "open_gaps",
            "expected_loss_tolerances",
            "without_forecast",
        ),
        lambda told: [told["totals"]],
    ),
    TableOf("heat_map_totals", ("type", *map(str, Cell)), _heat_map_totals),
    TableOf("about", ("as_of", "changed_since"), alone),
)

# --- what to deal with first ---

BRIEFING = (
    TableOf(
        "rows",
        (
            "rank",
            "kind",
            "id",
            "project",
            "project_name",
            "type",
            "title",
            "severity",
            "expected_loss_tolerances",
            "hours_left",
            "as_of",
            "readiness",
            *(f"action.{name}" for name in ("id", "title", "status", "owner", "due_date", "latest_start_at")),
        ),
        lambda told: with_place(told["rows"]),
    ),
    TableOf("suppressed", ("reason", "number"), counted("suppressed", of="reason")),
    TableOf("projects_never_analysed", ("project_name",), listed("projects_never_analysed", column="project_name")),
    TableOf("about", ("as_of", "projects", "analysed_at_earliest"), alone),
)

# --- what helped ---

EFFECTS = ("expected_effect_days", "measured_effect_days")
EFFICACY = (
    TableOf(
        "codes",
        (
            "code",
            "title",
            "measured_actions",
            "uncompared_actions",
            "missing_actions",
            "standing",
            *(f"{effect}.{end}" for effect in EFFECTS for end in ("value", "low", "high")),
        ),
        under("codes"),
    ),
    TableOf("about", ("required_actions",), alone),
)

# --- the causes of a gap ---


def _causes(told: Told) -> Iterator[Row]:
    """Each cause with its place in the order, from 1 on; without one where nobody can deal with it."""
    places = {cause: place for place, cause in enumerate(told["order"], start=1)}
    return ({**row, "order": places.get(row["id"])} for row in told["causes"])


CAUSE_MAP = (
    TableOf(
        "causes",
        ("rank", "id", "code", "description", "contribution_share", "order", "waits_for"),
        _causes,
    ),
    TableOf("about", ("gap",), alone),
)

# --- two runs ---

ENDS = ("from", "to")
READINESS = {"came": "reasons_came", "went": "reasons_went"}


def _runs(told: Told) -> Iterator[Row]:
    return ({"run": end, **told[end]} for end in ENDS)


def _forecasts(told: Told) -> Iterator[Row]:
    return ({"run": end, **told["forecast"][end]} for end in ENDS)


def _reasons(told: Told) -> Iterator[Row]:
    for change, name in READINESS.items():
        for reason in told["readiness"][name]:
            yield {"change": change, **reason}


COMPARISON = (
    TableOf(
        "gap_changes",
        ("at", "gap", "type", "change", "from_severity", "to_severity", "from_effect", "to_effect", "note"),
        under("gaps", "listed"),
    ),
    TableOf("gap_counts", ("change", "number"), counted("gaps", "counts", of="change")),
    TableOf("forecasts", ("run", "forecast", "target_date", "p_on_time", "p85"), _forecasts),
    TableOf("readiness_reasons", ("change", "code", "message", "unlock"), _reasons),
    TableOf(
        "runs",
        (
            "run",
            "id",
            "as_of",
            "computed_at",
            "readiness",
            "overall_score",
            "inputs_hash",
            "results_hash",
            "model.id",
            "model.version",
        ),
        _runs,
    ),
    TableOf(
        "about",
        (
            "project",
            "kind",
            "inputs_are_same",
            "results_are_same",
            "model_is_same",
            "readiness.changed",
            "forecast.p85_moved_days",
            "forecast.p_on_time_moved",
            "forecast.moves",
            "comparison_hash",
        ),
        alone,
    ),
)

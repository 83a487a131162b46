"""How many story points a sprint delivers, seen at 0, 30, 50 or 80 % of its planned days; judged walking forward.

Files: `organisation_AT.csv`, a row a board and sprint, with the columns of the public sprint data; the name holds
commas that are not quoted, so that fields are counted from both ends. Optionally `split` (train, test) comes last.

1. Sprints are ordered by `sprintid`; a sprint is on one side of the split on whichever boards it stands, and its rows
   share a weight of one. The last quarter of the sprints is judged.
2. Each forecast knows the sprints before the last two, and what its own row says. Delivered points are what was
   committed, plus added, less removed, plus the difference that was recorded: the same at all four snapshots.
3. The model is fitted anew whenever a tenth more sprints are settled.
4. skill = 1 - MAE / MAE of the expanding median of what the board (without a record: the project) delivered.
   skill_project_median is the same against the project's median, skill_in_scope leaves out sprints without points.
5. coverage_80 and the probability of under 80 % are judged where the product answers: with points in scope, and with a
   commitment above 0. coverage_80_all counts the sprints without points too, nearly all of which deliver none.

Example: a sprint of 20 points on two boards, of which 12 were delivered, forecast at 15: an error of 3, counted once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from predictions.backtesting.files import SPLIT_COLUMN, TEST_SHARE, ProjectFile, other_organisations
from predictions.backtesting.reports import BenchmarkReport, UnitResult, VariantResult
from predictions.backtesting.tasks import BenchmarkRefused, BenchmarkRequest
from predictions.calibration.iteration_features import UNDER_SHARE, weighted_median
from predictions.calibration.iterations import EMBARGO_ITERATIONS, Flags, IterationTable
from predictions.calibration.scoring import Coverage
from predictions.forecasters.iteration_delivery import MODEL, IterationDeliveryForecaster, IterationHistory, Rung
from predictions.priors.iterations import shipped_iterations

FloatArray = NDArray[np.float64]

SNAPSHOTS = ("30", "0", "50", "80")
"""Percentages of the planned days that have passed; the first is what is judged unless told otherwise."""
NAME_COLUMN = "name"
FILE_COLUMNS = {
    "iteration": "sprintid",
    "board": "boardid",
    "planned_days": "planday",
    "team_size": "no_teammember",
    "committed_items": "no_issue_starttime",
    "committed_points": "vel_starttime",
    "added_items": "no_issue_added",
    "added_points": "vel_added",
    "removed_items": "no_issue_removed",
    "removed_points": "vel_removed",
    "todo_items": "no_issuetodo",
    "todo_points": "vel_todo",
    "in_progress_items": "no_issueinprogress",
    "in_progress_points": "vel_inprogress",
    "done_items": "no_issuedone",
    "done_points": "vel_done",
}
DIFFERENCE_COLUMN = "vel_diff"
REFIT_GROWTH, REFIT_SPRINTS = 0.1, 8
"""A fit stands until a tenth more sprints are settled, and at least eight."""
NOMINAL = 0.8


@dataclass(frozen=True, eq=False)
class Project:
    """One file. is_test: rows that are judged."""

    file: ProjectFile
    history: IterationHistory
    is_test: Flags


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Forecasts of a project's rows, NaN where none was asked for. rungs: that were served, by number of rows."""

    p10: FloatArray
    p50: FloatArray
    p90: FloatArray
    p_under: FloatArray
    rungs: Mapping[str, int]


def benchmark_sprints(request: BenchmarkRequest) -> BenchmarkReport:
    """Judge the served forecast of what an iteration delivers.

    Raises BenchmarkRefused where a directory or file is not in the documented format.
    """
    at = request.at or SNAPSHOTS[0]
    projects = _projects(request.data, at)
    if not any(project.is_test.any() for project in projects):
        raise BenchmarkRefused(f"No file of {request.data} has a sprint to judge.")
    prior = [IterationHistory.of(table) for table in shipped_iterations(at)]
    shipped = _variant(projects, {project.file.name: prior for project in projects}, request, "shipped")
    options = {"data": str(request.data), "train": str(request.train) if request.train else None, "at": at}
    if request.train is None:
        return BenchmarkReport("sprints", options, shipped)
    trained = _projects(request.train, at)
    pools = {project.file.name: _pool_for(project, trained) or prior for project in projects}
    return BenchmarkReport("sprints", options, shipped, _variant(projects, pools, request, "retrained"))


def sprint_rows(text: Iterable[str], *, source: str) -> tuple[dict[str, str], ...]:
    """Rows by column name, though the name of a sprint may hold commas.

    Raises BenchmarkRefused where a column is missing or a row is shorter than the header.
    """
    lines = [line.rstrip("\r\n") for line in text]
    header = lines[0].removeprefix("\ufeff").split(",") if lines else []
    missing = [name for name in (*FILE_COLUMNS.values(), DIFFERENCE_COLUMN) if name not in header]
    if missing:
        raise BenchmarkRefused(f"{source}: columns are missing: {', '.join(missing)}.")
    return tuple(_row(header, line.split(","), f"{source}, line {n}") for n, line in enumerate(lines[1:], 2) if line)


def _row(header: Sequence[str], parts: Sequence[str], source: str) -> dict[str, str]:
    surplus = len(parts) - len(header)
    if surplus < 0 or (surplus and NAME_COLUMN not in header):
        raise BenchmarkRefused(f"{source}: {len(parts)} fields for {len(header)} columns.")
    if surplus:
        place = header.index(NAME_COLUMN)
        parts = [*parts[:place], ",".join(parts[place : place + surplus + 1]), *parts[place + surplus + 1 :]]
    return dict(zip(header, parts, strict=True))


def _projects(directory: Path, at: str) -> list[Project]:
    paths = sorted(directory.glob(f"*_{at}.csv")) if directory.is_dir() else []
    if not paths:
        raise BenchmarkRefused(f"{directory} holds no file *_{at}.csv.")
    return [_project(path) for path in paths]


def _project(path: Path) -> Project:
    with path.open(encoding="utf-8", errors="replace") as stream:  # names only: nothing is read out of them
        file = ProjectFile(path.stem, sprint_rows(stream, source=path.name))
    try:
        table = IterationTable.of_columns(_columns(file.rows))
    except ValueError as error:
        raise BenchmarkRefused(f"{path.name}: a number is needed in every column but the name ({error}).") from error
    if not np.isfinite(table.delivered_points).all():
        raise BenchmarkRefused(f"{path.name}: a figure is not finite.")
    return Project(file, IterationHistory.of(table), _test_rows(file, table))


def _columns(rows: Sequence[Mapping[str, str]]) -> dict[str, FloatArray]:
    columns = {
        name: np.array([float(row[column]) for row in rows], dtype=np.float64) for name, column in FILE_COLUMNS.items()
    }
    difference = np.array([float(row[DIFFERENCE_COLUMN]) for row in rows], dtype=np.float64)
    scope = columns["committed_points"] + columns["added_points"] - columns["removed_points"]
    return columns | {"delivered_points": scope + difference}


def _test_rows(file: ProjectFile, table: IterationTable) -> Flags:
    if file.rows and SPLIT_COLUMN in file.rows[0]:
        tested = [float(row[FILE_COLUMNS["iteration"]]) for row in file.rows if row[SPLIT_COLUMN] == "test"]
        return table.iteration >= min(tested, default=np.inf)
    return table.ranks >= int(len(table.iterations) * (1 - TEST_SHARE))


def _pool_for(tested: Project, trained: Sequence[Project]) -> list[IterationHistory]:
    allowed = {file.name for file in other_organisations([other.file for other in trained], tested.file)}
    return [other.history for other in trained if other.file.name in allowed]


def _variant(
    projects: Sequence[Project], pools: Mapping[str, Sequence[IterationHistory]], request: BenchmarkRequest, name: str
) -> VariantResult:
    units = []
    rungs: dict[str, int] = {}
    for done, project in enumerate(projects):
        request.on_progress(done, len(projects), f"{name}: {project.file.name}")
        if project.is_test.any():
            judged = walk_forward(project.history, project.is_test, pools[project.file.name])
            units.append(_scores(project, judged))
            rungs |= {rung: rungs.get(rung, 0) + rows for rung, rows in judged.rungs.items()}
    served = ", ".join(f"{rung} {rows}" for rung, rows in rungs.items())
    return VariantResult(tuple(units), {"id": MODEL.id, "version": MODEL.version, "rows_served_by": served})


def walk_forward(history: IterationHistory, is_test: Flags, pools: Sequence[IterationHistory]) -> Judged:
    """The forecast of every test row, each from what was settled when the model was last fitted before it."""
    table = history.table
    numbers = {name: np.full(len(table), np.nan) for name in ("p10", "p50", "p90", "p_under")}
    rungs: dict[str, int] = dict.fromkeys(Rung, 0)
    begin, end = int(table.ranks[is_test].min()), len(table.iterations)
    while begin < end:
        until = begin + max(REFIT_SPRINTS, int(begin * REFIT_GROWTH))
        asked = is_test & (table.ranks >= begin) & (table.ranks < until)
        if asked.any():
            served = IterationDeliveryForecaster(_settled_before(history, begin), pools).forecast(history.where(asked))
            for name, values in numbers.items():
                values[asked] = getattr(served, name)
            rungs[served.rung] += int(asked.sum())
        begin = until
    return Judged(**numbers, rungs={rung: rows for rung, rows in rungs.items() if rows})


def _settled_before(history: IterationHistory, rank: int) -> IterationHistory:
    return history.where(history.table.ranks < rank - EMBARGO_ITERATIONS)


def _scores(project: Project, judged: Judged) -> UnitResult:
    history, is_test = project.history, project.is_test
    table = history.table
    weights, delivered, in_scope = table.weights, table.delivered_points, is_test & (table.scope_points > 0)
    errors = np.abs(judged.p50 - delivered)
    board_errors = np.abs(history.features.medians - delivered)
    project_errors = np.abs(_project_medians(table) - delivered)
    is_inside = (judged.p10 <= delivered) & (delivered <= judged.p90)
    coverage_80 = _mean(is_inside, weights, in_scope)
    metrics = {
        "skill": _skill(errors, board_errors, weights, is_test),
        "coverage_80": coverage_80,
        **_under_scores(table, judged, is_test),
        "skill_project_median": _skill(errors, project_errors, weights, is_test),
        "skill_in_scope": _skill(errors, board_errors, weights, in_scope),
        "coverage_80_all": _mean(is_inside, weights, is_test),
        "mae_points": _mean(errors, weights, is_test),
    }
    n = len(np.unique(table.iteration[is_test]))
    counted = round(float(weights[in_scope].sum()))
    coverages = {}
    if coverage_80 is not None and counted:
        hits = round(coverage_80 * counted)
        coverages = {"coverage_80": Coverage.of_counts(hits=hits, n=counted, nominal=NOMINAL)}
    return UnitResult(project.file.name, n, metrics, {"mae_points": _mean(board_errors, weights, is_test)}, coverages)


def _under_scores(table: IterationTable, judged: Judged, is_test: Flags) -> dict[str, float | None]:
    asked = is_test & (table.committed_points > 0)
    is_under = table.delivered_points < UNDER_SHARE * table.committed_points
    weights = table.weights[asked]
    if not asked.any():
        return {"auc_under_80": None, "brier_skill": None}
    auc = None
    if len(np.unique(is_under[asked])) > 1:
        auc = float(roc_auc_score(is_under[asked], judged.p_under[asked], sample_weight=weights))
    misses = (judged.p_under - is_under) ** 2
    base_misses = (_running_base_rates(table) - is_under) ** 2
    return {"auc_under_80": auc, "brier_skill": _skill(misses, base_misses, table.weights, asked)}


def _running_base_rates(table: IterationTable) -> FloatArray:
    """Share of the project's settled, committed sprints under 80 %, as known at each row."""
    committed = table.weights * (table.committed_points > 0)
    under = committed * (table.delivered_points < UNDER_SHARE * table.committed_points)
    rank_rows = table.ranks.astype(np.intp)
    counts = np.concatenate([[0.0], np.cumsum(np.bincount(rank_rows, weights=committed))])
    unders = np.concatenate([[0.0], np.cumsum(np.bincount(rank_rows, weights=under))])
    settled = np.maximum(rank_rows - EMBARGO_ITERATIONS, 0)
    rates: FloatArray = (unders[settled] + 1) / (counts[settled] + 2)
    return rates


def _project_medians(table: IterationTable) -> FloatArray:
    medians = np.zeros(len(table))
    for rank in np.unique(table.ranks):
        known = table.ranks < rank - EMBARGO_ITERATIONS
        medians[table.ranks == rank] = weighted_median(table.delivered_points[known], table.weights[known])
    return medians


def _skill(losses: FloatArray, reference: FloatArray, weights: FloatArray, chosen: Flags) -> float | None:
    baseline = _mean(reference, weights, chosen)
    loss = _mean(losses, weights, chosen)
    return None if not baseline or loss is None else 1 - loss / baseline


def _mean(values: NDArray[np.float64] | Flags, weights: FloatArray, chosen: Flags) -> float | None:
    return float(np.average(values[chosen], weights=weights[chosen])) if chosen.any() else None

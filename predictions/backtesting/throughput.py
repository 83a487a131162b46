"""How many items in 2, 4, 8 and 13 weeks, and when N items will be done: judged walking forward through past teams.

Files: one column `resolved_at` (ISO dates or instants, UTC), a row a finished item; optionally `split` (train, test).

1. Items are counted by weeks that end with the team's last finish. Bulk closures stay in: they are items done.
2. Test origins are the weeks of the last quarter (or from the first `test` row on); each knows only what came before.
3. Per horizon: is the outcome inside P10 to P90, how large is the CRPS, was P15 reached ("85 % sure of so many")?
   CRPS is in items over the team's mean outcome, so that the large teams do not decide the macro average.
4. Beside it the usual Monte Carlo: weeks of the last half-year drawn independently.
5. When N items will be done: promises of the served simulation at 85 %, pooled over teams and durations (coverage).
6. Late with p: dates that leave two to four times what the items take at the pace of half a year. Of those told late
   with about p, a share p should be late; pooled over teams, told and late stand side by side.

Example: a team that always finishes 5 items a week: every outcome is inside, the CRPS is that of a too wide forecast.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from predictions.backtesting.files import SPLIT_COLUMN, TEST_SHARE, ProjectFile, other_organisations, project_files
from predictions.backtesting.reports import BenchmarkReport, UnitResult, VariantResult
from predictions.backtesting.tasks import BenchmarkRefused, BenchmarkRequest, BenchmarkTask
from predictions.calibration.error_pool import ErrorPool
from predictions.calibration.pace import Pace
from predictions.calibration.scoring import Coverage, coverage, sample_crps
from predictions.forecasters.coverage import walk_forward_hits
from predictions.forecasters.finish import MODEL as FINISH_MODEL
from predictions.forecasters.items_done import MODEL, ItemsDoneForecaster
from predictions.priors.throughput import pools_of, shipped_pools

FloatArray = NDArray[np.float64]

HORIZONS_WEEKS = (2, 4, 8, 13)
STEP_WEEKS = 4
FINISH_STEP_WEEKS = 8
FINISH_PROBABILITY = 0.85
LEVELS = (np.arange(200) + 0.5) / 200
LOW, SURE, HIGH = 0.10, 0.15, 0.90
MONTE_CARLO_WEEKS, MONTE_CARLO_TRIALS = 26, 400
MIN_HISTORY_WEEKS = 12
DAYS_PER_WEEK = 7
AMPLE_WEEKS, AMPLE_TIMES = (8, 13, 26), (2.0, 2.5, 3.0, 4.0)
"""Weeks to a date, and how many times the needed ones they are."""
LATE_EDGES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)


@dataclass(frozen=True, eq=False)
class Team:
    """One file as weeks. first_test: the first origin whose forecast is judged."""

    file: ProjectFile
    pace: Pace
    first_test: int


@dataclass(slots=True)
class Tally:
    """Outcomes of one team at one horizon."""

    outcomes: list[float] = field(default_factory=list)
    inside: list[bool] = field(default_factory=list)
    sure: list[bool] = field(default_factory=list)
    crps: list[float] = field(default_factory=list)
    crps_monte_carlo: list[float] = field(default_factory=list)
    inside_monte_carlo: list[bool] = field(default_factory=list)


def benchmark_throughput(request: BenchmarkRequest) -> BenchmarkReport:
    """Judge the served forecasts of items done and of finishes.

    Raises BenchmarkRefused where a directory or file is not in the documented format.
    """
    teams = _teams(project_files(request.data))
    trained = _teams(project_files(request.train)) if request.train else []
    shipped = _variant(teams, {team.file.name: shipped_pools() for team in teams}, request, "shipped")
    if not trained:
        return BenchmarkReport("throughput", _options(request), *_with_finish(shipped, None))
    by_organisation = {
        tested.organisation: _pools_for(tested, trained)
        for tested in {team.file.organisation: team.file for team in teams}.values()
    }
    pools = {team.file.name: by_organisation[team.file.organisation] for team in teams}
    retrained = _variant(teams, pools, request, "retrained")
    return BenchmarkReport("throughput", _options(request), *_with_finish(shipped, retrained))


def _teams(files: Sequence[ProjectFile]) -> list[Team]:
    teams = [_team(file) for file in files]
    usable = [team for team in teams if team.first_test >= MIN_HISTORY_WEEKS and team.first_test < team.pace.weeks]
    if not usable:
        raise BenchmarkRefused(f"No file has {MIN_HISTORY_WEEKS} weeks of history before its test part.")
    return usable


def _team(file: ProjectFile) -> Team:
    try:
        days = np.array([date.fromisoformat(row["resolved_at"][:10]).toordinal() for row in file.rows], dtype=np.int64)
    except (KeyError, ValueError) as error:
        raise BenchmarkRefused(f"{file.name}: a column resolved_at with ISO dates is needed ({error}).") from error
    if days.size == 0:
        raise BenchmarkRefused(f"{file.name} holds no finished item.")
    last = int(days.max())
    weeks = (last - int(days.min())) // DAYS_PER_WEEK  # the first, incomplete one is left out
    ages = (last - days) // DAYS_PER_WEEK
    weekly = np.bincount(weeks - 1 - ages[ages < weeks], minlength=weeks).astype(np.float64)
    pace = Pace(weekly)
    tested = [day for day, row in zip(days.tolist(), file.rows, strict=True) if row.get(SPLIT_COLUMN) == "test"]
    if any(SPLIT_COLUMN in row for row in file.rows[:1]):
        first_test = weeks - (last - min(tested)) // DAYS_PER_WEEK - 1 if tested else weeks
    else:
        first_test = int(weeks * (1 - TEST_SHARE))
    return Team(file, pace, max(first_test, 0))


def _pools_for(tested: ProjectFile, trained: Sequence[Team]) -> Sequence[ErrorPool]:
    allowed = {file.name for file in other_organisations([other.file for other in trained], tested)}
    return pools_of([other.pace for other in trained if other.file.name in allowed], prior=shipped_pools())


def _options(request: BenchmarkRequest) -> dict[str, object]:
    return {"data": str(request.data), "train": str(request.train) if request.train else None}


@dataclass(frozen=True, slots=True)
class _Judged:
    variant: VariantResult
    finish: Coverage | None
    late: list[dict[str, float]]


def _variant(
    teams: Sequence[Team], pools: Mapping[str, Sequence[ErrorPool]], request: BenchmarkRequest, name: str
) -> _Judged:
    units, kept, told = [], [], []
    for number, team in enumerate(teams):
        request.on_progress(number, len(teams), f"{name}: {team.file.name}")
        units.append(_unit(team, pools[team.file.name]))
        kept += _finish_hits(team, pools[team.file.name])
        told += _told_late(team, pools[team.file.name])
    model = {
        "id": MODEL.id,
        "version": MODEL.version,
        "finish": f"{FINISH_MODEL.id} {FINISH_MODEL.version}",
        "fitted": name,
    }
    finish = coverage(kept, FINISH_PROBABILITY) if kept else None
    return _Judged(VariantResult(tuple(units), model), finish, _late_bins(told))


def _with_finish(
    shipped: _Judged, retrained: _Judged | None
) -> tuple[VariantResult, VariantResult | None, dict[str, object]]:
    headline = retrained or shipped
    finish = headline.finish
    extra: dict[str, object] = {"finish_p85_coverage": None if finish is None else finish.share}
    if finish is not None:
        extra["finish_p85"] = {"low": finish.low, "high": finish.high, "n": finish.n}
    extra["late_with_ample_time"] = headline.late
    if shipped.finish is not None:
        extra["finish_p85_coverage_shipped"] = shipped.finish.share
    return shipped.variant, retrained.variant if retrained else None, extra


def _unit(team: Team, pools: Sequence[ErrorPool]) -> UnitResult:
    metrics: dict[str, float | None] = {}
    baseline: dict[str, float | None] = {}
    coverages: dict[str, Coverage] = {}
    n = 0
    for horizon in HORIZONS_WEEKS:
        tally = _tally(team, horizon, pools)
        if not tally.outcomes:
            continue
        n += len(tally.outcomes)
        scale = max(float(np.mean(tally.outcomes)), 1.0)
        metrics[f"{horizon}.coverage_80"] = float(np.mean(tally.inside))
        metrics[f"{horizon}.crps"] = float(np.mean(tally.crps)) / scale
        metrics[f"{horizon}.crps_monte_carlo"] = float(np.mean(tally.crps_monte_carlo)) / scale
        metrics[f"{horizon}.p85_hit"] = float(np.mean(tally.sure))
        baseline[f"{horizon}.coverage_80"] = float(np.mean(tally.inside_monte_carlo))
        baseline[f"{horizon}.crps"] = metrics[f"{horizon}.crps_monte_carlo"]
        coverages[f"{horizon}.coverage_80"] = coverage(tally.inside, HIGH - LOW)
    return UnitResult(team.file.name, n, metrics, baseline, coverages)


def _tally(team: Team, horizon: int, pools: Sequence[ErrorPool]) -> Tally:
    tally = Tally()
    rng = np.random.default_rng(horizon)
    for origin in range(team.first_test, team.pace.weeks - horizon + 1, STEP_WEEKS):
        outcome = float(team.pace.items_done(horizon, np.array([origin]))[0])
        forecast = ItemsDoneForecaster(team.pace.until(origin), pools).forecast(float(horizon))
        sample = np.round(forecast.quantiles(LEVELS))
        low, sure, high = np.quantile(sample, (LOW, SURE, HIGH))
        drawn = _monte_carlo(team.pace.weekly[:origin], horizon, rng)
        low_drawn, high_drawn = np.quantile(drawn, (LOW, HIGH))
        tally.outcomes.append(outcome)
        tally.inside.append(bool(low <= outcome <= high))
        tally.sure.append(bool(outcome >= sure))
        tally.crps.append(sample_crps(sample, outcome))
        tally.crps_monte_carlo.append(sample_crps(drawn, outcome))
        tally.inside_monte_carlo.append(bool(low_drawn <= outcome <= high_drawn))
    return tally


def _monte_carlo(past: FloatArray, horizon: int, rng: np.random.Generator) -> FloatArray:
    drawn: FloatArray = rng.choice(past[-MONTE_CARLO_WEEKS:], (MONTE_CARLO_TRIALS, horizon)).sum(axis=1)
    return drawn


def _finish_hits(team: Team, pools: Sequence[ErrorPool]) -> list[bool]:
    return [
        hit
        for horizon in HORIZONS_WEEKS
        for hit in walk_forward_hits(
            team.pace,
            horizon,
            FINISH_PROBABILITY,
            step_weeks=FINISH_STEP_WEEKS,
            first_origin=team.first_test,
            pools=pools,
        )
    ]


def _told_late(team: Team, pools: Sequence[ErrorPool]) -> list[tuple[float, bool]]:
    """What was told of dates with ample time, and whether they were missed."""
    found = []
    for origin in range(team.first_test, team.pace.weeks - min(AMPLE_WEEKS) + 1, FINISH_STEP_WEEKS):
        forecaster = ItemsDoneForecaster(team.pace.until(origin), pools)
        rate = float(team.pace.weekly[:origin][-MONTE_CARLO_WEEKS:].mean())
        for weeks in AMPLE_WEEKS:
            if origin + weeks > team.pace.weeks:
                continue
            done = float(team.pace.items_done(weeks, np.array([origin]))[0])
            sample = np.round(forecaster.forecast(float(weeks)).quantiles(LEVELS))
            for items in {round(rate * weeks / times) for times in AMPLE_TIMES} - {0}:
                found.append((float((sample < items).mean()), done < items))
    return found


def _late_bins(told: Sequence[tuple[float, bool]]) -> list[dict[str, float]]:
    """Mean of what was told, share that was late, and number, by what was told."""
    bins = []
    for low, high in pairwise(LATE_EDGES):
        inside = [(p, late) for p, late in told if low <= p < high or p == high == 1.0]
        if inside:
            bins.append(
                {"told": fmean(p for p, _ in inside), "late": fmean(late for _, late in inside), "n": len(inside)}
            )
    return bins


TASK = BenchmarkTask(benchmark_throughput, "items done in 2, 4, 8 and 13 weeks, and when N items will be done")

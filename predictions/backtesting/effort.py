"""Effort at completion: judged on finished projects, each cut off when a share of its plan was completed.

Files: a row a task with `project_key`, `task_plan_time_minutes`, `task_actual_time_minutes` and
`task_actual_complete_date` (month/day/year hour:minute, or ISO; empty or \\N: never completed); optionally `split`
(train, test). One `project_key` is one project is one unit, in whatever file it stands.

1. Tasks are ordered by completion. The forecast is made when the completed tasks' plan first reaches the share of the
   total plan; it knows the plan of all others, never completed ones included, since nobody could tell them apart then.
2. The outcome is the effort spent on all tasks. Tasks without a plan earn nothing and count in what was spent.
3. A project that left more than a tenth of its plan uncompleted has no outcome; one whose forecast abstains has no
   forecast. Both are listed under `options.not_judged`, not scored.
4. Beside it the usual BAC / CPI, and the plan itself (BAC).
5. `retrained` learns from the projects of --train and from rows of `split` train, never from the project it is tested
   on: naming the test directory itself is leaving one out.

Example: 4 tasks of 1 h that took 2 h each: at 25 % BAC / CPI says 8 h, which is right; BAC says 4 h, which is 50 % off.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite

from predictions.backtesting.files import SPLIT_COLUMN, ProjectFile, project_files
from predictions.backtesting.reports import BenchmarkReport, UnitResult, VariantResult
from predictions.backtesting.tasks import BenchmarkRefused, BenchmarkRequest
from predictions.calibration.effort_pool import EffortPool
from predictions.calibration.effort_tasks import EffortTasks
from predictions.calibration.scoring import Coverage, coverage
from predictions.forecasters.effort_at_completion import HIGH, LOW, MIDDLE, MODEL, forecast_effort
from predictions.priors.effort import effort_pool_of, shipped_effort_pool

AT_CHOICES = ("25", "10", "50", "75")
"""Percent of the plan that is completed when the forecast is made."""
MIN_COMPLETED_SHARE = 0.9
"""Less of the plan completed is a project that was given up or goes on: its effort at completion is not known."""
NULLS = frozenset({"", "\\N", "NULL", "None", "nan"})
DATE_FORMATS = ("%m/%d/%Y %H:%M", "%m/%d/%Y")
COLUMNS = ("project_key", "task_plan_time_minutes", "task_actual_time_minutes", "task_actual_complete_date")
MINUTES_PER_HOUR = 60

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class FinishedProject:
    """One project with its outcome.

    unfinished_effort: spent on tasks that never were completed;  is_test: false where its rows say train
    """

    key: str
    tasks: EffortTasks
    unfinished_effort: float
    is_test: bool

    @property
    def is_finished(self) -> bool:
        """Whether its effort at completion is known."""
        return self.tasks.earned_share >= MIN_COMPLETED_SHARE

    @property
    def total(self) -> float:
        """Effort spent on all tasks: the outcome."""
        return self.tasks.spent + self.unfinished_effort


def benchmark_effort(request: BenchmarkRequest) -> BenchmarkReport:
    """Judge the served forecast of effort at completion.

    Raises BenchmarkRefused where a file is not in the documented format or no project can be judged.
    """
    at = request.at or AT_CHOICES[0]
    projects = _projects(project_files(request.data))
    tested = [project for project in projects if project.is_test]
    trained = [project for project in projects if not project.is_test]
    trained += _projects(project_files(request.train)) if request.train else []
    shipped = shipped_effort_pool()
    judged, not_judged = _judge(tested, lambda _: shipped, at, request, "shipped")
    if not judged:
        raise BenchmarkRefused(f"No project can be judged at {at} %: {not_judged}.")
    retrained = None
    if trained:
        retrained, _ = _judge(tested, lambda project: _pool_for(project, trained), at, request, "retrained")
    options = {
        "data": str(request.data),
        "train": str(request.train) if request.train else None,
        "at": int(at),
        "not_judged": not_judged,
    }
    return BenchmarkReport(
        "effort",
        options,
        _variant(judged, "shipped"),
        _variant(retrained, "retrained") if retrained else None,
        {"coverage_80_pooled": _pooled_share(retrained or judged)},
    )


def _judge(
    tested: Sequence[FinishedProject],
    pool_of: Callable[[FinishedProject], EffortPool],
    at: str,
    request: BenchmarkRequest,
    name: str,
) -> tuple[list[UnitResult], dict[str, str]]:
    units: list[UnitResult] = []
    not_judged: dict[str, str] = {}
    for number, project in enumerate(tested):
        request.on_progress(number, len(tested), f"{name}: {project.key}")
        result = _unit(project, int(at) / 100, pool_of(project))
        if isinstance(result, str):
            not_judged[project.key] = result
        else:
            units.append(result)
    return units, not_judged


def _unit(project: FinishedProject, share: float, pool: EffortPool) -> UnitResult | str:
    """The scores of one project, or why it is not judged."""
    if not project.is_finished:
        return f"{1 - project.tasks.earned_share:.0%} of its plan never was completed"
    past, _ = project.tasks.until(share)
    forecast = forecast_effort(past, pool=pool)
    low, middle, high = (forecast.total(probability) for probability in (LOW, MIDDLE, HIGH))
    if low is None or middle is None or high is None:
        return forecast.readiness.reasons[0].message
    outcome = project.total
    inside = low <= outcome <= high
    by_ratio = forecast.cost_ratio_total or 0.0
    return UnitResult(
        name=project.key,
        n=1,
        metrics={"mape": abs(middle - outcome) / outcome, "coverage_80": float(inside)},
        baseline={
            "mape": abs(by_ratio - outcome) / outcome,
            "mape_plan": abs(past.budget_at_completion - outcome) / outcome,
        },
        coverages={"coverage_80": coverage([inside], HIGH - LOW)},
    )


def _variant(units: Sequence[UnitResult], name: str) -> VariantResult:
    return VariantResult(tuple(units), {"id": MODEL.id, "version": MODEL.version, "fitted": name})


def _pooled_share(units: Sequence[UnitResult]) -> float:
    shares: list[Coverage] = [unit.coverages["coverage_80"] for unit in units]
    return sum(each.share * each.n for each in shares) / sum(each.n for each in shares)


def _pool_for(tested: FinishedProject, trained: Sequence[FinishedProject]) -> EffortPool:
    others = {project.key: project for project in trained if project.key != tested.key and project.is_finished}
    return effort_pool_of([project.tasks for project in others.values()], prior=shipped_effort_pool())


# --- files ---


def _projects(files: Sequence[ProjectFile]) -> list[FinishedProject]:
    rows_of: dict[str, list[Row]] = defaultdict(list)
    for file in files:
        missing = [column for column in COLUMNS if file.rows and column not in file.rows[0]]
        if missing or not file.rows:
            raise BenchmarkRefused(f"{file.name}: rows with {', '.join(missing or COLUMNS)} are needed.")
        for row in file.rows:
            rows_of[row["project_key"]].append(row)
    return [_project(key, rows) for key, rows in sorted(rows_of.items())]


def _project(key: str, rows: Sequence[Row]) -> FinishedProject:
    done: list[tuple[datetime, float, float]] = []
    rest: list[float] = []
    unfinished_effort = 0.0
    for row in rows:
        plan = _hours(row["task_plan_time_minutes"]) or 0.0
        actual = _hours(row["task_actual_time_minutes"])
        completed_at = _moment(row["task_actual_complete_date"])
        if completed_at is not None and actual is not None:
            done.append((completed_at, plan, actual))
        else:
            rest.append(plan)
            unfinished_effort += actual or 0.0
    done.sort()
    splits = {row.get(SPLIT_COLUMN) or "test" for row in rows}
    tasks = EffortTasks.of(done=[(plan, actual) for _, plan, actual in done], rest=rest)
    return FinishedProject(key, tasks, unfinished_effort, is_test=splits != {"train"})


def _hours(text: str | None) -> float | None:
    """Minutes as hours; None where there is no number that an effort can be."""
    if text is None or text.strip() in NULLS:
        return None
    try:
        minutes = float(text)
    except ValueError:
        return None
    return minutes / MINUTES_PER_HOUR if isfinite(minutes) and minutes >= 0 else None


def _moment(text: str | None) -> datetime | None:
    """A date of the source without its zone: only the order counts."""
    if text is None or text.strip() in NULLS:
        return None
    try:
        return datetime.fromisoformat(text.strip()).replace(tzinfo=None)
    except ValueError:
        pass
    for form in DATE_FORMATS:
        try:
            return datetime.strptime(text.strip(), form)  # noqa: DTZ007  # the source has no zone
        except ValueError:
            continue
    return None

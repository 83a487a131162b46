"""Every benchmark by the name it is called by."""

from collections.abc import Mapping
from types import MappingProxyType

from predictions.backtesting import due_dates, leaks, root_causes, throughput
from predictions.backtesting.effort import AT_CHOICES, benchmark_effort
from predictions.backtesting.sprints import SNAPSHOTS as SPRINT_SNAPSHOTS
from predictions.backtesting.sprints import benchmark_sprints
from predictions.backtesting.tasks import BenchmarkTask

TASKS: Mapping[str, BenchmarkTask] = MappingProxyType(
    {
        "due-dates": due_dates.TASK,
        "effort": BenchmarkTask(benchmark_effort, "effort at completion, task by task", "at", AT_CHOICES),
        "leaks": BenchmarkTask(
            leaks.benchmark_leaks,
            "whether anything computed at a moment changes when all that came later is deleted",
            option="size",
            choices=(leaks.FULL, leaks.SHORT),
        ),
        "root-causes": BenchmarkTask(
            root_causes.benchmark_root_causes,
            "causes planted in simulated projects, and whether they are found (DIR is not read)",
            option="size",
            choices=(root_causes.FULL, root_causes.SHORT),
        ),
        "sprints": BenchmarkTask(
            benchmark_sprints, "how much of its commitment a sprint delivers", option="at", choices=SPRINT_SNAPSHOTS
        ),
        "throughput": throughput.TASK,
    }
)

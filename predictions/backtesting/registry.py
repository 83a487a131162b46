"""Every benchmark by the name it is called by."""

from collections.abc import Mapping
from types import MappingProxyType

from predictions.backtesting import due_dates, throughput
from predictions.backtesting.effort import AT_CHOICES, benchmark_effort
from predictions.backtesting.tasks import BenchmarkTask

TASKS: Mapping[str, BenchmarkTask] = MappingProxyType(
    {
        "due-dates": due_dates.TASK,
        "effort": BenchmarkTask(benchmark_effort, "effort at completion, task by task", "at", AT_CHOICES),
        "throughput": throughput.TASK,
    }
)

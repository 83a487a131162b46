"""Every benchmark by the name it is called by."""

from collections.abc import Mapping
from types import MappingProxyType

from predictions.backtesting import due_dates, throughput
from predictions.backtesting.tasks import BenchmarkTask

TASKS: Mapping[str, BenchmarkTask] = MappingProxyType(
    {
        "due-dates": due_dates.TASK,
        "throughput": throughput.TASK,
    }
)

"""Every benchmark by the name it is called by."""

from collections.abc import Mapping
from types import MappingProxyType

from predictions.backtesting.tasks import BenchmarkTask
from predictions.backtesting.throughput import benchmark_throughput

TASKS: Mapping[str, BenchmarkTask] = MappingProxyType(
    {
        "throughput": BenchmarkTask(
            benchmark_throughput, "items done in 2, 4, 8 and 13 weeks, and when N items will be done"
        ),
    }
)

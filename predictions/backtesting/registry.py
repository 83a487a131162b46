"""Every benchmark by the name it is called by."""

from collections.abc import Mapping
from types import MappingProxyType

from predictions.backtesting.tasks import BenchmarkTask

TASKS: Mapping[str, BenchmarkTask] = MappingProxyType({})

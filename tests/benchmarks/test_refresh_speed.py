"""What a refresh of a large project computes, with every forecaster on; loading is reported beside it."""

from __future__ import annotations

import json
import re
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from gaps.detectors.timeline import detect_timeline_gap
from predictions.forecasters.finish import forecast_finish
from predictions.forecasters.outlook import forecast_outlook
from predictions.forecasters.registry import FORECASTERS, ForecastInputs
from projects.history import ProjectHistory, WorkCalendar, flow_metrics
from tests.benchmarks.large_project import large_project_facts
from tests.project_histories import NOW, WEEK

pytestmark = pytest.mark.benchmark

CALENDAR = WorkCalendar("Europe/Berlin")
TARGET = NOW.date() + 52 * WEEK
REFRESH_S = 1.3
"""Processor time, on a machine that others use. The level is one second: 0.94 to 0.97 s on a quiet machine, 1.05 to 1.1
at a load of 6 and more, of which items take .4 (half of it four fits of trees), the iteration .2 (trees as well).
"""
MEMORY_MB = 500


def test_refresh_of_30000_items_and_ten_years_with_everything_on() -> None:
    """In a process of its own: the memory of other benchmarks is not this one's."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as own:
        report = own.submit(measured).result()

    sys.stdout.write(f"{json.dumps(report)}\n")
    assert report["total_s"] <= REFRESH_S, report
    assert report["memory_mb"] <= MEMORY_MB, report


def measured() -> dict[str, float]:
    """Seconds of processor time by step, the best of three refreshes, and the peak of memory."""
    facts = large_project_facts()
    began = time.process_time()
    history = ProjectHistory.from_facts(facts)
    history_s = time.process_time() - began
    del facts

    runs = [_refresh_s(history) for _ in range(3)]

    best = {name: round(min(run[name] for run in runs), 3) for name in runs[0]}
    return {
        "history_s": round(history_s, 3),
        "total_s": round(sum(best.values()), 3),
        "memory_mb": round(peak_memory_mb()),
        **best,
    }


def peak_memory_mb() -> float:
    """Of this process alone: the kernel's other figure, ru_maxrss, goes on from the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024  # type: ignore[index]  # every kernel tells it


def _refresh_s(history: ProjectHistory) -> dict[str, float]:
    """Processor time by step of one refresh, without the database."""
    clock, steps = time.process_time(), {}
    known = history.as_of(NOW)
    flow_metrics(known, as_of=NOW, calendar=CALENDAR)
    finish = forecast_finish(known, as_of=NOW, target_date=TARGET, calendar=CALENDAR)
    steps["flow and finish"] = time.process_time() - clock
    inputs = ForecastInputs(known, CALENDAR, finish, 0.85, team_signals_enabled=True)
    for forecaster in FORECASTERS:
        clock = time.process_time()
        risks = forecaster.ask(inputs)
        steps[forecaster.name] = time.process_time() - clock
        assert risks[0].probability is not None, forecaster.name
    clock = time.process_time()
    detect_timeline_gap(known, as_of=NOW, target_date=TARGET, calendar=CALENDAR, finish=finish)
    steps["gaps"] = time.process_time() - clock
    clock = time.process_time()
    forecast_outlook(known, finish=finish, calendar=CALENDAR)
    steps["outlook"] = time.process_time() - clock
    return steps

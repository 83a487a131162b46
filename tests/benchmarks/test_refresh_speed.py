"""What a refresh of a large project computes, with every forecaster on; loading is reported beside it."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

import pytest

from gaps.detectors.timeline import detect_timeline_gap
from predictions.forecasters.finish import forecast_finish
from predictions.forecasters.registry import FORECASTERS, ForecastInputs
from projects.history import ProjectHistory, WorkCalendar, flow_metrics
from tests.benchmarks.large_project import large_project_facts
from tests.project_histories import NOW, WEEK

pytestmark = pytest.mark.benchmark

CALENDAR = WorkCalendar("Europe/Berlin")
TARGET = NOW.date() + 52 * WEEK
REFRESH_S = 2.5
"""Processor time. The level is one second. Most is spent in two learned levels: items (.7 s on a busy machine, in trees
that are grown anew along the past) and the iteration (.3 s), then in the paths of growing scope (.3 s)."""
MEMORY_MB = 500


def test_refresh_of_30000_items_and_ten_years_with_everything_on(
    record_property: Callable[[str, object], None],
) -> None:
    facts = large_project_facts()
    began = time.perf_counter()
    history = ProjectHistory.from_facts(facts)
    record_property("history_s", time.perf_counter() - began)
    del facts
    best: dict[str, float] = {}

    def timed(name: str, work: Callable[[], object]) -> object:
        started = time.process_time()
        found = work()
        best[name] = min(best.get(name, 1e9), time.process_time() - started)
        return found

    for _ in range(3):
        known = history.as_of(NOW)
        timed("hash", lambda known=known: known.inputs_hash)  # type: ignore[misc]  # a default binds the loop's value
        timed("flow", lambda known=known: flow_metrics(known, as_of=NOW, calendar=CALENDAR))  # type: ignore[misc]
        began_s = time.process_time()
        finish = forecast_finish(known, as_of=NOW, target_date=TARGET, calendar=CALENDAR)
        best["finish"] = min(best.get("finish", 1e9), time.process_time() - began_s)
        inputs = ForecastInputs(known, CALENDAR, finish, 0.85)
        for forecaster in FORECASTERS:
            timed(forecaster.name, lambda ask=forecaster.ask, inputs=inputs: ask(inputs))  # type: ignore[misc]
        detect = detect_timeline_gap
        timed(
            "gap",
            lambda known=known, finish=finish: detect(  # type: ignore[misc]
                known, as_of=NOW, target_date=TARGET, calendar=CALENDAR, finish=finish
            ),
        )

    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for name, seconds in {**best, "total": sum(best.values()), "memory_mb": memory_mb}.items():
        record_property(name, round(seconds, 3))
    assert sum(best.values()) <= REFRESH_S, best
    assert memory_mb <= MEMORY_MB

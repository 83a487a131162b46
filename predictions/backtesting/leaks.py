"""Does anything computed at a moment know of what came after it?

1. Histories: the files of DIR (past_records), contradictory facts, and as many simulated projects as the cases need.
   A directory without any such file is not refused: the generated ones are then all.
2. At moments spread over each, all that is computed (computed) is asked of the whole record, and again of a record from
   which every fact that became known later was deleted.
3. A case is one history, one moment and one answer. It changed if any bit of the answer did. What raises is an answer
   as well, and is counted by itself.

Example: a metric that reads the due date an item has today, where it was set next week, changes.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import count

import numpy as np

from predictions.backtesting.computed import Computation, Moment, computations, fingerprint
from predictions.backtesting.past_records import PastRecord, contradictory_record, records_in, simulated_record
from predictions.backtesting.reports import BenchmarkReport, UnitResult, VariantResult
from predictions.backtesting.tasks import BenchmarkRequest
from projects.history.facts import facts_known_at
from projects.history.project_history import ProjectHistory

FULL, SHORT = "full", "short"
MIN_CASES: Mapping[str, int] = {FULL: 10_000, SHORT: 1_000}
MOMENTS = 4
CONTRADICTORY = {FULL: 40, SHORT: 2}
MIN_SIMULATED = {FULL: 8, SHORT: 1}
"""However many cases the other records make: only these have all that a forecast needs."""


def benchmark_leaks(request: BenchmarkRequest) -> BenchmarkReport:
    """Count the answers that change when the future is deleted."""
    size = request.at or FULL
    asked = computations()
    units: list[UnitResult] = []
    changed_by: Counter[str] = Counter()
    cases = simulated = 0
    for record in _records(request, size):
        if record.name.startswith("simulated"):
            if cases >= MIN_CASES[size] and simulated >= MIN_SIMULATED[size]:
                break
            simulated += 1
        request.on_progress(cases, MIN_CASES[size], record.name)
        changed, raised, n = judge_record(record, asked)
        cases += n
        changed_by.update(changed)
        units.append(UnitResult(record.name, n, {"changed": float(changed.total()), "raised": float(raised)}))
    options = {"data": str(request.data), "size": size, "computed": len(asked), "histories": len(units)}
    extra = {
        "changed": changed_by.total(),
        "raised": round(sum(unit.metrics["raised"] or 0.0 for unit in units)),
        "cases": cases,
        "changed_by": dict(changed_by),
    }
    return BenchmarkReport("leaks", options, VariantResult(tuple(units)), extra=extra)


def judge_record(record: PastRecord, asked: Mapping[str, Computation]) -> tuple[Counter[str], int, int]:
    """Of one history: how often each answer changed, how often one raised, and of how many cases."""
    whole = ProjectHistory.from_facts(record.facts)
    changed: Counter[str] = Counter()
    raised = cases = 0
    for as_of in moments_of(record):
        cut = ProjectHistory.from_facts(facts_known_at(record.facts, as_of))
        before, after = (Moment(history, as_of, record.calendar, record.planned_calendar) for history in (whole, cut))
        for name, compute in asked.items():
            first, second = _answer(compute, before), _answer(compute, after)
            changed[name] += first != second
            raised += first.startswith(RAISED)
            cases += 1
    return +changed, raised, cases


def moments_of(record: PastRecord) -> Iterator[datetime]:
    """Moments spread over a history, at odd times, the first not at its very beginning."""
    rng = np.random.default_rng(len(record.facts))
    for index in range(MOMENTS):
        share = (index + 0.5 + float(rng.uniform(-0.4, 0.4))) / MOMENTS
        yield record.begins_at + share * (record.ends_at - record.begins_at)


RAISED = "raised "


def _answer(compute: Computation, moment: Moment) -> str:
    try:
        return fingerprint(compute(moment))
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        return f"{RAISED}{error!r}"


def _records(request: BenchmarkRequest, size: str) -> Iterator[PastRecord]:
    """Files and contradictions first, then simulated projects without end."""
    yield from records_in(request.data)
    for seed in range(CONTRADICTORY[size]):
        yield contradictory_record(seed)
    for seed in count():
        yield simulated_record(seed)

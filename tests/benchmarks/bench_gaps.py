"""All nine detectors together: what they find, what they find where nothing is, and what they cost.

Whole projects with people, flow, delivery and money on record (`gaps.backtesting.simulated_whole_gaps`), each asked by
all detectors: with a gap of each type, and with none. Then projects of more than 30,000 items with all facts, one with
each gap; the slowest counts.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_gaps --seeds 200 --first 0
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import process_time
from typing import Any

from gaps.backtesting.simulated_whole_gaps import AS_OF, PLANTED_TYPES, simulate
from gaps.detectors.detection import Detection, DetectionContext
from gaps.detectors.registry import DETECTORS
from gaps.enums import GapType
from predictions.forecasters.finish import forecast_finish
from projects.history import HistoryFact, ProjectHistory, WorkCalendar
from projects.history.facts import WorkItemFact
from tests.benchmarks.whole_project import whole_project_facts

LEAST_RECALL, MOST_FALSE, MOST_S = 0.9, 0.05, 1.0
TRIALS = 1_000
"""Of the finish forecast, which takes most of the time; enough for what the detectors read of it."""
ROUNDS = 2


@dataclass(frozen=True)
class Accuracy:
    """Share of planted gaps found of their type; gaps found per healthy project, and which by seed."""

    recall: dict[str, float]
    missed: dict[str, list[int]]
    false_per_healthy_project: float
    false: list[str]
    silent: dict[str, int]

    @property
    def holds(self) -> bool:
        """Whether all that is promised holds."""
        return min(self.recall.values()) >= LEAST_RECALL and self.false_per_healthy_project <= MOST_FALSE


def context_of(facts: Sequence[HistoryFact], *, trials: int = TRIALS) -> DetectionContext:
    """What the detectors are asked about a project at AS_OF."""
    known, calendar = ProjectHistory.from_facts(facts).as_of(AS_OF), WorkCalendar()
    target = None if known.baseline is None else known.baseline.target_date
    finish = forecast_finish(known, as_of=AS_OF, target_date=target, calendar=calendar, trials=trials)
    return DetectionContext(known, calendar, finish)


def detections_of(context: DetectionContext) -> list[Detection]:
    """What all detectors say."""
    return [detection for detect in DETECTORS.values() for detection in detect(context)]


def measure_accuracy(seeds: Sequence[int], *, types: Sequence[GapType] = PLANTED_TYPES) -> Accuracy:
    """Ask every project with a gap, and every one without.  silent: subjects that could not be told, with how often"""
    missed: dict[str, list[int]] = {gap_type.value: [] for gap_type in types}
    for gap_type in types:
        for seed in seeds:
            found = detections_of(context_of(simulate(gap_type, seed)))
            if not any(detection.finding and detection.type == gap_type for detection in found):
                missed[gap_type.value].append(seed)
    false, silent = [], Counter[str]()
    for seed in seeds:
        for detection in detections_of(context_of(simulate(None, seed))):
            name = f"{detection.type.value} {detection.subject}"
            silent[name] += not detection.readiness.carries_value
            if detection.finding is not None:
                false.append(f"{seed}: {name}, {detection.effect or 0.0:.2f} T")
    return Accuracy(
        recall={name: 1 - len(seeds_missed) / len(seeds) for name, seeds_missed in missed.items()},
        missed=missed,
        false_per_healthy_project=len(false) / len(seeds),
        false=false,
        silent={name: times for name, times in silent.items() if times},
    )


def measure_speed(gap_type: GapType, *, rounds: int = ROUNDS) -> dict[str, Any]:
    """Processor time of all detectors on a large project with a gap, best of some rounds with nothing kept; in s."""
    facts = whole_project_facts(gap_type)
    best: dict[str, float] = {}
    found: list[Detection] = []
    for _ in range(rounds):
        context, took, found = context_of(facts, trials=10_000), dict[str, float](), []
        for name, detect in DETECTORS.items():
            begun = process_time()
            found += detect(context)
            took[name.value] = process_time() - begun
        best = min((each for each in (best, took) if each), key=lambda each: sum(each.values()))
    return {
        "planted": gap_type.value,
        "items": sum(isinstance(fact, WorkItemFact) for fact in facts),
        "facts": len(facts),
        "found": sorted({detection.type.value for detection in found if detection.finding}),
        "s": round(sum(best.values()), 3),
        "by_detector_s": {name: round(seconds, 3) for name, seconds in best.items()},
    }


def main() -> None:
    """Print one JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    accuracy = measure_accuracy(range(asked.first, asked.first + asked.seeds))
    slowest = max((measure_speed(gap_type) for gap_type in PLANTED_TYPES), key=lambda speed: speed["s"])
    promised = {"least_recall": LEAST_RECALL, "most_false": MOST_FALSE, "most_s": MOST_S}
    holds = accuracy.holds and slowest["s"] <= MOST_S
    report = {"first": asked.first, "seeds": asked.seeds, "promised": promised, "holds": holds}
    report |= {"accuracy": asdict(accuracy), "slowest_large_project": slowest}
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()

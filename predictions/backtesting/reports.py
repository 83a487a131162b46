"""What a benchmark says: how good, against what, how sure, on how much.

One file is one project is one unit. A macro average weighs every unit alike, whatever its size, so that one large
project cannot decide; a unit on which a metric is undefined (AUC with one class) is left out of that metric's mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.scoring import Coverage

Metrics = Mapping[str, float | None]

BOOTSTRAP_DRAWS = 2_000
INTERVAL_QUANTILES = (0.025, 0.975)
"""95 %."""


@dataclass(frozen=True, slots=True)
class UnitResult:
    """The scores of one unit.

    n: forecasts that were scored;  metrics: by name, None where undefined;  baseline: the same of the base rate
    coverages: hits of nominal intervals by name, for the binomial interval over all units
    """

    name: str
    n: int
    metrics: Metrics
    baseline: Metrics = field(default_factory=dict)
    coverages: Mapping[str, Coverage] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VariantResult:
    """One way of fitting, over all units: "shipped" (the product's prior) or "retrained" (with --train)."""

    units: tuple[UnitResult, ...]
    model: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Macro averages with their project-block bootstrap intervals, and every unit."""
        return {
            "n": sum(unit.n for unit in self.units),
            "macro": macro_average([unit.metrics for unit in self.units]),
            "interval": bootstrap_intervals([unit.metrics for unit in self.units]),
            "baseline": macro_average([unit.baseline for unit in self.units]),
            "coverage": _pooled_coverages(self.units),
            "model": dict(self.model),
            "units": [{"name": unit.name, "n": unit.n, **dict(unit.metrics)} for unit in self.units],
        }


@dataclass(frozen=True, slots=True)
class BenchmarkReport:
    """The answer of one task.

    retrained: None without --train;  extra: further macro values that no unit has alone (pooled ones)
    """

    task: str
    options: Mapping[str, Any]
    shipped: VariantResult
    retrained: VariantResult | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The headline is the retrained variant where there is one; the shipped one always stands beside it."""
        headline = self.retrained or self.shipped
        content = headline.as_json()
        content["macro"] = nested({**content["macro"], **self.extra})
        return {
            "task": self.task,
            "options": dict(self.options),
            "variant": "retrained" if self.retrained else "shipped",
            **content,
            "shipped": self.shipped.as_json(),
        }


def macro_average(rows: Sequence[Metrics]) -> dict[str, float | None]:
    """Mean over units per metric, of the units that have it; None where none has."""
    return {name: _mean([row.get(name) for row in rows]) for name in _names(rows)}


def bootstrap_intervals(rows: Sequence[Metrics], *, seed: int = 0) -> dict[str, tuple[float, float] | None]:
    """95 % interval of each macro average, drawing whole units with replacement; None below two units."""
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(rows), (BOOTSTRAP_DRAWS, len(rows))) if len(rows) > 1 else None
    return {name: _interval(rows, name, draws) for name in _names(rows)}


def nested(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Names with a dot as objects in objects: {"13.crps": 1.0} becomes {"13": {"crps": 1.0}}."""
    result: dict[str, Any] = {}
    for name, value in metrics.items():
        place = result
        *parents, last = name.split(".")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return result


def _names(rows: Sequence[Metrics]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _interval(rows: Sequence[Metrics], name: str, draws: NDArray[np.int64] | None) -> tuple[float, float] | None:
    values = np.array([np.nan if (value := row.get(name)) is None else value for row in rows], dtype=np.float64)
    if draws is None or np.isnan(values).all():
        return None
    drawn = values[draws]
    drawn = drawn[~np.isnan(drawn).all(axis=1)]
    low, high = np.quantile(np.nanmean(drawn, axis=1), INTERVAL_QUANTILES)
    return float(low), float(high)


def _pooled_coverages(units: Sequence[UnitResult]) -> dict[str, dict[str, float]]:
    names = dict.fromkeys(name for unit in units for name in unit.coverages)
    return {name: _pooled([unit.coverages[name] for unit in units if name in unit.coverages]) for name in names}


def _pooled(coverages: Sequence[Coverage]) -> dict[str, float]:
    pooled = Coverage.of_counts(
        hits=sum(round(coverage.share * coverage.n) for coverage in coverages),
        n=sum(coverage.n for coverage in coverages),
        nominal=coverages[0].nominal,
    )
    return {
        "nominal": pooled.nominal,
        "share": pooled.share,
        "low": pooled.low,
        "high": pooled.high,
        "n": pooled.n,
    }

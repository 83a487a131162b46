"""DELAY_RISK of an iteration: how many of its story points will be delivered, and is that under 80 % of the commitment?

1. Base rate: what the project's settled iterations delivered.
2. Mechanistic: the scope now, times the trailing share of scope that board and project delivered, with past errors.
3. Learned: trees over scale-free features (calibration.iteration_features) group the iteration with settled ones of
   other teams and of this project; delivered points are a share of the larger of scope and velocity.
4. Own iterations weigh twice those of others; each project of the pool weighs by the root of its length.
5. Every settled iteration is also forecast by trees that were grown without its quarter of time. Where its outcome fell
   decides at which levels the 80 % range is read, with weight n / (n + 30) by the project's own outcomes.
6. The same forecasts choose the rung: the learned one, unless a simpler one errs less by a tenth. P(under 80 %) is that
   of the trees, whichever rung gives the points, unless its Brier score is no better than the base rate's.

Assumes that a team estimates as it used to. Do not believe it after points were redefined, or for the first iterations
of a project without others to learn from.

Example: 20 points committed, 4 done after a third of the days, 10 delivered usually: P50 near 10, P(under 16) near 0.9.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.conditional_forest import ConditionalForest, WeightedOutcomes
from predictions.calibration.iteration_features import (
    BOARD_STRENGTH,
    FEATURE_NAMES,
    UNDER_SHARE,
    IterationFeatures,
    features_of,
)
from predictions.calibration.iterations import Flags, IterationTable
from predictions.forecasters.answers import ModelIdentity

FloatArray = NDArray[np.float64]
Rows = NDArray[np.intp]

MODEL = ModelIdentity("iteration-delivery.conformal-trees", "1")
OWN_WEIGHT = 2.0
PROJECT_ITERATIONS = 100.0
"""Projects longer than this weigh more than one, by the root."""
SCALE_POWER = 0.75
"""Weight of a row by its points: between every share alike (0) and every point alike (1). Starting value, not tuned."""
FOLDS = 3
LEVEL_STRENGTH = 30.0
"""Own settled iterations whose levels weigh as much as all others'."""
MISS_SHARE = 0.2
"""Outcomes outside the range: it is meant to hold 80 %."""
TAIL_LEVELS = (0.02, 0.35)
"""However good the record, the range is never wider than 2 to 98 %, nor narrower than 35 to 65 %."""
MIN_JUDGED_ITERATIONS = 8
"""Fewer own outcomes do not choose between rungs: then the learned one is served, on what others' taught."""
SWITCH_MARGIN = 0.1
"""Losses of a few dozen iterations are noisy: choosing the least of three outright switched for no reason."""


class Rung(StrEnum):
    """From the simplest to the one that needs most."""

    BASE_RATE = "base_rate"
    MECHANISTIC = "mechanistic"
    LEARNED = "learned"


@dataclass(frozen=True, eq=False)
class IterationHistory:
    """A table with the features of every row, each from what was known then."""

    table: IterationTable
    features: IterationFeatures

    @classmethod
    def of(cls, table: IterationTable) -> "IterationHistory":
        """With the features worked out."""
        return cls(table, features_of(table))

    def where(self, chosen: Flags) -> "IterationHistory":
        """The chosen rows; their features stay as they were."""
        features = self.features
        kept = IterationFeatures(features.values[chosen], features.velocities[chosen], features.medians[chosen])
        return IterationHistory(self.table.where(chosen), kept)

    @cached_property
    def scales(self) -> FloatArray:
        """Points of which the delivered ones are a share, 1 or above."""
        scales: FloatArray = np.maximum(np.maximum(self.table.scope_points, self.features.velocities), 1.0)
        return scales

    @cached_property
    def mechanistic(self) -> FloatArray:
        """Scope times the trailing share of scope that was delivered; NaN without a record."""
        seen = np.nan_to_num(self._feature("iterations_seen"))
        own, project = self._feature("delivered_over_scope"), self._feature("project_delivered_over_scope")
        weight = np.where(np.isnan(own), 0.0, seen / (seen + BOARD_STRENGTH))
        shares: FloatArray = weight * np.nan_to_num(own) + (1 - weight) * project
        return np.minimum(shares, 2.0) * self.table.scope_points

    def _feature(self, name: str) -> FloatArray:
        return self.features.values[:, FEATURE_NAMES.index(name)]


@dataclass(frozen=True, slots=True, eq=False)
class Deliveries:
    """Forecasts of some rows. Points; shape (rows,) each.

    p_under: P(delivered < 80 % of the commitment), NaN where nothing is committed;  rung, under_rung: that were served
    """

    p10: FloatArray
    p50: FloatArray
    p90: FloatArray
    p_under: FloatArray
    rung: Rung
    under_rung: Rung


@dataclass(frozen=True, slots=True, eq=False)
class _Lessons:
    """Settled rows to learn from, of several projects. All of shape (rows, ...); is_own: of the project forecast."""

    features: FloatArray
    delivered: FloatArray
    committed: FloatArray
    scales: FloatArray
    weights: FloatArray
    folds: NDArray[np.intp]
    is_own: Flags
    is_in_scope: Flags

    @classmethod
    def of(cls, own: IterationHistory, pools: Sequence[IterationHistory]) -> "_Lessons":
        parts = [(pool, False) for pool in pools if len(pool.table)] + ([(own, True)] if len(own.table) else [])
        return cls(
            np.concatenate([part.features.values for part, _ in parts]),
            np.concatenate([part.table.delivered_points for part, _ in parts]),
            np.concatenate([part.table.committed_points for part, _ in parts]),
            np.concatenate([part.scales for part, _ in parts]),
            np.concatenate([_row_weights(part.table) * (OWN_WEIGHT if is_own else 1.0) for part, is_own in parts]),
            np.concatenate([_folds(part.table) for part, _ in parts]),
            np.concatenate([np.full(len(part.table), is_own) for part, is_own in parts]),
            np.concatenate([part.table.scope_points > 0 for part, _ in parts]),
        )

    def forest(self, chosen: Flags) -> ConditionalForest:
        """Trees grown on some of the rows."""
        weights = self.weights[chosen] * self.scales[chosen] ** SCALE_POWER
        return ConditionalForest(self.features[chosen], self.delivered[chosen] / self.scales[chosen], weights)


def _row_weights(table: IterationTable) -> FloatArray:
    """Errors in points of the project's mean delivery; a project counts by the root of its iterations."""
    iterations = float(table.weights.sum())
    mean_points = float(table.weights @ table.delivered_points) / iterations
    weights: FloatArray = table.weights / (mean_points + 0.5) * np.sqrt(PROJECT_ITERATIONS / iterations)
    return weights


def _folds(table: IterationTable) -> NDArray[np.intp]:
    """Consecutive parts in time, an iteration in one of them on whichever boards."""
    return (table.ranks * FOLDS // max(1, len(table.iterations))).astype(np.intp)


class IterationDeliveryForecaster:
    """Learns on construction from what is settled; forecasts rows of the same project afterwards.

    own: rows known at the moment of learning, those that run with NaN delivered;  pools: of other projects
    Raises ValueError where neither holds a settled row.
    """

    def __init__(self, own: IterationHistory, pools: Sequence[IterationHistory]) -> None:
        self._own = own.where(own.table.is_settled)
        others = [pool.where(pool.table.is_settled) for pool in pools]
        if not len(self._own.table) and not any(len(pool.table) for pool in others):
            raise ValueError("nothing settled to learn from")
        self._lessons = _Lessons.of(self._own, others)
        self._forest = self._lessons.forest(np.ones(len(self._lessons.delivered), dtype=bool))
        self._medians, self._reached, self._under = self._cross_fitted()
        self.tail_level = self._tail_level()
        self.rung = self._chosen_rung()
        self.under_rung = self._chosen_under_rung()

    def forecast(self, rows: IterationHistory) -> Deliveries:
        """By the rung that is served; a row without a record of its own is always forecast by the learned one."""
        return self.forecast_by(self.rung, rows)

    def forecast_by(self, rung: Rung, rows: IterationHistory) -> Deliveries:
        """By a given rung, so that rungs can be compared."""
        outcomes, scales, tail = self._distribution(rung, rows)
        points = outcomes.quantiles(np.array([tail, 0.5, 1 - tail])) * scales[:, None]
        committed = rows.table.committed_points
        p_under = np.where(committed > 0, self._probabilities_under(rows), np.nan)
        p10, p90 = _whole(points[:, 0]), _whole(points[:, 2])
        return Deliveries(
            np.minimum(p10, points[:, 1]), points[:, 1], np.maximum(p90, points[:, 1]), p_under, rung, self.under_rung
        )

    def _probabilities_under(self, rows: IterationHistory) -> FloatArray:
        if self.under_rung is Rung.BASE_RATE:
            return np.full(len(rows.table), self.base_rate())
        limits = UNDER_SHARE * rows.table.committed_points / rows.scales
        return self._forest.outcomes_like(rows.features.values).below(limits)

    def base_rate(self) -> float:
        """Share of own settled, committed iterations under 80 %, one pseudo-outcome each way: in (0, 1)."""
        table = self._own.table
        weights = table.weights * (table.committed_points > 0)
        under = table.delivered_points < UNDER_SHARE * table.committed_points
        return float((weights @ under + 1) / (weights.sum() + 2))

    def effects(self, rows: IterationHistory, groups: Mapping[str, Sequence[str]]) -> dict[str, FloatArray]:
        """How far P(under) would move if a group of features were as usual: shape (rows,) a group, in [-1, 1]."""
        usual = np.array([_median_of_known(column) for column in self._lessons.features.T])
        limits = UNDER_SHARE * rows.table.committed_points / rows.scales
        cases = [rows.features.values]
        for members in groups.values():
            values = rows.features.values.copy()
            places = [FEATURE_NAMES.index(member) for member in members]
            values[:, places] = usual[places]
            cases.append(values)
        # All in one call: a call costs more than its rows.
        under = self._forest.outcomes_like(np.concatenate(cases)).below(np.tile(limits, len(cases)))
        as_is, *without = under.reshape(len(cases), len(limits))
        return {name: as_is - changed for name, changed in zip(groups, without, strict=True)}

    @property
    def settled_iterations(self) -> int:
        """Own iterations with a known outcome."""
        return len(self._own.table.iterations)

    def _distribution(self, rung: Rung, rows: IterationHistory) -> tuple[WeightedOutcomes, FloatArray, float]:
        own = self._own.table
        if rung is Rung.LEARNED or not len(own):
            return self._forest.outcomes_like(rows.features.values), rows.scales, self.tail_level
        if rung is Rung.BASE_RATE:
            return _same_for_all(own.delivered_points, own.weights, len(rows.table)), np.ones(len(rows.table)), 0.1
        expected = self._own.mechanistic
        usable = expected > 0
        if not usable.any():
            return self._distribution(Rung.BASE_RATE, rows)
        errors = own.delivered_points[usable] / expected[usable]
        scales = np.maximum(np.nan_to_num(rows.mechanistic), UNDER_SHARE)
        return _same_for_all(errors, own.weights[usable] * expected[usable], len(rows.table)), scales, 0.1

    def _cross_fitted(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """By trees that had not seen it: median in points, how deep in the nearer tail the outcome lay, P(under)."""
        lessons = self._lessons
        medians, reached = np.zeros(len(lessons.delivered)), np.full(len(lessons.delivered), 0.1)
        under = np.full(len(lessons.delivered), 0.5)
        for fold in range(FOLDS):
            held_out = lessons.folds == fold
            if not held_out.any() or held_out.all():
                continue
            outcomes = lessons.forest(~held_out).outcomes_like(lessons.features[held_out])
            scales, delivered = lessons.scales[held_out], lessons.delivered[held_out]
            medians[held_out] = outcomes.quantiles(np.array([0.5]))[:, 0] * scales
            under[held_out] = outcomes.below(UNDER_SHARE * lessons.committed[held_out] / scales)
            up_to = outcomes.below((delivered + 0.5) / scales)  # ranges are given in whole points
            reached[held_out] = np.minimum(up_to, 1 - outcomes.below((delivered - 0.5) / scales))
        return medians, reached, under

    def _tail_level(self) -> float:
        """The level below which a range begins, so that it would have held 80 % of the outcomes.

        Source: Chernozhukov, Wuthrich and Zhu (2021), PNAS 118(48): distributional conformal prediction.
        """
        lessons = self._lessons
        own = np.where(lessons.is_own & lessons.is_in_scope, lessons.weights, 0.0)
        others = np.where(~lessons.is_own & lessons.is_in_scope, lessons.weights, 0.0)
        seen = float(self._own.table.weights @ (self._own.table.scope_points > 0)) if len(self._own.table) else 0.0
        share = seen / (seen + LEVEL_STRENGTH) if others.any() else 1.0
        weights = share * own / max(own.sum(), 1e-12) + (1 - share) * others / max(others.sum(), 1e-12)
        if not weights.any():
            return 0.1
        order = np.argsort(self._reached, kind="stable")
        total = np.cumsum(weights[order])
        level = self._reached[order][np.searchsorted(total, MISS_SHARE * total[-1])]
        return float(np.clip(level, *TAIL_LEVELS))

    def _chosen_rung(self) -> Rung:
        if self.settled_iterations < MIN_JUDGED_ITERATIONS:
            return Rung.LEARNED
        table, is_own = self._own.table, self._lessons.is_own
        own_points = table.delivered_points
        expected = {
            Rung.BASE_RATE: self._own.features.medians,
            Rung.MECHANISTIC: np.nan_to_num(self._own.mechanistic),
            Rung.LEARNED: self._medians[is_own],
        }
        losses = {rung: float(table.weights @ np.abs(values - own_points)) for rung, values in expected.items()}
        best = min(losses, key=lambda rung: losses[rung])
        return best if losses[best] < losses[Rung.LEARNED] * (1 - SWITCH_MARGIN) else Rung.LEARNED

    def _chosen_under_rung(self) -> Rung:
        table = self._own.table
        weights = table.weights * (table.committed_points > 0)
        if weights.sum() < MIN_JUDGED_ITERATIONS:
            return Rung.LEARNED
        is_under = table.delivered_points < UNDER_SHARE * table.committed_points
        learned = float(weights @ (self._under[self._lessons.is_own] - is_under) ** 2)
        base = float(weights @ (self.base_rate() - is_under) ** 2)
        return Rung.LEARNED if learned < base else Rung.BASE_RATE


def _same_for_all(values: FloatArray, weights: FloatArray, rows: int) -> WeightedOutcomes:
    shares = weights / weights.sum()
    return WeightedOutcomes(values, np.broadcast_to(shares, (rows, len(values))))


def _median_of_known(values: FloatArray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else float("nan")


def _whole(points: FloatArray) -> FloatArray:
    whole: FloatArray = np.floor(points + 0.5)
    return whole


DRIVER_GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "load": ("commitment_over_velocity", "scope_over_velocity", "velocity_1", "velocity_3", "velocity_10",
                 "median_delivered", "last_delivered", "commitment_over_usual"),
        "progress": ("done_share", "in_progress_share", "todo_share", "done_over_velocity", "done_items_share",
                     "in_progress_items_share", "todo_items_share", "done_items_per_person", "done_over_usual",
                     "log_done", "log_done_or_in_progress"),
        "scope_changes": ("added_ratio", "removed_ratio", "added_items_share"),
        "record": ("delivered_over_commitment", "delivered_over_scope", "under_rate", "zero_rate",
                   "delivered_over_done", "project_delivered_over_scope", "project_under_rate",
                   "project_delivered_over_done"),
    }
)  # fmt: skip
"""Facts that a person would name in one breath."""

"""The learned parts of the item forecaster: what is believed of any team, and what was learned from this one.

1. A prior gives two log-odds per item: with the features that need earlier labels, and without them.
2. `PooledPrior` is two sets of gradient-boosted trees over the items of other teams, each of these weighing the root
   of its size, so that one large team does not speak for all, and within it each item by its lot
   (`ItemMoments.lot_weights`).
3. `ShippedPrior` is two logistic models, small enough to be reviewed; see priors/item_delay.json on what it was made.
4. `fit_local` is the team's own trees: one set over its features, one that also sees the prior's log-odds.

Assumes that earlier items of the team look like the coming ones, and that the sources of one pool count alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from predictions.calibration.recalibration import logit
from predictions.forecasters.item_delay.features import FeatureTable
from predictions.forecasters.item_delay.moments import Flags, FloatArray, ItemMoments
from predictions.forecasters.item_delay.trees import Matrix, Trees, fit_trees

LOCAL_HALF_LIFE_DAYS = 730.0
"""A team of two years ago is half the team of today."""


class Prior(Protocol):
    """What is believed of a team before its own items are learned from."""

    @property
    def name(self) -> str:
        """What it was made on, in a few words."""

    def log_odds(self, table: FeatureTable) -> FloatArray:
        """Log-odds of being late with, and without, the features that need earlier labels: shape (rows, 2)."""


@dataclass(frozen=True, slots=True, eq=False)
class PooledPrior:
    """Trees over the items of other teams."""

    name: str
    with_labels: Trees
    without_labels: Trees

    def log_odds(self, table: FeatureTable) -> FloatArray:
        """See Prior."""
        return np.column_stack(
            [
                logit(self.with_labels.probability(table.values)),
                logit(self.without_labels.probability(table.without_history())),
            ]
        )


def fit_pool(name: str, organisations: Sequence[tuple[ItemMoments, FeatureTable]]) -> PooledPrior:
    """Learn from organisations, each its items, all of them settled, and their features.

    Raises ValueError without two classes.
    """
    late = np.concatenate([np.zeros(0, dtype=np.bool_), *(moments.late for moments, _ in organisations)])
    if late.all() or not late.any():
        raise ValueError("a pool needs items that were late and items that were not")
    weights = np.concatenate([_mean_one(moments.lot_weights()) * len(moments) ** -0.5 for moments, _ in organisations])
    return PooledPrior(
        name=name,
        with_labels=fit_trees(np.vstack([table.values for _, table in organisations]), late, _mean_one(weights)),
        without_labels=fit_trees(
            np.vstack([table.without_history() for _, table in organisations]), late, _mean_one(weights)
        ),
    )


@dataclass(frozen=True, slots=True, eq=False)
class LocalModel:
    """The team's own trees.  labels: they rest on, items of one lot counting less than one each"""

    plain: Trees
    on_prior: Trees
    labels: float

    def log_odds(self, values: Matrix, prior: FloatArray) -> FloatArray:
        """Mean log-odds of both sets of trees: shape (rows,)."""
        stacked = np.column_stack([values, prior]).astype(np.float32)
        both: FloatArray = (logit(self.plain.probability(values)) + logit(self.on_prior.probability(stacked))) / 2
        return both


def fit_local(
    values: Matrix, prior: FloatArray, late: Flags, age_days: FloatArray, lot_weights: FloatArray
) -> LocalModel | None:
    """Learn from the team's own items; None with one class only.

    prior: the prior's log-odds of the same rows;  age_days: days since each label was known
    lot_weights: see ItemMoments
    """
    if late.all() or not late.any():
        return None
    weights = _mean_one(lot_weights) * 0.5 ** (age_days / LOCAL_HALF_LIFE_DAYS)
    stacked = np.column_stack([values, prior]).astype(np.float32)
    return LocalModel(
        plain=fit_trees(values, late, weights),
        on_prior=fit_trees(stacked, late, weights),
        labels=float(lot_weights.sum()),
    )


def _mean_one(weights: FloatArray) -> FloatArray:
    scaled: FloatArray = weights / weights.mean()
    return scaled

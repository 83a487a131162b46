"""The learned parts of the item forecaster: what is believed of any team, and what was learned from this one.

1. A prior gives two log-odds per item: with the features that need earlier labels, and without them.
2. `PooledPrior` is two sets of gradient-boosted trees over the items of other teams, each unit of them weighing the
   root of its size, so that one large team does not speak for all.
3. `ShippedPrior` is two logistic models, small enough to be reviewed; see priors/item_delay.json on what it was made.
4. `fit_local` is the team's own trees: one set over its features, one that also sees the prior's log-odds.

Assumes that earlier items of the team look like the coming ones. Two values are left to the team itself, because
sources count them in ways that do not compare: what an assignee has in hand, and its weekday.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from predictions.calibration.recalibration import logit
from predictions.forecasters.item_delay.features import FeatureTable
from predictions.forecasters.item_delay.moments import Flags, FloatArray
from predictions.forecasters.item_delay.trees import Matrix, Trees, fit_trees

NOT_COMPARABLE = ("assignee_open",)
"""Columns that no prior may see: between sources they are not the same quantity."""
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
        comparable = _comparable(table)
        return np.column_stack(
            [
                logit(self.with_labels.probability(table.values[:, comparable])),
                logit(self.without_labels.probability(table.values[:, comparable & ~table.labelled])),
            ]
        )


def fit_pool(name: str, organisations: Sequence[tuple[FeatureTable, Flags]]) -> PooledPrior:
    """Learn from organisations, each its table and whether its items were late, all of them settled.

    Raises ValueError without two classes.
    """
    late = np.concatenate([np.zeros(0, dtype=np.bool_), *(outcome for _, outcome in organisations)])
    if late.all() or not late.any():
        raise ValueError("a pool needs items that were late and items that were not")
    weights = np.concatenate([np.full(len(outcome), max(len(outcome), 1) ** -0.5) for _, outcome in organisations])
    weights /= weights.mean()
    values = np.vstack([table.values for table, _ in organisations])
    comparable, labelled = _comparable(organisations[0][0]), organisations[0][0].labelled
    return PooledPrior(
        name=name,
        with_labels=fit_trees(values[:, comparable], late, weights),
        without_labels=fit_trees(values[:, comparable & ~labelled], late, weights),
    )


@dataclass(frozen=True, slots=True, eq=False)
class LocalModel:
    """The team's own trees.  items: labels they rest on"""

    plain: Trees
    on_prior: Trees
    items: int

    def log_odds(self, values: Matrix, prior: FloatArray) -> FloatArray:
        """Mean log-odds of both sets of trees: shape (rows,)."""
        stacked = np.column_stack([values, prior]).astype(np.float32)
        both: FloatArray = (logit(self.plain.probability(values)) + logit(self.on_prior.probability(stacked))) / 2
        return both


def fit_local(values: Matrix, prior: FloatArray, late: Flags, age_days: FloatArray) -> LocalModel | None:
    """Learn from the team's own items; None with one class only.

    prior: the prior's log-odds of the same rows;  age_days: days since each label was known
    """
    if late.all() or not late.any():
        return None
    weights = 0.5 ** (age_days / LOCAL_HALF_LIFE_DAYS)
    stacked = np.column_stack([values, prior]).astype(np.float32)
    return LocalModel(fit_trees(values, late, weights), fit_trees(stacked, late, weights), len(late))


def _comparable(table: FeatureTable) -> Flags:
    return np.array([name not in NOT_COMPARABLE for name in table.names], dtype=np.bool_)

"""Gradient-boosted trees, small and repeatable: scikit-learn's, on one thread, for tables with missing values.

Source: Friedman (2001), Annals of Statistics 29(5), 1189-1232; histograms as in Ke et al. (2017), NeurIPS 30.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from predictions.forecasters.item_delay.moments import Flags, FloatArray

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

Matrix = NDArray[np.float32]

TREES, LEARNING_RATE, LEAVES, MIN_LEAF_ITEMS, SHRINKAGE = 80, 0.1, 10, 30, 5.0
"""Small trees, few of them: the labels of one release are worth little more than one label."""


BINS = 64
"""Of equal count. scikit-learn's own binning took nine tenths of the time as soon as rows had weights."""


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Fitted trees.  used: columns that varied when they were fitted;  edges: between the bins of each of them"""

    model: HistGradientBoostingClassifier
    used: NDArray[np.int64]
    edges: tuple[Matrix, ...]

    def probability(self, values: Matrix) -> FloatArray:
        """P(late) per row: shape (rows,)."""
        if len(values) == 0:
            return np.zeros(0)
        with _threads().limit(limits=1):
            probabilities: FloatArray = self.model.predict_proba(_binned(values, self.used, self.edges))[:, 1]
        return probabilities


def fit_trees(values: Matrix, late: Flags, weights: FloatArray) -> Trees:
    """Gradient-boosted trees that cope with missing values; the same rows give the same trees.

    One thread: on rows this few, waiting for the other threads costs several times what they save on a busy machine.
    """
    # 80 MB, which only a process that grows trees should carry.
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415

    all_edges = [_edges(values[:, column]) for column in range(values.shape[1])]
    used = np.array([column for column, edges in enumerate(all_edges) if edges.size], dtype=np.int64)
    edges = tuple(all_edges[column] for column in used.tolist())
    trees = HistGradientBoostingClassifier(
        max_bins=BINS,
        max_iter=TREES,
        learning_rate=LEARNING_RATE,
        max_leaf_nodes=LEAVES,
        min_samples_leaf=MIN_LEAF_ITEMS,
        l2_regularization=SHRINKAGE,
        early_stopping=False,
        random_state=0,
    )
    with _threads().limit(limits=1):
        trees.fit(_binned(values, used, edges), late, sample_weight=weights)
    return Trees(trees, used, edges)


@cache
def _threads() -> ThreadpoolController:
    """Looked up once: finding the loaded libraries takes as long as a forecast of some hundred items."""
    return ThreadpoolController()


def _edges(column: Matrix) -> Matrix:
    """Upper ends of all bins but the last; none where all known values are the same. A missing value is a bin too."""
    known = np.sort(column[~np.isnan(column)])
    if known.size == 0 or (known[0] == known[-1] and known.size == column.size):
        return known[:0]
    places = np.arange(1, BINS) * known.size // BINS
    return np.unique(known[places])


def _binned(values: Matrix, used: NDArray[np.int64], edges: tuple[Matrix, ...]) -> Matrix:
    """The number of each value's bin, NaN where it is missing; a constant column stands in where none is used."""
    binned = np.zeros((len(values), max(len(edges), 1)), dtype=np.float32)
    for place, (column, ends) in enumerate(zip(used.tolist(), edges, strict=True)):
        chosen = values[:, column]
        binned[:, place] = np.where(np.isnan(chosen), np.nan, np.searchsorted(ends, chosen, side="left"))
    return binned

"""The whole distribution of an outcome, from outcomes of cases that randomised trees cannot tell from the new one.

1. Trees are grown on the square root of the outcome, so that few large outcomes do not decide where they split.
2. A case's distribution is that of the outcomes in its leaves, each tree weighing one, each outcome by its weight.
3. Nothing is assumed of the shape: an outcome of exactly zero keeps its own probability.

Deterministic for the same rows in the same order. Do not ask it beyond the outcomes it has seen.
Source: Meinshausen (2006), JMLR 7, 983-999; Geurts, Ernst and Wehenkel (2006), Machine Learning 63, 3-42.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

if TYPE_CHECKING:
    from sklearn.tree._tree import Tree

FloatArray = NDArray[np.float64]
Matrix = NDArray[np.float32]

TREES, MIN_LEAF, FEATURE_SHARE = 100, 10, 0.4
UNKNOWN = -9.0
"""Stands in for NaN: below every feature, so that one split sets the unknown apart."""
MAX_OUTCOME = 3.0
"""Shares above threefold are told apart no further when trees are grown."""
ROUNDING = 1e-9
MOST_DRAWN = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True, eq=False)
class WeightedOutcomes:
    """Distributions over the same outcomes. values: shape (n,);  weights: shape (cases, n), rows sum to 1."""

    values: FloatArray
    weights: FloatArray

    def quantiles(self, levels: FloatArray) -> FloatArray:
        """The least outcome whose probability of not being exceeded reaches the level: shape (cases, levels)."""
        order = np.argsort(self.values, kind="stable")
        total = np.cumsum(self.weights[:, order], axis=1)
        places = (total[:, None, :] < levels[None, :, None] - ROUNDING).sum(axis=2)
        quantiles: FloatArray = self.values[order][np.minimum(places, len(order) - 1)]
        return quantiles

    def below(self, limits: FloatArray) -> FloatArray:
        """P(outcome < limit), one limit a case: shape (cases,)."""
        is_below = self.values[None, :] < limits[:, None] - ROUNDING
        shares: FloatArray = np.clip((self.weights * is_below).sum(axis=1), 0.0, 1.0)
        return shares


class ConditionalForest:
    """Fitted on construction. features: shape (n, k), NaN allowed;  outcomes, weights: shape (n,), weights above 0."""

    def __init__(self, features: FloatArray, outcomes: FloatArray, weights: FloatArray) -> None:
        self._outcomes = outcomes
        known = _known(features)
        self._trees = _grown(known, np.sqrt(np.clip(outcomes, 0, MAX_OUTCOME)), weights)
        self._offsets = np.cumsum([0, *(tree.node_count for tree in self._trees)])
        leaves = self._leaves(known, weights)
        in_leaf = np.asarray(leaves.sum(axis=0)).ravel()
        self._shares = leaves.multiply(1 / np.maximum(in_leaf, ROUNDING**2)).tocsr()

    def outcomes_like(self, features: FloatArray) -> WeightedOutcomes:
        """The distribution of each case: features of shape (cases, k)."""
        cases = _known(features)
        leaves = self._leaves(cases, np.full(len(cases), 1 / TREES))
        return WeightedOutcomes(self._outcomes, (leaves @ self._shares.T).toarray())

    def _leaves(self, features: Matrix, weights: FloatArray) -> csr_matrix:
        columns = np.stack([tree.apply(features) for tree in self._trees], axis=1).astype(np.int64) + self._offsets[:-1]
        rows = np.repeat(np.arange(len(features)), TREES)
        shape = (len(features), int(self._offsets[-1]))
        return csr_matrix((np.repeat(weights, TREES), (rows, columns.ravel())), shape=shape)


def _known(features: FloatArray) -> Matrix:
    return np.ascontiguousarray(np.nan_to_num(features, nan=UNKNOWN), dtype=np.float32)


class _Drawn(np.random.RandomState):
    """A generator of which one number is asked: to seed one for each tree takes as long as to grow the tree."""

    def __init__(self, number: int) -> None:
        super().__init__(0)
        self.number = number

    def randint(self, *_bounds: Any, **_options: Any) -> Any:
        """The number."""
        return self.number


@cache
def _generators() -> tuple[_Drawn, ...]:
    """What a tree of scikit-learn draws from the generator that its ensemble seeds for it, by tree."""
    seeds = np.random.RandomState(0)
    drawn = [np.random.RandomState(seeds.randint(MOST_DRAWN)).randint(0, MOST_DRAWN) for _ in range(TREES)]
    return tuple(_Drawn(int(number)) for number in drawn)


def _grown(features: Matrix, outcomes: FloatArray, weights: FloatArray) -> list[Tree]:
    """The trees of scikit-learn's ExtraTreesRegressor with random_state 0, one by one.

    On some hundred rows the ensemble takes half its time to copy, to seed and to check what is the same for each tree.
    """
    # 80 MB, which only a process that grows trees should carry.
    from sklearn import config_context  # noqa: PLC0415
    from sklearn.tree import ExtraTreeRegressor  # noqa: PLC0415

    column = np.ascontiguousarray(outcomes[:, None])
    smallest_leaf = min(MIN_LEAF, max(1, len(features) // 4))
    trees = []
    with config_context(skip_parameter_validation=True, assume_finite=True):
        for generator in _generators():
            tree = ExtraTreeRegressor(
                min_samples_leaf=smallest_leaf,
                max_features=FEATURE_SHARE,
                random_state=generator,
            )
            trees.append(tree.fit(features, column, sample_weight=weights, check_input=False).tree_)
    return trees

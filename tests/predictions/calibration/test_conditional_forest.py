"""Trees grown one by one are those of the library's ensemble, and answer with whole distributions."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor

from predictions.calibration.conditional_forest import FEATURE_SHARE, MIN_LEAF, TREES, ConditionalForest

FloatArray = NDArray[np.float64]


def cases(rows: int, seed: int = 0) -> tuple[FloatArray, FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    features = rng.random((rows, 12))
    return features, 3 * features[:, 0] * rng.random(rows), rng.random(rows) + 0.5


@pytest.mark.parametrize("rows", [60, 400])
def test_cases_fall_into_the_leaves_of_the_ensemble(rows: int) -> None:
    features, outcomes, weights = cases(rows)
    ensemble = ExtraTreesRegressor(TREES, min_samples_leaf=MIN_LEAF, max_features=FEATURE_SHARE, random_state=0)
    ensemble.fit(features.astype(np.float32), np.sqrt(outcomes), sample_weight=weights)
    asked = cases(20, seed=1)[0]

    found = ConditionalForest(features, outcomes, weights).outcomes_like(asked)

    leaves, asked_leaves = (ensemble.apply(each.astype(np.float32)) for each in (features, asked))
    together = asked_leaves[:, None, :] == leaves[None, :, :]
    shares = together * weights[None, :, None]
    expected = (shares / shares.sum(axis=1, keepdims=True)).mean(axis=2)
    assert found.weights == pytest.approx(expected)


def test_the_same_rows_give_the_same_distribution_twice() -> None:
    features, outcomes, weights = cases(100)

    first, second = (ConditionalForest(features, outcomes, weights).outcomes_like(features[:5]) for _ in range(2))

    assert first.weights.tolist() == second.weights.tolist()


def test_what_decides_the_outcome_decides_the_distribution_and_the_unknown_stands_apart() -> None:
    rng = np.random.default_rng(3)
    known = rng.random(300) < 0.7
    signal = np.where(known, rng.random(300), np.nan)
    outcomes = np.where(known, np.round(2 * np.nan_to_num(signal)), 0.5)
    features = np.column_stack([signal, rng.random((300, 4))])
    forest = ConditionalForest(features, outcomes, np.ones(300))
    asked = np.column_stack([[0.05, 0.95, np.nan], np.full((3, 4), 0.5)])

    found = forest.outcomes_like(asked)
    low, high, unknown = found.below(np.full(3, 1.5))

    assert low > 0.9
    assert high < low - 0.2
    assert unknown > 0.9
    assert found.quantiles(np.array([0.5]))[2, 0] == 0.5

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score as reference_f1
from sklearn.metrics import roc_auc_score

from predictions.calibration.classification import area_under_curve, best_f1_threshold, f1_score

_scored = st.lists(
    st.tuples(st.integers(0, 8).map(lambda eighths: eighths / 8), st.booleans()), min_size=1, max_size=40
)


def test_area_under_curve_is_undefined_with_one_class() -> None:
    assert area_under_curve([0.1, 0.9], [True, True]) is None
    assert area_under_curve([0.1, 0.9], [False, True]) == 1.0
    assert area_under_curve([0.5, 0.5], [False, True]) == 0.5


@given(_scored)
def test_area_under_curve_and_f1_agree_with_scikit_learn(rows: list[tuple[float, bool]]) -> None:
    probabilities, occurred = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])

    if occurred.any() and not occurred.all():
        assert area_under_curve(probabilities, occurred) == pytest.approx(roc_auc_score(occurred, probabilities))
    warned = probabilities >= 0.5
    assert f1_score(warned, occurred) == pytest.approx(reference_f1(occurred, warned, zero_division=0))


@given(_scored)
def test_no_other_threshold_gives_a_higher_f1(rows: list[tuple[float, bool]]) -> None:
    probabilities, occurred = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])

    threshold = best_f1_threshold(probabilities, occurred, np.ones(len(rows)))

    if threshold is None:
        assert not occurred.any()
        return
    best = f1_score(probabilities >= threshold, occurred)
    assert best >= max(f1_score(probabilities >= other, occurred) for other in np.linspace(0, 1.01, 33)) - 1e-12

"""How well probabilities tell apart, and where to draw the line between warning and silence."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def area_under_curve(probabilities: ArrayLike, occurred: ArrayLike) -> float | None:
    """Chance that an event got a higher probability than a non-event, ties counting half; None with one class only.

    Source: Hanley and McNeil (1982), Radiology 143(1), 29-36.
    """
    forecasts, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(occurred, dtype=np.bool_)
    events, others = int(truth.sum()), int((~truth).sum())
    if events == 0 or others == 0:
        return None
    _, place, counts = np.unique(forecasts, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    above = float(mean_rank[place][truth].sum()) - events * (events + 1) / 2
    return above / (events * others)


def f1_score(warned: ArrayLike, occurred: ArrayLike) -> float:
    """Harmonic mean of precision and recall of warnings: 0 where none was right."""
    alarms, truth = np.asarray(warned, dtype=np.bool_), np.asarray(occurred, dtype=np.bool_)
    wrong = int((alarms != truth).sum())
    hits = int((alarms & truth).sum())
    return 2 * hits / (2 * hits + wrong) if hits else 0.0


def best_f1_threshold(probabilities: ArrayLike, occurred: ArrayLike, weights: ArrayLike) -> float | None:
    """The probability from which on to warn for the highest weighted F; None without any event.

    Half-way between the neighbouring probabilities, so that it does not hang on one of them.
    """
    forecasts, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(occurred, dtype=np.float64)
    weight = np.asarray(weights, dtype=np.float64)
    if float((weight * truth).sum()) == 0:
        return None
    order = np.argsort(-forecasts, kind="stable")
    ranked = forecasts[order]
    hits, warned = np.cumsum((weight * truth)[order]), np.cumsum(weight[order])
    scores = 2 * hits / (warned + float((weight * truth).sum()))
    ends_run = np.append(ranked[1:] < ranked[:-1], True)
    best = int(np.argmax(np.where(ends_run, scores, -1.0)))
    following = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float((ranked[best] + following) / 2)

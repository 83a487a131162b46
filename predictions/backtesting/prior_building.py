"""How the prior that ships is made: logistic models over the feature table of simulated organisations.

1. Simulate organisations (simulated_due_dates), and take their feature tables.
2. Standardise each column that varies, and fit an L2-regularised logistic model with all of them, and one
   with those that need no earlier label.
3. Round to four digits, so that the file can be read and its diff reviewed.

Assumes that a wide simulation says roughly how features hang together. Do not believe its level of certainty: the
team's own labels take over with weight n / (n + k).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from predictions.backtesting.simulated_due_dates import simulated_organisations
from predictions.forecasters.item_delay.features import feature_table
from predictions.forecasters.item_delay.moments import Flags, FloatArray

ORGANISATIONS, SEED = 40, 20_240_901
REGULARISATION = 0.05
"""Inverse strength: enough to keep columns that say nearly the same from cancelling each other."""
DIGITS = 4
UNCOMMITTED_COLUMNS = ("kind", "priority", "due_weekday", "moment_weekday")
"""Codes without an order that holds everywhere."""


def build_item_delay_prior(*, organisations: int = ORGANISATIONS, seed: int = SEED) -> dict[str, Any]:
    """The content of predictions/priors/item_delay.json: the same for the same arguments."""
    simulated = list(simulated_organisations(organisations, seed=seed))
    tables = [feature_table(moments) for moments in simulated]
    late = np.concatenate([moments.late for moments in simulated])
    values = np.vstack([table.values for table in tables]).astype(np.float64)
    names, labelled = tables[0].names, tables[0].labelled
    return {
        "name": f"{organisations} simulated organisations",
        "made_on": f"{len(late)} simulated items of {organisations} simulated organisations; no real project",
        "made_by": f"manage.py build_prior (seed {seed})",
        "share_late": round(float(late.mean()), DIGITS),
        "with_labels": _fit(names, values, late, np.ones(len(names), dtype=np.bool_)),
        "without_labels": _fit(names, values, late, ~labelled),
    }


def _fit(names: Sequence[str], values: FloatArray, late: Flags, allowed: Flags) -> dict[str, Any]:
    kept = [
        index
        for index, name in enumerate(names)
        if allowed[index] and name not in UNCOMMITTED_COLUMNS and _varies(values[:, index])
    ]
    chosen = values[:, kept]
    mean, scale = np.nanmean(chosen, axis=0), np.nanstd(chosen, axis=0)
    standard = np.nan_to_num((chosen - mean) / scale, nan=0.0)
    with threadpool_limits(limits=1):
        model = LogisticRegression(C=REGULARISATION, max_iter=1_000).fit(standard, late)
    terms = {
        names[index]: {
            "mean": round(float(mean[place]), DIGITS),
            "scale": round(float(scale[place]), DIGITS),
            "weight": round(float(model.coef_[0][place]), DIGITS),
        }
        for place, index in enumerate(kept)
    }
    return {"intercept": round(float(model.intercept_[0]), DIGITS), "terms": terms}


def _varies(column: FloatArray) -> bool:
    known = column[~np.isnan(column)]
    return bool(known.size) and float(known.std()) > 10**-DIGITS

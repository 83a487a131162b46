"""The prior that ships: two small logistic models over the feature table, read from predictions/priors/item_delay.json.

No licence of due-date data allows fitting it, so it was made on simulated organisations that differ widely
(`manage.py build_prior`, backtesting/simulated_due_dates.py); it says so itself. A value that is missing counts as the
mean of the simulated ones, so it moves nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from predictions.forecasters.item_delay.features import FeatureTable
from predictions.forecasters.item_delay.moments import FloatArray

PATH = Path(__file__).resolve().parents[2] / "priors" / "item_delay.json"
MODELS = ("with_labels", "without_labels")
MAX_LOG_ODDS = 4.0
"""A prior is never surer than 98 %."""


@dataclass(frozen=True, slots=True)
class LogisticTerm:
    """One column of a logistic model: weight per standard deviation of the simulated values."""

    mean: float
    scale: float
    weight: float


@dataclass(frozen=True, slots=True)
class LogisticModel:
    """Log-odds = intercept + the sum of its terms, over the columns it knows."""

    intercept: float
    terms: Mapping[str, LogisticTerm]

    def log_odds(self, table: FeatureTable) -> FloatArray:
        """Log-odds per row, within +-MAX_LOG_ODDS: shape (rows,)."""
        total = np.full(len(table.values), self.intercept)
        for name, term in self.terms.items():
            standard = (table.column(name) - term.mean) / term.scale
            total += term.weight * np.nan_to_num(standard, nan=0.0)
        clipped: FloatArray = np.clip(total, -MAX_LOG_ODDS, MAX_LOG_ODDS)
        return clipped


@dataclass(frozen=True, slots=True)
class ShippedPrior:
    """What is believed of a team about which nothing is known."""

    name: str
    with_labels: LogisticModel
    without_labels: LogisticModel

    def log_odds(self, table: FeatureTable) -> FloatArray:
        """See learner.Prior."""
        return np.column_stack([self.with_labels.log_odds(table), self.without_labels.log_odds(table)])


@lru_cache(maxsize=1)
def shipped_prior() -> ShippedPrior:
    """The prior in this release."""
    return prior_from_json(json.loads(PATH.read_text(encoding="utf-8")))


def prior_from_json(content: Mapping[str, Any]) -> ShippedPrior:
    """The prior that an artefact describes."""
    with_labels, without_labels = (_model(content[name]) for name in MODELS)
    return ShippedPrior(str(content["name"]), with_labels, without_labels)


def _model(content: Mapping[str, Any]) -> LogisticModel:
    terms = {name: LogisticTerm(**term) for name, term in content["terms"].items()}
    return LogisticModel(float(content["intercept"]), terms)

"""One organisation's items forecast in the order of time, each with what was known at its moment.

1. Time is cut into batches: at the start of each, the labels known by then may change the local layer.
2. The rungs: the trailing base rate; the share late among items with as much time left (mechanistic: what survives of
   a work item after so long); the learned one. The learned log-odds are the prior's, with weight k / (n + k), and the
   team's own trees', with weight n / (n + k), n being the labels that these trees rest on; from 200 resolved forecasts
   on the weights move to where those say. Labels and resolved forecasts count by their lot
   (`ItemMoments.lot_weights`), here and below: a release of a hundred items is no hundred outcomes.
3. The trees are fitted anew each time the labels have grown by REFIT_GROWTH, not at every batch; before those that
   somebody waits for (`asked`) a growth by ASKED_GROWTH is enough.
4. Each rung is recalibrated by its resolved forecasts (calibration/recalibration.py). Each batch serves the rung whose
   recalibrated forecasts had the lowest Brier score, recent ones counting more; the learned one below MIN_RESOLVED,
   or where no other is better by a tenth.
5. The line for warnings is drawn where it would have been best on the resolved forecasts of the rung served.

Assumes that what is known is known: a label counts from the day after the due date, whichever way it fell.
Do not believe the choice of rung on a few dozen labels of one release: they share their fate.

Example: with n = 1,500 own labels and k = 1,500 the prior and the own trees weigh the same.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.classification import best_f1_threshold
from predictions.calibration.recalibration import (
    PRIOR_CURVATURE,
    PRIOR_FORECASTS,
    Recalibration,
    expit,
    fit_recalibration,
    fit_shrunk_logistic,
)
from predictions.forecasters.item_delay.features import FeatureTable, feature_table
from predictions.forecasters.item_delay.learner import LocalModel, Prior, fit_local
from predictions.forecasters.item_delay.moments import Codes, Flags, FloatArray, ItemMoments

BATCH_DAYS = 30.0
MIN_LOCAL_LABELS = 100
"""Below this, trees of at least 30 items a leaf have nothing to split."""
MAX_LOCAL_ITEMS = 5_000
"""The newest ones: enough for trees this small, and time stays bounded."""
REFIT_GROWTH, ASKED_GROWTH = 1.5, 1.25
"""Trees over four fifths of the labels are as good as over all of them."""
PRIOR_STRENGTH = 1_500.0
"""Own labels that weigh as much as the prior: many, because the labels of one release share their fate."""
RESOLVED_HALF_LIFE_DAYS, THRESHOLD_HALF_LIFE_DAYS = 730.0, 1_500.0
"""Long: which part deserves trust and where the line lies changes more slowly than the delay rate."""
MIN_RESOLVED = 20.0
"""The number below which no score is given anywhere in the product."""
MIN_RESOLVED_FOR_MIXTURE, MIXTURE_PRIOR_FORECASTS = 200.0, 300.0
"""As for the slope of a recalibration: fewer resolved forecasts made such weights worse than the given ones."""
PARTS = ("PRIOR", "OWN")
ACCEPTED_LOSS = 0.9
"""A lower rung serves when its Brier score is a tenth better: less is the luck of a few releases."""
BASE_RATE_COLUMN, MECHANISTIC_COLUMN = "overall_rate_150d", "late_like_left"
LABELS_COLUMN, FEW_LABELS = "overall_labels", 20.0
"""Recent labels from which on the prior that reads them outweighs the one that cannot."""
DEFAULT_THRESHOLD = 0.5


class Rung(StrEnum):
    """The steps of the ladder, the simplest first."""

    BASE_RATE = "BASE_RATE"
    MECHANISTIC = "MECHANISTIC"
    LEARNED = "LEARNED"


RUNGS = tuple(Rung)


@dataclass(frozen=True, slots=True, eq=False)
class ItemForecasts:
    """One row per item, in the order of the moments given; all of them out of sample.

    probability: of being late, recalibrated;  base_rate: trailing, of the organisation
    without_history: the prior alone, as a team that has no label of its own would be told
    rung: index into RUNGS of the one served;  threshold: probability from which on to warn
    """

    probability: FloatArray
    base_rate: FloatArray
    without_history: FloatArray
    rung: Codes
    threshold: FloatArray


def forecast_items(moments: ItemMoments, prior: Prior, table: FeatureTable | None = None) -> ItemForecasts:
    """Walk through all items. Removing any row or label that lies after a moment leaves its forecast as it is.

    table: the features of the same moments, where they are at hand
    """
    return Walk(moments, prior, table=table).run()


class Walk:
    """The state that is carried from batch to batch: the fitted trees, and the forecasts given so far.

    asked: rows that form a batch of their own, at their moment: those that a person waits for
    refit_growth: how much the labels have to grow before the trees of the past are fitted anew
    batch_days: that the past is walked in
    first_fit_share: of the labels known when the asked rows are forecast, with which trees are fitted first
    """

    def __init__(
        self,
        moments: ItemMoments,
        prior: Prior,
        *,
        table: FeatureTable | None = None,
        asked: Flags | None = None,
        refit_growth: float = REFIT_GROWTH,
        first_fit_share: float = 0.0,
        batch_days: float = BATCH_DAYS,
    ) -> None:
        count = len(moments)
        self.refit_growth, self.batch_days = refit_growth, batch_days
        self.moments, self.prior_model = moments, prior
        self.table = table or feature_table(moments)
        self.prior = prior.log_odds(self.table)
        self.lot_weights = moments.lot_weights()
        self.asked = np.zeros(count, dtype=np.bool_) if asked is None else asked
        asked_day = float(moments.moment_day[self.asked].min(initial=np.inf))
        self.first_fit_labels = max(MIN_LOCAL_LABELS, first_fit_share * float(moments.known_by(asked_day).sum()))
        self.local: LocalModel | None = None
        self.fitted_labels = 0
        self.own = np.full(count, np.nan)
        self.parts = np.full((count, len(PARTS)), np.nan)
        self.rungs = np.full((count, len(RUNGS)), np.nan)
        self.recalibrated = np.full((count, len(RUNGS)), np.nan)
        self.final = np.full(count, np.nan)
        self.rung = np.full(count, RUNGS.index(Rung.LEARNED), dtype=np.int64)
        self.threshold = np.full(count, DEFAULT_THRESHOLD)
        self.mixture = Mixture()
        self.recalibration = Recalibration()

    def run(self) -> ItemForecasts:
        """Forecast every row."""
        for start, rows in batches(self.moments.moment_day, self.asked, self.batch_days):
            if self.asked[rows[0]]:
                self._learn(start, least=MIN_LOCAL_LABELS, growth=ASKED_GROWTH)
            else:
                self._learn(start, least=self.first_fit_labels, growth=self.refit_growth)
            self._forecast(start, rows)
        return ItemForecasts(
            probability=self.final,
            base_rate=self.rungs[:, 0],
            without_history=expit(self.prior[:, 1]),
            rung=self.rung,
            threshold=self.threshold,
        )

    def what_if(self, rows: Codes, values: NDArray[np.float32]) -> FloatArray:
        """P(late) of rows of the newest batch if their features were these: shape of rows."""
        table, count = replace(self.table, values=values), len(values)
        prior = self.prior_model.log_odds(table)
        own = np.full(count, np.nan) if self.local is None else self.local.log_odds(values, prior)
        rungs = self._rungs_of(table, _parts_of(table, prior, own))
        return self.recalibration.apply(rungs[np.arange(len(rows)), self.rung[rows]])

    def log_odds_error(self, rows: Codes) -> FloatArray:
        """Standard error of the log-odds of rows: disagreement of the parts, and what the level rests on."""
        disagreement = np.where(np.isnan(self.parts[rows]).any(axis=1), np.ptp(self.prior[rows], axis=1) / 2, 0.0)
        known = ~np.isnan(self.parts[rows]).any(axis=1)
        disagreement[known] = self.parts[rows][known].std(axis=1)
        level = 1 / np.sqrt(PRIOR_CURVATURE * (self.recalibration.n + PRIOR_FORECASTS))
        error: FloatArray = np.sqrt(disagreement**2 + level**2)
        return error

    def _learn(self, day: float, *, least: float, growth: float) -> None:
        known = self.moments.known_by(day)
        labels = int(known.sum())
        if labels < max(least, self.fitted_labels * growth):
            return
        newest = np.flatnonzero(known)
        newest = newest[np.argsort(self.moments.known_day[newest], kind="stable")][-MAX_LOCAL_ITEMS:]
        age_days = day - self.moments.known_day[newest]
        self.local = fit_local(
            self.table.values[newest], self.prior[newest], self.moments.late[newest], age_days, self.lot_weights[newest]
        )
        self.fitted_labels = labels
        self.own[np.isnan(self.final)] = np.nan
        if self.local is not None:  # for all that these trees may forecast at once: a call costs more than its rows
            rest = np.flatnonzero(np.isnan(self.final))
            self.own[rest] = self.local.log_odds(self.table.values[rest], self.prior[rest])

    def _forecast(self, day: float, rows: Codes) -> None:
        resolved = np.flatnonzero(self.moments.known_by(day) & ~np.isnan(self.final))
        late, age_days = self.moments.late[resolved], day - self.moments.known_day[resolved]
        lots = self.lot_weights[resolved]
        weights = lots * 0.5 ** (age_days / RESOLVED_HALF_LIFE_DAYS)
        labels = 0.0 if self.local is None else self.local.labels
        self.mixture = fit_mixture(self.parts[resolved], late, weights, labels)
        table = replace(self.table, values=self.table.values[rows])
        self.parts[rows] = _parts_of(table, self.prior[rows], self.own[rows])
        self.rungs[rows] = self._rungs_of(table, self.parts[rows])
        best = best_rung(self.recalibrated[resolved], late, weights)
        self.rung[rows] = best
        for rung in range(len(RUNGS)):
            recalibration = fit_recalibration(self.rungs[resolved, rung], late, age_days, weights=lots)
            self.recalibrated[rows, rung] = recalibration.apply(self.rungs[rows, rung])
            if rung == best:
                self.recalibration = recalibration
        self.final[rows] = self.recalibrated[rows, best]
        if weights.sum() >= MIN_RESOLVED:
            past = self.recalibrated[resolved, best]
            weights = lots * 0.5 ** (age_days / THRESHOLD_HALF_LIFE_DAYS)
            self.threshold[rows] = best_f1_threshold(past, late, weights) or DEFAULT_THRESHOLD

    def _rungs_of(self, table: FeatureTable, parts: FloatArray) -> FloatArray:
        base, like_left = table.column(BASE_RATE_COLUMN), table.column(MECHANISTIC_COLUMN)
        learned = expit(self.mixture.log_odds(parts))
        return np.column_stack([base, np.where(np.isnan(like_left), base, like_left), learned])


def _parts_of(table: FeatureTable, prior: FloatArray, own: FloatArray) -> FloatArray:
    """Log-odds of the prior and of the own trees, NaN for the latter before there are any: shape (rows, 2)."""
    labels = np.expm1(table.column(LABELS_COLUMN))
    informed = labels / (labels + FEW_LABELS)
    return np.column_stack([informed * prior[:, 0] + (1 - informed) * prior[:, 1], own])


def batches(moment_day: FloatArray, asked: Flags, batch_days: float = BATCH_DAYS) -> list[tuple[float, Codes]]:
    """Rows by the batch of days that their moment falls into, with its first moment, oldest first; asked last."""
    index = np.floor(moment_day / batch_days).astype(np.int64)
    groups = [np.flatnonzero((index == batch) & ~asked) for batch in np.unique(index[~asked])]
    if asked.any():
        groups.append(np.flatnonzero(asked))
    return [(float(moment_day[rows].min()), rows) for rows in groups]


@dataclass(frozen=True, slots=True)
class Mixture:
    """Learned log-odds = intercept + prior_weight * the prior's + own_weight * the own trees'."""

    intercept: float = 0.0
    prior_weight: float = 1.0
    own_weight: float = 0.0

    def log_odds(self, parts: FloatArray) -> FloatArray:
        """parts: shape (rows, 2), the own ones NaN before there are any; then the prior speaks alone: shape (rows,)."""
        prior, own = parts[:, 0], parts[:, 1]
        mixed = self.intercept + self.prior_weight * prior + self.own_weight * own
        chosen: FloatArray = np.where(np.isnan(own), prior, mixed)
        return chosen


def fit_mixture(parts: FloatArray, late: Flags, weights: FloatArray, labels: float) -> Mixture:
    """Weights k / (n + k) and n / (n + k), moved to where the resolved forecasts say they belong.

    parts: log-odds of the resolved forecasts, shape (n, 2);  labels: what the own trees rest on
    """
    own = labels / (labels + PRIOR_STRENGTH)
    judged = ~np.isnan(parts).any(axis=1)
    if float(weights[judged].sum()) < MIN_RESOLVED_FOR_MIXTURE:
        return Mixture(0.0, 1 - own, own)
    design = np.column_stack([np.ones(int(judged.sum())), parts[judged]])
    intercept, prior_weight, own_weight = fit_shrunk_logistic(
        design,
        late[judged].astype(np.float64),
        weights[judged],
        centre=(0.0, 1 - own, own),
        pseudo_forecasts=(MIXTURE_PRIOR_FORECASTS,) * 3,
    )
    return Mixture(float(intercept), float(max(prior_weight, 0.0)), float(max(own_weight, 0.0)))


def best_rung(rungs: FloatArray, late: Flags, weights: NDArray[np.float64]) -> int:
    """Index of the rung with the lowest weighted Brier score; the learned one below MIN_RESOLVED."""
    if float(weights.sum()) < MIN_RESOLVED:
        return RUNGS.index(Rung.LEARNED)
    losses = (weights[:, None] * (rungs - late[:, None].astype(np.float64)) ** 2).sum(axis=0)
    losses[-1] *= ACCEPTED_LOSS
    return int(np.argmin(losses))

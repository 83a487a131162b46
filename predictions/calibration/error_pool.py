"""What other teams' forecasts were off by: believed until a team has a record of its own.

1. At each past moment of each team the centre forecasts its next h weeks; the error is ln((items + 0.5) / centre).
2. Ridge regression on the features of pace takes out what could have been known (a burst that ends, a team that fades).
   Errors are clipped for it at a factor of e^2, so that abandoned projects do not bend it.
3. What is left is kept beside the size of the forecast, because small counts err more. Teams weigh alike.
4. Two pools become one: the nearer one (the same tenant's teams) with weight n / (n + k), n its independent windows.

Assumes that teams resemble each other in how they surprise, not in how fast they are.

Example: in a pool in which a week of triple pace was always followed by the old pace, a forecast made right after such
a week is corrected downwards, and the errors that are left are small.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.pace import FEATURES, HALF_ITEM, Pace

FloatArray = NDArray[np.float64]

FIRST_ORIGIN = 12
"""Weeks before a team's errors say more about the team than about its beginning."""
RIDGE = 0.01
ERROR_CLIP = 2.0
SIZE_WIDTH = 0.7
"""Teams count as equally large within a factor of two."""
MAX_ERRORS = 200
POOL_STRENGTH = 200.0
"""Independent windows of the tenant's own teams that weigh as much as the prior. Starting value."""


@dataclass(frozen=True, slots=True, eq=False)
class ErrorPool:
    """Errors of other teams at one horizon, and the regression that made them small.

    coefficients: intercept, then one per standardised feature;  means, scales: of the features
    log_centres, errors, weights: shape (n,), weights sum to 1;  independent: windows that do not overlap
    """

    horizon_weeks: float
    coefficients: FloatArray
    means: FloatArray
    scales: FloatArray
    log_centres: FloatArray
    errors: FloatArray
    weights: FloatArray
    independent: float

    def corrections(self, features: FloatArray) -> FloatArray:
        """Expected error from what is known: shape (rows,)."""
        standardised = (features - self.means) / self.scales
        expected: FloatArray = self.coefficients[0] + standardised @ self.coefficients[1:]
        return np.clip(expected, -ERROR_CLIP, ERROR_CLIP)

    def weights_near(self, log_centres: FloatArray) -> FloatArray:
        """Weights of the errors for forecasts of these sizes: shape (forecasts, n), rows sum to 1."""
        distances = (self.log_centres - log_centres[:, None]) / SIZE_WIDTH
        near = self.weights * np.exp(-0.5 * distances**2) + 1e-12
        weights: FloatArray = near / near.sum(axis=1, keepdims=True)
        return weights

    @classmethod
    def of_teams(cls, teams: Sequence[Pace], *, horizon_weeks: float) -> Self | None:
        """The pool of some teams; None where none has a past that is long enough."""
        rows = [row for row in (_team_rows(team, horizon_weeks) for team in teams) if row is not None]
        if not rows:
            return None
        features = np.concatenate([row.features for row in rows])
        errors = np.concatenate([row.errors for row in rows])
        weights = np.concatenate([np.full(len(row.errors), 1 / len(row.errors)) for row in rows])
        means, scales = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
        coefficients = _ridge((features - means) / scales, np.clip(errors, -ERROR_CLIP, ERROR_CLIP), weights)
        pool = cls(
            horizon_weeks=horizon_weeks,
            coefficients=coefficients,
            means=means,
            scales=scales,
            log_centres=features[:, FEATURES.index("size")],
            errors=errors,
            weights=weights / weights.sum(),
            independent=sum(len(row.errors) / max(horizon_weeks, 1.0) for row in rows),
        )
        return pool._without_corrections(features)._thinned()

    def blended(self, nearer: "ErrorPool | None") -> "ErrorPool":
        """This pool with a nearer one laid over it by how much that one has seen."""
        if nearer is None:
            return self
        share = nearer.independent / (nearer.independent + POOL_STRENGTH)
        return ErrorPool(
            horizon_weeks=self.horizon_weeks,
            coefficients=_between(self.raw_coefficients, nearer.raw_coefficients, share),
            means=np.zeros_like(self.means),
            scales=np.ones_like(self.scales),
            log_centres=np.concatenate([self.log_centres, nearer.log_centres]),
            errors=np.concatenate([self.errors, nearer.errors]),
            weights=np.concatenate([self.weights * (1 - share), nearer.weights * share]),
            independent=self.independent + nearer.independent,
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the numbers: 64 hex digits."""
        digest = hashlib.sha256(repr((self.horizon_weeks, self.independent)).encode())
        for array in (self.raw_coefficients, self.log_centres, self.errors, self.weights):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    @property
    def raw_coefficients(self) -> FloatArray:
        """Intercept and slopes for features as they are."""
        slopes = self.coefficients[1:] / self.scales
        return np.concatenate([[self.coefficients[0] - float(slopes @ self.means)], slopes])

    def _without_corrections(self, features: FloatArray) -> Self:
        corrections = self.corrections(features)
        return type(self)(
            self.horizon_weeks,
            self.coefficients,
            self.means,
            self.scales,
            self.log_centres + corrections,
            self.errors - corrections,
            self.weights,
            self.independent,
        )

    def _thinned(self) -> Self:
        """At most MAX_ERRORS of them, evenly by weight along size and error: the same distribution, less to carry."""
        if len(self.errors) <= MAX_ERRORS:
            return self
        order = np.lexsort((self.errors, np.round(self.log_centres * 2)))
        reached = np.cumsum(self.weights[order])
        wanted = (np.arange(MAX_ERRORS) + 0.5) / MAX_ERRORS
        kept = order[np.minimum(np.searchsorted(reached, wanted), len(order) - 1)]
        return type(self)(
            self.horizon_weeks,
            self.coefficients,
            self.means,
            self.scales,
            self.log_centres[kept],
            self.errors[kept],
            np.full(MAX_ERRORS, 1 / MAX_ERRORS),
            self.independent,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _TeamRows:
    features: FloatArray
    errors: FloatArray


def _team_rows(team: Pace, horizon_weeks: float) -> _TeamRows | None:
    origins = np.arange(FIRST_ORIGIN, int(np.floor(team.weeks - horizon_weeks)) + 1)
    if origins.size == 0:
        return None
    errors = np.log((team.items_done(horizon_weeks, origins) + HALF_ITEM) / team.centres(horizon_weeks)[origins])
    return _TeamRows(team.features(horizon_weeks)[origins], errors)


def _ridge(standardised: FloatArray, errors: FloatArray, weights: FloatArray) -> FloatArray:
    design = np.column_stack([np.ones(len(errors)), standardised])
    weighted = design * weights[:, None]
    penalty = RIDGE * float(weights.sum()) * np.eye(design.shape[1])
    penalty[0, 0] = 0.0
    return np.asarray(np.linalg.solve(weighted.T @ design + penalty, weighted.T @ errors), dtype=np.float64)


def _between(first: FloatArray, second: FloatArray, share: float) -> FloatArray:
    mixed: FloatArray = (1 - share) * first + share * second
    return mixed

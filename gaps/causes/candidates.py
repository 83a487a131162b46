"""Which of several suspected causes may be named: tested, with the rate of false namings under control.

Two kinds of evidence:

A. Series. The outcome got worse in the newest weeks; a cause is suspected of a driver that got worse as well.
   1. Contribution = slope of the outcome on the driver over all weeks, times the driver's change. Higher is worse in
      both, so that a driver that improved, or that goes against the outcome, explains nothing.
   2. p = share of block permutations of the driver whose contribution is as large: blocks of three weeks, because
      neighbouring weeks are alike.
   3. The interval resamples weeks, those before and the newest ones apart.
B. Parts. The effect is a sum of parts whose sizes are uncertain, drawn from their posteriors: shape (draws,). p is the
   share of draws in which the part is nothing.

A cause is named when the 90 % interval of its part excludes zero and it passes Benjamini-Hochberg at 10 % among all
tested. What the named ones do not explain is a cause of its own: unexplained. Named parts that together exceed the
effect are scaled down to it.

Do not believe a named cause where two things changed in the same weeks: a coincidence cannot be told from a cause.

Example: 26 weeks at 10 d, then 8 weeks at 14 d; items in review went from 5 to 9 in the same weeks and the two move
together (0.9 d an item): contribution 0.9 * 4 = 3.6 of 4 d.
Source: Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57, 289-300.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

FALSE_DISCOVERY_RATE = 0.1
"""Of ten named causes one may be none. Starting value."""
PERMUTATIONS, RESAMPLES, BLOCK_WEEKS = 999, 400, 3
INTERVAL = (0.05, 0.95)
COUNT_DRAWS, LEAST_SHARE = 2_000, 0.05
"""A cause of one case in twenty is not worth a name."""
MIN_BEFORE, MIN_RECENT = 8, 3
"""Fewer weeks than natural limits need, or than make a run: nothing is tested on them."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A suspected cause whose driver is a weekly series, oriented so that more is worse.

    driver: shape (weeks,), NaN where unknown
    """

    code: str
    driver: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A suspected cause whose part of the effect is uncertain.  draws: of its size, at least 0, shape (draws,)"""

    code: str
    draws: FloatArray


@dataclass(frozen=True, slots=True)
class JudgedCause:
    """What the test says of one candidate.

    contribution, low, high: in the unit of the outcome;  p_value: in (0, 1], None where it could not be tested
    before, recent: mean of the driver, None for a part;  moves_within: whether driver and outcome also go together
    inside each of the two periods
    """

    code: str
    contribution: float
    low: float
    high: float
    p_value: float | None
    is_named: bool = False
    before: float | None = None
    recent: float | None = None
    moves_within: bool | None = None


def judge_candidates(
    outcome: FloatArray, candidates: Sequence[Candidate], *, recent: int, effect: float, seed: int
) -> tuple[JudgedCause, ...]:
    """Every candidate with its verdict, the largest contribution first.

    outcome: shape (weeks,), more is worse, NaN where unknown;  recent: newest weeks, in which it got worse
    effect: what the outcome got worse by, above 0
    """
    tested = [
        _of_series(outcome, candidate, recent, np.random.default_rng([seed, index]))
        for index, candidate in enumerate(sorted(candidates, key=lambda candidate: candidate.code))
    ]
    return _named(tested, effect)


def judge_parts(parts: Sequence[Part], *, effect: float) -> tuple[JudgedCause, ...]:
    """Every part with its verdict, the largest first."""
    return _named([_of_part(part) for part in sorted(parts, key=lambda part: part.code)], effect)


def counted_part(code: str, count: int, of: int, *, effect: float, rng: np.random.Generator) -> Part:
    """The part of an effect that so many of its cases stand for: their share, unsure as a count is, from 5 % on."""
    if count <= 0:
        return Part(code, np.zeros(COUNT_DRAWS))
    drawn = rng.beta(count + 0.5, of - count + 0.5, COUNT_DRAWS)
    return Part(code, np.where(drawn > LEAST_SHARE, drawn, 0.0) * effect)


def passes_false_discovery(p_values: Sequence[float | None], rate: float = FALSE_DISCOVERY_RATE) -> tuple[bool, ...]:
    """Which p-values pass Benjamini-Hochberg; None never does and does not count as a test."""
    known = sorted(p for p in p_values if p is not None)
    passing = [p for rank, p in enumerate(known, start=1) if p <= rate * rank / len(known)]
    threshold = max(passing, default=-1.0)
    return tuple(p is not None and p <= threshold for p in p_values)


def _named(tested: list[JudgedCause], effect: float) -> tuple[JudgedCause, ...]:
    passes = passes_false_discovery([cause.p_value for cause in tested])
    named = [passed and cause.low > 0 for passed, cause in zip(passes, tested, strict=True)]
    total = sum(cause.contribution for cause, is_named in zip(tested, named, strict=True) if is_named)
    scale = min(1.0, effect / total) if total > 0 else 1.0
    verdicts = [_verdict(cause, is_named, scale) for cause, is_named in zip(tested, named, strict=True)]
    return tuple(sorted(verdicts, key=lambda cause: (not cause.is_named, -cause.contribution, cause.code)))


def _verdict(cause: JudgedCause, is_named: bool, scale: float) -> JudgedCause:
    factor = scale if is_named else 1.0
    return JudgedCause(
        code=cause.code,
        contribution=cause.contribution * factor,
        low=cause.low * factor,
        high=cause.high * factor,
        p_value=cause.p_value,
        is_named=is_named,
        before=cause.before,
        recent=cause.recent,
        moves_within=cause.moves_within,
    )


def _of_part(part: Part) -> JudgedCause:
    nothing = (float((part.draws <= 0).sum()) + 1) / (len(part.draws) + 1)
    low, high = np.quantile(part.draws, INTERVAL) if len(part.draws) else (0.0, 0.0)
    mean = float(part.draws.mean()) if len(part.draws) else 0.0
    return JudgedCause(part.code, mean, float(low), float(high), nothing)


def _of_series(outcome: FloatArray, candidate: Candidate, recent: int, rng: np.random.Generator) -> JudgedCause:
    usable = np.isfinite(outcome) & np.isfinite(candidate.driver)
    is_recent = np.arange(len(outcome)) >= len(outcome) - recent
    y, x, late = outcome[usable], candidate.driver[usable], is_recent[usable]
    if (~late).sum() < MIN_BEFORE or late.sum() < MIN_RECENT or np.ptp(x) == 0:
        return JudgedCause(candidate.code, 0.0, 0.0, 0.0, None)
    observed = float(_contributions(x[None], y[None], late)[0])
    permuted = _contributions(x[_block_orders(len(x), PERMUTATIONS, rng)], y[None], late)
    rows = _resampled(late, RESAMPLES, rng)
    low, high = np.quantile(_contributions(x[rows], y[rows], late), INTERVAL)
    return JudgedCause(
        code=candidate.code,
        contribution=observed,
        low=float(low),
        high=float(high),
        p_value=(float((permuted >= observed).sum()) + 1) / (PERMUTATIONS + 1) if observed > 0 else 1.0,
        before=float(x[~late].mean()),
        recent=float(x[late].mean()),
        moves_within=_moves_within(x, y, late),
    )


def _contributions(x: FloatArray, y: FloatArray, late: NDArray[np.bool_]) -> FloatArray:
    """Slope times change, 0 where either is not adverse: shape (rows,).  x: shape (rows, weeks)"""
    change = x[:, late].mean(axis=1) - x[:, ~late].mean(axis=1)
    deviation = x - x.mean(axis=1, keepdims=True)
    spread = (deviation**2).sum(axis=1)
    together = (deviation * (y - y.mean(axis=1, keepdims=True))).sum(axis=1)
    slope = np.divide(together, spread, out=np.zeros_like(together), where=spread > 0)
    result: FloatArray = np.maximum(slope, 0.0) * np.maximum(change, 0.0)
    return result


def _block_orders(weeks: int, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Orders of the weeks in which blocks changed places, from a random start: shape (count, weeks)."""
    blocks = -(-weeks // BLOCK_WEEKS)
    order = rng.random((count, blocks)).argsort(axis=1)
    positions = (order[:, :, None] * BLOCK_WEEKS + np.arange(BLOCK_WEEKS)).reshape(count, -1)
    inside = positions < weeks
    kept = positions[inside].reshape(count, weeks)
    return np.asarray((kept + rng.integers(0, weeks, (count, 1))) % weeks, dtype=np.intp)


def _resampled(late: NDArray[np.bool_], count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Weeks drawn with replacement, each period from itself: shape (count, weeks)."""
    rows = np.empty((count, len(late)), dtype=np.intp)
    for period in (late, ~late):
        own = np.flatnonzero(period)
        rows[:, own] = rng.choice(own, (count, len(own)))
    return rows


def _moves_within(x: FloatArray, y: FloatArray, late: NDArray[np.bool_]) -> bool:
    """Whether driver and outcome go together once the step between the periods is taken out."""
    inner_x, inner_y = x.copy(), y.copy()
    for period in (late, ~late):
        inner_x[period] -= x[period].mean()
        inner_y[period] -= y[period].mean()
    return float((inner_x * inner_y).sum()) > 0

"""Whether a weekly measure has become worse than it was, tested so that a year of weekly questions rarely cries wolf.

1. The newest weeks are held against the weeks before them, a period chosen before: what is judged does not move its own
   limits.
2. Rates: events per exposure. Given all events, those of the newest weeks are binomial if nothing changed: an exact
   one-sided test. P(rise > T) is the same test at the rate that is T worse. Shares: so many of the newest, when the
   share is what the earlier weeks leave open.
3. Durations: shares, of what took longer than 85 % of the earlier ones did (and than that plus T).
4. Weeks stray more than chance: counts are divided by the dispersion of the earlier weeks, at least 1, to which the
   week that strays most does not speak.
5. The level of each test is the alarms allowed in a year, over the questions of a year and the measures tested each
   time.
6. A gap that lasts becomes a part of the weeks before. How much of it is left is asked against the older half of them.
7. A rise needs the test, P(rise > T) of at least 80 %, and a signal of the process behaviour chart that reaches into
   the newest weeks.

Assumes that weeks before were alike but for chance. Do not believe it across a change of the team or the tool; and what
lasts for half a year has become the usual.

Example: 12 weeks with 24 bugs on 120 items, then 4 weeks with 24 on 40. If nothing had changed, a quarter of the 48 was
to come in the newest weeks; P(24 or more) is 0.0001. At 1.25 times the rate it is 0.002: beyond a quarter more.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv, chdtri, gammaincinv

from gaps.detectors.severity import OPENS_AT_PROBABILITY
from projects.history.process_signals import natural_limits, process_signals

FloatArray = NDArray[np.float64]

QUESTIONS_PER_YEAR = 26
"""A year has 52 weekly questions; windows of four weeks overlap, so they are worth about half as many independent ones.
Starting value."""
LONG = 0.85
"""The quantile of durations, as in the service level expectation."""
MIN_IN_WEEK = 3
"""Durations that make a week's P85 worth a point in the chart. Starting value."""
LEAST_USUAL = 0.5
"""Half an event stands for none: a rate of exactly zero would make the first event impossible."""
MIN_STRAYS = 8
TINY, SHARE_POINTS = 1e-9, 400
LOW, HIGH, NORMAL_LOW_HIGH = 0.1, 0.9, 1.28
"""80 % interval."""


@dataclass(frozen=True, slots=True, eq=False)
class Shift:
    """How a measure moved. Every value is oriented so that more is worse and has the unit of the measure.

    usual, recent: before, and in the newest weeks;  low, high: 80 % interval of recent;  tolerance: T, above 0
    oldest, oldest_tolerance: usual value of the older half of the weeks before, which a gap of some weeks has not
    touched yet, and T of it
    p_value: of the exact test that nothing changed;  p_beyond: probability that it rose by more than T
    series: one value a week, oldest first, NaN where unknown;  n: events that `recent` rests on
    """

    usual: float
    recent: float
    low: float
    high: float
    tolerance: float
    p_value: float
    p_beyond: float
    has_signal: bool
    series: FloatArray
    n: int
    oldest: float
    oldest_tolerance: float

    @property
    def rise(self) -> float:
        """How much worse it became, at least 0."""
        return max(self.recent - self.usual, 0.0)

    @property
    def effect(self) -> float:
        """The rise in tolerances."""
        return self.rise / self.tolerance

    @property
    def lasting_effect(self) -> float:
        """The same against what was usual before a gap of some weeks had become a part of the usual.

        A gap closes by it: that everybody is used to it does not solve it.
        """
        return max(self.effect, (self.recent - self.oldest) / self.oldest_tolerance)

    @property
    def ratio(self) -> float:
        """Recent over usual; infinite where the usual is nothing."""
        return self.recent / self.usual if self.usual > 0 else np.inf

    def is_rise(self, level: float) -> bool:
        """Whether the measure rose, by all three conditions."""
        return self.p_value <= level and self.p_beyond >= OPENS_AT_PROBABILITY and self.has_signal


def test_level(alarms_per_year: float, tests_per_week: int) -> float:
    """The level of one test, so that all tests of a year raise at most so many alarms when nothing changes."""
    return alarms_per_year / (QUESTIONS_PER_YEAR * max(tests_per_week, 1))


def tail_at_least(count: float, total: float, share: float) -> float:
    """P(X >= count) of a binomial X; count and total need not be whole numbers."""
    if count <= 0:
        return 1.0
    return float(betainc(count, max(total - count, 0.0) + 1, min(max(share, 0.0), 1.0)))


def rate_test(
    recent: float, recent_exposure: float, usual: float, usual_exposure: float, *, factor: float = 1.0
) -> float:
    """P(so many recent events or more), given all events, if the recent rate is `factor` times the usual one."""
    weight = factor * recent_exposure
    if weight <= 0 or usual_exposure <= 0:
        return 1.0
    return tail_at_least(recent, recent + usual, weight / (weight + usual_exposure))


def share_test(recent: float, of_recent: float, usual: float, of_usual: float, *, more: float = 0.0) -> float:
    """P(so many of the recent events or more) if their share is the usual one plus `more`.

    The usual share is as uncertain as the events it was seen in leave it (Beta with half an event each way).
    """
    if recent <= 0 or of_recent <= 0 or of_usual <= 0:
        return 1.0
    hits, misses = usual + LEAST_USUAL, max(of_usual - usual, 0.0) + LEAST_USUAL
    first, last = (float(betaincinv(hits, misses, level)) for level in (TINY, 1 - TINY))
    grid = np.linspace(first, last, SHARE_POINTS + 1)
    weights = np.diff(betainc(hits, misses, grid))
    shares = np.clip((grid[1:] + grid[:-1]) / 2 + more, 0.0, 1.0)
    tails = betainc(recent, max(of_recent - recent, 0.0) + 1, shares)
    return float((weights * tails).sum() / weights.sum())


def dispersion(counts: FloatArray, exposure: FloatArray) -> float:
    """Variance of weekly counts over what chance alone gives them, at least 1.

    The week that strays most is left out, with what it is expected to stray by: one week in which a gap had begun
    already, or a week off, must not hide all gaps after it.
    """
    total = float(exposure.sum())
    if total <= 0 or counts.sum() <= 0:
        return 1.0
    expected = exposure * (counts.sum() / total)
    usable = expected > 0
    strays = (counts - expected)[usable] ** 2 / expected[usable]
    if strays.size < MIN_STRAYS:
        few = float(strays.sum() / max(strays.size - 1, 1))
        return max(1.0, few)
    rest = float(strays.sum() - strays.max()) / (strays.size - _largest_stray(strays.size))
    over = float(rest * strays.size / (strays.size - 1))
    return max(1.0, over)


@lru_cache
def _largest_stray(count: int) -> float:
    """Expected maximum of so many squared standard normal values."""
    ranks = (np.arange(SHARE_POINTS) + 0.5) / SHARE_POINTS
    return float(chdtri(1, 1 - ranks ** (1 / count)).mean())


def rate_shift(
    counts: FloatArray,
    exposure: FloatArray,
    *,
    recent: int,
    tolerance_share: float,
    least_tolerance: float = 0.0,
    is_share: bool = False,
    base: int | None = None,
) -> Shift | None:
    """The rise of a rate; None where one of the two periods has no exposure.

    is_share: counts are some of the exposure, so that no rate is above 1
    base: weeks before the newest that the usual rate and the chart rest on; the dispersion rests on all

    counts, exposure: shape (weeks,);  recent: newest weeks
    tolerance_share: of the usual rate;  least_tolerance: in events per exposure
    """
    before, late = slice(None if base is None else -recent - base, -recent), slice(-recent, None)
    exposed_before, exposed_late = float(exposure[before].sum()), float(exposure[late].sum())
    if exposed_before <= 0 or exposed_late <= 0:
        return None
    events, late_events = float(counts[before].sum()), float(counts[late].sum())
    usual = max(events, LEAST_USUAL) / exposed_before
    tolerance = max(tolerance_share * usual, least_tolerance)
    over = dispersion(counts[:-recent], exposure[:-recent])
    if is_share:
        asked = (late_events / over, exposed_late / over, events / over, exposed_before / over)
        p_value, p_at_tolerance = share_test(*asked), share_test(*asked, more=tolerance)
    else:
        asked = (late_events / over, exposed_late, events / over, exposed_before)
        p_value, p_at_tolerance = rate_test(*asked), rate_test(*asked, factor=(usual + tolerance) / usual)
    oldest = _older_rate(counts[:-recent], exposure[:-recent], usual)
    series = np.full(len(counts), np.nan)
    np.divide(counts, exposure, out=series, where=exposure > 0)
    return Shift(
        usual=events / exposed_before,
        recent=late_events / exposed_late,
        low=float(gammaincinv(late_events, LOW)) / exposed_late if late_events else 0.0,
        high=float(gammaincinv(late_events + 1, HIGH)) / exposed_late,
        tolerance=tolerance,
        p_value=p_value,
        p_beyond=1 - p_at_tolerance,
        has_signal=signal_above(series[before.start :], recent=recent),
        series=series,
        n=int(late_events),
        oldest=oldest,
        oldest_tolerance=max(tolerance_share * oldest, least_tolerance),
    )


def _older_rate(counts: FloatArray, exposure: FloatArray, usual: float) -> float:
    """Rate of the older half of the weeks that have exposure."""
    rows = np.flatnonzero(exposure > 0)
    rows = rows[: len(rows) // 2]
    return max(float(counts[rows].sum()), LEAST_USUAL) / float(exposure[rows].sum()) if rows.size else usual


def drop_shift(counts: FloatArray, *, recent: int, tolerance_share: float) -> Shift | None:
    """The fall of a weekly count, told as what is missing a week; None where there was none before.

    tolerance_share: of the usual count, below 1
    """
    weeks_before = len(counts) - recent
    events, late_events = float(counts[:-recent].sum()), float(counts[-recent:].sum())
    if events <= 0:
        return None
    usual = events / weeks_before
    over = dispersion(counts[:-recent], np.ones(weeks_before))
    asked = (events / over, float(weeks_before), late_events / over, float(recent))
    late = late_events / recent
    older = max(float(counts[: max(weeks_before // 2, 1)].mean()), LEAST_USUAL)
    missing_high = usual - (float(gammaincinv(late_events, LOW)) / recent if late_events else 0.0)
    return Shift(
        usual=0.0,
        recent=usual - late,
        low=usual - float(gammaincinv(late_events + 1, HIGH)) / recent,
        high=missing_high,
        tolerance=tolerance_share * usual,
        p_value=rate_test(*asked),
        p_beyond=1 - rate_test(*asked, factor=1 / (1 - tolerance_share)),
        has_signal=signal_above(-counts, recent=recent),
        series=usual - counts,
        n=int(late_events),
        oldest=usual - older,
        oldest_tolerance=tolerance_share * older,
    )


def duration_shift(
    week: NDArray[np.int64],
    durations: FloatArray,
    *,
    weeks: int,
    recent: int,
    tolerance_share: float,
    least_tolerance: float,
) -> Shift | None:
    """The rise of the P85 of durations; None where a period has none.

    week: of each duration, in [0, weeks), shape of durations;  tolerance_share: of the usual P85
    """
    is_late = week >= weeks - recent
    before, late = durations[~is_late], durations[is_late]
    if before.size == 0 or late.size == 0:
        return None
    usual, now = float(np.quantile(before, LONG)), float(np.quantile(late, LONG))
    tolerance = max(tolerance_share * usual, least_tolerance)
    over = longer_dispersion(week[~is_late], before, usual=usual, weeks=weeks - recent)
    tests = [longer_test(late, before, than=usual + more, over=over) for more in (0.0, tolerance)]
    half = NORMAL_LOW_HIGH * np.sqrt(LONG * (1 - LONG) / late.size)
    low, high = np.quantile(late, np.clip([LONG - half, LONG + half], 0.0, 1.0))
    oldest = _older_quantile(week[~is_late], before, usual)
    series = weekly_quantiles(week, durations, weeks=weeks, at_least=MIN_IN_WEEK)
    return Shift(
        usual=usual,
        recent=now,
        low=float(low),
        high=float(high),
        tolerance=tolerance,
        p_value=tests[0],
        p_beyond=1 - tests[1],
        has_signal=signal_above(series, recent=recent),
        series=series,
        n=int(late.size),
        oldest=oldest,
        oldest_tolerance=max(tolerance_share * oldest, least_tolerance),
    )


def longer_dispersion(week: NDArray[np.int64], before: FloatArray, *, usual: float, weeks: int) -> float:
    """How much more than chance the weekly number of durations beyond the usual P85 strays.

    week: of each earlier duration, in [0, weeks), shape of before
    """
    exposure = np.bincount(week, minlength=weeks).astype(np.float64)
    longer = np.bincount(week, weights=before > usual, minlength=weeks).astype(np.float64)
    return dispersion(longer, exposure)


def longer_test(late: FloatArray, before: FloatArray, *, than: float, over: float) -> float:
    """P(so many of the late durations beyond a value or more) if a share of 1 - LONG is, as of the earlier ones.

    than: the P85 of the earlier ones, or more;  over: the dispersion
    """
    # Ties at the usual P85 are no excess: where all durations are alike, nothing is longer than usual.
    longer, expected = float((late > than).sum()), (1 - LONG) * before.size
    return share_test(longer / over, late.size / over, expected / over, before.size / over)


def _older_quantile(week: NDArray[np.int64], durations: FloatArray, usual: float) -> float:
    """P85 of the durations in the older half of the weeks that have any."""
    weeks = np.unique(week)
    older = durations[week <= weeks[max(len(weeks) // 2 - 1, 0)]]
    return float(np.quantile(older, LONG)) if older.size else usual


def weekly_quantiles(week: NDArray[np.int64], durations: FloatArray, *, weeks: int, at_least: int) -> FloatArray:
    """P85 of each week, NaN where it rests on fewer than at_least: shape (weeks,).  week: of each duration"""
    values = np.full(weeks, np.nan)
    order = np.argsort(week, kind="stable")
    bounds = np.searchsorted(week[order], np.arange(weeks + 1))
    for number in range(weeks):
        own = durations[order[bounds[number] : bounds[number + 1]]]
        if own.size >= at_least:
            values[number] = np.quantile(own, LONG)
    return values


def signal_above(series: FloatArray, *, recent: int) -> bool:
    """Whether a signal on the high side, by the limits of the weeks before, reaches into the newest weeks."""
    before = series[:-recent]
    limits = natural_limits(before[np.isfinite(before)])
    usable = np.isfinite(series)
    late = int(usable[-recent:].sum())
    if limits is None or late == 0:
        return False
    values = series[usable]
    return any(
        signal.is_above and signal.last >= len(values) - late for signal in process_signals(values, limits=limits)
    )

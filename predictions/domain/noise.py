"""When two answers to the same question say the same: the clock moved on, or the simulation rolled other dice.

A run at another moment draws other trials, so its numbers differ a little although no fact did. What differs by less
than this is not told again: a forecast that moves every hour is believed by nobody.

Example: P85 in 100 days moves by 4: the same. In 10 days it moves by 2: news.
"""

from __future__ import annotations

from datetime import date

SAME_PROBABILITY = 0.02
"""Five standard errors of a simulated probability with 10,000 trials."""
SAME_DATE_SHARE = 0.05
"""Of the time to the date: about four standard errors of a simulated P95, the one that is least sure."""
SAME_DATE_DAYS = 1
"""Dates are whole days, so the least difference is one that rounding makes."""


def same_probability(before: float, now: float) -> bool:
    """Whether two probabilities differ by noise only."""
    return abs(now - before) <= SAME_PROBABILITY


def same_date(before: date | None, now: date | None, *, seen_on: date) -> bool:
    """Whether two forecasts of a date, made from about the same day, differ by noise only; None is beyond any date."""
    if before is None or now is None:
        return before is now
    tolerance_days = max(SAME_DATE_DAYS, SAME_DATE_SHARE * (now - seen_on).days)
    return abs((now - before).days) <= tolerance_days


def same_amount(before: float, now: float) -> bool:
    """Whether two forecasts of an amount differ by noise only."""
    return abs(now - before) <= SAME_DATE_SHARE * max(abs(before), abs(now))

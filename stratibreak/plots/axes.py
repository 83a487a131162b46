"""Axes whose ticks people can read: round counts, whole percent, days and months."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

MONTHS_PER_YEAR = 12
_DAY_STEPS, _MONTH_STEPS, _YEAR_STEPS = (1, 2, 7, 14), (1, 2, 3, 6), (1, 2, 5, 10, 20, 50, 100, 500, 1000, 5000)
_MONDAY_BASED_DAYS = 7


@dataclass(frozen=True, slots=True)
class Tick:
    """A value of an axis and what stands beside it."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values, low below high, with ticks inside it."""

    low: float
    high: float
    ticks: tuple[Tick, ...]

    def share(self, value: float) -> float:
        """Where a value lies: 0 at the low end, 1 at the high one; a value outside lies on the nearer end."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


def number_axis(low: float, high: float, *, most_ticks: int, least_step: float = 1.0) -> Axis:
    """An axis that holds low and high, with round ticks at both ends.  Raises ValueError if one is no number."""
    if not (math.isfinite(low) and math.isfinite(high)) or low > high:
        raise ValueError(f"no axis reaches from {low} to {high}")
    step = _round_step((high - low) / max(1, most_ticks - 1), least_step)
    first = math.floor(low / step + 1e-9)
    last = max(first + 1, math.ceil(high / step - 1e-9))
    ticks = tuple(Tick(n * step, number_label(n * step, step)) for n in range(first, last + 1))
    return Axis(first * step, last * step, ticks)


def number_label(value: float, step: float = 1.0) -> str:
    """A number with as many digits as its step needs, and a real minus sign."""
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def percent_axis() -> Axis:
    """0 to 100 %."""
    return Axis(0.0, 1.0, tuple(Tick(n / 4, f"{25 * n} %") for n in range(5)))


def date_axis(first: date, last: date, *, most_ticks: int) -> Axis:
    """An axis from one day to another, at least a day long; ticks at days, Mondays, months or years."""
    low, high = first.toordinal(), max(last.toordinal(), first.toordinal() + 1)
    first, last = date.fromordinal(low), date.fromordinal(min(high, date.max.toordinal()))
    ticks: list[Tick] = []
    for found in _tick_rows(first, last):
        ticks = [Tick(float(day.toordinal()), label) for day, label in found]
        if len(ticks) <= max(1, most_ticks):
            break
    return Axis(float(low), float(high), tuple(ticks[: max(1, most_ticks)]))


def _tick_rows(first: date, last: date) -> Iterator[list[tuple[date, str]]]:
    """Rows of ticks, the narrowest steps first; never more than a few thousand."""
    span_days = (last - first).days
    for step in _DAY_STEPS:
        if span_days / step <= 60:  # noqa: PLR2004 - more days than any drawing has room for
            yield [(day, f"{day.day} {day:%b}") for day in _days(first, last, step)]
    for step in _MONTH_STEPS:
        if span_days / 30 / step <= 60:  # noqa: PLR2004 - likewise
            yield [(day, f"{day:%b} {day.year}") for day in _months(first, last, step)]
    for step in _YEAR_STEPS:
        yield [(date(year, 1, 1), str(year)) for year in _years(first, last, step)]


def _days(first: date, last: date, step: int) -> list[date]:
    offset = -first.weekday() % _MONDAY_BASED_DAYS if step >= _MONDAY_BASED_DAYS else 0
    return [first + timedelta(days=n) for n in range(offset, (last - first).days + 1, step)]


def _months(first: date, last: date, step: int) -> list[date]:
    begin = first.year * MONTHS_PER_YEAR + first.month - 1
    end = last.year * MONTHS_PER_YEAR + last.month - 1
    days = [date(n // MONTHS_PER_YEAR, n % MONTHS_PER_YEAR + 1, 1) for n in range(begin, end + 1) if n % step == 0]
    return [day for day in days if first <= day <= last]


def _years(first: date, last: date, step: int) -> list[int]:
    return [year for year in range(first.year, last.year + 1) if year % step == 0 and date(year, 1, 1) >= first]


def _round_step(least: float, smallest: float) -> float:
    """The first of 1, 2, 5 times a power of ten that is not below."""
    if least <= smallest:
        return smallest
    power = 10.0 ** math.floor(math.log10(least))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= least * (1 - 1e-9)), 10 * power)

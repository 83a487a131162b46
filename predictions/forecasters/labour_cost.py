"""What an hour of a project's people costs on average, and what taking up an option costs by it.

Needs costs of the last 13 weeks in the currency of the budget, else in the only one there is.

1. Booked hours: the entries that say for how many hours they pay and for whom; a reversal takes its hours back. Rate:
   their sum over their hours; hours a week: theirs, over the weeks from the first of them until now.
2. Where no entry says its hours: labour as booked, over the hours of the people's capacity calendars. A booking pays
   for the days since the one before, so the first only says where counting begins: amounts after it, over the hours of
   the days after it up to the last.
3. Of fewer than MIN_PEOPLE people, or of fewer than MIN_HOURS, there is no rate: it would tell what one of them earns.
4. An option costs the rate times its hours: those it takes to bring it about and, where people join by it, what they
   give until the date. Where nobody can say the one or the other, nobody can say the cost.
5. What is said is rounded to two digits: an average of what was is no better than that.

Assumes that the hours ahead cost what the last ones did. Do not believe it where the ledger holds the hours of a few
dear people only, and never take it for what somebody earns.

Example: five people, each with 80 h and 4,800 EUR every four weeks: 60 EUR an hour, 100 h a week. An option of 8 h
costs 480 EUR. Adding a fifth of capacity, 80 h to bring about, ten weeks before the date: (80 + 0.2 * 100 * 10) * 60,
which is 16,800, said as 17,000 EUR.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import numpy as np

from predictions.forecasters.answers import Money
from predictions.forecasters.option_details import details_of
from predictions.forecasters.risk import RiskForecast
from predictions.forecasters.team_weeks import MIN_PEOPLE
from projects.history.costs import CostColumns
from projects.history.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_WEEK, from_us
from projects.history.project_history import ProjectHistory

WINDOW_WEEKS = 13
MIN_HOURS = 100.0
"""Less is a few days of five people, which says little of what they cost."""
SAID_DIGITS = 2


@dataclass(frozen=True, slots=True)
class LabourCost:
    """What people cost on average.  per_hour: in the currency, above 0;  hours_per_week: of all people together"""

    per_hour: float
    currency: str
    people: int
    hours_per_week: float


def labour_cost(known: ProjectHistory) -> LabourCost | None:
    """What an hour costs, as known at the moment of a restricted history; None where the record does not say."""
    costs = _recent(known)
    if costs is None:
        return None
    found = _by_booked_hours(costs, known.known_at_us) or _by_calendars(costs, known)
    return found if found is not None and found.per_hour > 0 else None


def option_cost(
    code: str, *, effort_h: float | None, labour: LabourCost | None, weeks_left: float | None
) -> Money | None:
    """What taking up an option now costs; None where nobody can say.

    effort_h: to bring it about, of all people together;  weeks_left: to the date it is for, for people who join
    """
    if labour is None or effort_h is None:
        return None
    details = details_of(code)
    joining_h_per_week = labour.hours_per_week * (details.joining_share + details.joining_people / labour.people)
    if joining_h_per_week and (weeks_left is None or weeks_left <= 0):
        return None
    hours = effort_h + joining_h_per_week * (weeks_left or 0.0)
    return Money(_said(hours * labour.per_hour), labour.currency)


def priced(risk: RiskForecast, labour: LabourCost | None) -> RiskForecast:
    """The forecast with what each of its options costs; people who join by one stay until its claim can be decided."""
    if labour is None or not risk.options:
        return risk
    weeks_left = None if risk.claim is None else (risk.claim.ends_at - risk.as_of) / timedelta(weeks=1)
    options = [
        replace(
            option,
            cost=option_cost(
                option.code, effort_h=details_of(option.code).effort_h, labour=labour, weeks_left=weeks_left
            ),
        )
        for option in risk.options
    ]
    return replace(risk, options=tuple(options))


def _recent(known: ProjectHistory) -> CostColumns | None:
    """The costs of the window in one currency; None where there are none, or several that nobody chose between."""
    spent = known.spent
    recent = spent.take(spent.at_us > known.known_at_us - WINDOW_WEEKS * MICROSECONDS_PER_WEEK)
    currencies = set(recent.currency.tolist())
    currency = known.budget.currency if known.budget else next(iter(currencies), "")
    if currency not in currencies or (known.budget is None and len(currencies) > 1):
        return None
    return recent.take(recent.currency == currency)


def _by_booked_hours(costs: CostColumns, now_us: int) -> LabourCost | None:
    of_people = np.array([contributor is not None for contributor in costs.contributor_ids], dtype=np.bool_)
    booked = costs.take((costs.hours > 0) & of_people)
    people, hours = len(set(booked.contributor_ids.tolist())), float((booked.hours * np.sign(booked.amount)).sum())
    if people < MIN_PEOPLE or hours < MIN_HOURS:
        return None
    # An entry counts from the end of its day on; one of today has a day behind it all the same.
    weeks = (now_us - int(booked.at_us.min()) + MICROSECONDS_PER_DAY) / MICROSECONDS_PER_WEEK
    return LabourCost(float(booked.amount.sum()) / hours, str(costs.currency[0]), people, hours / weeks)


def _by_calendars(costs: CostColumns, known: ProjectHistory) -> LabourCost | None:
    labour = costs.take(costs.is_labour)
    if np.isfinite(costs.hours).any() or len(set(labour.at_us.tolist())) < 2:  # noqa: PLR2004 - from one to the next
        return None
    first_us, last_us = int(labour.at_us.min()), int(labour.at_us.max())
    # The end of a booking's day in UTC is the start of the next one.
    first, last = from_us(first_us).date(), from_us(last_us).date() - timedelta(days=1)
    given, _ = known.capacity.hours_by_contributor(first, last)
    people, hours = int((given.sum(axis=1) > 0).sum()), float(given.sum())
    if people < MIN_PEOPLE or hours < MIN_HOURS:
        return None
    amount = float(labour.amount[labour.at_us > first_us].sum())
    weeks = (last_us - first_us) / MICROSECONDS_PER_WEEK
    return LabourCost(amount / hours, str(costs.currency[0]), people, hours / weeks)


def _said(amount: float) -> Decimal:
    """The amount with the digits that it deserves: 16,800 is 17,000."""
    return Decimal(f"{amount:.{SAID_DIGITS - 1}e}").quantize(Decimal("0.01"))

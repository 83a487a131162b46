"""The working days of a claim: written into its terms at issue, and read from them when it is settled.

Days on which nobody works decide what happened, so a calendar that is edited later must not decide it.
"""

from collections.abc import Mapping
from datetime import date

from projects.history.calendar import WorkCalendar

Terms = Mapping[str, str | float | int | bool | None]


def calendar_terms(calendar: WorkCalendar, first: date, last: date) -> dict[str, str]:
    """The terms that hold a calendar; its days off from first to last, both included."""
    holidays = sorted(day for day in calendar.holidays if first <= day <= last)
    return {
        "time_zone": calendar.time_zone,
        "working_weekdays": ",".join(str(weekday) for weekday in sorted(calendar.working_weekdays)),
        "holidays": ",".join(day.isoformat() for day in holidays),
    }


def calendar_of(terms: Terms) -> WorkCalendar:
    """The calendar as it was at issue.  Raises KeyError or ValueError where it is not told."""
    weekdays = frozenset(int(part) for part in str(terms["working_weekdays"]).split(",") if part)
    holidays = frozenset(date.fromisoformat(part) for part in str(terms["holidays"]).split(",") if part)
    return WorkCalendar(time_zone=str(terms["time_zone"]), working_weekdays=weekdays, holidays=holidays)

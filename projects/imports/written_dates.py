"""Dates as tools write them into tables, in ISO 8601, where day and month cannot be mistaken for each other.

    12/Mar/24 3:14 PM        2024-03-12T15:14:00
    May 2, 2024 3:04 PM      2024-05-02T15:04:00      also behind a name, as a log of creations has it
    26.11.2026 14:00:00      2026-11-26T14:00:00      dots: the day comes first
    2026/07/01               2026-07-01
    03/04/2026               only with an order: 4 March (MDY) or 3 April (DMY)

Months are read in English. Everything else is left as it is, for whoever reads it to refuse.
"""

from __future__ import annotations

import re
from datetime import date, time
from typing import Final

from projects.imports.errors import FieldRefused

DATE_ORDERS: Final = ("DMY", "MDY")
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
CENTURY: Final = 2000  # of years with two digits: no tool here is older
NOON: Final = 12
_TIME: Final = r"(?:[ ,]+(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2}))?(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?)?$"
_MONTH: Final = r"(?P<month>[A-Za-z]{3})[a-z]*\.?"
_FORMS: Final = tuple(
    re.compile(form + _TIME)
    for form in (
        rf"(?P<day>\d{{1,2}})[/ -]{_MONTH}[/ -](?P<year>\d{{4}}|\d{{2}})",
        rf"(?:.* )?{_MONTH} (?P<day>\d{{1,2}}),? (?P<year>\d{{4}})",
        r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4}|\d{2})",
        r"(?P<year>\d{4})/(?P<month>\d{1,2})/(?P<day>\d{1,2})",
    )
)
_SLASHES: Final = re.compile(r"(?P<first>\d{1,2})/(?P<second>\d{1,2})/(?P<year>\d{4}|\d{2})" + _TIME)
LONGEST: Final = 100


def as_iso(text: str, *, field: str, order: str = "") -> str:
    """The same moment or day in ISO 8601, without a zone if it has none. order: of DATE_ORDERS, "" if nobody said

    Raises FieldRefused for a day that could be another one.
    """
    if len(text) > LONGEST:
        return text
    slashes = _SLASHES.match(text)
    if slashes is not None:
        if not order:
            raise FieldRefused(field, "does not tell day from month; say which comes first (date order)")
        day, month = slashes["first"], slashes["second"]
        return _iso(slashes, text, *((day, month) if order == "DMY" else (month, day)))
    found = next((match for form in _FORMS if (match := form.match(text))), None)
    return text if found is None else _iso(found, text, found["day"], found["month"])


def _iso(found: re.Match[str], text: str, day: str, month: str) -> str:
    """The text itself where it is no day or time that there is."""
    year = int(found["year"]) + (CENTURY if len(found["year"]) == len("26") else 0)
    try:
        number = int(month) if month.isdecimal() else MONTHS.index(month.casefold()) + 1
        on = date(year, number, int(day)).isoformat()
        return on if found["h"] is None else f"{on}T{_time(found).isoformat()}"
    except ValueError:
        return text


def _time(found: re.Match[str]) -> time:
    hour, half = int(found["h"]), (found["half"] or "").casefold()
    if half:
        if not 1 <= hour <= NOON:
            raise ValueError("no hour of half a day")
        hour = hour % NOON + (NOON if half == "p" else 0)
    return time(hour, int(found["m"]), int(found["s"] or 0))

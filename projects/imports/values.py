"""From the text of a file to a checked value. Every function raises FieldRefused, naming the field, or nothing."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, tzinfo
from typing import Final

from projects.imports.errors import FieldRefused

IDENTIFIER_LENGTH: Final = 255
NAME_LENGTH: Final = 255
TERM_LENGTH: Final = 100  # a type, a priority, a resolution
TITLE_LENGTH: Final = 1000
URL_LENGTH: Final = 2000
LABEL_COUNT: Final = 200
GREATEST_COUNT: Final = 2**31 - 1
GREATEST_SECONDS: Final = 10**10
ISO_DATE_LENGTH: Final = len("2026-01-31")


def checked_text(value: str, *, field: str) -> str:
    """The text without surrounding white space, if a database can keep it."""
    if "\x00" in value:
        raise FieldRefused(field, "holds a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise FieldRefused(field, "holds half of a surrogate pair, which is no character") from None
    return value.strip()


def short_text(value: str, *, field: str, limit: int = NAME_LENGTH) -> str:
    """Text that names or identifies: too long is refused, because a cut name may equal another."""
    text = checked_text(value, field=field)
    if len(text) > limit:
        raise FieldRefused(field, f"is longer than {limit} characters")
    return text


def identifier(value: str, *, field: str) -> str:
    """Text that identifies: neither empty nor too long."""
    text = short_text(value, field=field, limit=IDENTIFIER_LENGTH)
    if not text:
        raise FieldRefused(field, "is empty")
    return text


def cut_text(value: str, *, field: str, limit: int = TITLE_LENGTH) -> str:
    """Text for reading only: too long is cut, with an ellipsis to show it."""
    text = checked_text(value, field=field)
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def instant(value: str, *, field: str, zone: tzinfo | None = None) -> datetime:
    """An ISO 8601 instant in UTC, sub-seconds kept to the microsecond.

    zone: where the clock hung that wrote an instant without an offset. Without it such an instant is refused: a guess
    would shift every duration by hours. In the hour that a zone repeats, the first of the two is meant.
    """
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        raise FieldRefused(field, "is not an ISO 8601 instant such as 2026-01-31T09:30:00+00:00") from None
    if moment.tzinfo is None:
        if zone is None:
            raise FieldRefused(field, "has no UTC offset; say which time zone the file means (--time-zone)")
        moment = moment.replace(tzinfo=zone)
    try:
        return moment.astimezone(UTC)
    except (OverflowError, ValueError):
        raise FieldRefused(field, "lies outside of the years 1 to 9999") from None


def calendar_date(value: str, *, field: str) -> date:
    """A day as YYYY-MM-DD. Nothing else: 03/04/2026 is a different day in different countries."""
    text = value.strip()
    if len(text) == ISO_DATE_LENGTH:
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise FieldRefused(field, "is not a date such as 2026-01-31")


def finite_number(value: str | float, *, field: str) -> float:
    """A finite number, 0 or greater."""
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise FieldRefused(field, "is not a number such as 2.5") from None
    if not math.isfinite(number) or number < 0:
        raise FieldRefused(field, "is not a finite number of at least 0")
    return number


def seconds(value: str | float, *, field: str) -> int:
    """A duration in whole seconds, at least 0."""
    number = finite_number(value, field=field)
    if number > GREATEST_SECONDS:
        raise FieldRefused(field, "is longer than three centuries")
    return round(number)


def count(value: str | float, *, field: str) -> int:
    """A whole number from 0 to what a four-byte column holds."""
    number = finite_number(value, field=field)
    if number > GREATEST_COUNT or not number.is_integer():
        raise FieldRefused(field, f"is not a whole number between 0 and {GREATEST_COUNT}")
    return int(number)


def epoch_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)

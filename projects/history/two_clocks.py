"""The rule by which a fact is known: from when it was true, or from when it was recorded, whichever came first.

1. A dated value (opened, resolved, started) is known from its date, because the tool's log held it then, or from when
   it was recorded, if that was earlier: then its date lies in the future, and what is computed must wait for it.
2. An undated value (a severity, a target date, the hours of a week) is unknown before the present one was recorded.
3. A fact is known once anything of it is.

Assumes that a log dates its entries truly. Example: an incident opened on Monday, found by us on Friday with severity
1: on Wednesday there is an incident of unknown severity.
"""

from datetime import datetime
from hashlib import sha256
from uuid import UUID

NOBODY = -1
"""Key of no contributor, no item, no group."""
_KEY_MASK = (1 << 63) - 1


def is_known(moment: datetime, recorded_at: datetime, *dates: datetime | None) -> bool:
    """Whether anything of a fact is known at a moment."""
    return recorded_at <= moment or any(date is not None and date <= moment for date in dates)


def dated(value: datetime | None, recorded_at: datetime, moment: datetime) -> datetime | None:
    """A dated value as it was known at a moment; None where it was not."""
    return value if value is not None and min(value, recorded_at) <= moment else None


def key_of(identifier: UUID | str | None) -> int:
    """An identifier as a number from 0 to 2^63 - 1, the same in every history; NOBODY for none.

    Columns hold it in place of a row number, because row numbers change with what else is known. Of a UUID it is the
    half that is random, so that two of the same millisecond differ.
    """
    if identifier is None or identifier == "":
        return NOBODY
    if isinstance(identifier, UUID):
        return identifier.int & _KEY_MASK
    try:
        return UUID(identifier).int & _KEY_MASK
    except ValueError:
        return int.from_bytes(sha256(identifier.encode()).digest()[:8]) & _KEY_MASK

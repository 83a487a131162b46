"""Cursors of streams: instants of the source as ISO text, or numbers as text."""

from __future__ import annotations

from datetime import datetime


def greater(one: str, other: str) -> str:
    """The greater of two cursors: numbers as numbers, everything else as text, in which ISO instants sort by time."""
    try:
        return max(one, other, key=float)
    except ValueError:
        return max(one, other)


def not_after(cursor: str, moment: datetime) -> str:
    """A cursor that is an instant, but none of the future: a clock that is wrong once would hide all later edits."""
    try:
        is_later = datetime.fromisoformat(cursor) > moment
    except (ValueError, TypeError):  # no instant, or one without offset
        return cursor
    return moment.isoformat() if is_later else cursor

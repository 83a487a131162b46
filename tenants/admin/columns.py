"""Columns of lists that show numbers as people read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin

NOTHING = "—"


def column(name: str, title: str, words: Callable[[Any], str]) -> Callable[[Any], str]:
    """Make a column of a list, or a read-only field, from an attribute; it still sorts by what is stored.

    title: with the unit, where ``words`` does not carry it;  words: called for what is not null
    """

    @admin.display(description=title, ordering=name)
    def shown(row: Any) -> str:
        value = getattr(row, name)
        return NOTHING if value is None else words(value)

    shown.__name__ = f"{name}_in_words"  # the name of its CSS class and of its heading
    return shown


def number(value: float) -> str:
    """A number with three digits that count, without an exponent where it can be avoided."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits

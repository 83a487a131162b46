"""Estimates as the record keeps them: texts, most of which are numbers."""

import math


def points_of(text: str | None) -> float:
    """The points that an estimate names, 0 or above; NaN where it names none."""
    try:
        points = float(text) if text is not None else math.nan
    except ValueError:
        return math.nan
    return points if math.isfinite(points) and points >= 0 else math.nan

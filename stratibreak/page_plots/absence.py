"""A plot that cannot be drawn."""

from __future__ import annotations

from dataclasses import dataclass

from projects.models import AnalysisRecord
from projects.plain_words import limits
from stratibreak.plots.figure import Figure


@dataclass(frozen=True, slots=True)
class Absence:
    """Why there is no plot, and what would bring it (empty: nothing has to be done)."""

    title: str
    reason: str
    step: str = ""


Shown = Figure | Absence


def abstention(title: str, record: AnalysisRecord) -> Absence:
    """The absence of a plot because the analysis could not answer."""
    reasons = limits(record.readiness_reasons)
    if not reasons:
        return Absence(title, "The facts do not carry an answer.")
    return Absence(title, reasons[0].message, reasons[0].step)

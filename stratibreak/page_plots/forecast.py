"""The forecast of a project as a burn-up with its cone, from the run that is kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from predictions.forecasters.prevention import P85
from projects.models import AnalysisRecord
from projects.plain_words import day, percent
from stratibreak.page_plots.absence import Absence, Shown, abstention
from stratibreak.plots.forecast import TITLE, BurnUpPoint, ConePoint, DayMark, forecast_figure

LIKELY, SAFE = 0.5, P85
SMALL_SHARE = 0.01
LEAST_PAST_WEEKS, PAST_FOR_FUTURE = 26, 2
"""Half a year, or twice as far back as the lines go ahead: more of the past would squeeze what is asked for."""


def forecast_plot(record: AnalysisRecord) -> Shown:
    """The plot of one FORECAST run, or why there is none.  Asks the database nothing."""
    results: Mapping[str, Any] = record.results
    if not results.get("quantiles"):
        return abstention(TITLE, record)
    outlook = results.get("outlook")
    if not outlook or not outlook["past"]:
        return Absence(TITLE, "This forecast was made before its plot was kept.", "Analyse the project again.")
    past = [
        BurnUpPoint(date.fromisoformat(row["day"]), row["done"], row["scope"], row["approved"])
        for row in outlook["past"]
    ]
    cone = [ConePoint(date.fromisoformat(row["day"]), row["p10"], row["p50"], row["p90"]) for row in outlook["cone"]]
    likely, safe = (_finish(results["quantiles"], probability) for probability in (LIKELY, SAFE))
    target = date.fromisoformat(results["target_date"]) if results.get("target_date") else None
    marks = [DayMark(past[-1].day, f"As of {day(past[-1].day)}", "today")]
    if target is not None:
        marks.append(DayMark(target, f"Promised: {day(target)}", "target"))
    if likely is not None:
        marks.append(DayMark(likely, f"{percent(LIKELY)} sure: {day(likely)}", "likely"))
    if safe is not None:
        marks.append(DayMark(safe, f"{percent(SAFE)} sure: {day(safe)}", "safe"))
    return forecast_figure(
        "forecast",
        summary=_summary(past[-1], target=target, likely=likely, safe=safe),
        past=past[-_past_weeks(cone) :],
        cone=cone,
        marks=marks,
        notes=_notes(outlook),
    )


def _past_weeks(cone: list[ConePoint]) -> int:
    ahead = (cone[-1].day - cone[0].day).days // 7 if cone else 0
    return max(LEAST_PAST_WEEKS, PAST_FOR_FUTURE * ahead)


def _finish(quantiles: list[Mapping[str, Any]], probability: float) -> date | None:
    found = next((row["value"] for row in quantiles if row["p"] == probability), None)
    return None if found is None else date.fromisoformat(found)


def _summary(today: BurnUpPoint, *, target: date | None, likely: date | None, safe: date | None) -> str:
    sentences = [
        f"{today.done:,.0f} of {today.scope:,.0f} items are done.",
        f"The rest is done {_by(likely)} in the middle case, and with {percent(SAFE)} certainty {_by(safe)}.",
    ]
    if target is None:
        return " ".join([*sentences, "No day is promised."])
    if safe is None or safe > target:
        return " ".join([*sentences, f"That is after the promised day, {day(target)}."])
    return " ".join([*sentences, f"That is within the promised day, {day(target)}."])


def _by(finish: date | None) -> str:
    return "in more than ten years" if finish is None else f"by {day(finish)}"


def _notes(outlook: Mapping[str, Any]) -> tuple[str, ...]:
    share = float(outlook.get("newcomer_share") or 0.0)
    if share < SMALL_SHARE:
        return ()
    return (
        f"The lines ahead count today's scope only: {percent(share)} of the capacity is expected to go to work that "
        "comes in later.",
    )

"""What would have been predicted when, and what came true, from the newest replay of a project."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from predictions.enums import PredictionType
from predictions.forecasters.risk import ALERT_LEVELS
from projects.domain.queries.runs import runs_of
from projects.enums import AnalysisKind
from projects.models import Project
from projects.plain_words import day
from stratibreak.page_plots.absence import Absence, Shown, abstention
from stratibreak.plots.timeline import VERDICTS, Came, Said, lead_in_words, timeline_figure
from tenants.api.access import visible_of

TITLE = "What we would have predicted, and what came true"
SOURCES = {"PLAN": "the plan's day", "PROMISE": "the day our own forecast would have promised"}
_SAID = {"HIT": "hit", "MISS": "missed", "LATE": "warned of too late", "FALSE_ALARM": "false alarm"}


def replay_plot(project: Project, user: Any) -> Shown:
    """The plot of the newest replay, or why there is none.  One query."""
    record = visible_of(runs_of(project, AnalysisKind.REPLAY), user).first()
    if record is None:
        step = "Run a replay: the past months are forecast again, week by week, with what was known then."
        return Absence(TITLE, "The past of this project was not replayed yet.", step)
    results: Mapping[str, Any] = record.results
    said = [_said(row) for row in results.get("steps") or ()]
    if not any(each.probability is not None for each in said):
        return abstention(TITLE, record)
    came = [_came(row) for row in results.get("events") or ()]
    return timeline_figure(
        "replay",
        title=TITLE,
        summary=_summary(results, came),
        said=said,
        came=came,
        warns_from=ALERT_LEVELS[PredictionType.DELAY_RISK].open_at,
        notes=tuple(str(note) for note in results.get("notes") or ()),
    )


def _said(row: Mapping[str, Any]) -> Said:
    target = row.get("target")
    return Said(
        at=datetime.fromisoformat(row["as_of"]),
        probability=row["probability"],
        is_warning=bool(row["is_alert"]),
        event=day(date.fromisoformat(target)) if target else "",
    )


def _came(row: Mapping[str, Any]) -> Came:
    verdict = row["verdict"] if row["verdict"] in VERDICTS else "UNDECIDED"
    return Came(
        day=date.fromisoformat(row["target"]),
        verdict=verdict,
        lead_h=row["lead_time_h"],
        detail=SOURCES.get(row["source"], ""),
    )


def _summary(results: Mapping[str, Any], came: list[Came]) -> str:
    decided = [each for each in came if each.verdict != "UNDECIDED"]
    counts = [
        f"{number} {words}"
        for verdict, words in _SAID.items()
        for number in [sum(each.verdict == verdict for each in decided)]
        if number
    ]
    months = results.get("months")
    looked = f"Looking back over {months} months" if months else "Looking back"
    if not decided:
        return f"{looked}: no promised day has passed yet, so nothing could come true."
    quiet = sum(each.verdict == "QUIET" for each in decided)
    rest = f" {quiet} kept their day without a warning." if quiet else ""
    leads = sorted(each.lead_h for each in decided if each.lead_h is not None)
    lead = f" The middle warning stood {lead_in_words(leads[len(leads) // 2])} ahead." if leads else ""
    passed = f"{len(decided)} promised day{'' if len(decided) == 1 else 's'} passed"
    return f"{looked}, {passed}{': ' + ', '.join(counts) if counts else ''}.{rest}{lead}"

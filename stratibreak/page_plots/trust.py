"""What our settled predictions were worth, for the page "Can it be trusted?": the numbers of GET /calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from predictions.calibration.track_record import EARLY_ENOUGH_H
from predictions.domain.track_record import describe_track_record, settled_claims
from predictions.enums import PredictionType
from predictions.models import Prediction
from projects.history.instants import last_day
from projects.models import Project
from projects.plain_words import NOT_KNOWN, duration, percent
from stratibreak.plots.figure import Figure
from stratibreak.plots.lead_times import LeadTimes, lead_time_figure
from stratibreak.plots.reliability import SaidAndCame, reliability_figure
from tenants.api.access import visible_of

HOURS_PER_DAY, HOURS_PER_WEEK = 24, 168
EVEN_SKILL = 0.005


@dataclass(frozen=True, slots=True)
class MissRow:
    """A forecast that was far from what happened."""

    prediction_id: str
    project: str
    chance: str
    outcome: str
    as_of: datetime
    last_day: date


@dataclass(frozen=True, slots=True)
class TrustReport:
    """The record in words.  events, missing: settled, and how many more are needed before anything is scored

    verdict: empty while events are missing;  values: name and value;  coverage: how sure, how often kept, of how many
    groups: acted and unacted: name, events, Brier score, better than usual
    """

    events: int
    missing: int
    required: int
    verdict: str
    values: tuple[tuple[str, str], ...]
    figures: tuple[Figure, ...]
    coverage: tuple[tuple[str, str, str], ...]
    groups: tuple[tuple[str, str, str, str], ...]
    misses: tuple[MissRow, ...]


def trust_report(
    *, project: Project | None, prediction_type: PredictionType | None, user: Any, at: datetime
) -> TrustReport:
    """The record of all predictions that a person may see, or of those of a project or a type.  Two queries."""
    rows = visible_of(Prediction.objects.all(), user)
    if project is not None:
        rows = rows.filter(project=project)
    if prediction_type is not None:
        rows = rows.filter(type=prediction_type)
    record = describe_track_record(settled_claims(rows, at=at))
    everything = record["all"]
    missing = everything["missing_events"]
    groups = (("All", everything), ("Where people acted", record["acted"]), ("Where nobody did", record["unacted"]))
    return TrustReport(
        events=everything["events"],
        missing=missing,
        required=record["required_events"],
        verdict="" if missing else _verdict(everything),
        values=() if missing else _values(everything),
        figures=() if missing else _figures(everything),
        coverage=tuple(
            (f"{percent(row['p'])} sure", _share_of(row), f"{percent(row['low'])} to {percent(row['high'])}")
            for row in everything["coverage"] or ()
        ),
        groups=tuple(_group(name, group) for name, group in groups),
        misses=_misses(everything["worst_misses"] or (), user),
    )


def _verdict(record: Mapping[str, Any]) -> str:
    skill = record["brier_skill"]
    if skill is None:
        return "There is nothing usual to compare our claims with yet."
    if abs(skill["value"]) < EVEN_SKILL:
        return "Our claims were as good as always saying what is usual, and no better."
    side = "better" if skill["value"] > 0 else "worse"
    sure = "" if skill["low"] > 0 or skill["high"] < 0 else " Chance alone could explain that."
    return f"Our claims were {percent(abs(skill['value']))} {side} than always saying what is usual.{sure}"


def _values(record: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    warnings = record["warnings"] or {}
    recall, false_alarms = warnings.get("recall_72h"), warnings.get("false_alarms_per_project_month")
    usual = record["brier_base_rate"]
    return (
        ("Events that are settled", str(record["events"])),
        ("Brier score (0 is perfect)", _score(record["brier"])),
        ("Brier score of what is usual", NOT_KNOWN if usual is None else f"{usual:.3f}"),
        (
            "Warned at least 72 h ahead",
            f"{warnings['warned_72h_events']} of {warnings['knowable_72h_events']} events that came"
            if recall
            else "no event came that could be known so early",
        ),
        ("Warned ahead, in the middle", duration(warnings.get("lead_time_p50_h"))),
        ("False alarms a month and project", NOT_KNOWN if false_alarms is None else f"{false_alarms:.2f}"),
    )


def _figures(record: Mapping[str, Any]) -> tuple[Figure, ...]:
    bins = [
        SaidAndCame(row["forecast"], row["observed"], row["low"], row["high"], row["events"])
        for row in record["reliability"]
    ]
    kept = sum(each.low <= each.said <= each.high for each in bins)
    summary = (
        f"{kept} of {len(bins)} group{'' if len(bins) == 1 else 's'} of claims came about as often as we said. "
        f"Each group holds {_range([each.events for each in bins])} events; more of them narrow the margin."
    )
    reliability = reliability_figure("reliability", summary=summary, bins=bins)
    groups = [
        LeadTimes(_between(row["from_h"], row["to_h"]), row["events"], row["from_h"] >= EARLY_ENOUGH_H)
        for row in (record["warnings"] or {}).get("lead_time_histogram", ())
    ]
    warned = sum(group.events for group in groups)
    if not warned:
        return (reliability,)
    early = sum(group.events for group in groups if group.is_early)
    words = f"Of {warned} events that we had warned of, {early} were warned of at least three days ahead."
    return reliability, lead_time_figure("lead-times", summary=words, groups=groups)


def _between(from_h: float, to_h: float | None) -> str:
    if to_h is None:
        return f"{from_h / HOURS_PER_WEEK:.0f} weeks or more"
    if to_h < HOURS_PER_WEEK:
        return f"{from_h / HOURS_PER_DAY:.0f} to {to_h / HOURS_PER_DAY:.0f} days"
    if from_h < HOURS_PER_WEEK:
        return f"{from_h / HOURS_PER_DAY:.0f} to 7 days"
    return f"{from_h / HOURS_PER_WEEK:.0f} to {to_h / HOURS_PER_WEEK:.0f} weeks"


def _range(counts: Sequence[int]) -> str:
    return str(min(counts)) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def _share_of(row: Mapping[str, Any]) -> str:
    return f"{round(row['share'] * row['events'])} of {row['events']} ({percent(row['share'])})"


def _group(name: str, record: Mapping[str, Any]) -> tuple[str, str, str, str]:
    if record["missing_events"]:
        needed = f"{record['missing_events']} more needed"
        return name, str(record["events"]), needed, needed
    skill = record["brier_skill"]
    return (
        name,
        str(record["events"]),
        _score(record["brier"]),
        NOT_KNOWN if skill is None else f"{100 * skill['value']:.0f} %",
    )


def _score(score: Mapping[str, float]) -> str:
    return f"{score['value']:.3f} (between {score['low']:.3f} and {score['high']:.3f})"


def _misses(misses: Sequence[Mapping[str, Any]], user: Any) -> tuple[MissRow, ...]:
    if not misses:
        return ()
    projects = visible_of(Project.objects.filter(pk__in={UUID(miss["project"]) for miss in misses}), user)
    known = {str(pk): (name, zone) for pk, name, zone in projects.values_list("pk", "name", "time_zone")}
    return tuple(
        MissRow(
            prediction_id=miss["prediction"],
            project=known.get(miss["project"], ("", "UTC"))[0],
            chance=percent(miss["probability"]),
            outcome="It came" if miss["occurred"] else "It did not come",
            as_of=miss["as_of"],
            last_day=last_day(miss["predicted_for"], ZoneInfo(known.get(miss["project"], ("", "UTC"))[1])),
        )
        for miss in misses
    )

"""What date can be promised: the newest forecast with what its promises were worth, and how it and its target moved.

The record of promises is that of the project, and beside it that of all projects the reader sees: one project seldom
has twenty settled promises of its own. The history of forecasts tells moves only: a run that says what the run before
said is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet

from predictions.calibration.track_record import KeptPromises, SettledClaim, kept_promises
from predictions.domain.keeping import RETROSPECTIVE_AFTER
from predictions.domain.noise import same_date, same_probability
from predictions.domain.overriding import describe_standing_override
from predictions.domain.queries import describe_forecast
from predictions.domain.target_history import target_history
from predictions.domain.track_record import settled_claims
from predictions.enums import PredictionType
from predictions.forecasters.prevention import P85
from predictions.models import Prediction
from projects.domain.queries.runs import age_reasons, runs_of
from projects.enums import CARRYING, AnalysisKind, Readiness
from projects.models import Project

MAX_RUNS, MAX_MOVES = 400, 30
"""Runs that are looked through, a year of nightly ones; moves of them that are told."""
MAX_CLAIMS = 2_000
"""Settled claims of all projects that are counted, the newest; GET /calibration counts all."""


def describe_full_forecast(project: Project, *, predictions: QuerySet[Prediction], at: datetime) -> dict[str, Any]:
    """The newest forecast as JSON values, with its record and history.

    predictions: those that the reader may see. Ten queries at the most.
    """
    forecast = describe_forecast(project)
    aged = [] if forecast["result"] is None else age_reasons(forecast["as_of"], at=at)
    return {
        **forecast,
        "readiness": Readiness.LIMITED if aged and forecast["readiness"] == Readiness.OK else forecast["readiness"],
        "readiness_reasons": [*aged, *forecast["readiness_reasons"]],
        "override": describe_standing_override(forecast["prediction"]),
        "track_record": _track_record(project, predictions, at=at),
        "target_history": [
            {"target_date": target.target_date, "since": target.since, "source": target.source}
            for target in target_history(project)
        ],
        "history": forecast_history(project),
    }


# --- promises ---


def _track_record(project: Project, predictions: QuerySet[Prediction], *, at: datetime) -> dict[str, Any]:
    delays = predictions.filter(type=PredictionType.DELAY_RISK)
    newest = delays.filter(outcomes__isnull=False, is_retrospective=False, predicted_for__lte=at)
    ids = newest.order_by("-predicted_for", "-id").values("pk")[:MAX_CLAIMS]
    everywhere = settled_claims(Prediction.objects.filter(pk__in=ids), at=at)
    own = settled_claims(delays.filter(project=project), at=at)
    return {"project": _promises(own), "all_projects": _promises(everywhere)}


def _promises(claims: list[SettledClaim]) -> dict[str, Any]:
    found = kept_promises(claims, P85)
    return {
        "p": found.nominal,
        "kept": found.kept,
        "judged": found.judged,
        "share": found.share,
        "low": found.low,
        "high": found.high,
        "missing_events": found.missing,
        "sentence": _sentence(found),
    }


def _sentence(found: KeptPromises) -> str | None:
    if found.missing:
        return None
    return f"Our {found.nominal:.0%} was right {found.kept} of {found.judged} times."


# --- how the forecast moved ---


def forecast_history(project: Project) -> dict[str, Any]:
    """The last moves of the forecast, newest first, and whether there are more; what a run repeats is left out."""
    runs: Any = (
        runs_of(project, AnalysisKind.FORECAST)
        .filter(readiness__in=CARRYING)
        .values_list(
            "pk",
            "as_of",
            "created_at",
            "model_id",
            "model_version",
            "results__target_date",
            "results__p_on_time__value",
            "results__quantiles",
        )[: MAX_RUNS + 1]
    )
    rows = [_history_row(run) for run in runs]
    moves: list[dict[str, Any]] = []
    for row in reversed(rows[:MAX_RUNS]):
        if not moves or _has_moved(moves[-1], row):
            moves.append(row)
    return {"moves": moves[::-1][:MAX_MOVES], "has_more": len(moves) > MAX_MOVES or len(rows) > MAX_RUNS}


def _history_row(run: Sequence[Any]) -> dict[str, Any]:
    pk, as_of, created_at, model_id, model_version, target_date, p_on_time, quantiles = run
    return {
        "forecast": pk,
        "as_of": as_of,
        "computed_at": created_at,
        "is_retrospective": created_at - as_of > RETROSPECTIVE_AFTER,
        "model": {"id": model_id, "version": model_version},
        "target_date": target_date,
        "p_on_time": p_on_time,
        "quantiles": quantiles,
    }


def _has_moved(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether a run says more than the clock and the dice do."""
    if (before["target_date"], before["model"]) != (now["target_date"], now["model"]):
        return True
    then, today = before["p_on_time"], now["p_on_time"]
    if (then is None) != (today is None) or (then is not None and not same_probability(then, today)):
        return True
    old, new = _days(before["quantiles"]), _days(now["quantiles"])
    seen_on = now["as_of"].date()
    return old.keys() != new.keys() or any(not same_date(old[p], new[p], seen_on=seen_on) for p in old)


def _days(quantiles: Sequence[Mapping[str, Any]]) -> dict[float, date | None]:
    return {
        float(point["p"]): None if point["value"] is None else date.fromisoformat(point["value"])
        for point in quantiles or ()
    }

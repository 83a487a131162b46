"""One claim as it was forecast over time, from the ledger, and what came of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from predictions.calibration.track_record import EARLY_ENOUGH_H
from predictions.enums import OutcomeResult, PredictionType
from predictions.forecasters.risk import ALERT_LEVELS
from predictions.models import Prediction, PredictionOutcome
from projects.enums import AnalysisKind
from projects.history.instants import last_day
from projects.models import AnalysisRecord
from projects.plain_words import day, percent
from stratibreak.page_plots.absence import Absence, Shown
from stratibreak.page_plots.forecast import forecast_plot
from stratibreak.plots.timeline import VERDICTS, Came, Said, timeline_figure
from tenants.api.access import visible_of

TITLE = "How the chance of this moved"
SHOWN_CLAIMS = 200
_HOUR = timedelta(hours=1)


def claim_plot(prediction: Prediction, user: Any) -> Shown:
    """The newest forecasts of the same event, oldest first, and what came of it.  Two queries.

    What was computed for the past is shown with its like, never among what was said in time.
    """
    same = Prediction.objects.filter(project_id=prediction.project_id, event_key=prediction.event_key)
    newest = visible_of(same.filter(is_retrospective=prediction.is_retrospective), user).order_by("-as_of", "-id")[
        :SHOWN_CLAIMS
    ]
    rows = list(newest)[::-1]
    if len(rows) <= 1:
        return Absence(TITLE, "It was said once so far. A further point is kept when the chance moves.")
    outcome = visible_of(PredictionOutcome.objects.filter(prediction=rows[-1]), user).first()
    until = last_day(rows[-1].predicted_for)
    verdict, lead_h = _verdict(rows, outcome)
    return timeline_figure(
        "claim",
        title=TITLE,
        summary=_summary(rows, outcome, verdict),
        said=[Said(row.as_of, row.probability, row.is_alert, day(until)) for row in rows],
        came=[Came(until, verdict, lead_h, "acted on" if outcome and outcome.acted_on else "")],
        warns_from=ALERT_LEVELS[PredictionType(prediction.type)].open_at,
        chance_name="Chance that it happens",
    )


def forecast_behind(prediction: Prediction, user: Any) -> Shown | None:
    """The plot of the run that a project's delay was claimed by; None for other claims.  One query."""
    subject = (prediction.event.get("subject") or {}).get("type", "project")
    if prediction.type != PredictionType.DELAY_RISK or subject != "project":
        return None
    kept = AnalysisRecord.objects.filter(
        project_id=prediction.project_id, kind=AnalysisKind.FORECAST, as_of=prediction.as_of
    )
    record = visible_of(kept, user).order_by("-id").first()
    return None if record is None else forecast_plot(record)


def _verdict(rows: list[Prediction], outcome: PredictionOutcome | None) -> tuple[str, float | None]:
    """A key of VERDICTS, and the hours that the warning which covers the event stood before it."""
    last, warned = rows[-1], any(row.is_alert for row in rows)
    if outcome is None or outcome.result == OutcomeResult.CENSORED:
        return "UNDECIDED", None
    if outcome.result == OutcomeResult.NOT_OCCURRED:
        return ("FALSE_ALARM" if warned else "QUIET"), None
    if not last.is_alert:
        return "MISS", None
    first = next(row for row in rows if row.is_alert and row.episode_id == last.episode_id)
    lead_h = ((outcome.occurred_at or last.predicted_for) - first.issued_at) / _HOUR
    return ("HIT" if lead_h >= EARLY_ENOUGH_H else "LATE"), lead_h


def _summary(rows: list[Prediction], outcome: PredictionOutcome | None, verdict: str) -> str:
    first, last = rows[0], rows[-1]
    moved = (
        f"From {percent(first.probability)} on {day(first.as_of.date())} "
        f"to {percent(last.probability)} on {day(last.as_of.date())}."
    )
    if outcome is not None and outcome.result == OutcomeResult.CENSORED:
        return f"{moved} Nobody can say any more what came of it."
    return f"{moved} {VERDICTS[verdict] if outcome else 'It is not decided yet'}."

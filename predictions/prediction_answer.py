"""What a prediction says, in words: what is claimed, how sure we are, why, on which facts and assumptions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from predictions.domain.alerting import subject_key
from predictions.domain.overriding import standing_override
from predictions.models import Alert, AlertDecision, Prediction, PredictionOverride
from projects.plain_words import Fact, Limit, day, driver, duration, end_of, fact, limits, percent
from tenants.domain.people import person_in_words


@dataclass(frozen=True, slots=True)
class PredictionAnswer:
    """One prediction in words. Empty text: nothing was stored, and nothing is guessed."""

    prediction: Prediction
    claim: str
    chance: str
    interval: str
    usual: str
    over_by: str
    time_to_act: str
    drivers: tuple[str, ...]
    assumptions: tuple[str, ...]
    evidence: tuple[Fact, ...]
    limits: tuple[Limit, ...]


def prediction_answer(prediction: Prediction) -> PredictionAnswer:
    """Put a stored prediction into words; asks the database for its project at the most."""
    low, high = prediction.probability_low, prediction.probability_high
    return PredictionAnswer(
        prediction=prediction,
        claim=str(prediction.event.get("claim", "")),
        chance=percent(prediction.probability),
        interval="" if low is None or high is None else f"{percent(low)} to {percent(high)}",
        usual="" if prediction.base_rate is None else percent(prediction.base_rate),
        over_by=over_by(prediction),
        time_to_act=_time_to_act(prediction),
        drivers=tuple(driver(row, more="likelier", less="less likely") for row in prediction.drivers),
        assumptions=tuple(str(assumption["text"]) for assumption in prediction.assumptions),
        evidence=tuple(fact(row) for row in prediction.evidence),
        limits=tuple(limits(prediction.readiness_reasons)),
    )


def over_by(prediction: Prediction) -> str:
    """Until when the event can happen; a claim that ends with a day of the project names that day, not the next one."""
    until: datetime = prediction.predicted_for
    return end_of(until, ZoneInfo(prediction.project.time_zone)) or _moment(until)


def act_by(prediction: Prediction) -> datetime | None:
    """When the best action had to start; None where there is no such moment."""
    if prediction.prevention_window_h is None:
        return None
    latest: datetime = prediction.as_of + timedelta(hours=prediction.prevention_window_h)
    return latest


def _time_to_act(prediction: Prediction) -> str:
    latest = act_by(prediction)
    if latest is not None:
        return f"{duration(prediction.prevention_window_h)}, until {_moment(latest)}"
    if prediction.probability <= prediction.project.accepted_risk:
        return "nothing has to be done: so much risk is accepted"
    return "no action is known to be enough"


def _moment(at: datetime) -> str:
    return f"{day(at.astimezone(UTC).date())}, {at.astimezone(UTC):%H:%M} UTC"


@dataclass(frozen=True, slots=True)
class PredictionCompany:
    """What stands beside a prediction: what a person said of its event, its thread of warnings, what was pushed.

    said_chance, said_by: empty without an override;  alert: None where nothing was alarming
    """

    override: PredictionOverride | None
    said_chance: str
    said_by: str
    alert: Alert | None
    decisions: tuple[AlertDecision, ...]


def prediction_company(prediction: Prediction) -> PredictionCompany:
    """Find what stands beside a prediction, in four queries at the most."""
    override = standing_override(prediction)
    key = subject_key(prediction.type, prediction.event.get("subject"))
    threads = Alert.objects.filter(project=prediction.project_id, subject_key=key).order_by("-id")
    alert = next((each for each in threads if each.episode_id == prediction.episode_id), None)
    if alert is None and prediction.is_alert and not prediction.is_retrospective:
        alert = threads.filter(opened_at__lte=prediction.issued_at).first()
    decisions = () if alert is None else tuple(AlertDecision.objects.filter(alert=alert).order_by("id"))
    return PredictionCompany(
        override,
        "" if override is None else percent(override.probability),
        "" if override is None else person_in_words(override.made_by_id),
        alert,
        decisions,
    )

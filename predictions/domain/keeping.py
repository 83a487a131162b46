"""The ledger's row of a forecast: which are kept, what each says, and its place among the others.

1. A forecast is kept when it says something that the last one of the same event did not: its probability, its dates or
   amounts moved by more than noise (predictions.domain.noise), or it began or ceased to warn. So a run on unchanged
   facts stores nothing, and the history of a claim shows its moves only. A target that moved and came back is said
   anew: the last word on its subject would be about the other day.
2. Of levels with thousands of subjects only what a person should see is kept: what warns and is among the MAX_WARNINGS
   likeliest, and what warned before until it has ceased to. The choice rests on the forecasts alone and not on what
   came of them, so the claims kept can be scored; the others stand in the run, as a count.
3. Rows of one run are chained in the order of the table of forecasters.

The caller holds the project's refresh lock: the ledger of a project has one writer at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Q

from predictions.domain.action_efficacy import priority_of, tenant_efficacy
from predictions.domain.claims import event_key, event_of, key_before
from predictions.domain.forecast_results import driver_row, evidence_row, quantile_rows
from predictions.domain.ledger import chain_prediction, newest_hash
from predictions.domain.noise import same_amount, same_date, same_probability
from predictions.forecasters.option_details import details_of
from predictions.forecasters.risk import ALERT_LEVELS, Claim, RiskForecast
from predictions.models import Prediction, PreventiveAction, RiskIndicator
from projects.domain.analyses import reason_rows
from projects.models import Project
from tenants.isolation.identifiers import uuid7

RETROSPECTIVE_AFTER = timedelta(days=1)
"""A nightly run over yesterday's facts is a forecast; a look at last month is not."""
LATE_WITHIN = timedelta(hours=72)
MANY_SUBJECTS = frozenset({"work_item"})
"""Levels of which only what warns is kept."""
MAX_WARNINGS = 20
"""Warnings of more items than a team can look at warn of none. Of the likeliest of all, not of the new ones: the next
run over the same facts finds the same."""


@dataclass(frozen=True, slots=True)
class KeptPrediction:
    """The prediction that holds for one event after a run.  is_new: whether this run stored it"""

    prediction: Prediction
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A forecast that claims something, and the last prediction of the same event, or of the window before.

    is_outspoken: whether another event of the same subject, still open, was forecast since
    """

    risk: RiskForecast
    claim: Claim
    key: str
    before: Prediction | None
    is_outspoken: bool

    @property
    def probability(self) -> float:
        return 0.0 if self.risk.probability is None else self.risk.probability.value

    @property
    def was_alerting(self) -> bool:
        return self.before is not None and self.before.is_alert

    @property
    def is_same_event(self) -> bool:
        return self.before is not None and self.before.event_key == self.key


def keep_predictions(
    *, project: Project, risks: Iterable[RiskForecast], as_of: datetime, at: datetime
) -> tuple[KeptPrediction, ...]:
    """The predictions that hold after a run, in the order of the forecasts; those with something new to say are stored.

    risks: of one moment, as_of; those that abstain are passed over
    Raises ValueError for a probability without a claim, a base rate or an impact: it could not be settled or scored.
    """
    is_retrospective = at - as_of > RETROSPECTIVE_AFTER
    candidates = _candidates(project, risks, as_of, is_retrospective=is_retrospective)
    chosen = _worth_keeping(candidates)
    drafts = [(candidate, _draft(project, candidate, at, is_retrospective=is_retrospective)) for candidate in chosen]
    news = [(candidate, draft) for candidate, draft in drafts if not _is_told(candidate, draft)]
    stored = _stored_before([draft for _, draft in news])
    new = [(candidate, draft) for candidate, draft in news if (draft.event_key, draft.inputs_hash) not in stored]
    _store(project, [draft for _, draft in new], is_retrospective=is_retrospective)
    _store_parts(new)
    are_new = {draft.pk for _, draft in new}
    return tuple(_kept(candidate, draft, stored, are_new) for candidate, draft in drafts)


def _kept(
    candidate: _Candidate, draft: Prediction, stored: dict[tuple[str, str], Prediction], are_new: set[Any]
) -> KeptPrediction:
    if draft.pk in are_new:
        return KeptPrediction(draft, is_new=True)
    holds = stored.get((draft.event_key, draft.inputs_hash)) or candidate.before
    if holds is None:
        raise LookupError("a draft is new, stored already, or says what the last one said")
    return KeptPrediction(holds, is_new=False)


# --- which ---


def _candidates(
    project: Project, risks: Iterable[RiskForecast], as_of: datetime, *, is_retrospective: bool
) -> list[_Candidate]:
    found = []
    for risk in risks:
        if risk.probability is None:
            continue
        if risk.claim is None or risk.base_rate is None or risk.impact is None:
            raise ValueError(f"{risk.type}: a probability needs a claim, a base rate and an impact")
        names = (risk.type, risk.claim)
        key = event_key(*names, project_id=project.pk, as_of=as_of)
        found.append((risk, risk.claim, key, key_before(*names, project_id=project.pk, as_of=as_of)))
    keys = {key for _, _, *pair in found for key in pair if key is not None}
    subjects = {claim.subject.id or str(project.pk) for _, claim, *_ in found}
    newest = _newest(project, keys, subjects, as_of, is_retrospective=is_retrospective)
    last_word = _last_words(newest.values())
    return [
        _Candidate(
            risk,
            claim,
            key,
            newest.get(key) or newest.get(earlier or ""),
            is_outspoken=last_word.get(_subject(risk.type, claim.subject.type, claim.subject.id or project.pk)) != key,
        )
        for risk, claim, key, earlier in found
    ]


def _newest(
    project: Project, keys: set[str], subjects: set[str], as_of: datetime, *, is_retrospective: bool
) -> dict[str, Prediction]:
    """The last prediction up to a moment of each of the events, and of what else is open of the subjects; one query."""
    if not keys:
        return {}
    asked = Q(event_key__in=keys) | Q(event__subject__id__in=subjects, predicted_for__gt=as_of)
    rows = Prediction.objects.filter(asked, project=project, is_retrospective=is_retrospective, as_of__lte=as_of)
    return {row.event_key: row for row in rows.order_by("event_key", "-as_of", "-id").distinct("event_key")}


def _last_words(rows: Iterable[Prediction]) -> dict[tuple[str, str, str], str]:
    """The event that was forecast last, by type and subject."""
    found: dict[tuple[str, str, str], str] = {}
    for row in sorted(rows, key=lambda row: (row.as_of, row.pk)):
        subject = row.event["subject"]
        found[_subject(row.type, subject.get("type", "project"), subject.get("id", row.project_id))] = row.event_key
    return found


def _subject(kind: str, level: str, subject_id: object) -> tuple[str, str, str]:
    return str(kind), level, str(subject_id)


def _worth_keeping(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """All of the few, and of the many those that warn: the likeliest, and those that did before."""
    warning = [each for each in candidates if _is_one_of_many(each) and _opens(each)]
    warning.sort(key=lambda each: (-each.probability, each.claim.ends_at, each.key))
    warned = {each.key for each in warning[:MAX_WARNINGS]}
    return [each for each in candidates if not _is_one_of_many(each) or each.was_alerting or each.key in warned]


def _is_one_of_many(candidate: _Candidate) -> bool:
    return candidate.claim.subject.type in MANY_SUBJECTS


def _opens(candidate: _Candidate) -> bool:
    return candidate.probability >= ALERT_LEVELS[candidate.risk.type].open_at


def _is_told(candidate: _Candidate, draft: Prediction) -> bool:
    """Whether the last prediction of the event says the same; the first one about a new window never is."""
    if candidate.before is None or candidate.is_outspoken or not candidate.is_same_event:
        return False
    return says_the_same(candidate.before, draft)


def _stored_before(drafts: Sequence[Prediction]) -> dict[tuple[str, str], Prediction]:
    """Those of the same event from the same facts that are stored, although not the last; one query, none for none."""
    if not drafts:
        return {}
    rows = Prediction.objects.filter(
        project=drafts[0].project,
        event_key__in={draft.event_key for draft in drafts},
        inputs_hash__in={draft.inputs_hash for draft in drafts},
    )
    return {(row.event_key, row.inputs_hash): row for row in rows}


def says_the_same(before: Prediction, now: Prediction) -> bool:
    """Whether a re-forecast of the same event has nothing new to tell."""
    return (
        same_probability(before.probability, now.probability)
        and (before.is_alert, before.impact, before.readiness) == (now.is_alert, now.impact, now.readiness)
        and (before.model_id, before.model_version) == (now.model_id, now.model_version)
        and _same_quantiles(before.quantiles, now.quantiles, seen_on=now.as_of.date())
    )


def _same_quantiles(before: Any, now: Any, *, seen_on: date) -> bool:
    then, today = ({point["p"]: point["value"] for point in (each or {}).get("points", ())} for each in (before, now))
    return then.keys() == today.keys() and all(_same_value(then[p], today[p], seen_on) for p in then)


def _same_value(before: Any, now: Any, seen_on: date) -> bool:
    if before is None or now is None:
        return before is now
    if isinstance(before, str) and isinstance(now, str):
        return same_date(date.fromisoformat(before), date.fromisoformat(now), seen_on=seen_on)
    return not isinstance(before, str) and not isinstance(now, str) and same_amount(before, now)


# --- the row ---


def _draft(project: Project, candidate: _Candidate, at: datetime, *, is_retrospective: bool) -> Prediction:
    """The prediction as it would be stored, before its place in the chain is known."""
    risk, claim = candidate.risk, candidate.claim
    probability, impact = risk.probability, risk.impact
    if probability is None or impact is None:
        raise ValueError("an abstention is no prediction")
    hours, window = risk.time_to_occurrence, risk.prevention_window
    draft = Prediction(
        project=project,
        type=risk.type,
        event=event_of(claim, project_id=project.pk, as_of=risk.as_of),
        event_key=candidate.key,
        probability=probability.value,
        probability_low=probability.low,
        probability_high=probability.high,
        base_rate=risk.base_rate,
        impact=impact,
        is_retrospective=is_retrospective,
        issued_at=at,
        as_of=risk.as_of,
        predicted_for=claim.ends_at,
        time_to_occurrence_p10_h=hours.p10 if hours else None,
        time_to_occurrence_p50_h=hours.p50 if hours else None,
        time_to_occurrence_p90_h=hours.p90 if hours else None,
        prevention_window_h=window.hours if window else None,
        prevention_window_low_h=window.low_h if window else None,
        prevention_window_high_h=window.high_h if window else None,
        quantiles=quantile_rows(risk.quantiles),
        drivers=[driver_row(driver) for driver in risk.drivers],
        assumptions=[{"code": f"assumption.{n}", "text": text} for n, text in enumerate(risk.assumptions, start=1)],
        evidence=[evidence_row(fact) for fact in risk.evidence],
        readiness=risk.readiness.readiness,
        readiness_reasons=reason_rows(risk.readiness),
        model_id=risk.model.id,
        model_version=risk.model.version,
        inputs_hash=risk.inputs_hash,
    )
    _place_in_episode(draft, candidate)
    return draft


def _place_in_episode(draft: Prediction, candidate: _Candidate) -> None:
    """Say whether it warns, whether it came too late, and which unbroken stretch it belongs to."""
    before = candidate.before
    draft.is_alert = candidate.risk.should_alert(was_alerting=candidate.was_alerting)
    draft.supersedes = before if candidate.is_same_event else None
    goes_on = before is not None and before.is_alert == draft.is_alert
    # A window that follows another one continues its warning; a quiet stretch needs no name of its own across them.
    if before is not None and goes_on and (candidate.is_same_event or draft.is_alert):
        draft.episode_id, draft.is_late = before.episode_id, before.is_late
    else:
        draft.episode_id = uuid7()
        draft.is_late = draft.is_alert and _time_to_event(draft) < LATE_WITHIN


def _time_to_event(draft: Prediction) -> timedelta:
    """From the issue until the event, if it comes: its median where the forecast says one, else the claim's end."""
    median_h, event_at = draft.time_to_occurrence_p50_h, draft.predicted_for
    if median_h is not None:
        event_at = draft.as_of + timedelta(hours=median_h)
    until: timedelta = event_at - draft.issued_at
    return until


# --- storing ---


def _store(project: Project, drafts: Sequence[Prediction], *, is_retrospective: bool) -> None:
    """Chain and insert rows; each is audited with its content, as one row is."""
    if not drafts:
        return
    previous_hash = "" if is_retrospective else newest_hash(project_id=project.pk)
    for draft in drafts:
        if not is_retrospective:
            chain_prediction(draft, previous_hash=previous_hash)
            previous_hash = draft.row_hash
        draft.save()


def _store_parts(new: Sequence[tuple[_Candidate, Prediction]]) -> None:
    RiskIndicator.objects.bulk_create(
        RiskIndicator(
            prediction=draft,
            name=indicator.name,
            value=indicator.value,
            threshold=indicator.threshold,
            unit=indicator.unit,
            trend=indicator.trend,
            weight=indicator.weight,
        )
        for candidate, draft in new
        for indicator in candidate.risk.indicators
    )
    if not any(candidate.risk.options for candidate, _ in new):
        return
    ledger = tenant_efficacy((PreventiveAction,))
    PreventiveAction.objects.bulk_create(
        PreventiveAction(
            prediction=draft,
            title=option.title,
            description=option.description,
            code=option.code,
            priority=priority_of(option.code, option.priority, ledger),
            steps=list(details_of(option.code).steps),
            effort_h=details_of(option.code).effort_h,
            cost_amount=None if option.cost is None else option.cost.amount,
            cost_currency="" if option.cost is None else option.cost.currency,
            owner_role=details_of(option.code).owner_role or "",
            expected_effect_days=option.days_saved_p85,
            latest_start_at=_after_hours(candidate.risk.as_of, option.latest_start_h),
        )
        for candidate, draft in new
        for option in candidate.risk.options
    )


def _after_hours(moment: datetime, hours: float | None) -> datetime | None:
    return None if hours is None else moment + timedelta(hours=hours)

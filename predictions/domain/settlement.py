"""Settling predictions: what became of each claim, once, against the target and scope at issue.

1. Every chained prediction that has no outcome is asked of its type's rule (`predictions.forecasters.registry`).
2. A decided one gets its outcome: result, Brier score, whether people acted before, and the facts it rests on.
3. An undecided one waits. Running again, or twice at once, adds nothing: the database takes one outcome a prediction.
4. A rule that fails leaves its claim open and says so in the log and the count: it hinders no other claim.

`acted_on` asks about the event, not about one row: an action taken after one forecast of it stands beside the later
forecasts too. An action that is active without a start time counts as taken; a flag is cheaper to explain than a
forecast that people made wrong unseen.

Predictions are settled from the record now, not from what a run over the past could see: a run with a past `as_of`
settles nothing that it could not have known.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max, Q

from predictions.domain.claims import issued_claim
from predictions.domain.forecast_results import evidence_row
from predictions.enums import ActionStatus, OutcomeResult, PredictionType
from predictions.forecasters.answers import EvidenceFact
from predictions.forecasters.registry import RESOLVERS
from predictions.forecasters.resolution import (
    Circumstances,
    Resolution,
    ResolutionReason,
    open_all_along_since_us,
)
from predictions.models import Prediction, PredictionOutcome, PreventiveAction
from projects.enums import ProjectStatus
from projects.history.calendar import WorkCalendar
from projects.history.instants import to_us
from projects.history.project_history import ProjectHistory
from projects.models import Project, WorkItem
from tenants.domain.auditing import record_bulk
from tenants.models import AuditEntry

logger = logging.getLogger(__name__)

SETTLED_TYPES = tuple(RESOLVERS)
"""Types whose event can be decided from the record."""
CANCELLED = (ProjectStatus.INACTIVE, ProjectStatus.ARCHIVED)
CLAIM_COLUMNS = (
    "tenant", "project", "type", "event", "event_key", "as_of", "issued_at", "predicted_for", "probability",
)  # fmt: skip
SCOPE_DONE_ON = "scope_done_on"
"""Field of the evidence that says on which local day the scope was done, and since when that decided the claim."""
SCOPE_DONE = frozenset({ResolutionReason.ALL_DONE, ResolutionReason.SCOPE_DONE_FIRST})

NOTES = {
    ResolutionReason.ALL_DONE: "All items of the scope were done at once before the target was over.",
    ResolutionReason.STILL_OPEN: "Items of the scope were open when the target was over.",
    ResolutionReason.CANCELLED: "The project was stopped before the target was over.",
    ResolutionReason.ITEMS_LOST: "All that was missing at the target was deleted or hidden before, so nobody can say.",
    ResolutionReason.DONE_WITHOUT_DATE: "Items were found done after the target, with nothing to say since when.",
    ResolutionReason.SCOPE_LOST: "The record no longer gives back the items that the claim was about.",
    ResolutionReason.NOT_OBSERVED: "The record ends before the target, and nobody renewed it in time.",
    ResolutionReason.DONE_IN_TIME: "It was done when the target was over.",
    ResolutionReason.BUDGET_CROSSED: "More than the budget was spent before the scope was done.",
    ResolutionReason.SCOPE_DONE_FIRST: "The scope was done before the budget was spent.",
    ResolutionReason.NOT_CROSSED: "The budget was not spent until the horizon of the claim was over.",
    ResolutionReason.FELL_SHORT: "Less than the claim's share of the commitment was delivered.",
    ResolutionReason.DELIVERED: "The claim's share of the commitment was delivered.",
    ResolutionReason.SHORTAGE_OCCURRED: "Capacity was below the claim's level for as many working days in a row.",
    ResolutionReason.NO_SHORTAGE: "Capacity was not below the claim's level for as many working days in a row.",
    ResolutionReason.OVERLOAD_OCCURRED: "The team worked above its own limits for as many weeks in a row.",
    ResolutionReason.NO_OVERLOAD: "The team did not work above its own limits for as many weeks in a row.",
    ResolutionReason.CONSENT_WITHDRAWN: "The team no longer agrees that its hours are looked at, so nobody looked.",
    ResolutionReason.FACTS_LOST: "The record no longer holds the facts that the claim was about.",
    ResolutionReason.LEVEL_REACHED: "The claim's level was reached before its horizon was over.",
    ResolutionReason.LEVEL_NOT_REACHED: "The claim's level was not reached until its horizon was over.",
    ResolutionReason.CREATED_IN_BULK: "Items came in all at once, as when a board is filled, not as work grows.",
    ResolutionReason.CLAIM_INCOMPLETE: "The claim lacks a term that its rule needs.",
}


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one run settled.

    waiting: claims whose target is over but whose record was not looked at since
    failed: claims whose rule failed; they wait too
    """

    outcomes: tuple[PredictionOutcome, ...] = ()
    waiting: int = 0
    pending: int = 0
    failed: int = 0
    by_result: Counter[str] = field(default_factory=Counter)


def unsettled_predictions(project: Project, at: datetime) -> list[Prediction]:
    """The claims of a project that may be decided at a moment, oldest first."""
    claims = Prediction.objects.filter(
        project=project, type__in=SETTLED_TYPES, is_retrospective=False, outcomes__isnull=True, issued_at__lte=at
    )
    return list(claims.only(*CLAIM_COLUMNS).order_by("as_of", "id"))


def settle_predictions(
    *,
    project: Project,
    history: ProjectHistory,
    calendar: WorkCalendar,
    at: datetime,
    claims: list[Prediction] | None = None,
) -> Settlement:
    """Give every claim of a project that is decided at a moment its outcome. Idempotent, and safe beside another run.

    history: the project's, known at least until `at`;  claims: the unsettled ones, where they are at hand
    """
    claims = unsettled_predictions(project, at) if claims is None else claims
    if not claims:
        return Settlement()
    now = _circumstances(project, at)
    known = history.as_of(at)
    asked = _may_be_decided(claims, known, at)
    answers = [(claim, _resolve(claim, known, now)) for claim in asked]
    resolutions = [(claim, resolution) for claim, resolution in answers if resolution is not None]
    decided = [(claim, resolution) for claim, resolution in resolutions if resolution.result is not None]
    waiting = sum(resolution.reason == ResolutionReason.NOT_OBSERVED for _, resolution in resolutions)
    acts = _acts_by_event(project, decided)
    kept = _keep(
        [
            _outcome(claim, resolution, calendar, acted=_acted(acts, claim, resolution), at=at)
            for claim, resolution in decided
        ]
    )
    return Settlement(
        outcomes=kept,
        waiting=waiting - sum(r.reason == ResolutionReason.NOT_OBSERVED for _, r in decided),
        pending=len(claims) - len(decided),
        failed=len(answers) - len(resolutions),
        by_result=Counter(str(outcome.result) for outcome in kept),
    )


def brier(probability: float, result: str) -> float | None:
    """The score of one claim: squared distance to what happened, None when nobody can say."""
    if result == OutcomeResult.CENSORED:
        return None
    return (probability - (result == OutcomeResult.OCCURRED)) ** 2


def observed_until(project: Project, at: datetime) -> datetime | None:
    """When the record of a project was last looked at, as far as is known at a moment; None: never."""
    seen = WorkItem.objects.filter(project=project, last_seen_at__lte=at).aggregate(last=Max("last_seen_at"))
    found: datetime | None = seen["last"]
    return found


def _circumstances(project: Project, at: datetime) -> Circumstances:
    is_cancelled = project.status in CANCELLED
    return Circumstances(
        at,
        observed_until=observed_until(project, at),
        cancelled_at=_cancelled_at(project) if is_cancelled else None,
        team_signals_enabled=project.team_signals_enabled,
    )


def _cancelled_at(project: Project) -> datetime:
    """Since when a cancelled project is that, by the audit trail; what the trail does not tell is its last change.

    A new name or owner after the target must not make a project that was stopped before it one that was late.
    """
    entries = AuditEntry.objects.filter(
        resource_type=Project._meta.label_lower, resource_id=str(project.pk), changes__has_key="status"
    )
    since: datetime = project.updated_at
    for at, changes in entries.order_by("-timestamp", "-id").values_list("timestamp", "changes"):
        if changes["status"][-1] not in CANCELLED:
            break
        since = at
    return since


def _may_be_decided(claims: list[Prediction], known: ProjectHistory, at: datetime) -> list[Prediction]:
    """Without the delays of a whole project that an item open all along keeps from being decided early."""
    since_us = open_all_along_since_us(known)

    def may_be(claim: Prediction) -> bool:
        if claim.predicted_for <= at or claim.type != PredictionType.DELAY_RISK:
            return True
        issued = issued_claim(claim)
        level = issued.claim.subject.type
        return level == "milestone" or (level == "project" and to_us(issued.as_of) < since_us)

    return [claim for claim in claims if may_be(claim)]


def _resolve(claim: Prediction, known: ProjectHistory, now: Circumstances) -> Resolution | None:
    """How a claim ended; None where its rule failed on it."""
    try:
        return RESOLVERS[PredictionType(claim.type)](known, issued_claim(claim), now)
    except Exception:
        logger.exception("the rule of %s failed on prediction %s", claim.type, claim.pk)
        return None


def _outcome(
    claim: Prediction, resolution: Resolution, calendar: WorkCalendar, *, acted: bool, at: datetime
) -> PredictionOutcome:
    result, decided_at = OutcomeResult(resolution.result or ""), resolution.decided_at
    evidence = resolution.evidence
    if resolution.reason in SCOPE_DONE and decided_at is not None:
        day = calendar.local_date(to_us(decided_at)).isoformat()
        evidence = (EvidenceFact("project", "", "Scope at issue", SCOPE_DONE_ON, day, decided_at), *evidence)
    return PredictionOutcome(
        prediction=claim,
        result=result,
        settled_at=at,
        occurred_at=decided_at if result == OutcomeResult.OCCURRED else None,
        accuracy=brier(claim.probability, result),
        acted_on=acted,
        note=NOTES[resolution.reason],
        evidence=[evidence_row(fact) for fact in evidence],
    )


def _keep(outcomes: list[PredictionOutcome]) -> tuple[PredictionOutcome, ...]:
    """Store outcomes; those that another run stored first are left out of the answer."""
    if not outcomes:
        return ()
    PredictionOutcome.objects.bulk_create(outcomes, ignore_conflicts=True)
    ours = PredictionOutcome.objects.filter(pk__in=[outcome.pk for outcome in outcomes])
    stored = set(ours.values_list("pk", flat=True))
    if stored:
        record_bulk(model=PredictionOutcome, counts={"created": len(stored)})
    return tuple(outcome for outcome in outcomes if outcome.pk in stored)


# --- whether people acted ---

Acts = dict[str, list[datetime | None]]
"""When an action against each event began; None for one that is under way since nobody knows when."""


def _acts_by_event(project: Project, decided: list[tuple[Prediction, Resolution]]) -> Acts:
    if not decided:
        return {}
    keys = {claim.event_key for claim, _ in decided}
    taken = Q(status__in=(ActionStatus.ACTIVE, ActionStatus.DONE)) | Q(started_at__isnull=False)
    rows: Any = PreventiveAction.objects.filter(
        taken, prediction__project=project, prediction__event_key__in=keys
    ).values_list("prediction__event_key", "started_at", "completed_at")
    acts: Acts = {}
    for event_key, started_at, completed_at in rows:
        acts.setdefault(event_key, []).append(started_at or completed_at)
    return acts


def _acted(acts: Acts, claim: Prediction, resolution: Resolution) -> bool:
    decided_at = resolution.decided_at or claim.predicted_for
    return any(began is None or began < decided_at for began in acts.get(claim.event_key, ()))


def projects_with_claims(project_ids: list[UUID] | None = None) -> list[UUID]:
    """The projects of the current tenant that have a claim without an outcome, whatever their status, by name."""
    found = Project.objects.filter(
        predictions__type__in=SETTLED_TYPES, predictions__is_retrospective=False, predictions__outcomes__isnull=True
    )
    if project_ids is not None:
        found = found.filter(pk__in=project_ids)
    return list(dict.fromkeys(found.order_by("name_lower").values_list("pk", flat=True)))

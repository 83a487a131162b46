"""Writing a finding into a gap's rows: its values, causes, areas, evidence and suggested actions.

Of a detected gap the run owns the values, the areas, the evidence and the causes that have a code. Causes and actions
that a person entered stay, and so does every action that somebody took up or dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from gaps.detectors.finding import CorrectiveActionFinding, Effect, Finding, Measure, RootCauseFinding
from gaps.domain.assessments import Assessment
from gaps.models import AffectedArea, CorrectiveAction, Evidence, Gap, RootCause
from predictions.calibration.action_efficacy import Efficacy
from predictions.domain.action_efficacy import priority_of, tenant_efficacy
from predictions.domain.forecast_results import evidence_row
from predictions.domain.noise import same_date
from predictions.enums import ActionStatus
from predictions.forecasters.option_details import details_of
from predictions.models import PreventiveAction
from projects.domain.analyses import reason_rows

CURRENCY = re.compile(r"[A-Z]{3}")
SAME_EFFECT_SHARE, SAME_EFFECT = 0.05, 0.1
"""Effects closer than 5 %, or a tenth of a tolerance, differ by simulation noise only."""


def write_values(gap: Gap, assessment: Assessment, finding: Finding) -> None:
    """Set what the gap says of itself; the caller saves it."""
    gap.title = finding.title
    gap.description = finding.description
    gap.type = finding.type
    gap.category = finding.category
    gap.severity = finding.severity
    gap.current_value, gap.target_value = measure_row(finding.current), measure_row(finding.target)
    gap.impact = finding.impact
    gap.effect_tolerance_units = finding.effect.in_tolerances
    gap.confidence = finding.confidence
    gap.urgency_h = finding.urgency_h
    gap.readiness = finding.readiness.readiness
    gap.readiness_reasons = reason_rows(finding.readiness)
    gap.fingerprint = assessment.fingerprint
    gap.detector_id, gap.detector_version = finding.model.id, finding.model.version
    gap.inputs_hash = finding.inputs_hash
    gap.last_seen_at = finding.as_of
    gap.below_since = None


def measure_row(measure: Measure) -> dict[str, Any]:
    """One value as the gap keeps it."""
    row: dict[str, Any] = {"value": measure.value, "unit": measure.unit}
    if measure.low is not None or measure.high is not None:
        row |= {"low": measure.low, "high": measure.high}
    return row | ({"label": measure.label} if measure.label else {})


def says_the_same(gap: Gap, finding: Finding) -> bool:
    """Whether a finding adds nothing to what the gap says: time passed, or the simulation rolled other dice."""
    before, now = gap.effect_tolerance_units, finding.effect.in_tolerances
    if before is None or abs(now - before) > max(SAME_EFFECT, SAME_EFFECT_SHARE * abs(before)):
        return False
    current, target = measure_row(finding.current), measure_row(finding.target)
    return (
        gap.severity == finding.severity
        and gap.readiness == finding.readiness.readiness
        and gap.readiness_reasons == reason_rows(finding.readiness)
        and (gap.detector_id, gap.detector_version) == (finding.model.id, finding.model.version)
        and gap.target_value == target
        and _close(gap.current_value, current, seen_on=finding.as_of.date())
    )


def _close(before: Mapping[str, Any] | None, now: Mapping[str, Any], *, seen_on: date) -> bool:
    if before is None or before.keys() != now.keys():
        return False
    return all(_close_values(before[name], now[name], dated=now["unit"] == "date", seen_on=seen_on) for name in now)


def _close_values(before: Any, now: Any, *, dated: bool, seen_on: date) -> bool:
    if before == now or before is None or now is None:
        return bool(before == now)
    if not dated:
        return _close_numbers(before, now)
    try:
        return same_date(date.fromisoformat(before), date.fromisoformat(now), seen_on=seen_on)
    except ValueError:  # a label beside the dates
        return False


def _close_numbers(before: Any, now: Any) -> bool:
    if not isinstance(before, int | float) or not isinstance(now, int | float):
        return False
    return abs(now - before) <= SAME_EFFECT_SHARE * max(abs(before), abs(now))


def write_details(gap: Gap, finding: Finding) -> None:
    """Replace causes, areas and evidence of a saved gap, and bring the suggested actions up to date."""
    _write_causes(gap, finding)
    gap.affected_areas.all().delete()
    AffectedArea.objects.bulk_create(
        AffectedArea(gap=gap, kind=area.kind, name=area.name, impact_level=finding.severity)
        for area in finding.affected_areas
    )
    gap.evidence.all().delete()
    Evidence.objects.bulk_create(
        Evidence(
            gap=gap,
            object_type=fact.object_type,
            object_id=fact.object_id,
            object_key=fact.label,
            field=fact.field,
            value=fact.value,
            observed_at=fact.observed_at,
            url=fact.url,
        )
        for fact in finding.evidence
    )
    _write_actions(gap, finding)


def _write_causes(gap: Gap, finding: Finding) -> None:
    gap.root_causes.exclude(code="").delete()
    free = _free_ranks(set(gap.root_causes.values_list("rank", flat=True)))
    RootCause.objects.bulk_create(
        RootCause(
            gap=gap,
            rank=rank,
            code=cause.code,
            description=cause.description,
            category=cause.category,
            confidence=cause.confidence,
            contribution_share=cause.share,
            depends_on=list(cause.depends_on),
            evidence_for=[evidence_row(fact) for fact in cause.evidence_for],
            evidence_against=[evidence_row(fact) for fact in cause.evidence_against],
            **_contribution(cause, finding.effect),
        )
        for rank, cause in zip(free, finding.root_causes, strict=False)
    )


def _contribution(cause: RootCauseFinding, effect: Effect) -> dict[str, Any]:
    """The part of the effect in the columns that have its unit; what has none is told by its share."""
    if cause.contribution is None:
        return {}
    if effect.unit == "days":
        return {"contribution_days": cause.contribution}
    if CURRENCY.fullmatch(effect.unit):
        return {"contribution_money": Decimal(str(round(cause.contribution, 2))), "contribution_currency": effect.unit}
    return {}


def _free_ranks(taken: set[int]) -> Iterator[int]:
    """Ranks from 1 on that no person's cause holds."""
    return (rank for rank in count(1) if rank not in taken)


def _write_actions(gap: Gap, finding: Finding) -> None:
    suggested = {action.code: action for action in finding.corrective_actions}
    ledger = tenant_efficacy((CorrectiveAction, PreventiveAction)) if suggested else {}
    known = {action.code: action for action in gap.corrective_actions.exclude(code="")}
    for code, action in known.items():
        if action.status != ActionStatus.SUGGESTED or action.owner_id is not None:
            continue
        if code not in suggested:
            action.delete()
        else:
            _set_suggestion(action, suggested[code], finding.as_of, ledger)
            action.save()
    for code, suggestion in suggested.items():
        if code not in known:
            action = CorrectiveAction(gap=gap, code=code)
            _set_suggestion(action, suggestion, finding.as_of, ledger)
            action.save()


def add_missing_costs(gap: Gap, finding: Finding) -> None:
    """Let suggestions that nobody took up say what they cost, where that could not be said before. One query."""
    costs = {action.code: action.cost for action in finding.corrective_actions if action.cost is not None}
    if not costs:
        return
    free = gap.corrective_actions.filter(status=ActionStatus.SUGGESTED, owner=None, cost_amount=None, code__in=costs)
    for action in free:
        action.cost_amount, action.cost_currency = costs[action.code].amount, costs[action.code].currency
        action.save()


def _set_suggestion(
    action: CorrectiveAction, suggestion: CorrectiveActionFinding, as_of: datetime, ledger: Mapping[str, Efficacy]
) -> None:
    details = details_of(suggestion.code)
    action.title = suggestion.title
    action.description = f"{suggestion.description} {suggestion.expected_effect}."
    action.priority = priority_of(suggestion.code, suggestion.priority, ledger)
    action.expected_effect_days = suggestion.days_saved
    action.steps = list(suggestion.steps or details.steps)
    action.effort_h = details.effort_h if suggestion.effort_h is None else suggestion.effort_h
    if suggestion.cost is not None:
        action.cost_amount, action.cost_currency = suggestion.cost.amount, suggestion.cost.currency
    action.owner_role = suggestion.owner_role or details.owner_role or ""
    hours = suggestion.latest_start_h
    action.latest_start_at = None if hours is None else as_of + timedelta(hours=hours)

"""The efficacy ledger of a tenant: what kinds of actions were worth, from the actions that were measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import QuerySet

from predictions.calibration.action_efficacy import (
    MIN_MEASURED,
    Efficacy,
    Interval,
    MeasuredAction,
    efficacy_ledger,
    suggestion_key,
)
from predictions.domain.acting import project_path
from predictions.enums import ActionStatus, Priority
from predictions.models import Action


def measured_efficacy(*rows: QuerySet[Any]) -> dict[str, Efficacy]:
    """The ledger over some actions, of one model for each of the arguments; one query each."""
    return efficacy_ledger(action for found in rows for action in _measured(found))


def tenant_efficacy(models: tuple[type[Action], ...]) -> dict[str, Efficacy]:
    """The ledger over all actions of the current tenant."""
    return measured_efficacy(*(model._default_manager.all() for model in models))


def _measured(rows: QuerySet[Any]) -> Iterable[MeasuredAction]:
    measured = rows.filter(status=ActionStatus.DONE, measured_effect_days__isnull=False).exclude(code="")
    columns = f"{project_path(rows.model)}_id", "code", "expected_effect_days", "measured_effect_days", "measurement"
    for project_id, code, expected, effect, measurement in measured.order_by("id").values_list(*columns):
        how = measurement or {}
        occasion = f"{project_id} {how.get('forecast_before', '')}"
        yield MeasuredAction(code, occasion, expected, effect, how.get("compared_forecasts", 0))


def describe_efficacy(ledger: Mapping[str, Efficacy], titles: Mapping[str, str]) -> dict[str, Any]:
    """The ledger as JSON values; numbers are null below the gate, with how many are missing."""
    return {
        "required_actions": MIN_MEASURED,
        "codes": [
            {
                "code": row.code,
                "title": titles.get(row.code, row.code),
                "measured_actions": row.count,
                "uncompared_actions": row.uncompared,
                "missing_actions": max(MIN_MEASURED - row.count, 0),
                "standing": "TESTED" if row.is_tested else "UNTESTED",
                "expected_effect_days": _interval(row.expected),
                "measured_effect_days": _interval(row.measured),
            }
            for row in sorted(ledger.values(), key=lambda row: (*_rank(row, ledger), row.code))
        ],
    }


def _rank(row: Efficacy, ledger: Mapping[str, Efficacy]) -> tuple[int, float]:
    return suggestion_key(row.code, ledger=ledger, expected_days=None, effort_h=None)


def _interval(interval: Interval | None) -> dict[str, float] | None:
    if interval is None:
        return None
    return {"value": round(interval.value, 3), "low": round(interval.low, 3), "high": round(interval.high, 3)}


def ranked_actions(actions: Iterable[Any], ledger: Mapping[str, Efficacy]) -> list[Any]:
    """Actions in the order in which to read them: under way, then suggestions by effect and ease, then the rest."""
    standing = {ActionStatus.ACTIVE: 0, ActionStatus.SUGGESTED: 1, ActionStatus.DONE: 2, ActionStatus.DROPPED: 3}
    return sorted(
        actions,
        key=lambda action: (
            standing[ActionStatus(action.status)],
            *suggestion_key(
                action.code, ledger=ledger, expected_days=action.expected_effect_days, effort_h=action.effort_h
            ),
            str(action.pk),
        ),
    )


def priority_of(code: str, modelled: Priority, ledger: Mapping[str, Efficacy]) -> Priority:
    """The priority of a suggestion: what the model says, unless measured effects say that it helps, or does not."""
    known = ledger.get(code)
    if known is None or known.measured is None:
        return modelled
    if known.measured.low > 0:
        return Priority.HIGH
    return Priority.LOW if known.measured.high <= 0 else modelled

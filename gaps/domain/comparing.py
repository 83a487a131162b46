"""Two runs of one analysis compared: what changed between them, and why. Reads only what is never rewritten.

Gaps are told by their transitions in the time between the two runs, the forecast by the runs that stood beside each.
The same two runs give the same answer, whose hash says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from gaps.enums import TransitionKind
from gaps.models import GapTransition
from predictions.forecasters.answers import hash_of
from projects.enums import AnalysisKind
from projects.models import AnalysisRecord

MAX_GAPS = 100
"""Transitions that are listed; the counts hold all."""
P85 = 0.85
TOLD = {kind: kind.value.lower() for kind in TransitionKind}
"""What happened to a gap, in an answer: also what people did, for a gap that somebody works on has changed as well."""


class RunsNotComparable(Exception):  # a refusal, not a failure
    """Runs of two kinds or projects, or in the wrong order.  field: "from" or "to" """

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


def check_comparable(earlier: AnalysisRecord, later: AnalysisRecord) -> None:
    """Raises RunsNotComparable unless both are of one project and kind, the earlier one first."""
    if earlier.project_id != later.project_id:
        raise RunsNotComparable("The two runs are of different projects.", field="to")
    if earlier.kind != later.kind:
        raise RunsNotComparable(f"The two runs are of different kinds: {earlier.kind} and {later.kind}.", field="to")
    if (earlier.created_at, str(earlier.pk)) >= (later.created_at, str(later.pk)):
        raise RunsNotComparable("The run to compare from was made after the other one, or is the same.", field="from")


def describe_comparison(earlier: AnalysisRecord, later: AnalysisRecord) -> dict[str, Any]:
    """What changed between two runs, as JSON values; at most four queries. Raises RunsNotComparable."""
    check_comparable(earlier, later)
    told = {
        "project": later.project_id,
        "kind": later.kind,
        "from": _run_row(earlier),
        "to": _run_row(later),
        "inputs_are_same": earlier.inputs_hash == later.inputs_hash,
        "results_are_same": hash_of(earlier.results) == hash_of(later.results),
        "model_is_same": (earlier.model_id, earlier.model_version) == (later.model_id, later.model_version),
        "readiness": _readiness(earlier, later),
        "forecast": _forecast_moves(earlier, later),
        "gaps": _gap_moves(earlier, later),
    }
    return {**told, "comparison_hash": hash_of(told)}


def _run_row(record: AnalysisRecord) -> dict[str, Any]:
    return {
        "id": record.pk,
        "as_of": record.as_of,
        "computed_at": record.created_at,
        "readiness": record.readiness,
        "overall_score": record.overall_score,
        "inputs_hash": record.inputs_hash,
        "results_hash": hash_of(record.results),
        "model": {"id": record.model_id, "version": record.model_version},
    }


def _readiness(earlier: AnalysisRecord, later: AnalysisRecord) -> dict[str, Any]:
    """Reasons that came and went, by their code: their words hold numbers that move each day."""
    before, after = ({row["code"]: row for row in each.readiness_reasons} for each in (earlier, later))
    return {
        "changed": earlier.readiness != later.readiness,
        "reasons_came": [row for code, row in sorted(after.items()) if code not in before],
        "reasons_went": [row for code, row in sorted(before.items()) if code not in after],
    }


def _forecast_moves(earlier: AnalysisRecord, later: AnalysisRecord) -> dict[str, Any]:
    """What P(on time) and P85 were beside each run, how far they moved, and where the parts of the move are told."""
    then, now = _forecast_beside(earlier), _forecast_beside(later)
    before, after = _forecast_row(then), _forecast_row(now)
    moved_days = None
    if before["p85"] is not None and after["p85"] is not None:
        moved_days = (_day(after["p85"]) - _day(before["p85"])).days
    moved = None
    if before["p_on_time"] is not None and after["p_on_time"] is not None:
        moved = after["p_on_time"] - before["p_on_time"]
    explained = None
    if then is not None and now is not None and then.as_of < now.as_of:
        explained = (
            f"/api/v1/projects/{later.project_id}/forecast/moves?from={_instant(then.as_of)}&to={_instant(now.as_of)}"
        )
    return {"from": before, "to": after, "p85_moved_days": moved_days, "p_on_time_moved": moved, "moves": explained}


def _forecast_beside(record: AnalysisRecord) -> AnalysisRecord | None:
    """The forecast that stood when a run was made: itself, or the newest up to its moment."""
    if record.kind == AnalysisKind.FORECAST:
        return record
    rows = AnalysisRecord.objects.filter(
        project=record.project_id,
        kind=AnalysisKind.FORECAST,
        as_of__lte=record.as_of,
        created_at__lte=record.created_at,
    )
    return rows.order_by("-as_of", "-id").first()


def _forecast_row(record: AnalysisRecord | None) -> dict[str, Any]:
    results: Mapping[str, Any] = {} if record is None else record.results
    p_on_time = results.get("p_on_time")
    return {
        "forecast": None if record is None else record.pk,
        "target_date": results.get("target_date"),
        "p_on_time": None if p_on_time is None else p_on_time["value"],
        "p85": next((row["value"] for row in results.get("quantiles") or () if row["p"] == P85), None),
    }


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _gap_moves(earlier: AnalysisRecord, later: AnalysisRecord) -> dict[str, Any]:
    """What happened to the project's gaps after the earlier run, up to the later one."""
    rows = GapTransition.objects.filter(
        gap__project=later.project_id, at__gt=earlier.created_at, at__lte=later.created_at
    )
    found = list(
        rows.order_by("id").values(
            "gap_id", "gap__type", "kind", "from_severity", "to_severity", "from_effect", "to_effect", "at",
            "note",
        )
    )  # fmt: skip
    counts = {name: sum(row["kind"] == kind for row in found) for kind, name in TOLD.items()}
    return {
        "counts": counts,
        "listed": [
            {
                "gap": row["gap_id"],
                "type": row["gap__type"],
                "note": row["note"],
                "change": TOLD[TransitionKind(row["kind"])],
                "from_severity": row["from_severity"] or None,
                "to_severity": row["to_severity"],
                "from_effect": row["from_effect"],
                "to_effect": row["to_effect"],
                "at": row["at"],
            }
            for row in found[:MAX_GAPS]
        ],
    }

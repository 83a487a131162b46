"""A project about which there is something to draw: analysed, slipping, replayed, with claims that were settled."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from gaps.enums import GapStatus
from gaps.models import Gap
from predictions.enums import OutcomeResult
from predictions.models import Prediction
from projects.models import AnalysisRecord, Project
from tests.factories.gaps import GapFactory, RootCauseFactory
from tests.factories.predictions import ISSUED_AT, PredictionFactory, PredictionOutcomeFactory, sha256_of
from tests.factories.projects import AnalysisRecordFactory, ProjectFactory

AS_OF = ISSUED_AT
WEEK = timedelta(weeks=1)
CAUSES = (("SCOPE_ADDED", 12.5), ("RATE_BELOW_PLAN", -4.25), ("REWORK", 0.0), ("UNEXPLAINED", 1.75))
OUTLOOK: dict[str, Any] = {
    "unit": "items",
    "newcomer_share": 0.2,
    "past": [
        {"day": (AS_OF - n * WEEK).date().isoformat(), "done": 60 - 2 * n, "scope": 100 - n, "approved": 80}
        for n in range(30, -1, -1)
    ],
    "cone": [
        {
            "day": (AS_OF + n * WEEK).date().isoformat(),
            "p10": min(100, 60 + 2 * n),
            "p50": min(100, 60 + 4 * n),
            "p90": min(100, 60 + 8 * n),
        }
        for n in range(0, 21, 5)
    ],
}
FORECAST: dict[str, Any] = {
    "target_date": "2026-04-30",
    "p_on_time": {"value": 0.3, "low": 0.2, "high": 0.4},
    "quantiles": [{"p": 0.5, "value": "2026-05-11"}, {"p": 0.85, "value": "2026-07-06"}],
    "drivers": [],
    "outlook": OUTLOOK,
}


def replay_steps() -> list[dict[str, Any]]:
    """Half a year of weeks, with a day promised in the middle, and one that nothing is said about."""
    return [
        {
            "as_of": (AS_OF - n * WEEK).isoformat(),
            "target": None if n == 20 else ("2025-12-01" if n > 13 else "2026-04-30"),
            "source": None if n == 20 else "PLAN",
            "probability": None if n == 20 else 0.2 + 0.7 * (26 - n) / 26,
            "is_alert": n < 8,
        }
        for n in range(26, 0, -1)
    ]


REPLAY: dict[str, Any] = {
    "months": 6,
    "notes": ["What the forecaster of today would have said then; it never enters the ledger."],
    "events": [
        {"target": "2025-12-01", "source": "PLAN", "verdict": "HIT", "lead_time_h": 30 * 24.0},
        {"target": "2026-02-02", "source": "PROMISE", "verdict": "FALSE_ALARM", "lead_time_h": None},
        {"target": "2026-04-30", "source": "PLAN", "verdict": "UNDECIDED", "lead_time_h": None},
    ],
    "steps": replay_steps(),
}


def analysed(project: Project, **changes: Any) -> AnalysisRecord:
    """Its newest forecast."""
    fields = {"kind": "FORECAST", "as_of": AS_OF, "results": FORECAST, "readiness": "OK"} | changes
    record: AnalysisRecord = AnalysisRecordFactory.create(project=project, **fields)
    return record


def caused(project: Project) -> Gap:
    """A gap in the team's strain, whose causes wait for each other and stand in sentences."""
    gap: Gap = GapFactory.create(project=project, type="CULTURE")
    parts = [
        ("LONG_DAYS", 0.42, ["OVERLOAD", "PEOPLE_LEFT"], "More is done after hours than in the half-year before."),
        (
            "OVERLOAD",
            0.2,
            ["PEOPLE_LEFT", "UNCLEAR_GOALS"],
            "More is begun at once per person, and all of it is urgent.",
        ),
        ("UNCLEAR_GOALS", 0.15, [], "More items come in than are finished, so that priorities move from week to week."),
        ("INTERRUPTS", 0.08, ["UNCLEAR_GOALS"], "More of the work came in at once."),
        ("PEOPLE_LEFT", 0.05, [], "Fewer people are active."),
        ("UNEXPLAINED", 0.1, [], "Unexplained variation."),
    ]
    for rank, (code, share, waits, description) in enumerate(parts, start=1):
        RootCauseFactory.create(
            gap=gap,
            rank=rank,
            code=code,
            description=description,
            contribution_days=None,
            contribution_share=share,
            depends_on=waits,
        )
    return gap


def slipping(project: Project) -> Gap:
    """Its timeline gap, which lives, with the causes that a run found and one that a person added."""
    gap: Gap = GapFactory.create(project=project, detected=True, status=GapStatus.OPEN)
    for rank, (code, days) in enumerate(CAUSES, start=1):
        RootCauseFactory.create(gap=gap, rank=rank, code=code, contribution_days=days, description=f"Measured: {code}.")
    RootCauseFactory.create(gap=gap, rank=9, code="", contribution_days=100.0, description="What somebody thinks.")
    return gap


def replayed(project: Project, **changes: Any) -> AnalysisRecord:
    """Its newest replay."""
    fields = {"kind": "REPLAY", "as_of": AS_OF, "results": REPLAY, "readiness": "OK", "overall_score": None} | changes
    record: AnalysisRecord = AnalysisRecordFactory.create(project=project, **fields)
    return record


def plotted_project(name: str = "Plotted", **fields: Any) -> Project:
    """All of it.  Runs in the tenant that is current."""
    project: Project = ProjectFactory.create(name=name, end_date=date(2026, 4, 30), **fields)
    analysed(project)
    slipping(project)
    replayed(project)
    return project


def claims(project: Project, *, count: int, name: str = "one", result: OutcomeResult | None = None) -> list[Prediction]:
    """Weekly forecasts of one event that becomes likelier, the last as of AS_OF; settled if a result is given."""
    rows = []
    for number in range(count):
        probability = 0.3 + 0.6 * (number + 1) / count
        rows.append(
            PredictionFactory.create(
                project=project,
                event_key=sha256_of(f"{name} of {project.pk}"),
                episode_id=UUID(int=int(sha256_of(name)[:8], 16) + (probability >= 0.6)),
                probability=probability,
                probability_low=None,
                probability_high=None,
                is_alert=probability >= 0.6,
                as_of=AS_OF - (count - 1 - number) * WEEK,
                inputs_hash=sha256_of(f"{name} {project.pk} {number}"),
            )
        )
    if result is not None:
        for row in rows:
            PredictionOutcomeFactory.create(
                prediction=row,
                result=result,
                occurred_at=row.predicted_for if result == OutcomeResult.OCCURRED else None,
                accuracy=None
                if result == OutcomeResult.CENSORED
                else (row.probability - (result == OutcomeResult.OCCURRED)) ** 2,
            )
    return rows


def settled_record(project: Project, *, events: int) -> None:
    """Events of which two of three came, each forecast three times."""
    for number in range(events):
        result = OutcomeResult.NOT_OCCURRED if number % 3 == 0 else OutcomeResult.OCCURRED
        claims(project, count=3, name=f"event {number}", result=result)

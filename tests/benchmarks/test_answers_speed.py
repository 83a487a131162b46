"""The briefing and the portfolio of 500 projects, by whole requests: 100 and 300 ms."""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from gaps.detectors.detection import PROJECT
from gaps.domain.assessments import fingerprint_of
from gaps.enums import GapOrigin, GapType
from gaps.models import CorrectiveAction, Gap, GapTransition
from predictions.models import Prediction
from projects.enums import AnalysisKind
from projects.models import AnalysisRecord, Contributor, Project, WorkItem
from tenants.enums import Role
from tenants.isolation.statistics import refresh_statistics
from tenants.isolation.transaction import tenant_context
from tests.api.conftest import signed_in
from tests.factories.gaps import CorrectiveActionFactory, GapFactory, GapTransitionFactory
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import PredictionFactory, sha256_of
from tests.factories.projects import AnalysisRecordFactory, ContributorFactory, ProjectFactory, WorkItemFactory

pytestmark = [pytest.mark.benchmark, pytest.mark.django_db]

PROJECTS, TURNS, ATTEMPTS = 500, 5, 3
PEOPLE, OPEN_ITEMS, SHARED_ITEMS = 6, 40, 10
WEEKLY = [4, 6, 5, 3] * 26
GAP_TYPES = (GapType.TIMELINE, GapType.QUALITY, GapType.PROCESS)
DETECTORS: list[dict[str, Any]] = [
    {"type": gap_type, "readiness": "OK", "reasons": [], "finding": None} for gap_type in GapType.values
]


@pytest.fixture
def portfolio(ours: LookAlike, settings: Any) -> None:
    """500 projects with three gaps, a warning and 40 open items each, and three forecasts and detection runs."""
    settings.STATIC_ROOT = None
    now = timezone.now()
    with tenant_context(ours.tenant.pk):
        projects = Project.objects.bulk_create(
            ProjectFactory.build(name=f"Large portfolio {number}", tenant=ours.tenant) for number in range(PROJECTS)
        )
        gaps = Gap.objects.bulk_create(
            GapFactory.build(
                project=project,
                tenant=ours.tenant,
                type=gap_type,
                origin=GapOrigin.DETECTED,
                fingerprint=fingerprint_of(gap_type, PROJECT),
                detector_id="bench",
                inputs_hash=sha256_of("bench"),
                last_seen_at=now,
            )
            for project in projects
            for gap_type in GAP_TYPES
        )
        GapTransition.objects.bulk_create(
            GapTransitionFactory.build(gap=gap, tenant=ours.tenant, at=now) for gap in gaps
        )
        CorrectiveAction.objects.bulk_create(CorrectiveActionFactory.build(gap=gap, tenant=ours.tenant) for gap in gaps)
        Prediction.objects.bulk_create(
            PredictionFactory.build(
                project=project,
                tenant=ours.tenant,
                event_key=sha256_of(str(number)),
                episode_id=uuid.UUID(int=10_000_000 + number),
                as_of=now - timedelta(hours=1),
                issued_at=now,
                predicted_for=now + timedelta(days=40),
            )
            for number, project in enumerate(projects)
        )
        AnalysisRecord.objects.bulk_create(
            AnalysisRecordFactory.build(
                project=project,
                tenant=ours.tenant,
                kind=kind,
                as_of=now - timedelta(days=5 * run),
                results={
                    "detectors": DETECTORS,
                    "p_on_time": {"value": 0.7, "low": 0.6, "high": 0.8},
                    "weekly_finishes": WEEKLY,
                    "quantiles": [{"p": p, "value": "2026-07-15"} for p in (0.5, 0.7, 0.85, 0.95)],
                    "evidence": [{"object_type": "work_item", "object_id": str(n), "field": "x"} for n in range(40)],
                },
            )
            for project in projects
            for kind in (AnalysisKind.FORECAST, AnalysisKind.GAPS, AnalysisKind.REFRESH)
            for run in range(3)
        )
        _share_people(projects)
        refresh_statistics([Gap, AnalysisRecord, Prediction, GapTransition, WorkItem])


def _share_people(projects: list[Project]) -> None:
    """Six people a project and 40 open items, ten of which are carried by somebody who works in the next one too."""
    people = Contributor.objects.bulk_create(
        ContributorFactory.build(tenant=projects[0].tenant) for _ in range(PEOPLE * len(projects))
    )
    WorkItem.objects.bulk_create(
        WorkItemFactory.build(
            project=project,
            tenant=project.tenant,
            assignee=people[(PEOPLE * number + (PEOPLE if item < SHARED_ITEMS else item % PEOPLE)) % len(people)],
        )
        for number, project in enumerate(projects)
        for item in range(OPEN_ITEMS)
    )


def _milliseconds(ask: Callable[[], Any]) -> float:
    taken = []
    for _ in range(TURNS):
        began = time.perf_counter()
        assert ask().status_code == 200
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


@pytest.mark.parametrize(("address", "most_ms"), [("/api/v1/me/briefing", 100), ("/api/v1/portfolio", 300)])
def test_an_answer_over_500_projects_is_at_hand(
    address: str, most_ms: float, ours: LookAlike, portfolio: None, capsys: pytest.CaptureFixture[str]
) -> None:
    client = signed_in(ours.users[Role.ADMIN])

    found = min(_milliseconds(lambda: client.get(address)) for _ in range(ATTEMPTS))

    with capsys.disabled():
        print(f"\n{address}: {found:.0f} ms over {PROJECTS} projects (at most {most_ms})")  # noqa: T201  # a benchmark
    assert found <= most_ms

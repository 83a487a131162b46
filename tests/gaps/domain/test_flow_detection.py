"""Findings of flow, delivery, quality and money as rows: written once, and left alone while nothing changes."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps

from gaps.backtesting.simulated_flow_gaps import AS_OF, BEGIN, PLANTED_TYPES, TARGET, simulate
from gaps.domain.detection import DetectionResult, detect_gaps
from gaps.enums import GapType
from gaps.models import Gap
from predictions.domain.forecasting import forecast_project
from projects.history.calendar import WorkCalendar
from projects.history.project_history import ProjectHistory
from projects.models import Project
from tenants.isolation.models import TenantModel
from tests.factories.projects import ProjectFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenant")]

SEED = 2


@pytest.fixture
def project(tenant: Any) -> Project:
    return ProjectFactory.create(start_date=BEGIN.date(), end_date=TARGET)


def _detect(project: Project, history: ProjectHistory, as_of: datetime) -> DetectionResult:
    calendar = WorkCalendar()
    forecast = forecast_project(project=project, history=history, calendar=calendar, as_of=as_of, at=as_of)
    return detect_gaps(project=project, history=history, calendar=calendar, forecast=forecast, as_of=as_of, at=as_of)


def _gaps_stored() -> dict[str, list[Any]]:
    return {
        model._meta.label: list(model._default_manager.order_by("pk").values())
        for model in apps.get_models()
        if issubclass(model, TenantModel) and model._meta.app_label == "gaps"
    }


@pytest.mark.parametrize("gap_type", PLANTED_TYPES)
def test_gap_is_kept_with_its_evidence_causes_and_steps_and_a_second_run_writes_nothing(
    project: Project, gap_type: GapType
) -> None:
    history = ProjectHistory.from_facts(simulate(gap_type, SEED, planted=True))
    _detect(project, history, AS_OF)
    gap = Gap.objects.filter(type=gap_type).order_by("pk").first()
    before = _gaps_stored()

    again = _detect(project, history, AS_OF)
    soon = _detect(project, history, AS_OF + timedelta(minutes=5))

    assert gap is not None
    assert gap.evidence.count() >= 3
    assert gap.root_causes.filter(code="UNEXPLAINED").exists()
    assert sum(cause.contribution_share or 0.0 for cause in gap.root_causes.all()) == pytest.approx(1.0)
    action = gap.corrective_actions.order_by("pk").first()
    assert action is not None
    assert action.steps
    assert action.owner_role
    assert gap.current_value is not None
    assert gap.effect_tolerance_units >= 1
    assert again.changes == soon.changes == Counter()
    assert _gaps_stored() == before

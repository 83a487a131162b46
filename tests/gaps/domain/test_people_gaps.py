"""Findings about people as gaps that are kept: they fit, they are told in words, and a second run writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps

from gaps.backtesting.simulated_people_gaps import SEEN_AT, simulate
from gaps.domain.detection import DetectionResult, detect_gaps
from gaps.enums import GapStatus, GapType
from gaps.gap_answer import gap_answer
from gaps.models import Evidence, Gap, RootCause
from predictions.domain.forecasting import forecast_project
from projects.history import FieldChangeFact, HistoryFact, ProjectHistory, PulseFact, WorkCalendar
from projects.models import Project
from tenants.isolation.models import TenantModel
from tests.factories.projects import ProjectFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenant")]

OURS = [GapType.RESOURCE, GapType.COMMUNICATION, GapType.CULTURE, GapType.SKILL]


@pytest.fixture
def project(tenant: Any) -> Project:
    return ProjectFactory.create(
        start_date=(SEEN_AT - timedelta(weeks=44)).date(), end_date=(SEEN_AT + timedelta(weeks=70)).date()
    )


def _detect(project: Project, facts: Sequence[HistoryFact]) -> DetectionResult:
    history, calendar = ProjectHistory.from_facts(facts), WorkCalendar()
    moment: dict[str, Any] = {"as_of": SEEN_AT, "at": SEEN_AT}
    forecast = forecast_project(project=project, history=history, calendar=calendar, **moment)
    return detect_gaps(project=project, history=history, calendar=calendar, forecast=forecast, **moment)


def _gaps_stored() -> dict[str, list[Any]]:
    return {
        model._meta.label: list(model._default_manager.order_by("pk").values())
        for model in apps.get_models()
        if issubclass(model, TenantModel) and model._meta.app_label == "gaps"
    }


@pytest.mark.parametrize("gap_type", OURS)
def test_planted_gap_is_kept_told_and_left_alone_by_a_second_run(project: Project, gap_type: GapType) -> None:
    facts = simulate(gap_type, 0, planted=True)

    _detect(project, facts)
    before = _gaps_stored()
    second = _detect(project, facts[::-1])

    gap = Gap.objects.get(type=gap_type)
    gap.full_clean()
    for row in (*gap.evidence.all(), *gap.root_causes.all(), *gap.affected_areas.all(), *gap.corrective_actions.all()):
        row.full_clean()
    answer = gap_answer(gap)
    assert gap.status == GapStatus.OPEN
    assert answer.likely
    assert answer.planned
    assert answer.causes
    assert answer.evidence
    assert answer.actions
    assert _gaps_stored() == before
    assert not second.changes


def test_healthy_project_has_no_gap(project: Project) -> None:
    result = _detect(project, simulate(GapType.SKILL, 0, planted=False))

    assert result.gaps == ()
    assert not Gap.objects.exists()
    assert not Evidence.objects.exists()
    assert not RootCause.objects.exists()


def test_names_that_are_too_long_to_keep_are_cut(project: Project) -> None:
    long = "x" * 5_000
    facts = [
        replace(fact, to_value=f"{fact.to_value} {long}")
        if isinstance(fact, FieldChangeFact) and fact.field == "component"
        else fact
        for fact in simulate(GapType.SKILL, 0, planted=True)
    ]
    asked = [
        replace(fact, question_code=long, mean_score=1.5) if isinstance(fact, PulseFact) else fact for fact in facts
    ]

    _detect(project, asked)

    assert {gap.type for gap in Gap.objects.all()} == {GapType.SKILL, GapType.CULTURE}
    for gap in Gap.objects.all():
        gap.full_clean()

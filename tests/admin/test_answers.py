"""The answers above the forms: how many queries they cost, and whose rows they count."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from gaps.gap_answer import gap_answer
from projects.enums import ProjectStatus
from projects.forecast_answer import Standing, forecast_answer
from projects.models import Project
from stratibreak.overview import overview_rows
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.factories.gaps import EvidenceFactory, GapFactory, RootCauseFactory
from tests.factories.look_alike import LookAlike
from tests.factories.projects import AnalysisRecordFactory, ProjectFactory

pytestmark = pytest.mark.django_db
RESULTS: dict[str, Any] = {"quantiles": [{"p": 0.85, "value": "2026-12-14"}], "target_date": "2026-09-18"}


def _queries(work: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        work()
    return len(captured)


@pytest.mark.parametrize("rows", [1, 3])
def test_the_overview_takes_three_queries_however_many_projects_run(rows: int, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        Project.objects.update(status=ProjectStatus.COMPLETED)
        for _ in range(rows):
            project = ProjectFactory.create(status=ProjectStatus.ACTIVE)
            AnalysisRecordFactory.create(project=project, kind="FORECAST", results=RESULTS, readiness="OK")
            GapFactory.create(project=project)

        assert _queries(overview_rows) == 3
        assert [(row.live_gaps, row.answer.likely_day) for row in overview_rows()] == [(1, "14 Dec 2026")] * rows


@pytest.mark.parametrize("rows", [1, 3])
def test_a_gap_is_told_in_five_queries(rows: int, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        gap = GapFactory.create()
        for rank in range(1, rows + 1):
            RootCauseFactory.create(gap=gap, rank=rank)
            EvidenceFactory.create(gap=gap)

        assert _queries(lambda: gap_answer(gap)) == 5


@pytest.mark.parametrize(
    ("on_time", "standing"), [(0.85, Standing.ON_COURSE), (0.84, Standing.AT_RISK), (None, Standing.NO_TARGET)]
)
def test_a_standing_follows_from_what_was_asked_for(on_time: float | None, standing: Standing, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create(accepted_risk=0.15)
        results = RESULTS | {"p_on_time": None if on_time is None else {"value": on_time}}
        record = AnalysisRecordFactory.create(project=project, kind="FORECAST", results=results, readiness="OK")

        assert forecast_answer(project, record, at=record.as_of).standing is standing


@pytest.mark.parametrize(
    ("code", "standing"), [("NO_ITEMS", Standing.UNKNOWN), ("TARGET_PASSED", Standing.DATE_PASSED)]
)
def test_without_a_forecast_nothing_is_on_course(code: str, standing: Standing, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create()
        record = AnalysisRecordFactory.create(
            project=project,
            kind="FORECAST",
            results={"quantiles": [], "p_on_time": None},
            readiness="INSUFFICIENT",
            overall_score=None,
            readiness_reasons=[{"code": code, "message": "So it is."}],
        )

        assert forecast_answer(project, record, at=record.as_of).standing is standing
        assert forecast_answer(project, None, at=record.as_of).standing is Standing.UNKNOWN


def test_analysing_a_foreign_project_answers_like_a_missing_one(ours: LookAlike, theirs: LookAlike) -> None:
    client = Client()
    client.force_login(ours.users[Role.ADMIN])
    foreign = theirs.rows[Project].pk
    addresses = [reverse("admin:analyse_project", args=[key]) for key in (foreign, type(foreign)(int=foreign.int ^ 1))]

    assert [client.post(address).status_code for address in addresses] == [404, 404]
    assert client.get(reverse("admin:analyse_project", args=[ours.rows[Project].pk])).status_code == 405


@pytest.mark.parametrize(("days", "told"), [(0, False), (8, False), (9, True), (150, True)])
def test_a_forecast_of_last_month_says_so(days: int, told: bool, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        record = AnalysisRecordFactory.create(kind="FORECAST", results=RESULTS, readiness="OK", readiness_reasons=[])
        at = record.as_of + timedelta(days=days)

        shown = forecast_answer(record.project, record, at=at).limits

    assert [(limit.message, limit.step) for limit in shown] == (
        [(f"The forecast is {days} days old: what happened since is not in it.", "Run an analysis.")] if told else []
    )

"""The open gaps on a project's page: the worst first, with why and what to do, and nothing of the look-alike."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from gaps.enums import GapStatus, GapType
from predictions.enums import ActionStatus, Severity
from projects.enums import AnalysisKind
from projects.models import Project
from stratibreak.open_gaps import OpenGaps, open_gaps
from tenants.audit.enums import AuditAction
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry, User
from tests.factories.gaps import CorrectiveActionFactory, GapFactory, RootCauseFactory
from tests.factories.look_alike import LookAlike
from tests.factories.projects import AnalysisRecordFactory, ProjectFactory
from tests.factories.tenants import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Any) -> None:
    settings.STATIC_ROOT = None


def _analysed(*, answered: tuple[str, ...] = ("TIMELINE",)) -> Project:
    project = ProjectFactory.create()
    AnalysisRecordFactory.create(project=project, kind=AnalysisKind.FORECAST)
    rows = [{"type": name, "readiness": "OK"} for name in answered]
    AnalysisRecordFactory.create(project=project, kind=AnalysisKind.GAPS, results={"detectors": rows})
    return project


def _page(one: LookAlike, project: Project) -> str:
    client = Client()
    client.force_login(one.users[Role.ADMIN])
    response = client.get(reverse("admin:projects_project_change", args=[project.pk]))
    assert response.status_code == 200
    return str(response.content.decode())


def test_page_tells_the_worst_gap_first_with_its_cause_and_what_to_do(ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        project = _analysed()
        GapFactory.create(project=project, title="A little dear", type=GapType.BUDGET, effect_tolerance_units=1.2)
        late = GapFactory.create(
            project=project, title="Late <b>", severity=Severity.CRITICAL, effect_tolerance_units=9
        )
        RootCauseFactory.create(gap=late, rank=1, code="UNEXPLAINED", description="Nobody knows.")
        RootCauseFactory.create(gap=late, rank=2, description="Nine items came in late.", contribution_days=6.0)
        owned = {"status": ActionStatus.ACTIVE, "owner": UserFactory.create(), "due_date": date(2026, 5, 4)}
        CorrectiveActionFactory.create(gap=late, title="Cut the scope", **owned)
        GapFactory.create(project=project, title="Gone", status=GapStatus.RESOLVED, resolved_at=timezone.now())
        GapFactory.create(title="Of another project")
    with tenant_context(theirs.tenant.pk):
        GapFactory.create(title="Of another tenant")

    page = _page(ours, project)

    assert page.index("Late &lt;b&gt;") < page.index("A little dear")
    assert "Why: Nine items came in late. <strong>6 days later, 40 % of it</strong>" in page
    assert "Cut the scope</a> (active, until 4 May 2026)" in page
    for absent in ("Gone", "Of another project", "Of another tenant", "Nobody knows."):
        assert f">{absent}" not in page


def test_no_gap_is_no_good_news_about_what_nobody_can_say(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        project = _analysed(answered=tuple(kind for kind in GapType.values if kind not in {"CULTURE", "SKILL"}))

    page = _page(ours, project)

    assert "No gap is open." in page
    assert "Nobody can say, for want of facts: culture, skill." in page


def test_reading_them_is_in_the_audit_log(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        project = _analysed()
        gap = GapFactory.create(project=project, type=GapType.BUDGET)

    _page(ours, project)

    with tenant_context(ours.tenant.pk):
        entries = AuditEntry.objects.filter(action=AuditAction.VIEW_GAP_ANALYSIS, resource_id=str(gap.pk))
        assert entries.count() == 1


def _asked(project: Project, user: User) -> tuple[OpenGaps, int]:
    with CaptureQueriesContext(connection) as captured:
        found = open_gaps(project, user, at=timezone.now())
    return found, len(captured)


def test_many_gaps_are_counted_and_cost_no_more_questions(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        project = _analysed()
        for _ in range(3):
            CorrectiveActionFactory.create(gap=GapFactory.create(project=project))
        few, asked_for_few = _asked(project, ours.users[Role.ADMIN])
        for _ in range(9):
            CorrectiveActionFactory.create(gap=GapFactory.create(project=project))
        many, asked_for_many = _asked(project, ours.users[Role.ADMIN])

    assert (len(few.rows), few.more, len(many.rows), many.more) == (3, 0, 7, 5)
    assert asked_for_few == asked_for_many == 5

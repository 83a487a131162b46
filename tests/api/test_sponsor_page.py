"""The sponsor's page through the API: JSON, HTML and PDF, of the goals a person sees."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gaps.models import CorrectiveAction
from projects.enums import AnalysisKind
from projects.models import Goal, Project
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.api.conftest import ApiClient
from tests.api.test_matrix import enter_project
from tests.factories.gaps import CorrectiveActionFactory, GapFactory, RootCauseFactory
from tests.factories.look_alike import LookAlike
from tests.factories.projects import AnalysisRecordFactory, GoalFactory, ProjectFactory, StakeholderFactory
from tests.factories.tenants import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def goal(ours: LookAlike) -> Goal:
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create(name="Sponsored")
        StakeholderFactory.create(project=project, name="Ingrid Holmgren")
        made = GoalFactory.create(project=project, title="What Holmgren asked for", due_date=date(2026, 8, 1))
        AnalysisRecordFactory.create(
            project=project,
            kind=AnalysisKind.FORECAST,
            results={
                "target_date": "2026-06-30",
                "remaining_items": 12,
                "p_on_time": {"value": 0.4, "low": 0.3, "high": 0.5},
                "quantiles": [{"p": 0.5, "value": "2026-07-10"}, {"p": 0.85, "value": "2026-07-15"}],
            },
        )
        gap = GapFactory.create(project=project)
        RootCauseFactory.create(gap=gap, description="Nine items came in late.", contribution_days=6.0)
        RootCauseFactory.create(gap=gap, code="", description="Typed by hand.")
        CorrectiveActionFactory.create(gap=gap, title="Move nine items behind the date")
    enter_project(ours, project.pk)
    return made


def _path(goal: Goal, ending: str = "") -> str:
    return f"/api/v1/goals/{goal.pk}/sponsor-page{ending}"


def test_sponsor_reads_the_page_of_their_project(goal: Goal, as_role: Callable[[Role], ApiClient]) -> None:
    told = as_role(Role.STAKEHOLDER).fetch(_path(goal)).json()

    assert told["goal"] == "What [somebody] asked for"
    assert any("15 Jul 2026" in said["text"] for said in told["likely"])
    assert [said["text"] for said in told["reasons"]] == ["Nine items came in late: 6 days later."]
    assert [said["text"] for said in told["decisions"]] == ["Move nine items behind the date?"]
    assert all(said["source"]["id"] for part in ("now", "likely", "reasons", "decisions") for said in told[part])


def test_browser_and_printer_get_the_same_sentences(goal: Goal, as_role: Callable[[Role], ApiClient]) -> None:
    client = as_role(Role.STAKEHOLDER)

    page, sheet = client.fetch(_path(goal, ".html")), client.fetch(_path(goal, ".pdf"))

    assert page["Content-Type"].startswith("text/html")
    assert "Nine items came in late: 6 days later." in page.content.decode()
    assert "Holmgren" not in page.content.decode()
    assert sheet["Content-Type"] == "application/pdf"
    assert sheet.content.startswith(b"%PDF-")


def test_owner_of_the_project_is_not_named_either(
    goal: Goal, ours: LookAlike, as_role: Callable[[Role], ApiClient]
) -> None:
    with tenant_context(ours.tenant.pk):
        owner = UserFactory.create(first_name="Bo", last_name="Lindqvist")
        Project.objects.filter(pk=goal.project_id).update(owner=owner)
        Goal.objects.filter(pk=goal.pk).update(title="What Bo Lindqvist promised")

    assert as_role(Role.STAKEHOLDER).fetch(_path(goal)).json()["goal"] == "What [somebody] promised"


def test_days_are_those_of_the_project(goal: Goal, ours: LookAlike, as_role: Callable[[Role], ApiClient]) -> None:
    with tenant_context(ours.tenant.pk):
        Project.objects.filter(pk=goal.project_id).update(time_zone="America/Los_Angeles")
        starts_by = datetime(2999, 3, 2, 3, tzinfo=UTC)
        CorrectiveAction.objects.filter(gap__project=goal.project_id).update(latest_start_at=starts_by)
        as_of = datetime(2026, 5, 2, 3, tzinfo=UTC)
        AnalysisRecordFactory.create(
            project=goal.project, kind=AnalysisKind.FORECAST, as_of=as_of, results={"remaining_items": 12}
        )
    client = as_role(Role.STAKEHOLDER)

    told, page = client.fetch(_path(goal)).json(), client.fetch(_path(goal, ".html")).content.decode()

    assert [said["text"] for said in told["decisions"]] == ["Move nine items behind the date? Decide by 1 Mar 2999."]
    assert told["as_of"] == "2026-05-02T03:00:00Z"
    assert "as of 1 May 2026" in page


def test_what_chance_explains_as_well_is_no_reason(
    goal: Goal, ours: LookAlike, as_role: Callable[[Role], ApiClient]
) -> None:
    with tenant_context(ours.tenant.pk):
        gap = GapFactory.create(project=goal.project)
        RootCauseFactory.create(gap=gap, code="REWORK", description="Done over again.", confidence=0.5)

    told = as_role(Role.STAKEHOLDER).fetch(_path(goal)).json()

    assert [said["text"] for said in told["reasons"]] == ["Nine items came in late: 6 days later."]


def test_what_people_typed_cannot_become_markup(
    goal: Goal, ours: LookAlike, as_role: Callable[[Role], ApiClient]
) -> None:
    with tenant_context(ours.tenant.pk):
        Goal.objects.filter(pk=goal.pk).update(title="<script>alert(1)</script>")

    page = as_role(Role.STAKEHOLDER).fetch(_path(goal, ".html")).content.decode()

    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("ending", ["", ".html", ".pdf"])
def test_goal_of_another_tenant_or_project_is_a_missing_one(
    ending: str, goal: Goal, ours: LookAlike, theirs: LookAlike, as_role: Callable[[Role], ApiClient]
) -> None:
    client = as_role(Role.STAKEHOLDER)
    with tenant_context(ours.tenant.pk):
        unseen = GoalFactory.create(project=ProjectFactory.create(name="Unseen by sponsors"))
    missing = client.fetch(f"/api/v1/goals/00000000-0000-7000-8000-000000000000/sponsor-page{ending}")

    for other in (theirs.rows[Goal].pk, unseen.pk):
        answer = client.fetch(f"/api/v1/goals/{other}/sponsor-page{ending}")
        assert (answer.status_code, answer.json()["detail"]) == (404, missing.json()["detail"])


def test_page_asks_as_often_with_many_causes(goal: Goal, ours: LookAlike, as_role: Callable[[Role], ApiClient]) -> None:
    client, counts, reasons = as_role(Role.STAKEHOLDER), [], []
    for more in (0, 5):
        with tenant_context(ours.tenant.pk):
            for _ in range(more):
                gap = GapFactory.create(project=goal.project)
                RootCauseFactory.create(gap=gap)
                CorrectiveActionFactory.create(gap=gap)
        with CaptureQueriesContext(connection) as captured:
            reasons = client.fetch(_path(goal)).json()["reasons"]
        counts.append(sum(query["sql"].startswith("SELECT") for query in captured))

    assert counts[0] == counts[1]
    assert len(reasons) == 3

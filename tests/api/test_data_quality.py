"""The list of what is wrong with a record, through the API and on the project's page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from gaps.models import Gap
from projects.models import Project, WorkItem, WorkItemLink
from stratibreak.pipeline import refresh_project
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.api.analysed import analysed_project
from tests.api.conftest import ApiClient
from tests.api.test_matrix import enter_project
from tests.factories.look_alike import LookAlike
from tests.factories.projects import GoalFactory, ProjectFactory
from tests.project_histories import NOW

pytestmark = pytest.mark.django_db


def _tangled(one: LookAlike) -> Project:
    """A project whose record and goals contradict themselves, analysed."""
    project = analysed_project(one, moments=(), name="Tangled")
    with tenant_context(one.tenant.pk):
        Project.objects.filter(pk=project.pk).update(
            schedule_tolerance_days=0, schedule_tolerance_percent=0, budget_tolerance_percent=0
        )
        project.refresh_from_db()
        target = {"kind": "NUMBER", "unit": "tests"}
        GoalFactory.create(project=project, title="Tests", target_value={**target, "value": 9, "direction": "AT_LEAST"})
        GoalFactory.create(project=project, title="tests", target_value={**target, "value": 5, "direction": "AT_MOST"})
        first, second = WorkItem.objects.filter(project=project, status_category="TODO").order_by("pk")[:2]
        for item, target_item in ((first, first), (first, second), (second, first)):
            WorkItemLink.objects.create(
                work_item=item,
                external_id=f"to {target_item.pk}",
                link_type="blocks",
                direction="OUTWARD",
                target_item=target_item,
                target_external_id=target_item.external_id,
                recorded_at=NOW,
                linked_at=NOW,
            )
        refresh_project(project=project, as_of=NOW, at=NOW)
    return project


def _list(client: ApiClient, project: Project) -> Any:
    return client.fetch(f"/api/v1/projects/{project.pk}/data-quality")


def test_contradictions_are_named_and_are_no_gap(ours: LookAlike, admin: ApiClient) -> None:
    project = _tangled(ours)

    told = _list(admin, project).json()

    found = {issue["rule"]: issue for issue in told["issues"]}
    assert found["CONTRADICTORY_GOALS"]["count"] == 2
    assert found["ZERO_TOLERANCE"]["count"] == 2
    assert found["SELF_BLOCKING"]["count"] == 1
    assert found["CIRCULAR_LINKS"]["count"] == 2
    assert found["SELF_BLOCKING"]["examples"][0]["key"]
    assert "UNKNOWN_STATUS" not in found, "open items without a move stand where they were found"
    assert "BUDGET is off" in found["NO_COSTS"]["fix"]
    assert admin.fetch(f"/api/v1/analysis-records/{told['analysis']}").json()["kind"] == "REFRESH"
    with tenant_context(ours.tenant.pk):
        assert not Gap.objects.filter(project=project).exists()


def test_page_of_the_project_shows_the_list(ours: LookAlike) -> None:
    project = _tangled(ours)
    client = Client()
    client.force_login(ours.users[Role.ADMIN])

    page = client.get(reverse("admin:projects_project_change", args=[project.pk])).content.decode()

    assert "Can the record be believed?" in page
    assert "CIRCULAR_LINKS" in page


def test_stakeholder_reads_the_list_without_the_work(ours: LookAlike, as_role: Callable[[Role], ApiClient]) -> None:
    project = _tangled(ours)
    enter_project(ours, project.pk)

    stakeholder, told = as_role(Role.STAKEHOLDER), _list(as_role(Role.ADMIN), project).json()
    kept = stakeholder.fetch(f"/api/v1/analysis-records/{told['analysis']}").json()["results"]
    listed = stakeholder.fetch("/api/v1/analysis-records", kind="REFRESH", project=str(project.pk)).json()["results"]

    assert any(issue["examples"] for issue in told["issues"])
    for issues in (
        _list(stakeholder, project).json()["issues"],
        kept["data_quality"],
        *(row["results"]["data_quality"] for row in listed),
    ):
        assert [issue["rule"] for issue in issues] == [issue["rule"] for issue in told["issues"]]
        assert all(issue["examples"] == [] for issue in issues)


def test_project_never_analysed_has_no_list_instead_of_an_empty_one(ours: LookAlike, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create()

    told = _list(admin, project).json()

    assert (told["issues"], told["readiness"]) == (None, "INSUFFICIENT")
    assert [reason["code"] for reason in told["readiness_reasons"]] == ["NOT_ANALYSED"]


def test_other_projects_and_tenants_are_missing_ones(
    ours: LookAlike, theirs: LookAlike, as_role: Callable[[Role], ApiClient]
) -> None:
    with tenant_context(ours.tenant.pk):
        unseen = ProjectFactory.create()

    assert _list(as_role(Role.ADMIN), theirs.rows[Project]).status_code == 404  # type: ignore[arg-type]
    assert _list(as_role(Role.STAKEHOLDER), unseen).status_code == 404
    assert as_role(Role.ADMIN).fetch(f"/api/v1/projects/{unseen.pk}/data-quality", also="x").status_code == 400

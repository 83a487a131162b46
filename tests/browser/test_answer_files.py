"""Tables as files in chromium: the links are found beside their tables, readable anywhere, and bring the file."""

from __future__ import annotations

import csv
from collections.abc import Callable

import pytest
from django.urls import reverse

from gaps.models import Gap
from projects.models import Project
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.browser.conftest import Visitor
from tests.factories.gaps import RootCauseFactory
from tests.factories.look_alike import LookAlike
from tests.plotted_projects import plotted_project, settled_record

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, databases=["default", "platform"]),
]


def test_files_of_a_page_are_unfolded_beside_its_tables_and_readable_anywhere(
    make_visitor: Callable[..., Visitor], ours: LookAlike
) -> None:
    with tenant_context(ours.tenant.pk):
        project = plotted_project("Plotted")
        settled_record(project, events=40)
        gap: Gap = Gap.objects.filter(project=ours.rows[Project].pk).first() or ours.rows[Gap]  # type: ignore[assignment]
        RootCauseFactory.create(gap=gap)
    visitor = make_visitor(ours.users[Role.ADMIN])
    pages = {
        reverse("admin:index"): 1,
        reverse("admin:portfolio"): 3,
        reverse("admin:trust"): 1,
        reverse("admin:suspicious_activity"): 1,
        reverse("admin:projects_project_change", args=[project.pk]): 3,
        reverse("admin:gaps_gap_change", args=[gap.pk]): 1,
    }
    problems, found = [], {}

    for address in pages:
        visitor.open(address)
        summaries = visitor.page.locator(".answer-files > summary")
        found[address] = summaries.count()
        for summary in summaries.all():
            summary.click()
        problems += visitor.problems()

    assert found == pages
    assert problems == []


def test_a_click_saves_the_table_that_is_looked_at(make_visitor: Callable[..., Visitor], ours: LookAlike) -> None:
    visitor = make_visitor(ours.users[Role.ADMIN])
    visitor.open(reverse("admin:portfolio"))
    page = visitor.page
    page.get_by_text("As files: how all projects stand").click()

    with page.expect_download() as told:
        page.get_by_role("link", name="how all projects stand, heat map, as CSV").click()

    saved = told.value
    assert saved.suggested_filename.startswith("portfolio-heat-map-")
    with open(saved.path(), encoding="utf-8-sig", newline="") as file:
        names = {row["name"] for row in csv.DictReader(file)}
    shown = set(page.locator("table.heat tbody th a").all_inner_texts())
    assert names == shown != set()

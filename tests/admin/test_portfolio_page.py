"""The page on which all projects stand: what it says, whose projects they are, and what it costs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from gaps.enums import GapType
from predictions.enums import Severity
from projects.enums import AnalysisKind
from stratibreak.portfolio_page import portfolio_row
from tenants.audit.enums import AuditAction
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry
from tests.factories.gaps import GapFactory
from tests.factories.look_alike import LookAlike
from tests.factories.projects import AnalysisRecordFactory, ContributorFactory, ProjectFactory, WorkItemFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Any) -> None:
    settings.STATIC_ROOT = None


@pytest.fixture
def client(ours: LookAlike) -> Client:
    client = Client()
    client.force_login(ours.users[Role.ADMIN])
    return client


def _page(client: Client) -> str:
    response = client.get(reverse("admin:portfolio"))
    assert response.status_code == 200
    return str(response.content.decode())


def test_page_names_our_projects_with_the_worst_gap_of_each_kind_and_no_other(
    client: Client, ours: LookAlike, theirs: LookAlike
) -> None:
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create(name="Ours <b>alone</b>")
        GapFactory.create(project=project, type=GapType.BUDGET, severity=Severity.CRITICAL)
    with tenant_context(theirs.tenant.pk):
        ProjectFactory.create(name="Theirs alone")

    page = _page(client)

    assert "Ours &lt;b&gt;alone&lt;/b&gt;" in page
    assert "Theirs alone" not in page
    assert 'aria-label="Budget: critical"' in page
    assert 'aria-label="Process: nobody can say"' in page
    assert "heat-unknown" in page


def test_page_says_of_which_day_its_numbers_are(client: Client, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create(name="Looked at in spring")
        as_of = datetime(2026, 3, 2, 9, tzinfo=UTC)
        AnalysisRecordFactory.create(project=project, kind=AnalysisKind.FORECAST, as_of=as_of)

    assert "as of 2 Mar 2026" in _page(client)


def test_reading_is_in_the_audit_log(client: Client, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        before = AuditEntry.objects.filter(action=AuditAction.VIEW_GAP_ANALYSIS).count()

    _page(client)

    with tenant_context(ours.tenant.pk):
        assert AuditEntry.objects.filter(action=AuditAction.VIEW_GAP_ANALYSIS).count() == before + 1


def test_page_asks_as_often_for_many_projects(client: Client, ours: LookAlike) -> None:
    counts = []
    for number in (1, 6):
        with tenant_context(ours.tenant.pk):
            for one in range(number):
                GapFactory.create(project=ProjectFactory.create(name=f"Numbered {number}.{one}"))
        with CaptureQueriesContext(connection) as captured:
            _page(client)
        counts.append(sum(query["sql"].startswith("SELECT") for query in captured))

    assert counts[0] == counts[1]


def test_only_reading_is_offered_and_only_to_who_may(client: Client, ours: LookAlike) -> None:
    assert client.post(reverse("admin:portfolio")).status_code == 405
    stranger = Client()
    assert stranger.get(reverse("admin:portfolio")).status_code == 302
    stakeholder = Client()
    stakeholder.force_login(ours.users[Role.STAKEHOLDER])
    assert stakeholder.get(reverse("admin:portfolio")).status_code in (302, 403)


def test_a_row_is_told_in_words_and_unknown_is_no_number() -> None:
    row = portfolio_row(
        {
            "project": "x",
            "name": "Billing",
            "as_of": None,
            "p_on_time": None,
            "target_date": None,
            "p85_finish_date": None,
            "open_gaps": 0,
            "changes": {"p_on_time_moved": None, "opened": 0, "worsened": 1, "eased": 0, "resolved": 2},
            "gaps": dict.fromkeys(GapType.values, "UNKNOWN"),
        }
    )

    assert (row.chance, row.promised, row.likely, row.moved) == ("not known", "—", "not known", "")
    assert row.seen == "not analysed yet"
    assert row.changes == "1 worse, 2 resolved"
    assert {square.word for square in row.squares} == {"?"}


def test_projects_that_share_people_show_their_dates_together(client: Client, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        projects = [ProjectFactory.create(name=f"Shared <{number}>") for number in range(2)]
        person = ContributorFactory.create(display_label="Nobody named here")
        for project in projects:
            WorkItemFactory.create(project=project, assignee=person)
            AnalysisRecordFactory.create(
                project=project,
                kind=AnalysisKind.FORECAST,
                results={
                    "target_date": "2026-06-30",
                    "p_on_time": {"value": 0.8, "low": 0.7, "high": 0.9},
                    "quantiles": [{"p": 0.5, "value": "2026-06-01"}, {"p": 0.85, "value": "2026-07-15"}],
                },
            )

    page = _page(client)

    assert "Dates of projects that share people" in page
    assert "1 person carries open work of more than one" in page
    assert "60 % to 80 %" in page
    assert page.count("Shared &lt;0&gt;") >= 3
    assert "Nobody named here" not in page


def test_projects_that_share_people_without_a_forecast_have_no_empty_table(client: Client, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        person = ContributorFactory.create()
        for number in range(2):
            WorkItemFactory.create(project=ProjectFactory.create(name=f"Silent {number}"), assignee=person)

    page = _page(client)

    assert "Without a forecast: Silent 0, Silent 1." in page
    assert "85 % sure together</th>" not in page

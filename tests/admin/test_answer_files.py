"""Tables on pages of the backoffice as files: a link where they are looked at, and the API's file behind it."""

from __future__ import annotations

import csv
import html
import io
import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from projects.models import Project
from stratibreak.answer_files import PAGE_ANSWERS
from tenants.enums import Role
from tenants.isolation.owner import owner_access
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import AuditEntry
from tests.api.analysed import analysed_project
from tests.factories.gaps import GapFactory, RootCauseFactory
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.factories.tenants import OperatorFactory

pytestmark = pytest.mark.django_db

OF_A_PROJECT = ("forecast", "slip", "replay", "data-quality")


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Any) -> None:
    settings.STATIC_ROOT = None


@pytest.fixture
def client(ours: LookAlike) -> Client:
    client = Client()
    client.force_login(ours.users[Role.ADMIN])
    return client


def _links(page: Any, answer: str) -> list[str]:
    """The addresses of an answer's files on a page."""
    found = re.findall(rf'href="([^"]*/files/{answer}/[^"]*)"', page.content.decode())
    return [html.unescape(address) for address in found]


def _rows(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig"), newline="")))


def _trail(world: LookAlike) -> list[AuditEntry]:
    with tenant_context(world.tenant.pk):
        return list(AuditEntry.objects.filter(action="EXPORT_DATA").order_by("timestamp"))


def _file(answer: str, row_id: Any = None) -> str:
    return reverse("admin:answer_file", args=[answer] if row_id is None else [answer, row_id])


def test_pages_link_to_every_table_that_they_show_and_each_link_opens(
    client: Client, ours: LookAlike, theirs: LookAlike
) -> None:
    project = analysed_project(ours)
    with tenant_context(ours.tenant.pk):
        gap = GapFactory.create(project=project)
        RootCauseFactory.create(gap=gap)
    pages = {
        reverse("admin:portfolio"): ("portfolio", "briefing", "action-efficacy"),
        reverse("admin:index"): ("portfolio",),
        reverse("admin:trust"): ("calibration",),
        reverse("admin:suspicious_activity"): ("suspicious-activity",),
        reverse("admin:projects_project_change", args=[project.pk]): OF_A_PROJECT,
        reverse("admin:gaps_gap_change", args=[gap.pk]): ("cause-map",),
    }
    found, refused = {}, []

    for address, answers in pages.items():
        page = client.get(address)
        for answer in answers:
            links = _links(page, answer)
            found[answer] = len(links)
            got = {link: client.get(link) for link in links}
            refused += [link for link, each in got.items() if each.status_code != 200]
            assert str(theirs.tenant.pk).encode() not in b"".join(each.getvalue() for each in got.values())

    assert refused == []
    assert found == {name: 1 + len(answer.shape) for name, answer in PAGE_ANSWERS.items()}


def test_the_file_of_the_page_is_that_of_the_api_and_in_the_trail(
    client: Client, ours: LookAlike, theirs: LookAlike
) -> None:
    project = analysed_project(ours)
    with tenant_context(theirs.tenant.pk):
        ProjectFactory.create(name="Theirs alone")
    query = {"format": "csv", "table": "heat_map"}
    shown = _rows(client.get("/api/v1/portfolio/export", query))

    rows = _rows(client.get(_file("portfolio"), query))

    assert rows == shown
    assert str(project.pk) in {row["project"] for row in rows}
    assert "Theirs alone" not in {row["name"] for row in rows}
    by_api, by_page = _trail(ours)[-2:]
    assert by_page.changes == by_api.changes == {**by_page.changes, "answer": "portfolio", "format": "csv"}
    assert (by_page.actor_id, by_page.resource_type) == (ours.users[Role.ADMIN].pk, "gaps.gap")


def test_the_record_of_a_project_and_type_stays_narrowed(client: Client, ours: LookAlike) -> None:
    project = ours.rows[Project].pk
    page = client.get(reverse("admin:trust"), {"project": str(project), "type": "DELAY_RISK"})

    links = _links(page, "calibration")

    assert all(f"project={project}" in link and "type=DELAY_RISK" in link for link in links)
    assert {client.get(link).status_code for link in links} == {200}


@pytest.mark.parametrize("answer", OF_A_PROJECT)
def test_a_foreign_project_and_no_project_answer_alike(answer: str, client: Client, theirs: LookAlike) -> None:
    before = len(_trail(theirs))

    foreign = client.get(_file(answer, theirs.rows[Project].pk))
    nothing = client.get(_file(answer, uuid4()))

    assert (foreign.status_code, nothing.status_code) == (404, 404)
    assert len(_trail(theirs)) == before


def test_what_is_no_answer_or_no_table_is_not_found(client: Client, ours: LookAlike) -> None:
    before = len(_trail(ours))
    addresses = [
        "/admin/files/no-such/",
        _file("forecast"),
        _file("portfolio", uuid4()),
        f"{_file('portfolio')}?table=no_such",
        f"{_file('portfolio')}?format=pdf",
        f"{_file('calibration')}?type=NO_SUCH",
        f"{_file('calibration')}?project=no-id",
    ]

    assert {client.get(address).status_code for address in addresses} == {404}
    assert client.post(_file("portfolio")).status_code == 405
    assert len(_trail(ours)) == before


def test_asking_for_the_head_leaves_nothing(client: Client, ours: LookAlike) -> None:
    before = len(_trail(ours))

    head = client.head(_file("portfolio"))

    assert (head.status_code, head.content) == (200, b"")
    assert head["Content-Disposition"].startswith("attachment")
    assert len(_trail(ours)) == before


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_who_does_not_enter_gets_no_file(role: Role, ours: LookAlike) -> None:
    client = Client()
    with auth_context():
        client.force_login(ours.users[role])

    assert client.get(_file("portfolio")).status_code == 302


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_an_operator_exports_inside_one_organisation_and_not_across(ours: LookAlike, theirs: LookAlike) -> None:
    with owner_access("test data"):
        operator = OperatorFactory.create()
    client = Client()
    with auth_context():
        client.force_login(operator)
    step = reverse("admin:operator_step")

    client.post(step, {"target": str(ours.tenant.pk), "reason": "Ticket 4711"})
    inside = _rows(client.get(_file("portfolio"), {"format": "csv"}))
    client.post(step, {"target": "across", "reason": "Ticket 4712"})
    across = client.get(_file("portfolio"), {"format": "csv"})

    assert str(ours.rows[Project].pk) in {row["project"] for row in inside}
    assert str(theirs.rows[Project].pk) not in {row["project"] for row in inside}
    assert (_trail(ours)[-1].actor_id, _trail(ours)[-1].reason) == (operator.pk, "Ticket 4711")
    assert across.status_code == 403

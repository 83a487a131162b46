"""The page of a connection: how it is doing, a test, a sync, and what statuses count as."""

from __future__ import annotations

import json
import logging
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.enums import IntegrationStatus
from integrations.health import ADVICE
from integrations.models import FieldMapping, Integration, StreamState, SyncResult
from projects.models import WorkItem
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry
from tests.factories.integrations import SyncResultFactory
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.integrations.connectors.battery import Played
from tests.integrations.connectors.github.fake import TOKEN
from tests.integrations.connectors.local_server import Response
from tests.integrations.doors.test_api import REFUSALS

pytestmark = pytest.mark.django_db


def browser_of(one: LookAlike, role: Role) -> Client:
    client = Client()
    client.force_login(one.users[role])
    return client


@pytest.fixture
def client(ours: LookAlike) -> Client:
    """The browser of our administrator."""
    return browser_of(ours, Role.ADMIN)


def page_of(client: Client, played: Played) -> str:
    """What the page of our connection says, without tags."""
    response = client.get(reverse("admin:integrations_integration_change", args=[played.integration_id]))
    assert response.status_code == 200
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def act(client: Client, what: str, integration_id: object, **data: str) -> Any:
    return client.post(reverse(f"admin:integrations_integration_{what}", args=[integration_id]), data, follow=True)


def ended(played: Played, **values: Any) -> None:
    """A run that ended so."""
    with tenant_context(played.tenant_id):
        SyncResultFactory.create(integration=played.integration, **values)


def change(played: Played, **values: Any) -> None:
    with tenant_context(played.tenant_id):
        Integration.objects.filter(pk=played.integration_id).update(**values)


# --- health ---


def test_page_of_a_healthy_connection_says_so(played: Played, client: Client) -> None:
    ended(played)
    change(played, last_sync_at=timezone.now(), next_run_at=timezone.now() + timedelta(minutes=40, seconds=20))

    told = page_of(client, played)

    assert "In step The record is what the tool showed" in told
    assert "Next run in 40 min" in told
    assert "Failures in a row 0" in told
    assert "What to do" not in told


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_each_kind_of_failure_is_shown_as_one_with_what_to_do(code: str, played: Played, client: Client) -> None:
    ended(played, status="FAILED", error_code=code, error_message="Why it failed.", streams={}, created_count=0)
    change(
        played,
        status=IntegrationStatus.ERROR,
        error_count=3,
        last_error="Why it failed.",
        next_run_at=timezone.now() + timedelta(minutes=20),
    )

    told = page_of(client, played)

    assert "Failing The last 3 runs brought nothing. What was read before is kept." in told
    assert "Why it failed." in told
    assert "It is tried again in 20 min" in told
    reason = "the tool asked for a pause" if code == "rate_limited" else "Each failure doubles the wait"
    assert reason in told
    if code in ADVICE:
        assert "What to do" in told


def test_partial_run_is_not_shown_as_good(played: Played, client: Client) -> None:
    played.fake.broken["/issues$"] = Response(403, {})
    played.sync()

    told = page_of(client, played)

    assert "Incomplete The last run brought something, and not everything." in told
    assert "not allowed to read this (403)" in told


def test_connection_that_no_worker_takes_says_so(played: Played, client: Client) -> None:
    change(played, next_run_at=timezone.now() - timedelta(hours=2))

    assert "no worker has taken it" in page_of(client, played)


def test_interrupted_run_shows_how_far_it_came(played: Played, client: Client) -> None:
    played.kill_after(3)

    told = page_of(client, played)

    assert "A run was interrupted. Nothing it brought is lost" in told
    assert "Issues 1 of 1" in told or "Issues 0 of 1" in told


def test_page_links_to_the_data_quality_of_its_project(played: Played, client: Client) -> None:
    url = reverse("admin:integrations_integration_change", args=[played.integration_id])

    page = client.get(url).content.decode()

    project = reverse("admin:projects_project_change", args=[played.integration.project_id])
    assert f'href="{project}#quality-title"' in page
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", page)


@pytest.mark.parametrize("runs", [1, 3])
def test_page_costs_the_same_however_many_runs_there_are(
    runs: int, played: Played, client: Client, django_assert_num_queries: Any
) -> None:
    for _ in range(runs):
        ended(played)
    url = reverse("admin:integrations_integration_change", args=[played.integration_id])
    client.get(url)

    with django_assert_num_queries(16):
        client.get(url)


# --- acts ---


def test_button_tests_the_connection_and_says_what_the_tool_says(
    played: Played, client: Client, ours: LookAlike
) -> None:
    page = act(client, "test", played.integration_id).content.decode()

    assert "the credentials are those of robot." in page
    with tenant_context(ours.tenant.pk):
        entry = AuditEntry.objects.filter(resource_id=str(played.integration_id)).order_by("-timestamp")[0]
    assert (entry.reason, entry.actor_id) == ("connection test", ours.users[Role.ADMIN].pk)


@pytest.mark.parametrize(("code", "said"), REFUSALS.items())
def test_button_shows_what_the_tool_refuses(
    code: str, said: Response, played: Played, client: Client, ours: LookAlike, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    played.fake.broken["."] = said

    page = act(client, "test", played.integration_id).content.decode()

    assert 'class="error"' in page
    with tenant_context(ours.tenant.pk):
        kept = list(AuditEntry.objects.filter(resource_id=str(played.integration_id)).order_by("timestamp", "id"))
    assert kept[-1].changes == {"outcome": code}
    assert TOKEN not in page + caplog.text + repr([vars(entry) for entry in kept])


def test_button_reads_the_tool_now(played: Played, client: Client, django_capture_on_commit_callbacks: Any) -> None:
    played.sync()

    with django_capture_on_commit_callbacks(execute=True):
        page = act(client, "sync", played.integration_id).content.decode()

    assert "The tool was read just now" in page
    with tenant_context(played.tenant_id):
        assert SyncResult.objects.filter(integration=played.integration_id).count() == 2


def test_button_starts_no_second_run(played: Played, client: Client, held_by_a_worker: None) -> None:
    page = act(client, "sync", played.integration_id).content.decode()

    assert "Nothing was changed. It is being read right now." in page
    assert played.fake.log == []


def test_button_switches_the_tool_off(played: Played, client: Client) -> None:
    page = act(client, "off", played.integration_id).content.decode()

    assert "It is switched off." in page
    assert "none: switched off" in page
    assert reverse("admin:integrations_integration_off", args=[played.integration_id]) not in page
    assert played.integration.status == IntegrationStatus.INACTIVE


@pytest.mark.parametrize("what", ["test", "sync", "off", "statuses"])
def test_foreign_connection_is_a_missing_one(what: str, played: Played, foreign: Integration, client: Client) -> None:
    theirs, nowhere = (act(client, what, each) for each in (foreign.pk, uuid4()))

    assert (theirs.status_code, nowhere.status_code) == (404, 404)
    assert played.fake.log == []


@pytest.mark.parametrize("what", ["test", "sync", "off", "statuses"])
def test_only_a_form_that_was_sent_from_here_does_something(what: str, played: Played, ours: LookAlike) -> None:
    url = reverse(f"admin:integrations_integration_{what}", args=[played.integration_id])
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(ours.users[Role.ADMIN])

    assert careful.post(url).status_code == 403
    assert careful.get(url).status_code == 405
    assert played.fake.log == []


def test_status_that_is_chosen_holds_from_the_next_run_on(played: Played, client: Client) -> None:
    played.sync()
    url = reverse("admin:integrations_integration_change", args=[played.integration_id])
    form = client.get(url).context["status_form"]
    name = next(name for name, status in form.statuses.items() if status.category == "TODO")

    page = act(client, "statuses", played.integration_id, **{name: "IN_PROGRESS"}).content.decode()

    assert "The categories are kept." in page
    status_id = form.statuses[name].status_id
    assert played.integration.config["status_categories"] == {status_id: "IN_PROGRESS"}
    played.sync()
    with tenant_context(played.tenant_id):
        found = WorkItem.objects.filter(project=played.integration.project, status_id=status_id)
        assert set(found.values_list("status_category", flat=True)) == {"IN_PROGRESS"}


def test_field_mapping_that_is_added_lets_everything_be_read_anew(played: Played, client: Client) -> None:
    played.sync()

    client.post(
        reverse("admin:integrations_fieldmapping_add"),
        {
            "integration": str(played.integration_id),
            "external_field": "state",
            "internal_field": "priority",
            "transformation": "COPY",
        },
    )

    with tenant_context(played.tenant_id):
        assert FieldMapping.objects.filter(integration=played.integration_id).count() == 1
        assert StreamState.objects.get(integration=played.integration_id, stream="issues").cursor == ""


def test_field_mapping_is_not_changed_under_a_run(played: Played, client: Client, held_by_a_worker: None) -> None:
    page = client.post(
        reverse("admin:integrations_fieldmapping_add"),
        {
            "integration": str(played.integration_id),
            "external_field": "state",
            "internal_field": "priority",
            "transformation": "COPY",
        },
    ).content.decode()

    assert "change mappings when the run has ended" in page
    with tenant_context(played.tenant_id):
        assert not FieldMapping.objects.filter(integration=played.integration_id).exists()


def mapping_of(played: Played) -> FieldMapping:
    """A mapping of ours that a run has applied."""
    with tenant_context(played.tenant_id):
        mapping: FieldMapping = FieldMapping.objects.create(
            integration=played.integration, external_field="state", internal_field="priority", transformation="COPY"
        )
    played.sync()
    return mapping


def delete_by(client: Client, how: str, mapping: FieldMapping) -> str:
    page = reverse("admin:integrations_fieldmapping_changelist")
    marked = {"action": "delete_selected", ACTION_CHECKBOX_NAME: [str(mapping.pk)]}
    if how == "page":
        page, marked = reverse("admin:integrations_fieldmapping_delete", args=[mapping.pk]), {}
    return client.post(page, {**marked, "post": "yes"}, follow=True).content.decode()


@pytest.mark.parametrize("how", ["page", "list"])
def test_field_mapping_that_is_deleted_lets_everything_be_read_anew(how: str, played: Played, client: Client) -> None:
    mapping = mapping_of(played)

    delete_by(client, how, mapping)

    with tenant_context(played.tenant_id):
        assert not FieldMapping.objects.filter(pk=mapping.pk).exists()
        assert StreamState.objects.get(integration=played.integration_id, stream="issues").cursor == ""


@pytest.mark.parametrize("how", ["page", "list"])
def test_field_mapping_is_not_deleted_under_a_run(
    how: str, played: Played, client: Client, request: pytest.FixtureRequest
) -> None:
    mapping = mapping_of(played)
    request.getfixturevalue("held_by_a_worker")

    page = delete_by(client, how, mapping)

    assert "change mappings when the run has ended" in page
    with tenant_context(played.tenant_id):
        assert FieldMapping.objects.filter(pk=mapping.pk).exists()


def test_categories_among_the_settings_do_not_change_under_a_run(
    played: Played, client: Client, held_by_a_worker: None
) -> None:
    url = reverse("admin:integrations_integration_change", args=[played.integration_id])
    config = {**played.integration.config, "status_categories": {"open": "IN_PROGRESS"}}

    page = client.post(url, {**form_values(client.get(url)), "config": json.dumps(config)}).content.decode()

    assert "change mappings when the run has ended" in page
    assert "status_categories" not in played.integration.config


def form_values(page: Any) -> dict[str, Any]:
    """What the browser would send of a page's form, unchanged."""
    forms = [page.context["adminform"].form]
    forms += [part for each in page.context["inline_admin_formsets"] for part in (each.formset.management_form,)]
    values = {bound.html_name: bound.value() for form in forms for bound in form}
    return {name: value for name, value in values.items() if value is not None}


def test_newcomer_is_led_from_a_saved_connection_to_its_first_steps(client: Client, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create(name="New here")
    formset = {f"field_mappings-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    data = {"project": str(project.pk), "name": "Code", "type": "GITHUB", "sync_interval_minutes": "60", "config": "{}"}

    project_page = client.get(reverse("admin:projects_project_change", args=[project.pk])).content.decode()
    saved = client.post(
        reverse("admin:integrations_integration_add"),
        {**data, **formset, "credentials": json.dumps({"token": TOKEN})},
        follow=True,
    )

    page = " ".join(re.sub(r"<[^>]*>", " ", saved.content.decode()).split())
    assert f"{reverse('admin:integrations_integration_add')}?project={project.pk}" in project_page
    assert saved.redirect_chain[-1][0].endswith("/change/"), page[:3000]
    assert "was added." in page
    assert "First “Test the connection”, then “Synchronise now”." in page

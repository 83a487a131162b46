"""Lists of the backoffice as files: the API's export behind a button and an action."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.contrib import admin
from django.db import models
from django.test import Client
from django.urls import reverse

from gaps.models import Gap
from projects.models import Project
from tenants.api.exports import view_of
from tenants.enums import Role
from tenants.isolation.models import TenantModel
from tenants.isolation.owner import owner_access
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import ApiKey, AuditEntry
from tenants.permissions import Action, allowed
from tests.factories.gaps import GapFactory
from tests.factories.look_alike import LookAlike
from tests.factories.tenants import OperatorFactory

pytestmark = pytest.mark.django_db

PAGES = sorted(admin.site._registry, key=lambda model: model._meta.label)
each_page = pytest.mark.parametrize("model", PAGES, ids=[model._meta.label for model in PAGES])
NEVER_LEAVE = {
    "tenants.Tenant",
    "tenants.ApiKey",
    "tenants.IdempotentRequest",
    # Where a reading stands: the address of the runs shows it, and what came of it is in the sync results.
    "integrations.StreamState",
    "integrations.SyncProgress",
    # What came in is shown on the connection's page, and by the address of the webhook.
    "integrations.IncomingDelivery",
    "integrations.IncomingWebhook",
}


def _url(model: type[models.Model], page: str) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}")


def _rows(answer: Any) -> list[dict[str, str]]:
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _trail(world: LookAlike) -> list[AuditEntry]:
    with tenant_context(world.tenant.pk):
        return list(AuditEntry.objects.filter(action="EXPORT_DATA").order_by("timestamp"))


@pytest.fixture
def client(ours: LookAlike) -> Client:
    client = Client()
    with auth_context():
        client.force_login(ours.users[Role.ADMIN])
    return client


@each_page
def test_every_list_that_may_leave_leaves_as_the_apis_file(
    model: type[models.Model], client: Client, ours: LookAlike, theirs: LookAlike
) -> None:
    before = len(_trail(ours))
    page = client.get(_url(model, "changelist")).content.decode()

    answer = client.get(_url(model, "export"))

    may_leave = allowed(Role.ADMIN, Action.EXPORT, model._meta.label) and view_of(model) is not None
    assert may_leave == (model._meta.label not in NEVER_LEAVE)
    assert (_url(model, "export") in page) == ('value="export_as_csv"' in page) == may_leave
    assert (_url(model, "export_xlsx") in page) == ('value="export_as_xlsx"' in page) == may_leave
    if not may_leave:
        assert answer.status_code == 403
        assert len(_trail(ours)) == before
        return
    view = view_of(model)
    assert view is not None
    rows = _rows(answer)
    assert tuple(rows[0]) == view.serializer_class.columns()
    entry = _trail(ours)[-1]
    assert len(_trail(ours)) == before + 1
    counted = len(rows) - (model is AuditEntry)  # its own entry is written after the count
    assert (entry.resource_type, entry.changes["counts"]) == (model._meta.label_lower, {"exported": counted})
    assert entry.actor_id == ours.users[Role.ADMIN].pk
    if issubclass(model, TenantModel):
        ids = {row["id"] for row in rows}
        assert str(ours.rows[model].pk) in ids
        assert str(theirs.rows[model].pk) not in ids


@each_page
def test_an_action_on_a_foreign_row_exports_nothing_of_it(
    model: type[models.Model], client: Client, theirs: LookAlike
) -> None:
    if not issubclass(model, TenantModel):
        return
    data = {"action": "export_as_csv", "_selected_action": [str(theirs.rows[model].pk)]}

    answer: Any = client.post(_url(model, "changelist"), data)

    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    assert str(theirs.rows[model].pk).encode() not in body


def test_the_button_keeps_filters_and_search(client: Client, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        low = GapFactory.create(project=ours.rows[Project], severity="LOW", title="Slow tests")
        GapFactory.create(project=ours.rows[Project], severity="LOW", title="Late")
        GapFactory.create(project=ours.rows[Project], severity="HIGH", title="Slow builds")
    query = {"severity__exact": "LOW", "q": "Slow"}

    page = client.get(_url(Gap, "changelist"), query).content.decode()
    rows = _rows(client.get(_url(Gap, "export"), query))

    assert "export/?severity__exact=LOW&amp;q=Slow" in page or "export/?q=Slow&amp;severity__exact=LOW" in page
    assert [row["id"] for row in rows] == [str(low.pk)]
    assert _trail(ours)[-1].changes["asked"] == query


@pytest.mark.parametrize("across", ["0", "1"])
def test_the_action_exports_what_is_selected(client: Client, ours: LookAlike, across: str) -> None:
    with tenant_context(ours.tenant.pk):
        gaps = [GapFactory.create(project=ours.rows[Project], severity="LOW") for _ in range(3)]
    chosen = [str(gap.pk) for gap in gaps[:2]]
    data: dict[str, Any] = {"action": "export_as_csv", "_selected_action": chosen, "select_across": across}

    rows = _rows(client.post(f"{_url(Gap, 'changelist')}?severity__exact=LOW", data))

    wanted = chosen if across == "0" else [str(gap.pk) for gap in gaps]
    assert {row["id"] for row in rows} >= set(wanted)
    assert (len(rows) == 2) == (across == "0")
    assert {row["severity"] for row in rows} == {"LOW"}
    assert _trail(ours)[-1].changes["counts"] == {"exported": len(rows)}


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_who_does_not_enter_exports_nothing(role: Role, ours: LookAlike) -> None:
    client = Client()
    with auth_context():
        client.force_login(ours.users[role])

    assert client.get(_url(Gap, "export")).status_code == 302


def test_a_page_without_the_right_refuses_a_forged_action(client: Client, ours: LookAlike) -> None:
    before = len(_trail(ours))
    data = {"action": "export_as_csv", "_selected_action": [str(ours.rows[ApiKey].pk)]}

    answer = client.post(_url(ApiKey, "changelist"), data)

    assert not answer.streaming
    assert len(_trail(ours)) == before


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_an_operator_exports_inside_one_organisation_and_not_across(ours: LookAlike, theirs: LookAlike) -> None:
    with owner_access("test data"):
        operator = OperatorFactory.create()
    client = Client()
    with auth_context():
        client.force_login(operator)
    step = reverse("admin:operator_step")

    client.post(step, {"target": str(ours.tenant.pk), "reason": "Ticket 4711"})
    inside = _rows(client.get(_url(Gap, "export")))
    client.post(step, {"target": "across", "reason": "Ticket 4712"})
    page, across = client.get(_url(Gap, "changelist")), client.get(_url(Gap, "export"))

    assert str(ours.rows[Gap].pk) in {row["id"] for row in inside}
    assert str(theirs.rows[Gap].pk) not in {row["id"] for row in inside}
    entry = _trail(ours)[-1]
    assert (entry.actor_id, entry.reason) == (operator.pk, "Ticket 4711")
    assert str(theirs.rows[Gap].pk) in page.content.decode()
    assert "export_as_csv" not in page.content.decode()
    assert across.status_code == 403

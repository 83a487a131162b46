"""Every page of the backoffice, for every model: it opens for the administrator and shows nothing of the look-alike."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import models
from django.test import Client, RequestFactory
from django.urls import reverse

from tenants.enums import Role
from tenants.isolation.models import TenantModel
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db

TENANT_PAGES = sorted(
    (model for model in admin.site._registry if issubclass(model, TenantModel)), key=lambda model: model._meta.label
)


def _url(model: type[models.Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def _admin_client(one: LookAlike) -> Client:
    client = Client()
    client.force_login(one.users[Role.ADMIN])
    return client


@pytest.fixture
def client(ours: LookAlike) -> Client:
    return _admin_client(ours)


@pytest.mark.parametrize("model", TENANT_PAGES, ids=lambda model: model._meta.label)
def test_the_list_shows_our_row_and_not_the_look_alike(
    model: type[TenantModel], client: Client, ours: LookAlike, theirs: LookAlike
) -> None:
    response = client.get(_url(model, "changelist"))

    assert response.status_code == 200
    page = response.content.decode()
    assert str(ours.rows[model].pk) in page
    assert str(theirs.rows[model].pk) not in page
    assert str(theirs.tenant.pk) not in page


@pytest.mark.parametrize("model", TENANT_PAGES, ids=lambda model: model._meta.label)
def test_a_foreign_row_answers_like_a_missing_one(
    model: type[TenantModel], client: Client, ours: LookAlike, theirs: LookAlike
) -> None:
    own, foreign = ours.rows[model].pk, theirs.rows[model].pk
    missing = type(own)(int=own.int ^ 1)
    answers = {}
    for name, key in (("own", own), ("foreign", foreign), ("missing", missing)):
        answers[name] = [
            (response.status_code, response.headers.get("Location"))
            for page in ("change", "history", "delete")
            for response in [client.get(_url(model, page, key))]
        ]

    assert answers["own"][0][0] == 200
    assert answers["own"][1][0] == 200
    assert answers["foreign"] == answers["missing"]


@pytest.mark.parametrize("model", TENANT_PAGES, ids=lambda model: model._meta.label)
def test_a_foreign_row_is_neither_changed_nor_deleted(
    model: type[TenantModel], client: Client, theirs: LookAlike
) -> None:
    foreign = theirs.rows[model].pk
    client.post(_url(model, "delete", foreign), {"post": "yes"})
    client.post(
        _url(model, "changelist"),
        {"action": "delete_selected", "_selected_action": [str(foreign)], "post": "yes"},
    )

    with tenant_context(theirs.tenant.pk):
        assert model._default_manager.filter(pk=foreign).exists()


@pytest.mark.parametrize(
    "model",
    [m for m in TENANT_PAGES if admin.site._registry[m].get_search_fields(RequestFactory().get("/"))],
    ids=lambda model: model._meta.label,
)
def test_autocomplete_offers_our_rows_only(
    model: type[TenantModel], client: Client, ours: LookAlike, theirs: LookAlike
) -> None:
    found: list[dict[str, Any]] = []
    for other in TENANT_PAGES:
        for field in other._meta.concrete_fields:
            if field.remote_field and field.remote_field.model is model and field.name != "tenant" and field.editable:
                query = {"app_label": other._meta.app_label, "model_name": str(other._meta.model_name), "term": ""}
                response = client.get(reverse("admin:autocomplete"), {**query, "field_name": field.name})
                assert response.status_code == 200, (other, field.name)
                found += response.json()["results"]

    assert str(theirs.rows[model].pk) not in {row["id"] for row in found}


def test_every_tenant_model_has_a_page() -> None:
    hidden = {
        *("TenantDataKey", "PseudonymKey"),  # keys: nobody sees them
        "RawPayload",  # what tools sent, with names and words of people: sealed, and opened by no door
    }
    missing = {
        model.__name__
        for model in apps.get_models()
        if issubclass(model, TenantModel) and model not in admin.site._registry
    }

    assert missing == hidden


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_only_administrators_enter(role: Role, ours: LookAlike) -> None:
    client = Client()
    client.force_login(ours.users[role])

    assert client.get(reverse("admin:index")).status_code == 302


@pytest.mark.parametrize("model", TENANT_PAGES, ids=lambda model: model._meta.label)
def test_every_add_form_opens_where_people_may_add(model: type[TenantModel], client: Client) -> None:
    expected = 200 if admin.site._registry[model].has_add_permission(_request(client)) else 403

    assert client.get(_url(model, "add")).status_code == expected


def _request(client: Client) -> Any:
    request: Any = client.get(reverse("admin:index")).wsgi_request
    return request

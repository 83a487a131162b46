"""Searching in the backoffice: by the beginning, whatever the case where a lower-case column is stored."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.db import models
from django.test import Client
from django.urls import reverse

from projects.models import Project
from tenants.enums import Role
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db
SEARCHABLE = sorted((m for m, page in admin.site._registry.items() if page.search_fields), key=lambda m: m._meta.label)


def _client(one: LookAlike) -> Client:
    client = Client()
    client.force_login(one.users[Role.ADMIN])
    return client


@pytest.mark.parametrize("typed", ["relaunch", "Ünïcode", "%_\\", "a" * 500])
@pytest.mark.parametrize("model", SEARCHABLE, ids=[m._meta.label for m in SEARCHABLE])
def test_every_search_answers_whatever_is_typed(model: type[models.Model], typed: str, ours: LookAlike) -> None:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")

    assert _client(ours).get(url, {"q": typed}).status_code == 200


def test_a_project_is_found_by_the_beginning_of_its_name_in_any_case(ours: LookAlike) -> None:
    project = ours.rows[Project]
    url = reverse("admin:projects_project_changelist")
    client = _client(ours)

    found = client.get(url, {"q": str(project)[:4].upper()}).content.decode()
    not_found = client.get(url, {"q": "no such project"}).content.decode()

    assert str(project.pk) in found
    assert str(project.pk) not in not_found


def test_an_address_or_a_cookie_with_nul_is_refused_and_no_error(ours: LookAlike) -> None:
    stranger = Client()
    stranger.cookies["stratibreak_session"] = "aaaaaaaaaaaa\0"

    assert _client(ours).get("/admin/tenants/user/?role__exact=%00").status_code == 400
    assert stranger.get("/admin/").status_code == 302

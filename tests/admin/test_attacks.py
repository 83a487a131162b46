"""Attacks on the backoffice: keys that are no person, foreign ids inside forms, and garbage where ids belong."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse

from gaps.enums import GapOrigin, TransitionKind
from gaps.models import CorrectiveAction, Evidence, Gap
from projects.models import Goal, Project, ProjectMembership, WorkItem
from stratibreak.api_router import ROUTES
from tenants.enums import ApiScope, Role
from tenants.isolation.transaction import tenant_context
from tenants.models import User
from tenants.permissions import Action
from tests.api.conftest import ApiClient, machine_of, signed_in
from tests.api.endpoints import ENDPOINTS, Endpoint
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Any) -> None:
    """A working copy has no folder of collected static files, of which WhiteNoise would warn."""
    settings.STATIC_ROOT = None


class _Form(HTMLParser):
    """What a browser would send back of a page, and which of it completes references."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.references: dict[str, type[Any]] = {}
        self._open = self._tag = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        had = {name: value or "" for name, value in attrs}
        name = had.get("name", "")
        if tag == "option" and "selected" in had and self._open:
            self.values[self._open] = had.get("value", "")
        if tag not in ("input", "select", "textarea") or not name or "__prefix__" in name:
            return
        if had.get("type") == "checkbox" and "checked" not in had:
            return
        self.values[name] = had.get("value", "")
        self._open, self._tag = (name, tag) if tag in ("select", "textarea") else ("", "")
        if "admin-autocomplete" in had.get("class", ""):
            described = apps.get_model(had["data-app-label"], had["data-model-name"])
            self.references[name] = described._meta.get_field(had["data-field-name"]).remote_field.model

    def handle_endtag(self, tag: str) -> None:
        if tag in ("select", "textarea"):
            self._open = self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag == "textarea":
            self.values[self._open] += data.strip()


def _change_url(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def _list_url(model: type[Any]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


@pytest.fixture
def browser(ours: LookAlike) -> ApiClient:
    return signed_in(ours.users[Role.ADMIN])


# A machine's key


@pytest.mark.parametrize("path", ["/admin/", "/admin/tenants/apikey/add/", "/admin/password_change/", "/admin/jsi18n/"])
def test_a_key_opens_no_page(path: str, ours: LookAlike) -> None:
    """The backoffice asks for the role only: a key that may import could have made itself an administrator there."""
    machine = machine_of(ours, Role.ADMIN, *ApiScope)

    assert machine.get("/api/v1/projects").status_code == 200
    assert machine.get(path)["Location"].startswith("/admin/login/")


def test_a_page_behind_a_proxy_with_a_password_of_its_own_opens(browser: ApiClient) -> None:
    assert browser.get("/admin/", headers={"Authorization": "Basic cHJveHk6cHJveHk="}).status_code == 200


def test_the_site_itself_refuses_a_key(ours: LookAlike) -> None:
    """The layer below the middleware."""
    request: Any = type("Request", (), {"user": ours.users[Role.ADMIN]})()

    assert admin.site.has_permission(request)
    request.api_key = object()
    assert not admin.site.has_permission(request)


# Ids inside forms


@pytest.mark.parametrize("model", [CorrectiveAction, Project, WorkItem], ids=lambda m: m.__name__)
def test_a_form_takes_a_foreign_reference_like_a_missing_one(
    model: type[Any], browser: ApiClient, ours: LookAlike, theirs: LookAlike
) -> None:
    url = _change_url(ours.rows[model])
    form = _Form(browser.get(url).content.decode())
    assert form.references
    for name, target in form.references.items():
        foreign = theirs.users[Role.ADMIN] if target is User else theirs.rows[target]
        pages = []
        for key in (str(foreign.pk), str(uuid4()), "no key"):
            answer = browser.post(url, {**form.values, name: key})
            pages.append((answer.status_code, re.sub(rf"{key}|\w{{64}}", "", answer.content.decode())))

        assert pages[0] == pages[1]
        assert [status for status, _ in pages] == [200, 200, 200]


@pytest.mark.parametrize(
    ("child", "parent", "prefix"),
    [
        (ProjectMembership, "project", "memberships"),
        (Evidence, "gap", "evidence"),
    ],
    ids=lambda each: getattr(each, "__name__", str(each)),
)
def test_a_row_edited_on_its_parent_cannot_be_swapped_for_a_foreign_one(
    child: type[Any], parent: str, prefix: str, browser: ApiClient, ours: LookAlike, theirs: LookAlike
) -> None:
    with tenant_context(ours.tenant.pk):
        own = child.objects.get(pk=ours.rows[child].pk)
        container = getattr(own, parent)
    with tenant_context(theirs.tenant.pk):
        before = child.objects.filter(pk=theirs.rows[child].pk).values().get()
    values = _Form(browser.get(_change_url(container)).content.decode()).values
    slot = next(name for name, value in values.items() if name.startswith(prefix) and value == str(own.pk))
    statuses = set()

    for key in (theirs.rows[child].pk, uuid4(), "no key"):
        for more in ({slot.removesuffix("id") + "DELETE": "on"}, {slot.removesuffix("id") + parent: str(key)}):
            statuses.add(browser.post(_change_url(container), {**values, slot: str(key), **more}).status_code)

    assert statuses == {200, 302}
    with tenant_context(theirs.tenant.pk):
        assert child.objects.filter(pk=theirs.rows[child].pk).values().get() == before
    with tenant_context(ours.tenant.pk):
        assert child.objects.filter(pk=own.pk).exists()


# Both doors hold to the same rules


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_a_page_writes_and_shows_no_field_that_the_api_does_not(
    endpoint: Endpoint, browser: ApiClient, ours: LookAlike
) -> None:
    """A page that took what detection keeps would let an administrator forge a finding."""
    model = apps.get_model(endpoint.label)
    if model not in ours.rows or Action.CHANGE not in endpoint.offered:
        return
    serializer_class = ROUTES[endpoint.name].serializer_class
    fields = serializer_class().fields
    kept = {name for name, field in fields.items() if field.read_only} | set(serializer_class.fixed_after_creation)
    add_answer = browser.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add"))
    change = _Form(browser.get(_change_url(ours.rows[model])).content.decode())
    written = {name.removesuffix("_0").removesuffix("_1") for name in change.values if "-" not in name}
    own = {"csrfmiddlewaretoken", "move", "note", "q", "next"}

    assert add_answer.status_code == (200 if Action.ADD in endpoint.offered else 403)
    assert written & kept == set()
    assert {name for name in written if not name.startswith(("_", "initial-"))} - set(fields) <= own


def test_a_gap_entered_in_the_backoffice_has_its_opening_in_its_history(browser: ApiClient, ours: LookAlike) -> None:
    page = "/admin/gaps/gap/add/"
    form = _Form(browser.get(page).content.decode()).values
    written = {"title": "Seen by eye", "type": "TIMELINE", "category": "OPERATIONAL", "severity": "LOW"}
    moment = {"identified_at_0": "2026-03-02", "identified_at_1": "09:00:00", "project": str(ours.rows[Project].pk)}
    answer = browser.post(page, {**form, **written, **moment, "fingerprint": "a" * 64, "origin": "DETECTED"})

    assert answer.status_code == 302, re.findall(r"errorlist.*?</ul>", answer.content.decode(), re.S)
    with tenant_context(ours.tenant.pk):
        gap = Gap.objects.get(title="Seen by eye")
        assert (gap.fingerprint, gap.origin) == ("", GapOrigin.MANUAL)
        assert [transition.kind for transition in gap.transitions.all()] == [TransitionKind.OPENED]


def test_a_gap_of_a_day_to_come_is_not_entered(browser: ApiClient, ours: LookAlike) -> None:
    page = "/admin/gaps/gap/add/"
    form = _Form(browser.get(page).content.decode()).values
    written = {"title": "Foreseen", "type": "TIMELINE", "category": "OPERATIONAL", "severity": "LOW"}
    moment = {"identified_at_0": "2999-03-02", "identified_at_1": "09:00:00", "project": str(ours.rows[Project].pk)}

    answer = browser.post(page, {**form, **written, **moment})

    assert answer.status_code == 200
    assert "Must not lie in the future." in answer.content.decode()
    with tenant_context(ours.tenant.pk):
        assert not Gap.objects.filter(title="Foreseen").exists()


# Garbage


@pytest.mark.parametrize("model", [Goal, User], ids=lambda model: model.__name__)
@pytest.mark.parametrize(("key", "status"), [("no key", 400), ("018f0000-0000-7000-8000-000000000000", 302)])
def test_a_marked_row_that_is_none_is_refused(model: type[Any], key: str, status: int, browser: ApiClient) -> None:
    action = "deactivate" if model is User else "delete_selected"
    asked = {"action": action, "_selected_action": [key], "post": "yes"}

    assert browser.post(_list_url(model), asked).status_code == status


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("projects/goal/add/?project=none", 200),
        ("gaps/gap/add/?project=none&owner=none", 200),
        ("projects/project/?created_at__year=999999", 400),
        ("autocomplete/?app_label=projects&model_name=project&field_name=goals&term=", 403),
        ("autocomplete/?app_label=projects&model_name=project&field_name=owner__tenant&term=", 403),
        ("projects/goal/?p=-1", 200),
        ("projects/goal/?o=99.-99.x", 200),
        ("projects/goal/?id=none", 302),
        ("projects/goal/%00/change/", 302),
        ("r/1/none/", 404),
        ("r/%00/1/", 404),
    ],
)
def test_garbage_in_an_address_is_answered(path: str, status: int, browser: ApiClient) -> None:
    assert browser.get(f"/admin/{path}").status_code == status


# What nobody sees


@pytest.mark.parametrize(
    "path",
    [
        "projects/contributor/?email_digest__startswith=a",
        "projects/contributor/?external_id_digest__gte=8",
        "projects/workitem/?assignee__email_digest__startswith=a",
        "tenants/user/?contributors__email_digest__startswith=a",
        "tenants/idempotentrequest/?fingerprint__startswith=a",
        "integrations/integration/?credentials__isnull=0",
        "integrations/destination/?address__gt=a",
        "integrations/destination/?signing__isnull=0",
        "integrations/destination/?deliveries__claim__isnull=0",
        "integrations/incomingwebhook/?proofs__isnull=0",
        "integrations/integration/?incoming_webhooks__proofs__isnull=0",
        "integrations/delivery/?claim__isnull=0",
    ],
)
def test_no_filter_gives_away_what_nobody_sees(path: str, browser: ApiClient) -> None:
    """A digest that a filter compares is known letter by letter after some four hundred questions."""
    assert browser.get(f"/admin/{path}").status_code == 400

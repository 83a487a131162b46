"""A person's create, change and delete of any row, through the API or the backoffice, leaves exactly one entry.

Driven by the registries of the doors: a new endpoint or page is in at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import models
from django.urls import reverse

from projects.models import FieldChange, WorkItem
from tenants.audit.edits import leaves_entries_by_itself, row_changes
from tenants.enums import Role
from tenants.isolation.models import TenantForeignKey, TenantModel, fixed_fields
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry, TenantDataKey
from tenants.permissions import Action
from tests.api.conftest import ApiClient, signed_in
from tests.api.endpoints import ENDPOINTS, FULL, Endpoint
from tests.factories import FACTORIES
from tests.factories.look_alike import LookAlike
from tests.factories.projects import FieldChangeFactory, WorkItemFactory

pytestmark = pytest.mark.django_db

# People and keys are made and changed by domain functions of their own, tested beside them.
OWN_RULES = {"tenants.User", "tenants.ApiKey", "tenants.Tenant"}
EDITABLE = [e for e in ENDPOINTS if Action.CHANGE in e.offered and e.label not in OWN_RULES]
ALL_FIXED = {"co-assignees"}  # both of their references stay as they were made
each_editable = pytest.mark.parametrize("endpoint", EDITABLE, ids=lambda endpoint: endpoint.name)


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Any) -> None:
    """A working copy has no folder of collected static files, of which WhiteNoise would warn."""
    settings.STATIC_ROOT = None


@pytest.fixture
def client(ours: LookAlike) -> ApiClient:
    return signed_in(ours.users[Role.ADMIN])


def writes_since(world: LookAlike, known: set[UUID]) -> list[AuditEntry]:
    """The entries of creates, updates and deletes in requests that are not in ``known``."""
    with tenant_context(world.tenant.pk):
        written = AuditEntry.objects.exclude(operation__in=["read", ""]).exclude(request_id="")
        found = written.order_by("timestamp", "id")
        return [entry for entry in found if entry.pk not in known]


NEVER_SHOWN = {"integrations.Destination": {"address": "https://receiver.example/hook"}}
"""What a creation needs and no door shows, by model."""


def known_entries(world: LookAlike) -> set[UUID]:
    with tenant_context(world.tenant.pk):
        return set(AuditEntry.objects.values_list("pk", flat=True))


class Watch:
    """What the trail of both organisations gains while something is done."""

    def __init__(self, ours: LookAlike, theirs: LookAlike) -> None:
        self.ours, self.theirs = ours, theirs
        self.known = (known_entries(ours), known_entries(theirs))

    def only_entry(self, operation: str, model: type[models.Model]) -> AuditEntry:
        """The one entry there is since the last question: of our organisation, by our administrator."""
        [entry] = writes_since(self.ours, self.known[0])
        assert writes_since(self.theirs, self.known[1]) == []
        self.known[0].add(entry.pk)
        assert (entry.operation, entry.resource_type) == (operation, model._meta.label_lower)
        assert entry.actor_id == self.ours.users[Role.ADMIN].pk
        return entry


def fresh_row(world: LookAlike, model: type[TenantModel]) -> TenantModel:
    """A row that nothing refers to, made by no person."""
    with tenant_context(world.tenant.pk):
        row: TenantModel = FACTORIES[model].create()
    return row


def other_values(world: LookAlike, model: type[models.Model], body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Fields that a person might change, each with another value; references last."""
    columns = {field.name: field for field in model._meta.concrete_fields if field.editable}
    for name in sorted(set(body) & set(columns), key=lambda name: columns[name].is_relation):
        field, value = columns[name], body[name]
        if isinstance(field, TenantForeignKey) and not field.containing and field.remote_field.model in FACTORIES:
            yield name, str(fresh_row(world, field.remote_field.model).pk)
        elif not field.is_relation and (other := another(field, value)) is not None:
            yield name, other


def another(field: Any, value: Any) -> Any:
    if field.choices:
        return next(choice for choice, _ in field.choices if choice != value)
    if isinstance(value, bool):
        return not value
    if isinstance(field, models.DateTimeField | models.DateField):
        return _a_little_later(str(value or "2026-03-01T09:00:00Z"))
    if isinstance(field, models.DecimalField):
        return _half(value)
    if isinstance(value, int | float):
        return value + 1
    return f"{value or ''}x"[-20:] if isinstance(field, models.CharField | models.TextField) else None


def _a_little_later(text: str) -> str:
    try:
        return (datetime.fromisoformat(text) + timedelta(minutes=1)).isoformat()
    except ValueError:
        return str(date.fromisoformat(text) + timedelta(days=1))


def _half(value: Any) -> str | None:
    try:
        return str(round(Decimal(str(value)) / 2, 2))
    except InvalidOperation:
        return None


# --- the API ---


def changes(client: ApiClient, path: str, values: dict[str, Any]) -> bool:
    """Whether the API took the values: what it writes itself it leaves as it is."""
    before = client.fetch(path).json()
    answer = client.send("PATCH", path, values, etag="*")
    return answer.status_code == 200 and any(answer.json()[name] != before[name] for name in values)


@each_editable
def test_the_api_leaves_one_entry_for_each_write(
    endpoint: Endpoint, client: ApiClient, ours: LookAlike, theirs: LookAlike
) -> None:
    model = apps.get_model(endpoint.label)
    row = fresh_row(ours, model)
    path = endpoint.item_path(row.pk)
    body = client.fetch(path).json()
    watch = Watch(ours, theirs)

    candidates = other_values(ours, model, body)
    changed = next((name for name, value in candidates if changes(client, path, {name: value})), None)
    assert (changed is None) == (endpoint.name in ALL_FIXED)
    if changed is not None:
        entry = watch.only_entry("update", model)
        assert entry.resource_id == str(row.pk)
        assert changed in entry.changes

    assert client.send("DELETE", path, etag="*").status_code == 204
    entry = watch.only_entry("delete", model)
    assert entry.resource_id == str(row.pk)

    if endpoint.offered == FULL:
        created = client.send("POST", endpoint.list_path, {**body, **NEVER_SHOWN.get(endpoint.label, {})})
        assert created.status_code == 201, created.content
        entry = watch.only_entry("create", model)
        assert entry.resource_id == created.json()["id"]
        assert entry.changes


# --- the backoffice ---

PAGES = sorted(
    (
        model
        for model, page in admin.site._registry.items()
        if issubclass(model, TenantModel)
        and model._meta.label not in OWN_RULES
        and "UPDATE" in model.app_privileges
        and type(page).__name__ not in ("SystemAdmin",)
    ),
    key=lambda model: model._meta.label,
)


class FormReader(HTMLParser):
    """What a browser would send of the page's form, unchanged."""

    def __init__(self) -> None:
        super().__init__()
        self.data: dict[str, Any] = {}
        self._select = self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, kind = given.get("name") or "", given.get("type") or "text"
        if tag == "input" and name and kind not in ("submit", "file", "button"):
            if kind not in ("checkbox", "radio") or "checked" in given:
                self.data[name] = given.get("value") or ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in given:
            self.data[self._select] = given.get("value") or ""
        elif tag == "textarea":
            self._textarea, self.data[name] = name, ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "textarea":
            self.data[self._textarea] = self.data[self._textarea].removeprefix("\n")
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.data[self._textarea] += data


def form_of(answer: Any) -> dict[str, Any]:
    reader = FormReader()
    reader.feed(answer.content.decode())
    return {name: value for name, value in reader.data.items() if not name.startswith(("csrf", "_"))}


def url(model: type[models.Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def other_form_values(world: LookAlike, model: type[models.Model], data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    columns = {field.name: field for field in model._meta.concrete_fields}
    for name, value in data.items():
        field = columns.get(name.removesuffix("_0"))
        if field is None:
            continue
        if isinstance(field, TenantForeignKey) and not field.containing and field.remote_field.model in FACTORIES:
            yield {**data, name: str(fresh_row(world, field.remote_field.model).pk)}
        elif field.is_relation:
            continue
        elif field.choices:
            yield {**data, name: next(choice for choice, _ in field.choices if choice != value)}
        elif isinstance(field, models.DateTimeField | models.DateField):
            yield {**data, name: "2026-05-17"}
        elif isinstance(field, models.IntegerField | models.FloatField | models.DecimalField):
            number = Decimal(value or 0)
            yield from ({**data, name: str(number + step)} for step in (1, -1, -number))
        elif isinstance(field, models.CharField | models.TextField):
            yield {**data, name: f"{value}x"[-20:]}


def fixed_values(row: TenantModel) -> dict[str, str]:
    """What a row was created with and its page shows without letting anybody change it, as its form writes it."""
    values: dict[str, str] = {}
    for name in fixed_fields(type(row)):
        field: Any = row._meta.get_field(name)
        value = getattr(row, field.attname)
        if isinstance(value, datetime):
            values[f"{name}_0"], values[f"{name}_1"] = f"{value:%Y-%m-%d}", f"{value:%H:%M:%S}"
        elif value is not None:
            values[name] = str(value)
    return values


def saved(answer: Any) -> bool:
    """Saved, and sent on; or, where that makes a secret, shown it."""
    return bool(answer.status_code == 302 or any(used.name == "admin/shown_once.html" for used in answer.templates))


@pytest.mark.parametrize("model", PAGES, ids=lambda model: model._meta.label)
def test_the_backoffice_leaves_one_entry_for_each_write(
    model: type[TenantModel], client: ApiClient, ours: LookAlike, theirs: LookAlike
) -> None:
    page = admin.site._registry[model]
    row = fresh_row(ours, model)
    shown = client.get(url(model, "change", row.pk))
    may_change = shown.status_code == 200 and 'name="_save"' in shown.content.decode()
    if not may_change:
        assert leaves_entries_by_itself(model) or not page.has_change_permission(shown.wsgi_request)
        assert client.post(url(model, "change", row.pk), {}).status_code in (302, 403)
        return
    data = form_of(shown)
    watch = Watch(ours, theirs)

    changes = list(other_form_values(ours, model, data))
    if changes:  # a row that only relates two others has nothing to change
        assert any(saved(client.post(url(model, "change", row.pk), changed)) for changed in changes)
        entry = watch.only_entry("update", model)
        assert entry.resource_id == str(row.pk)
        assert entry.changes

    assert saved(client.post(url(model, "delete", row.pk), {"post": "yes"}))
    entry = watch.only_entry("delete", model)
    assert entry.resource_id == str(row.pk)

    blank = client.get(url(model, "add"))
    if blank.status_code == 200:
        kept = fixed_values(row)
        sent = {**form_of(blank), **kept, **{name: value for name, value in data.items() if "_FORMS" not in name}}
        answer = client.post(url(model, "add"), {**sent, **NEVER_SHOWN.get(model._meta.label, {})})
        assert saved(answer), form_errors(answer)
        entry = watch.only_entry("create", model)
        assert entry.changes


def form_errors(answer: Any) -> Any:
    return answer.context["errors"] if answer.context else answer.status_code


# --- what an entry says ---


def test_deleting_a_work_item_says_what_went_along(client: ApiClient, ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        item = WorkItemFactory.create()
        for place in range(3):
            FieldChangeFactory.create(work_item=item, project=item.project, external_id=f"change-{place}")
        of_item = FieldChange.objects.filter(work_item=item).count()
    watch = Watch(ours, theirs)

    assert client.send("DELETE", f"/api/v1/work-items/{item.pk}", etag="*").status_code == 204

    entry = watch.only_entry("delete", WorkItem)
    assert entry.changes["contained"]["projects.fieldchange"] == of_item == 3
    assert entry.changes["title"] == [item.title, None]


def test_deleting_selected_rows_leaves_one_entry_each(client: ApiClient, ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        items = [str(WorkItemFactory.create().pk) for _ in range(3)]
    known = known_entries(ours)

    answer = client.post(
        url(WorkItem, "changelist"), {"action": "delete_selected", "_selected_action": items, "post": "yes"}
    )

    assert answer.status_code == 302
    entries = writes_since(ours, known)
    assert sorted(entry.resource_id for entry in entries) == sorted(items)
    assert {entry.operation for entry in entries} == {"delete"}


def test_saving_a_work_item_unchanged_leaves_no_entry(client: ApiClient, ours: LookAlike) -> None:
    path = f"/api/v1/work-items/{ours.rows[WorkItem].pk}"
    read = client.fetch(path)
    known = known_entries(ours)

    assert client.send("PUT", path, read.json(), etag=read["ETag"]).status_code == 200

    assert writes_since(ours, known) == []


def test_a_refused_write_leaves_no_entry_of_a_change(client: ApiClient, ours: LookAlike) -> None:
    path = f"/api/v1/work-items/{ours.rows[WorkItem].pk}"
    known = known_entries(ours)

    assert client.send("PATCH", path, {"item_type": "x" * 10_000}, etag="*").status_code == 400

    assert writes_since(ours, known) == []


def test_a_secret_column_is_withheld_whatever_the_model() -> None:
    key = TenantDataKey(wrapped_key=b"secret-bytes", version=3)

    changes = row_changes(None, key)

    assert changes["wrapped_key"] == "withheld"
    assert changes["version"] == [None, 3]

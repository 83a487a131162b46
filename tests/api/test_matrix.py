"""Every endpoint by method, role and tenant, from the URL resolver and the role matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps

from projects.models import ProjectMembership, Stakeholder
from stratibreak.api_router import ROUTES
from tenants.api.fields import VisibleReference
from tenants.enums import ApiScope, Role
from tenants.isolation.transaction import tenant_context
from tenants.models import Tenant, User
from tenants.permissions import Action, Scope, allowed, scope
from tests.api.conftest import ApiClient
from tests.api.endpoints import (
    ACTION_OF_METHOD,
    ENDPOINTS,
    ITEM_ACTIONS,
    OPEN_TO_STRANGERS,
    REPORT_FILES,
    REPORTS,
    Endpoint,
    ItemAction,
    resolved_routes,
)
from tests.factories.look_alike import LookAlike

LIST_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ITEM_METHODS = ("GET", "PUT", "PATCH", "DELETE", "POST")

pytestmark = pytest.mark.django_db

each_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
each_item_action = pytest.mark.parametrize("item_action", ITEM_ACTIONS, ids=lambda each: each.route)


def test_every_address_is_known() -> None:
    known = {*OPEN_TO_STRANGERS, *REPORTS, *REPORT_FILES}
    for endpoint in ENDPOINTS:
        known |= {endpoint.name, f"{endpoint.name}/<id>", f"{endpoint.name}/export"}
    known |= {each.route for each in ITEM_ACTIONS}

    assert resolved_routes() == known


def test_every_tenant_model_has_an_endpoint() -> None:
    offered = {apps.get_model(endpoint.label) for endpoint in ENDPOINTS}
    assert {view.model for view in ROUTES.values()} == offered


def row_of(world: LookAlike, label: str) -> Any:
    """The tenant's row of a model."""
    model = apps.get_model(label)
    if model is Tenant:
        return world.tenant
    if model is User:
        return world.users[Role.ANALYST]
    if label in ("tenants.AuditEntry", "tenants.AuditSeal"):
        with tenant_context(world.tenant.pk):
            return model._default_manager.first()
    return world.rows[model]


def project_id_of(world: LookAlike, row: Any) -> UUID | None:
    """The project a row belongs to, None for what belongs to none."""
    path = getattr(type(row), "project_path", None)
    if path is None:
        return None
    if path == "pk":
        return UUID(str(row.pk))
    with tenant_context(world.tenant.pk):
        return UUID(str(type(row)._default_manager.values_list(f"{path}__pk", flat=True).get(pk=row.pk)))


def enter_project(world: LookAlike, project_id: UUID) -> None:
    """Let our team leader and our stakeholder see a project."""
    with tenant_context(world.tenant.pk):
        ProjectMembership.objects.create(project_id=project_id, user=world.users[Role.TEAM_LEADER])
        Stakeholder.objects.create(
            project_id=project_id, user=world.users[Role.STAKEHOLDER], name="Sponsor", email="sponsor@demo.example"
        )


def is_seen(role: Role, label: str, *, own_project: bool) -> bool:
    """Whether a role sees a row, of a project of theirs or of another."""
    match scope(role, label):
        case Scope.TENANT:
            return True
        case Scope.MEMBER_PROJECTS | Scope.STAKEHOLDER_PROJECTS:
            return own_project
        case _:
            return False


def expected_status(endpoint: Endpoint, method: str, role: Role, *, seen: bool, item: bool) -> int:
    """What a request without body and without If-Match gets."""
    action = ACTION_OF_METHOD[method]
    fits = method in ("GET", "PUT", "PATCH", "DELETE") if item else method in ("GET", "POST")
    if action not in endpoint.offered or not fits:
        return 405
    if not allowed(role, action, endpoint.label):
        return 403
    if not item:
        return 200 if method == "GET" else 400
    if not seen:
        return 404
    return 200 if method == "GET" else 428


@each_endpoint
@pytest.mark.parametrize("own_project", [True, False], ids=["own-project", "other-project"])
def test_each_role_gets_what_the_matrix_says(
    endpoint: Endpoint, own_project: bool, ours: LookAlike, as_role: Callable[[Role], ApiClient]
) -> None:
    row = row_of(ours, endpoint.label)
    project_id = project_id_of(ours, row)
    if own_project and project_id is not None:
        enter_project(ours, project_id)
    got, expected = {}, {}

    for role in Role:
        client = as_role(role)
        seen = is_seen(role, endpoint.label, own_project=own_project and project_id is not None)
        for method in ITEM_METHODS:
            got[role, method, "item"] = client.send(method, endpoint.item_path(row.pk)).status_code
            expected[role, method, "item"] = expected_status(endpoint, method, role, seen=seen, item=True)
        for method in LIST_METHODS:
            got[role, method, "list"] = client.send(method, endpoint.list_path).status_code
            expected[role, method, "list"] = expected_status(endpoint, method, role, seen=seen, item=False)

    assert got == expected


@each_endpoint
def test_another_tenants_row_answers_like_no_row(
    endpoint: Endpoint, ours: LookAlike, theirs: LookAlike, as_role: Callable[[Role], ApiClient]
) -> None:
    foreign_id, nowhere = row_of(theirs, endpoint.label).pk, uuid4()

    for role in Role:
        client = as_role(role)
        for method in ITEM_METHODS:
            foreign = client.send(method, endpoint.item_path(foreign_id), {}, etag="*")
            missing = client.send(method, endpoint.item_path(nowhere), {}, etag="*")
            assert _comparable(foreign) == _comparable(missing)
            assert foreign.status_code in (403, 404, 405)


@each_endpoint
def test_a_list_holds_own_rows_only(endpoint: Endpoint, ours: LookAlike, theirs: LookAlike, admin: ApiClient) -> None:
    page = admin.fetch(endpoint.list_path, page_size=200).json()

    assert page["results"]
    assert str(row_of(theirs, endpoint.label).pk) not in {row["id"] for row in page["results"]}


@each_endpoint
def test_a_stranger_is_asked_to_sign_in(endpoint: Endpoint, ours: LookAlike) -> None:
    client, row_id = ApiClient(), row_of(ours, endpoint.label).pk

    answers = [client.send(method, endpoint.list_path) for method in LIST_METHODS]
    answers += [client.send(method, endpoint.item_path(row_id)) for method in ITEM_METHODS]

    assert {answer.status_code for answer in answers} == {401}
    assert all(answer["WWW-Authenticate"].startswith("Bearer") for answer in answers)


REFERENCES = [
    pytest.param(endpoint, name, field, id=f"{endpoint.name}-{name}")
    for endpoint in ENDPOINTS
    if Action.CHANGE in endpoint.offered
    for name, field in ROUTES[endpoint.name].serializer_class().fields.items()
    if isinstance(field, VisibleReference) and not field.read_only
]


@pytest.mark.parametrize(("endpoint", "name", "field"), REFERENCES)
def test_a_reference_to_another_tenants_row_answers_like_one_to_nothing(
    endpoint: Endpoint, name: str, field: VisibleReference, ours: LookAlike, theirs: LookAlike, admin: ApiClient
) -> None:
    target = vars(field)["queryset"].model._meta.label
    foreign_id, nowhere = row_of(theirs, target).pk, uuid4()
    path = endpoint.item_path(row_of(ours, endpoint.label).pk)

    foreign = admin.send("PATCH", path, {name: str(foreign_id)}, etag="*")
    missing = admin.send("PATCH", path, {name: str(nowhere)}, etag="*")

    assert foreign.status_code == 400
    assert _comparable(foreign) == _comparable(missing)
    assert [error["pointer"] for error in foreign.json()["errors"]] == [f"#/{name}"]


@each_item_action
def test_an_item_action_asks_the_matrix(
    item_action: ItemAction, ours: LookAlike, theirs: LookAlike, as_role: Callable[[Role], ApiClient]
) -> None:
    row, foreign = row_of(ours, item_action.label), row_of(theirs, item_action.label)
    project_id = project_id_of(ours, row)
    if project_id is not None:
        enter_project(ours, project_id)

    for role in Role:
        client = as_role(role)
        permitted = allowed(role, item_action.action, item_action.asked_of)
        own = client.send(item_action.method, item_action.path(row.pk))
        other = client.send(item_action.method, item_action.path(foreign.pk))
        nothing = client.send(item_action.method, item_action.path(uuid4()))
        assert own.status_code == (item_action.bare_status if permitted else 403)
        assert _comparable(other) == _comparable(nothing)
        assert other.status_code == (404 if permitted else 403)


@each_endpoint
def test_a_key_that_may_read_reads_and_changes_nothing(
    endpoint: Endpoint, ours: LookAlike, key_of: Callable[..., ApiClient]
) -> None:
    client, row_id = key_of(Role.ADMIN, ApiScope.READ), row_of(ours, endpoint.label).pk

    reads = {client.send("GET", path).status_code for path in (endpoint.list_path, endpoint.item_path(row_id))}
    writes = {client.send("POST", endpoint.list_path).status_code}
    writes |= {client.send(method, endpoint.item_path(row_id)).status_code for method in ("PUT", "PATCH", "DELETE")}

    assert reads == {200}
    assert writes <= {403, 405}


@pytest.mark.parametrize(("route", "label"), REPORTS.items())
def test_a_report_is_read_by_whoever_may_view_and_by_no_stranger(
    route: str, label: str, as_role: Callable[[Role], ApiClient], key_of: Callable[..., ApiClient]
) -> None:
    path = f"/api/v1/{route}"

    for role in Role:
        permitted = allowed(role, Action.VIEW, label)
        assert as_role(role).send("GET", path).status_code == (200 if permitted else 403)
        assert as_role(role).send("POST", path).status_code == 405
    assert key_of(Role.ADMIN, ApiScope.READ).send("GET", path).status_code == 200
    assert key_of(Role.ADMIN, ApiScope.IMPORT).send("GET", path).status_code == 403
    assert ApiClient().send("GET", path).status_code == 401


@pytest.mark.parametrize(("route", "label"), REPORT_FILES.items())
def test_a_report_leaves_as_a_file_with_whoever_may_export(
    route: str, label: str, as_role: Callable[[Role], ApiClient], key_of: Callable[..., ApiClient]
) -> None:
    path = f"/api/v1/{route}"

    for role in Role:
        permitted = allowed(role, Action.EXPORT, label)
        assert as_role(role).send("GET", path).status_code == (200 if permitted else 403)
        assert as_role(role).send("POST", path).status_code == 405
    assert key_of(Role.ADMIN, ApiScope.EXPORT).send("GET", path).status_code == 200
    assert key_of(Role.ADMIN, ApiScope.READ).send("GET", path).status_code == 403
    assert ApiClient().send("GET", path).status_code == 401


def _comparable(answer: Any) -> tuple[int, dict[str, Any]]:
    """Status and body, without the id of the request."""
    return answer.status_code, {**answer.json(), "instance": ""}

"""The organisation, its people, its keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tenants.audit.enums import AuditAction
from tenants.enums import ApiScope, Role
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import ApiKey, AuditEntry, User
from tests.api.conftest import ApiClient, signed_in
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db

USERS, KEYS = "/api/v1/users", "/api/v1/api-keys"


def days_from_now(days: int) -> str:
    return (timezone.now() + timedelta(days=days)).isoformat()


# The organisation


def test_an_administrator_changes_the_settings_of_the_organisation(admin: ApiClient, ours: LookAlike) -> None:
    path = f"/api/v1/tenants/{ours.tenant.pk}"
    read = admin.fetch(path)

    changed = admin.send("PATCH", path, {"time_zone": "Europe/Berlin", "is_active": False}, etag=read["ETag"])

    assert changed.status_code == 200
    assert (changed.json()["time_zone"], changed.json()["is_active"]) == ("Europe/Berlin", True)


@pytest.mark.parametrize("values", [{"retention_days": 0}, {"retention_days": 10**6}, {"time_zone": "X"}])
def test_settings_that_make_no_sense_are_refused(values: dict[str, Any], admin: ApiClient, ours: LookAlike) -> None:
    answer = admin.send("PATCH", f"/api/v1/tenants/{ours.tenant.pk}", values, etag="*")

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"#/{name}" for name in values]


def test_an_organisation_calls_itself_what_it_likes(admin: ApiClient, ours: LookAlike, theirs: LookAlike) -> None:
    """Both doors; a name that somebody else has, or is known to operators by, answers like any other."""
    path, page = f"/api/v1/tenants/{ours.tenant.pk}", f"/admin/tenants/tenant/{ours.tenant.pk}/change/"
    answers = []
    for name in (theirs.tenant.name, "A name that is free"):
        by_api = admin.send("PATCH", path, {"display_name": name}, etag="*")
        fields = {"display_name": name, "retention_days": "365", "time_zone": "UTC"}
        by_page = admin.post(page, fields, follow=True)
        answers.append((by_api.status_code, by_api.json()["name"], by_page.status_code))
        assert admin.fetch(path).json()["display_name"] == name
        assert f'<div class="organisation">{name}</div>' in by_page.content.decode()

    assert answers[0] == answers[1] == (200, ours.tenant.name, 200)


def test_two_organisations_may_call_themselves_alike(ours: LookAlike, theirs: LookAlike) -> None:
    answers = [
        signed_in(one.users[Role.ADMIN]).send(
            "PATCH", f"/api/v1/tenants/{one.tenant.pk}", {"display_name": "Twins"}, etag="*"
        )
        for one in (ours, theirs)
    ]

    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize("name", ["A\r\nBcc: x", "A\u202eB", "A\u0000B", "A" * 201])
def test_a_display_name_is_one_printable_line(name: str, admin: ApiClient, ours: LookAlike) -> None:
    answer = admin.send("PATCH", f"/api/v1/tenants/{ours.tenant.pk}", {"display_name": name}, etag="*")

    assert answer.status_code == 400
    assert {error["pointer"] for error in answer.json()["errors"]} == {"#/display_name"}


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_only_administrators_say_what_the_organisation_is_called(role: Role, ours: LookAlike) -> None:
    browser = signed_in(ours.users[role])

    assert (
        browser.send("PATCH", f"/api/v1/tenants/{ours.tenant.pk}", {"display_name": "X"}, etag="*").status_code == 403
    )


# People


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"role": "ANALYST"}, "#/email"),
        ({"email": "a@demo.example"}, "#/role"),
        ({"email": "a@demo.example", "role": "OWNER"}, "#/role"),
        ({"email": "a@demo.example", "role": ""}, "#/role"),
        ({"email": "no address", "role": "ANALYST"}, "#/email"),
        ({"email": "a@demo.example", "role": "ANALYST", "is_operator": True}, "#/is_operator"),
        ({"email": "a@demo.example", "role": "ANALYST", "password": "x"}, "#/password"),
        ({"email": "a@demo.example", "role": "ANALYST", "tenant": "x"}, "#/tenant"),
    ],
)
def test_adding_a_person_names_what_is_wrong(values: dict[str, Any], place: str, admin: ApiClient) -> None:
    answer = admin.send("POST", USERS, values)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [place]


def test_a_person_is_deactivated_and_not_deleted(admin: ApiClient, ours: LookAlike) -> None:
    person = ours.users[Role.ANALYST]
    theirs_client = signed_in(person)

    answer = admin.send("DELETE", f"{USERS}/{person.pk}", etag="*")

    assert answer.status_code == 204
    assert admin.fetch(f"{USERS}/{person.pk}").json()["is_active"] is False
    assert theirs_client.fetch("/api/v1/projects").status_code == 401


@pytest.mark.parametrize("values", [{"role": "ANALYST"}, {"is_active": False}])
def test_the_last_administrator_stays_one(values: dict[str, Any], admin: ApiClient, ours: LookAlike) -> None:
    path = f"{USERS}/{ours.users[Role.ADMIN].pk}"

    changed = admin.send("PATCH", path, values, etag="*")
    deleted = admin.send("DELETE", path, etag="*")
    renamed = admin.send("PATCH", path, {"first_name": "Renamed"}, etag="*")

    assert (changed.status_code, deleted.status_code, renamed.status_code) == (409, 409, 200)


def test_an_address_does_not_change(admin: ApiClient, ours: LookAlike) -> None:
    answer = admin.send("PATCH", f"{USERS}/{ours.users[Role.ANALYST].pk}", {"email": "b@demo.example"}, etag="*")

    assert answer.status_code == 400


def test_nobody_reads_a_password(admin: ApiClient) -> None:
    people = admin.fetch(USERS).json()["results"]

    assert not any({"password", "is_operator", "tenant"} & set(person) for person in people)


# Keys


def _new_key(ours: LookAlike, **values: Any) -> dict[str, Any]:
    user = str(ours.users[Role.PROJECT_MANAGER].pk)
    return {"name": "Importer", "user": user, "scopes": ["read"], "expires_at": days_from_now(30)} | values


def test_the_secret_of_a_key_is_shown_once_and_works(admin: ApiClient, ours: LookAlike) -> None:
    made = admin.send("POST", KEYS, _new_key(ours))
    secret = made.json()["key"]
    machine = ApiClient(headers={"Authorization": f"Bearer {secret}"})

    answers = [admin.fetch(made["Location"]), admin.fetch(KEYS), admin.fetch("/api/v1/audit-entries", page_size=200)]

    assert made.status_code == 201
    assert secret.startswith("sbk_")
    assert not any(secret.rpartition(".")[2].encode() in answer.content for answer in answers)
    assert machine.fetch("/api/v1/projects").status_code == 200
    with tenant_context(ours.tenant.pk):
        assert secret.rpartition(".")[2] not in str(ApiKey.objects.filter(pk=made.json()["id"]).values()[0])


def test_a_revoked_key_opens_nothing(admin: ApiClient, ours: LookAlike) -> None:
    made = admin.send("POST", KEYS, _new_key(ours))
    machine = ApiClient(headers={"Authorization": f"Bearer {made.json()['key']}"})
    before = machine.fetch("/api/v1/projects").status_code

    revoked = admin.send("DELETE", made["Location"], etag="*")

    assert (before, revoked.status_code, machine.fetch("/api/v1/projects").status_code) == (200, 204, 401)
    assert admin.fetch(made["Location"]).json()["revoked_at"] is not None


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"scopes": []}, "#/scopes"),
        ({"scopes": ["everything"]}, "#/scopes/0"),
        ({"scopes": "read"}, "#/scopes"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "#/expires_at"),
        ({"expires_at": "2999-01-01T00:00:00Z"}, "#/expires_at"),
        ({"expires_at": None}, "#/expires_at"),
        ({"user": "00000000-0000-0000-0000-000000000000"}, "#/user"),
        ({"name": ""}, "#/name"),
    ],
)
def test_a_key_names_what_is_wrong(values: dict[str, Any], place: str, admin: ApiClient, ours: LookAlike) -> None:
    answer = admin.send("POST", KEYS, _new_key(ours, **values))

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [place]


def test_a_key_does_no_more_than_its_user_may(key_of: Callable[..., ApiClient], ours: LookAlike) -> None:
    analyst = key_of(Role.ANALYST, *ApiScope)

    assert analyst.fetch("/api/v1/projects").status_code == 200
    assert analyst.send("POST", "/api/v1/projects", {"name": "New"}).status_code == 403
    assert analyst.fetch("/api/v1/audit-entries").status_code == 403


def test_a_key_makes_neither_keys_nor_people(key_of: Callable[..., ApiClient], ours: LookAlike) -> None:
    machine = key_of(Role.ADMIN, *ApiScope)

    assert machine.send("POST", KEYS, _new_key(ours)).status_code == 403
    assert machine.send("POST", USERS, {"email": "a@demo.example", "role": "ADMIN"}).status_code == 403


def test_a_key_that_may_write_needs_no_token_of_a_browser(key_of: Callable[..., ApiClient]) -> None:
    machine = key_of(Role.ADMIN, ApiScope.WRITE)
    machine.handler.enforce_csrf_checks = True

    assert machine.send("POST", "/api/v1/projects", {"name": "By machine"}).status_code == 201


def test_with_its_user_deactivated_a_key_opens_nothing(key_of: Callable[..., ApiClient], ours: LookAlike) -> None:
    machine = key_of(Role.ANALYST, ApiScope.READ)
    with auth_context():
        User.objects.filter(pk=ours.users[Role.ANALYST].pk).update(is_active=False)

    assert machine.fetch("/api/v1/projects").status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer sbk_",
        "Bearer sbk_" + "0" * 32 + "." + "A" * 43,
        "Bearer sbk_" + "0" * 32 + "." + "A" * 42,
        "Bearer sbk_" + "\u0660" * 32 + "." + "A" * 43,
        "Bearer sbk_" + "0" * 32 + "." + "A" * 100_000,
        "Basic YTpi",
        "Token x",
        "\x00",
        "Bearer sbk_" + "0" * 32 + "." + "A" * 43 + "\n",
    ],
)
def test_a_header_that_is_no_key_is_refused_and_never_an_error(header: str, db: None, admin: ApiClient) -> None:
    stranger = ApiClient().get("/api/v1/projects", headers={"Authorization": header})
    with_session = admin.get("/api/v1/projects", headers={"Authorization": header})

    assert (stranger.status_code, with_session.status_code) == (401, 401)
    assert "invalid_token" in stranger["WWW-Authenticate"]


def test_what_a_role_may_not_do_is_on_record(ours: LookAlike, as_role: Callable[[Role], ApiClient]) -> None:
    answer = as_role(Role.STAKEHOLDER).send("DELETE", f"/api/v1/users/{ours.users[Role.ADMIN].pk}")

    assert answer.status_code == 403
    with tenant_context(ours.tenant.pk):
        entry = AuditEntry.objects.filter(action=AuditAction.REFUSED).first()
        assert entry is not None
        assert entry.actor_id == ours.users[Role.STAKEHOLDER].pk
        assert entry.changes == {"method": "DELETE", "path": f"/api/v1/users/{ours.users[Role.ADMIN].pk}"}

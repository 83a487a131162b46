"""Signing in and out, and what guessing gets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.hashers import make_password
from django.test import Client

from tenants.enums import ApiScope, Role
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import Tenant, User
from tests.api.conftest import ApiClient, signed_in
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db

PASSWORD = "a password of our own"
SESSION = "/api/v1/session"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def person(ours: LookAlike) -> User:
    """Our project manager, with a password."""
    user = ours.users[Role.PROJECT_MANAGER]
    with auth_context():
        User.objects.filter(pk=user.pk).update(password=make_password(PASSWORD))
        return User.objects.get(pk=user.pk)


def _sign_in(client: ApiClient, email: str, password: str, **extra: Any) -> Any:
    return client.send("POST", SESSION, {"email": email, "password": password}, **extra)


def test_a_person_signs_in_sees_who_they_are_and_signs_out(person: User) -> None:
    client = ApiClient()

    signed_in = _sign_in(client, person.email.upper(), PASSWORD)
    seen = client.fetch(SESSION)
    left = client.send("DELETE", SESSION)
    after = client.fetch("/api/v1/projects")

    assert signed_in.status_code == 200
    assert seen.json()["user"]["email"] == person.email
    assert seen.json()["user"]["role"] == "PROJECT_MANAGER"
    assert "change" in seen.json()["user"]["allowed"]["gaps.gap"]
    assert "tenants.apikey" not in seen.json()["user"]["allowed"]
    assert (left.status_code, after.status_code) == (204, 401)


def test_a_stranger_gets_the_token_that_signing_in_needs(db: None) -> None:
    answer = ApiClient().fetch(SESSION)

    assert answer.status_code == 200
    assert answer.json()["user"] is None
    assert answer.json()["csrf_token"]


def test_signing_in_from_another_site_is_refused(person: User) -> None:
    client = ApiClient(enforce_csrf_checks=True)

    bare = _sign_in(client, person.email, PASSWORD)
    token = client.fetch(SESSION).json()["csrf_token"]
    with_token = _sign_in(client, person.email, PASSWORD, headers={"X-CSRFToken": token})

    assert (bare.status_code, with_token.status_code) == (403, 200)


def test_a_change_without_the_token_is_refused(person: User) -> None:
    client = ApiClient(enforce_csrf_checks=True)
    with auth_context():
        client.force_login(person)

    answer = client.send("POST", "/api/v1/projects", {"name": "Relaunch"})

    assert answer.status_code == 403
    assert "CSRF" in answer.json()["detail"]


@pytest.mark.parametrize("password", ["wrong", "", " " + PASSWORD])
def test_a_wrong_password_and_an_unknown_address_answer_alike(person: User, password: str) -> None:
    known = _sign_in(ApiClient(), person.email, password)
    unknown = _sign_in(ApiClient(), "nobody@nowhere.example", password)

    assert known.status_code == unknown.status_code
    assert {**known.json(), "instance": ""} == {**unknown.json(), "instance": ""}


def test_a_deactivated_person_does_not_get_in(person: User) -> None:
    with auth_context():
        User.objects.filter(pk=person.pk).update(is_active=False)

    assert _sign_in(ApiClient(), person.email, PASSWORD).status_code == 401


@pytest.mark.parametrize("closed", ["the person", "the organisation"])
def test_nothing_opens_for_who_is_deactivated(closed: str, person: User, key_of: Callable[..., ApiClient]) -> None:
    """Neither a new session nor an open one nor a key: with the next request."""
    session, machine = signed_in(person), key_of(Role.PROJECT_MANAGER, ApiScope.READ)
    before = [client.fetch("/api/v1/projects").status_code for client in (session, machine)]
    with tenant_context(person.tenant_id or uuid4()):
        if closed == "the person":
            User.objects.filter(pk=person.pk).update(is_active=False)
        else:
            Tenant.objects.update(is_active=False)

    after = [client.fetch("/api/v1/projects").status_code for client in (session, machine)]
    after.append(_sign_in(ApiClient(), person.email, PASSWORD).status_code)

    assert (before, after) == ([200, 200], [401, 401, 401])


def test_after_bad_tries_the_account_waits_whatever_the_password(person: User, settings: Any) -> None:
    settings.LOGIN_FAILURES_PER_ACCOUNT = 3
    with time_machine.travel(NOON, tick=False):
        refused = [_sign_in(ApiClient(), person.email, "guess").status_code for _ in range(3)]
        locked = _sign_in(ApiClient(), person.email, PASSWORD)

    assert refused == [401, 401, 401]
    assert locked.status_code == 429
    assert locked["Retry-After"] == str(settings.LOGIN_LOCKOUT_S)


def test_the_wait_ends(person: User, settings: Any) -> None:
    settings.LOGIN_FAILURES_PER_ACCOUNT = 2
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(2):
            _sign_in(ApiClient(), person.email, "guess")
        clock.shift(settings.LOGIN_LOCKOUT_S + 1)
        after = _sign_in(ApiClient(), person.email, PASSWORD)

    assert after.status_code == 200


def test_a_right_password_forgets_the_bad_tries(person: User, settings: Any) -> None:
    settings.LOGIN_FAILURES_PER_ACCOUNT = 3
    right = []
    for _ in range(3):
        _sign_in(ApiClient(), person.email, "guess")
        right.append(_sign_in(ApiClient(), person.email, PASSWORD).status_code)

    assert right == [200, 200, 200]


def test_an_unknown_address_is_locked_like_a_known_one(db: None, settings: Any) -> None:
    settings.LOGIN_FAILURES_PER_ACCOUNT = 2
    tries = [_sign_in(ApiClient(), "nobody@nowhere.example", "guess").status_code for _ in range(3)]

    assert tries == [401, 401, 429]


def test_a_network_address_that_tries_many_accounts_waits(person: User, settings: Any) -> None:
    settings.LOGIN_FAILURES_PER_ADDRESS = 3
    for number in range(3):
        _sign_in(ApiClient(), f"person{number}@nowhere.example", "guess", REMOTE_ADDR="192.0.2.1")
    here = _sign_in(ApiClient(), person.email, PASSWORD, REMOTE_ADDR="192.0.2.1")
    elsewhere = _sign_in(ApiClient(), person.email, PASSWORD, REMOTE_ADDR="192.0.2.2")

    assert (here.status_code, elsewhere.status_code) == (429, 200)


def test_a_forged_forwarding_header_does_not_reset_the_count(person: User, settings: Any) -> None:
    settings.LOGIN_FAILURES_PER_ADDRESS = 2
    tries = [
        _sign_in(
            ApiClient(),
            f"person{number}@nowhere.example",
            "guess",
            REMOTE_ADDR="192.0.2.1",
            headers={"X-Forwarded-For": f"198.51.100.{number}"},
        ).status_code
        for number in range(3)
    ]

    assert tries == [401, 401, 429]


def test_the_backoffice_shares_the_count(person: User, settings: Any) -> None:
    settings.LOGIN_FAILURES_PER_ACCOUNT = 2
    for _ in range(2):
        Client().post("/admin/login/", {"username": person.email, "password": "guess"})

    assert _sign_in(ApiClient(), person.email, PASSWORD).status_code == 429


def test_somebody_signed_in_who_tries_passwords_is_counted(
    as_role: Callable[[Role], ApiClient], person: User, settings: Any
) -> None:
    settings.LOGIN_FAILURES_PER_ACCOUNT = 2
    browser = as_role(Role.ANALYST)
    tries = [_sign_in(browser, person.email, "guess").status_code for _ in range(3)]

    assert tries == [401, 401, 429]
    assert browser.fetch(SESSION).json()["user"]["role"] == "ANALYST"


def test_a_key_ends_no_session(key_of: Callable[..., ApiClient]) -> None:
    """Its user would be on record as having left."""
    assert key_of(Role.ADMIN, *ApiScope).send("DELETE", SESSION).status_code == 403


def test_another_spelling_of_an_address_is_no_other_account(person: User) -> None:
    """U+212A, the Kelvin sign, is a k in lower case, and passes for a letter of an address."""
    with auth_context():
        User.objects.filter(pk=person.pk).update(email="k@example.org")

    assert _sign_in(ApiClient(), " \u212a@Example.org", PASSWORD).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"email": "a@b.example", "email": "c@d.example", "password": "x"}',
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b'{"email": 1}',
        b'{"email": "a@b.example", "password": "\\u0000"}',
        b"\xff",
    ],
)
def test_a_malformed_sign_in_is_a_400(db: None, body: bytes) -> None:
    answer = ApiClient().generic("POST", SESSION, body, "application/json")

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"

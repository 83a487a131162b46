"""The two doors at which people sign in, tried by somebody who is signed in already.

Every test commits for real: what is counted must survive whatever is answered.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.db import connection

from tenants.domain.login_attempts import begin_attempt
from tenants.enums import Role
from tenants.isolation.context import AccessContext, current_context
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import AuditEntry, User
from tenants.models.login_attempt import LoginAttempt
from tenants.sessions import kept_key
from tests.api.conftest import ApiClient, signed_in
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db(transaction=True)

BACKOFFICE, SESSION = "/admin/login/", "/api/v1/session"
PASSWORD = "a password of our own"
both_doors = pytest.mark.parametrize("door", [BACKOFFICE, SESSION])


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Any) -> None:
    """A working copy has no folder of collected static files, of which WhiteNoise would warn."""
    settings.STATIC_ROOT = None


def _try(client: ApiClient, door: str, email: str, password: str = PASSWORD, **extra: Any) -> Any:
    if door == SESSION:
        return client.send("POST", door, {"email": email, "password": password}, **extra)
    return client.post(door, {"username": email, "password": password}, **extra)


def _who(client: ApiClient) -> str | None:
    user = client.fetch(SESSION).json()["user"]
    return user["email"] if user else None


def _attempts() -> int:
    with auth_context():
        return LoginAttempt.objects.count()


@pytest.fixture
def admin_with_password(ours: LookAlike) -> User:
    """Our administrator, who may enter at both doors."""
    return _with_password(ours)


def _with_password(one: LookAlike) -> User:
    user = one.users[Role.ADMIN]
    with auth_context():
        User.objects.filter(pk=user.pk).update(password=make_password(PASSWORD))
        return User.objects.get(pk=user.pk)


@both_doors
def test_nobody_signs_in_with_what_the_table_keeps_of_a_session(
    door: str, admin_with_password: User, settings: Any
) -> None:
    browser = ApiClient()
    _try(browser, door, admin_with_password.email)
    key = browser.cookies[settings.SESSION_COOKIE_NAME].value
    with auth_context():
        kept = list(Session.objects.values_list("session_key", flat=True))
    thief = ApiClient()
    thief.cookies[settings.SESSION_COOKIE_NAME] = kept_key(key)

    assert (kept_key(key) in kept, key in kept) == (True, False)
    assert (_who(browser), _who(thief)) == (admin_with_password.email, None)


@both_doors
def test_wrong_credentials_are_counted_and_lock_out(
    door: str, admin_with_password: User, ours: LookAlike, settings: Any
) -> None:
    settings.LOGIN_FAILURES_PER_ACCOUNT = 3
    browser = signed_in(ours.users[Role.PROJECT_MANAGER])
    for _ in range(3):
        _try(browser, door, admin_with_password.email, "guess")
    counted = _attempts()
    locked = _try(ApiClient(), SESSION, admin_with_password.email)
    at_the_door = _try(browser, door, admin_with_password.email)

    assert (counted, locked.status_code) == (3, 429)
    assert "Too many attempts" in at_the_door.content.decode()
    assert _who(browser) == ours.users[Role.PROJECT_MANAGER].email
    with tenant_context(ours.tenant.pk):
        actions = list(AuditEntry.objects.filter(actor_id=admin_with_password.pk).values_list("action", flat=True))
    assert actions.count("LOGIN_FAILED") >= 3
    assert "LOCKED_OUT" in actions


@both_doors
def test_right_credentials_of_another_tenants_person_begin_a_session_of_theirs(
    door: str, ours: LookAlike, theirs: LookAlike
) -> None:
    """The session of before is gone, under the same key and under the new one."""
    person = _with_password(theirs)
    browser = signed_in(ours.users[Role.ADMIN])
    browser.get("/admin/")
    stolen = browser.cookies["stratibreak_session"].value

    _try(browser, door, person.email)

    fresh = browser.cookies["stratibreak_session"].value
    thief = ApiClient()
    thief.cookies["stratibreak_session"] = stolen
    assert fresh != stolen
    assert (_who(browser), _who(thief)) == (person.email, None)
    project = browser.fetch("/api/v1/projects").json()["results"][0]
    with tenant_context(theirs.tenant.pk):
        assert str(theirs.tenant.pk) == browser.fetch(SESSION).json()["user"]["tenant"]
    assert project["id"] not in {str(row.pk) for row in ours.rows.values()}
    with auth_context():
        assert Session.objects.filter(session_key=kept_key(stolen)).count() == 0


@both_doors
def test_a_session_key_planted_before_signing_in_opens_nothing_after(door: str, admin_with_password: User) -> None:
    attacker, victim = ApiClient(), ApiClient()
    _try(attacker, door, admin_with_password.email)
    planted = attacker.cookies["stratibreak_session"].value
    attacker.send("DELETE", SESSION)
    victim.cookies["stratibreak_session"] = planted

    _try(victim, door, admin_with_password.email)

    attacker.cookies["stratibreak_session"] = planted
    assert victim.cookies["stratibreak_session"].value != planted
    assert (_who(victim), _who(attacker)) == (admin_with_password.email, None)


@both_doors
def test_signing_in_again_as_oneself_changes_the_key(door: str, admin_with_password: User) -> None:
    browser = ApiClient()
    _try(browser, door, admin_with_password.email)
    before = browser.cookies["stratibreak_session"].value
    _try(browser, door, admin_with_password.email)

    old = ApiClient()
    old.cookies["stratibreak_session"] = before
    assert browser.cookies["stratibreak_session"].value != before
    assert (_who(browser), _who(old)) == (admin_with_password.email, None)


@both_doors
def test_a_try_is_counted_although_the_answer_is_an_error(
    door: str, admin_with_password: User, ours: LookAlike, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr("tenants.authentication.check_password", fail)
    browser = signed_in(ours.users[Role.ADMIN])
    browser.raise_request_exception = False
    answer = _try(browser, door, admin_with_password.email)

    assert (answer.status_code, _attempts()) == (500, 1)


@both_doors
def test_no_tenant_surrounds_the_door(
    door: str, admin_with_password: User, ours: LookAlike, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[AccessContext | None, bool]] = []

    def look(*args: Any, **kwargs: Any) -> bool:
        seen.append((current_context(), connection.in_atomic_block))
        return False

    monkeypatch.setattr("tenants.authentication.check_password", look)
    _try(signed_in(ours.users[Role.ADMIN]), door, admin_with_password.email)

    assert seen == [(None, False)]


def test_a_try_inside_a_transaction_refuses_to_be_counted(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk), pytest.raises(RuntimeError, match="durable"):
        begin_attempt(login="x", ip_address=None, at=datetime(2026, 1, 1, tzinfo=UTC))


@both_doors
def test_what_another_site_sends_for_somebody_signed_in_is_refused_and_kept(door: str, ours: LookAlike) -> None:
    browser = signed_in(ours.users[Role.ADMIN])
    browser.handler.enforce_csrf_checks = True
    answer = _try(browser, door, "x@demo.example", "guess")
    with tenant_context(ours.tenant.pk):
        kept = AuditEntry.objects.filter(action="REFUSED", actor_id=ours.users[Role.ADMIN].pk)
        assert [entry.changes["path"] for entry in kept] == [door]

    assert (answer.status_code, _attempts()) == (403, 0)


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/"])
def test_the_backoffice_leads_nowhere_else_after_signing_in(target: str, admin_with_password: User) -> None:
    answer = ApiClient().post(BACKOFFICE, {"username": admin_with_password.email, "password": PASSWORD, "next": target})

    assert answer.status_code == 302
    assert "evil" not in answer["Location"]

"""Answering an invitation, and every way of answering one that is not yours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.db import Error, connection, transaction
from django.test import Client
from django.utils import timezone

from tenants.domain.invitations import invite, parse_token
from tenants.domain.joining import accept_invitation, open_invitation
from tenants.enums import Role
from tenants.isolation.context import AccessContext, current_context
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import AuditEntry, Invitation, Tenant, User
from tenants.models.login_attempt import LoginAttempt
from tests.api.conftest import ApiClient, signed_in
from tests.api.test_concurrency import PARALLEL, in_parallel
from tests.factories.look_alike import LookAlike
from tests.owner_rows import owner_connection
from tests.tenants.invitations.conftest import INVITATIONS, PAGE, PASSWORD, Send, accept, newest_token, stored

pytestmark = pytest.mark.django_db


def _person(email: str) -> User | None:
    with auth_context():
        return User.objects.filter(email=email).first()


def test_an_invited_person_joins_and_signs_in(ours: LookAlike, theirs: LookAlike, send: Send) -> None:
    invitation, token = send(ours, "New@Demo.example", role=Role.TEAM_LEADER)
    joined = accept(token)
    signed = ApiClient().send("POST", "/api/v1/session", {"email": "new@demo.example", "password": PASSWORD})

    assert (joined.status_code, joined.json()) == (201, {"email": "new@demo.example", "role": "TEAM_LEADER"})
    assert joined["Cache-Control"] == "no-store"
    assert signed.json()["user"]["tenant"] == str(ours.tenant.pk)
    assert signed.json()["user"]["role"] == "TEAM_LEADER"
    assert stored(ours, invitation)["accepted_at"] is not None
    with tenant_context(ours.tenant.pk):
        entry = AuditEntry.objects.get(action="CREATE_USER", resource_id=signed.json()["user"]["id"])
    assert str(entry.actor_id) == entry.resource_id  # nobody else did it


def test_the_same_tokens_second_use_is_refused(ours: LookAlike, send: Send) -> None:
    _, token = send(ours)

    assert [accept(token).status_code for _ in range(2)] == [201, 400]


def test_every_token_that_opens_nothing_answers_alike(ours: LookAlike, theirs: LookAlike, send: Send) -> None:
    """Used, revoked, expired, unknown, mixed from two tenants, cut: one answer, and nobody joins."""
    now = timezone.now()
    _, good = send(ours, "a@demo.example")
    _, foreign = send(theirs, "b@demo.example")
    _, used = send(ours, "c@demo.example")
    _, expired = send(ours, "d@demo.example", at=now - timedelta(days=30))
    accept(used)
    head, secret = good.split(".")
    foreign_head, foreign_secret = foreign.split(".")
    tokens = [
        used,
        expired,
        f"sbi_{uuid4().hex}.{secret}",
        f"{head}.{foreign_secret}",
        f"{foreign_head}.{secret}",
        good[:-1],
        good + "A",
        good.upper(),
        f"sbk_{good[4:]}",
        "x" * 200,
    ]
    answers = [accept(token, REMOTE_ADDR=f"192.0.2.{number}") for number, token in enumerate(tokens)]

    assert {answer.status_code for answer in answers} == {400}
    assert len({answer.json()["errors"][0]["detail"] for answer in answers}) == 1
    assert {answer.json()["errors"][0]["pointer"] for answer in answers} == {"#/token"}
    assert [_person(f"{letter}@demo.example") for letter in "abd"] == [None] * 3


def test_a_digest_copied_into_another_row_opens_neither(ours: LookAlike, theirs: LookAlike, send: Send) -> None:
    """Somebody who can write rows of their own tenant cannot make a token of one row open another."""
    invitation, token = send(ours, "a@demo.example")
    with tenant_context(ours.tenant.pk):
        kept = Invitation.objects.get(pk=invitation.pk)
        target = ours.rows[Invitation]
        Invitation.objects.filter(pk=target.pk).update(
            secret_digest=kept.secret_digest, pepper_version=kept.pepper_version
        )
    moved = f"sbi_{target.pk.hex}.{token.partition('.')[2]}"

    assert accept(moved).status_code == 400


def test_a_token_leads_into_its_own_tenant_whoever_is_signed_in(ours: LookAlike, theirs: LookAlike, send: Send) -> None:
    _, token = send(ours)
    browser = signed_in(theirs.users[Role.ADMIN])
    joined = accept(token, client=browser, headers={"Authorization": "Bearer nonsense"})
    person = _person("new@demo.example")

    assert joined.status_code == 201
    assert person is not None
    assert person.tenant_id == ours.tenant.pk
    assert browser.fetch("/api/v1/session").json()["user"]["tenant"] == str(theirs.tenant.pk)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("door", ["api", "page"])
def test_no_transaction_of_another_tenant_surrounds_an_answer(
    door: str, ours: LookAlike, theirs: LookAlike, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a real commit: what is durable refuses to run inside the signed-in person's transaction."""
    token = _invited(ours, "new@demo.example")
    browser = signed_in(theirs.users[Role.ADMIN])
    seen: list[AccessContext | None] = []

    def look(password: str) -> str:
        seen.append(current_context())
        return "!unusable"

    monkeypatch.setattr("tenants.domain.joining.make_password", look)
    if door == "api":
        status = accept(token, client=browser).status_code
    else:
        form = {"token": token, "password": PASSWORD, "password_again": PASSWORD}
        status = browser.post(PAGE, form).status_code

    assert (status, seen) == (201 if door == "api" else 200, [None])


def test_inside_a_transaction_nothing_is_answered(ours: LookAlike, send: Send) -> None:
    _, token = send(ours)
    with tenant_context(ours.tenant.pk), pytest.raises(RuntimeError, match="durable"):
        open_invitation(token, ip_address=None, at=timezone.now())


def test_an_address_used_elsewhere_is_told_to_its_holder_and_to_nobody_else(
    ours: LookAlike, theirs: LookAlike, send: Send
) -> None:
    used = theirs.users[Role.ANALYST].email
    invitation, token = send(ours, used)
    admin, reader = signed_in(ours.users[Role.ADMIN]), signed_in(theirs.users[Role.ADMIN])
    seen_before = _all_an_administrator_sees(admin, invitation), stored(ours, invitation)
    theirs_before = _all_an_administrator_sees(reader, None)

    by_api = accept(token)
    by_page = Client().post(PAGE, {"token": token, "password": PASSWORD, "password_again": PASSWORD})

    assert (by_api.status_code, by_page.status_code) == (409, 409)
    assert "already has an account" in by_api.json()["detail"]
    assert "already has an account" in by_page.content.decode()
    assert (_all_an_administrator_sees(admin, invitation), stored(ours, invitation)) == seen_before
    assert _all_an_administrator_sees(reader, None) == theirs_before
    assert stored(ours, invitation)["accepted_at"] is None
    kept = _person(used)
    assert kept is not None
    assert kept.tenant_id == theirs.tenant.pk


def _all_an_administrator_sees(admin: ApiClient, invitation: Invitation | None) -> list[Any]:
    paths = [INVITATIONS, "/api/v1/users", "/api/v1/audit-entries"]
    paths += [f"{INVITATIONS}/{invitation.pk}"] if invitation else []
    answers = [admin.fetch(path).json() for path in paths]
    return [answer.get("results", answer) for answer in answers]  # the cursor of a next page is never the same


def test_an_operators_address_is_no_exception(ours: LookAlike, send: Send) -> None:
    with owner_connection() as owner:
        owner.execute(
            "INSERT INTO tenants_user (id, password, email, username, first_name, last_name, role, is_active, "
            "is_operator, created_at, updated_at) VALUES (%s, '!', 'op@platform.example', '', '', '', '', true, true, "
            "now(), now())",
            [operator := uuid4()],
        )
    try:
        _, token = send(ours, "op@platform.example")
        assert accept(token).status_code == 409
    finally:
        with owner_connection() as owner:
            owner.execute("DELETE FROM tenants_user WHERE id = %s", [operator])


@pytest.mark.parametrize("change", [{"is_active": False}, {"role": Role.ANALYST}])
def test_an_administrator_who_had_to_go_leaves_no_invitation_behind(
    change: dict[str, Any], ours: LookAlike, send: Send, django_capture_on_commit_callbacks: Any
) -> None:
    invitation, token = send(ours)
    with tenant_context(ours.tenant.pk):
        other = User.objects.create(email="b@demo.example", role=Role.ADMIN, tenant_id=ours.tenant.pk)
        User.objects.filter(pk=ours.users[Role.ADMIN].pk).update(**change)
    refused = accept(token)
    with django_capture_on_commit_callbacks(execute=True):
        signed_in(other).send("POST", f"{INVITATIONS}/{invitation.pk}/resend")

    assert (refused.status_code, accept(newest_token()).status_code) == (400, 201)


def test_nobody_joins_an_inactive_organisation(ours: LookAlike, send: Send) -> None:
    _, token = send(ours)
    with tenant_context(ours.tenant.pk):
        Tenant.objects.filter(pk=ours.tenant.pk).update(is_active=False)

    assert accept(token).status_code == 400


@pytest.mark.parametrize("password", ["short", "password1234", "new@demo.example", ""])
def test_a_weak_password_is_refused_and_the_link_still_works(password: str, ours: LookAlike, send: Send) -> None:
    _, token = send(ours)
    weak = accept(token, password=password)

    assert weak.status_code == 400
    assert next(error["pointer"] for error in weak.json()["errors"]) == "#/password"
    assert accept(token).status_code == 201


# Guessing


def test_guesses_at_one_invitation_are_locked_out(ours: LookAlike, send: Send, settings: Any) -> None:
    settings.LOGIN_FAILURES_PER_ACCOUNT = 3
    _, token = send(ours)
    wrong = token[:-4] + "AAAA"
    tries = [accept(wrong, REMOTE_ADDR=f"192.0.2.{number}").status_code for number in range(3)]
    locked = accept(token)
    elsewhere = accept(send(ours, "other@demo.example")[1])

    assert tries == [400] * 3
    assert (locked.status_code, elsewhere.status_code) == (429, 201)
    assert int(locked["Retry-After"]) > 0


def test_guesses_from_one_network_address_are_locked_out_at_every_door(ours: LookAlike, settings: Any) -> None:
    settings.LOGIN_FAILURES_PER_ADDRESS = 3
    for _ in range(3):
        accept(f"sbi_{uuid4().hex}.{'A' * 43}", REMOTE_ADDR="192.0.2.1")
    credentials = {"email": "nobody@demo.example", "password": "guess"}
    page = Client().post(PAGE, {"token": "x"}, REMOTE_ADDR="192.0.2.1")
    session = ApiClient().send("POST", "/api/v1/session", credentials, REMOTE_ADDR="192.0.2.1")

    assert (page.status_code, session.status_code) == (429, 429)


def test_a_refused_token_is_in_the_log_of_whom_it_concerns(ours: LookAlike, send: Send) -> None:
    invitation, token = send(ours)
    accept(token[:-4] + "AAAA")
    with tenant_context(ours.tenant.pk):
        found = AuditEntry.objects.filter(resource_id=str(invitation.pk), action="REFUSED")
        assert [entry.reason for entry in found] == ["A token that opens no invitation."]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'{"token": 1}', b'{"token": "x"}', b'{"token": "\\u0000", "password": "x"}', b"\xff"]
)
def test_a_malformed_answer_is_a_400(db: None, body: bytes) -> None:
    answer = ApiClient().generic("POST", "/api/v1/invitation-acceptances", body, "application/json")

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("text", ["", " ", "sbi_", "\0", "\ud800", "sbi_" + "0" * 32 + "." + "ä" * 43, "9" * 10**6])
def test_whatever_is_no_token_is_none(text: str) -> None:
    assert parse_token(text) is None


# Least rights


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenants_invitation SET accepted_at = now()",
        "INSERT INTO tenants_invitation (id) VALUES (gen_random_uuid())",
        "DELETE FROM tenants_invitation",
        "INSERT INTO tenants_user (id) VALUES (gen_random_uuid())",
    ],
)
def test_the_moment_before_the_tenant_is_known_writes_no_invitation(statement: str, world: Any) -> None:
    with (
        auth_context(),
        connection.cursor() as cursor,
        pytest.raises(Error, match="permission denied"),
        transaction.atomic(),
    ):
        cursor.execute(statement)


# At once


def _invited(one: LookAlike, email: str) -> str:
    with tenant_context(one.tenant.pk):
        invite(email=email, role=Role.ANALYST, by=one.users[Role.ADMIN], at=timezone.now())
    return newest_token()


@pytest.mark.django_db(transaction=True)
def test_of_parallel_answers_to_one_invitation_one_counts(ours: LookAlike, settings: Any) -> None:
    settings.LOGIN_FAILURES_PER_ACCOUNT = 100
    token = _invited(ours, "new@demo.example")

    statuses = in_parallel(lambda number: int(accept(token).status_code))

    assert statuses == {201: 1, 400: PARALLEL - 1}
    with auth_context():
        assert User.objects.filter(email="new@demo.example").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_invitations_of_two_organisations_answered_at_once_one_counts(ours: LookAlike, theirs: LookAlike) -> None:
    tokens = [_invited(one, "new@demo.example") for one in (ours, theirs)]

    statuses: Counter[int] = in_parallel(lambda number: int(accept(tokens[number % 2]).status_code))

    assert statuses[201] == 1
    assert statuses[400] + statuses[409] == PARALLEL - 1
    assert len(mail.outbox) == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", ["revoke", "resend"])
def test_a_step_between_looking_and_joining_counts(step: str, ours: LookAlike, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow hash leaves a second in which an administrator takes the invitation back."""
    token = _invited(ours, "new@demo.example")
    parsed = parse_token(token)
    assert parsed is not None
    admin = signed_in(ours.users[Role.ADMIN])
    path = f"{INVITATIONS}/{parsed[0]}"
    steps: dict[str, Callable[[], Any]] = {
        "revoke": lambda: admin.send("DELETE", path, etag="*"),
        "resend": lambda: admin.send("POST", f"{path}/resend"),
    }
    monkeypatch.setattr("tenants.domain.joining.make_password", lambda password: steps[step]() and "!")

    assert accept(token).status_code == 400
    assert _person("new@demo.example") is None


@pytest.mark.django_db(transaction=True)
def test_a_try_is_counted_although_the_answer_fails(ours: LookAlike, monkeypatch: pytest.MonkeyPatch) -> None:
    token = _invited(ours, "new@demo.example")

    def fail(*args: Any) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr("tenants.domain.joining.secret_fits", fail)
    with pytest.raises(ZeroDivisionError):
        accept_invitation(token, password=PASSWORD, ip_address=None, at=timezone.now())

    with auth_context():
        assert LoginAttempt.objects.count() == 1

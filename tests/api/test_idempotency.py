"""A POST that is sent twice with one Idempotency-Key happens once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection, connections
from django.test import RequestFactory
from django.test.client import encode_multipart
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.request import Request

from gaps.models import Gap, GapTransition
from projects.api import project as project_api
from projects.models import ImportRun, Project
from tenants.api.idempotency import fingerprint_of
from tenants.api.viewsets import TenantViewSet
from tenants.domain import idempotency
from tenants.domain.api_keys import authenticate_api_key
from tenants.enums import ApiScope, Role
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import ApiKey, IdempotentRequest, User
from tests.api.conftest import ApiClient, signed_in
from tests.factories.look_alike import LookAlike
from tests.factories.tenants import IdempotentRequestFactory

pytestmark = pytest.mark.django_db

PROJECTS = "/api/v1/projects"
KEY = '"6b3c6a52-3c3f-4c4e-9f7c-1b1f1d3f7f10"'
SENT_EACH_TIME = {"Idempotency-Replayed", "X-Request-ID", "Vary", "Content-Security-Policy", "X-Frame-Options"}


def post(client: ApiClient, body: Any, *, key: str = KEY, path: str = PROJECTS, **extra: Any) -> Any:
    return client.send("POST", path, body, headers={"Idempotency-Key": key}, **extra)


def projects_called(world: LookAlike, name: str) -> int:
    with tenant_context(world.tenant.pk):
        return Project.objects.filter(name=name).count()


def kept_rows(world: LookAlike) -> list[IdempotentRequest]:
    """What was kept by this test; the look-alike row is older."""
    with tenant_context(world.tenant.pk):
        return list(IdempotentRequest.objects.exclude(pk=world.rows[IdempotentRequest].pk))


def comparable(answer: Any) -> tuple[Any, ...]:
    """An answer without what belongs to the exchange."""
    headers = {name: value for name, value in answer.headers.items() if name not in SENT_EACH_TIME}
    return answer.status_code, answer.content, headers


def test_the_second_request_gets_the_first_answer_and_changes_nothing(admin: ApiClient, ours: LookAlike) -> None:
    first = post(admin, {"name": "Once"})
    second = post(admin, {"name": "Once"})

    assert (first.status_code, second.status_code) == (201, 201)
    assert "Idempotency-Replayed" not in first.headers
    assert second["Idempotency-Replayed"] == "true"
    assert comparable(second) == comparable(first)
    assert second["Location"] == f"{PROJECTS}/{first.json()['id']}"
    assert admin.fetch(second["Location"])["ETag"] == second["ETag"]
    assert projects_called(ours, "Once") == 1


def test_without_the_header_nothing_is_kept(admin: ApiClient, ours: LookAlike) -> None:
    admin.send("POST", PROJECTS, {"name": "Once"})

    assert admin.send("POST", PROJECTS, {"name": "Once"}).status_code == 409
    assert kept_rows(ours) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PROJECTS, {"name": "Another"}),
        (PROJECTS, b'{"name": "Once" }'),
        (f"{PROJECTS}?dry=1", {"name": "Once"}),
        ("/api/v1/memberships", {"name": "Once"}),
    ],
)
def test_the_key_of_another_request_is_refused(admin: ApiClient, ours: LookAlike, path: str, body: Any) -> None:
    post(admin, {"name": "Once"})

    answer = post(admin, body, path=path)

    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert answer.json()["type"] == "urn:stratibreak:problem:idempotency-key-reused"
    assert projects_called(ours, "Another") == 0


def test_a_refused_request_may_be_mended_and_sent_with_the_same_key(admin: ApiClient, ours: LookAlike) -> None:
    refused = post(admin, {"name": ""})
    nothing_kept = kept_rows(ours)
    mended = post(admin, {"name": "Once"})

    assert (refused.status_code, nothing_kept) == (400, [])
    assert mended.status_code == 201
    assert "Idempotency-Replayed" not in mended.headers


@pytest.mark.parametrize(
    "key",
    [
        *("", " ", '""', '"', '"a', 'a"', '"a"b"', '"a\\b"', '"a";p=1', '"a", "b"', "a, b", "a b", "ä", '"ä"', "a\x00"),
        *('"a\nb"', "x" * 256, f'"{"x" * 256}"', "{}", "\x7f"),
    ],
)
def test_a_malformed_key_is_a_400_and_nothing_happens(admin: ApiClient, ours: LookAlike, key: str) -> None:
    answer = post(admin, {"name": "Once"}, key=key)

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert "Idempotency-Key" in answer.json()["detail"]
    assert projects_called(ours, "Once") == 0


@pytest.mark.parametrize(
    "key", ['"a"', "a", "9f7c:b/1+2=3~4_5.6-7", f'"{"x" * 255}"', "x" * 255, '"with \\"quotes\\""']
)
def test_a_key_is_a_structured_string_or_bare(admin: ApiClient, key: str) -> None:
    assert post(admin, {"name": "Once"}, key=key).status_code == 201
    assert post(admin, {"name": "Once"}, key=key)["Idempotency-Replayed"] == "true"


def test_with_and_without_quotes_it_is_the_same_key(admin: ApiClient) -> None:
    post(admin, {"name": "Once"}, key='"abc"')

    assert post(admin, {"name": "Once"}, key="abc")["Idempotency-Replayed"] == "true"


# Whose key


def test_the_same_key_of_the_other_tenant_is_another_key(ours: LookAlike, theirs: LookAlike, admin: ApiClient) -> None:
    foreign = signed_in(theirs.users[Role.ADMIN])

    answers = [post(client, {"name": "Once"}) for client in (admin, foreign, admin, foreign)]

    assert [answer.status_code for answer in answers] == [201] * 4
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, None, "true", "true"]
    assert answers[0].json()["id"] == answers[2].json()["id"] != answers[1].json()["id"] == answers[3].json()["id"]


def test_user_and_machines_of_one_user_do_not_meet(admin: ApiClient, key_of: Callable[..., ApiClient]) -> None:
    clients = [admin, key_of(Role.ADMIN, ApiScope.WRITE), key_of(Role.ADMIN, ApiScope.WRITE)]

    answers = [post(client, {"name": f"Number {number}"}) for number, client in enumerate(clients)]

    assert [answer.status_code for answer in answers] == [201, 201, 201]


def test_whoever_lost_the_right_gets_no_kept_answer(admin: ApiClient, ours: LookAlike) -> None:
    post(admin, {"name": "Once"})
    with tenant_context(ours.tenant.pk):
        User.objects.filter(pk=ours.users[Role.ADMIN].pk).update(role=Role.STAKEHOLDER)

    assert post(admin, {"name": "Once"}).status_code == 403


def test_a_stranger_is_asked_to_sign_in_first(ours: LookAlike) -> None:
    assert post(ApiClient(), {"name": "Once"}, key="\x00").status_code == 401


# Actions and files


def test_a_move_is_made_once(admin: ApiClient, ours: LookAlike) -> None:
    gap = ours.rows[Gap]
    path = f"/api/v1/gaps/{gap.pk}/transitions"
    with tenant_context(ours.tenant.pk):
        before = GapTransition.objects.filter(gap_id=gap.pk).count()

    answers = [post(admin, {"kind": "STARTED"}, path=path) for _ in range(3)]

    assert {(answer.status_code, answer.json()["id"]) for answer in answers} == {(201, answers[0].json()["id"])}
    with tenant_context(ours.tenant.pk):
        assert GapTransition.objects.filter(gap_id=gap.pk).count() == before + 1


def _import(
    client: ApiClient,
    ours: LookAlike,
    content: bytes,
    *,
    name: str = "items.csv",
    strict: str = "",
    boundary: str = "first",
) -> Any:
    path = f"{PROJECTS}/{ours.rows[Project].pk}/imports"
    form = {"file": SimpleUploadedFile(name, content), "profile": "generic", **({"strict": strict} if strict else {})}
    body = encode_multipart(boundary, form)
    content_type = f"multipart/form-data; boundary={boundary}"
    return client.generic("POST", path, body, content_type, headers={"Idempotency-Key": KEY})


def test_a_file_is_read_once_although_its_boundary_is_new_each_time(admin: ApiClient, ours: LookAlike) -> None:
    content = b"key,title,status,created\nX-1,One,Open,2026-01-01T00:00:00Z\n"
    with tenant_context(ours.tenant.pk):
        before = ImportRun.objects.count()

    first = _import(admin, ours, content)
    again = _import(admin, ours, content, boundary="second")
    others = [
        _import(admin, ours, content + b"X-2,Two,Open,2026-01-01T00:00:00Z\n"),
        _import(admin, ours, content, name="other.csv"),
        _import(admin, ours, content, strict="true"),
    ]

    assert first.status_code == 201, first.content
    assert again["Idempotency-Replayed"] == "true"
    assert [other.status_code for other in others] == [422, 422, 422]
    with tenant_context(ours.tenant.pk):
        assert ImportRun.objects.count() == before + 1


def test_a_marked_upload_beyond_the_limit_is_refused_unread(
    admin: ApiClient, ours: LookAlike, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.UPLOAD_MAX_BYTES = 100
    monkeypatch.setattr(project_api, "import_upload", pytest.fail)

    assert _import(admin, ours, b"x" * 1_000).status_code == 413


# Secrets


def test_a_secret_that_is_shown_once_is_kept_sealed_and_given_again(admin: ApiClient, ours: LookAlike) -> None:
    body = {
        "name": "Machine",
        "user": str(ours.users[Role.ANALYST].pk),
        "scopes": ["read"],
        "expires_at": (timezone.now() + timedelta(days=1)).isoformat(),
    }

    first = post(admin, body, path="/api/v1/api-keys")
    again = post(admin, body, path="/api/v1/api-keys")

    secret = first.json()["key"]
    assert again.json()["key"] == secret
    assert again["Cache-Control"] == "no-store"
    with auth_context():
        assert authenticate_api_key(f"Bearer {secret}") is not None
    [row] = kept_rows(ours)
    with tenant_context(ours.tenant.pk), connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(r)::text, body FROM tenants_idempotentrequest r WHERE id = %s", [row.pk])
        text, envelope = cursor.fetchone()
        assert ApiKey.objects.filter(name="Machine").count() == 1
    for hidden in (secret, secret.split(".")[1], "Machine"):
        assert hidden not in text
        assert hidden.encode() not in bytes(envelope)


def test_a_password_in_a_body_cannot_be_guessed_from_the_fingerprint(rf: RequestFactory, settings: Any) -> None:
    found = set()
    for secret_key in ("of one installation", "of another"):
        settings.SECRET_KEY = secret_key
        request = Request(rf.post(PROJECTS, b'{"credentials": {"password": "summer"}}', "application/json"))
        found.add(fingerprint_of(request))

    assert len(found) == 2


def test_an_answer_too_long_to_be_sealed_leaves_nothing(
    admin: ApiClient, ours: LookAlike, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "MAX_SECRET_BYTES", 100)

    answer = post(admin, {"name": "Once"})

    assert answer.status_code == 413
    assert "without Idempotency-Key" in answer.json()["detail"]
    assert (projects_called(ours, "Once"), kept_rows(ours)) == (0, [])


# How long


def test_after_a_day_the_key_is_free_again(admin: ApiClient, ours: LookAlike) -> None:
    post(admin, {"name": "Once"})
    [row] = kept_rows(ours)

    with time_machine.travel(timezone.now() + idempotency.KEPT_FOR + timedelta(seconds=1)):
        answer = post(signed_in(ours.users[Role.ADMIN]), {"name": "Twice"})

    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers
    assert [kept.pk == row.pk for kept in kept_rows(ours)] == [False]


def test_the_operators_command_removes_what_is_past_its_day(ours: LookAlike, theirs: LookAlike) -> None:
    now = timezone.now()
    for world in (ours, theirs):
        with tenant_context(world.tenant.pk):
            IdempotentRequestFactory.create(answered_at=now - idempotency.KEPT_FOR, key="old")
            IdempotentRequestFactory.create(answered_at=now - timedelta(hours=23), key="young")
    out = StringIO()

    call_command("remove_expired", stdout=out)

    assert out.getvalue() == "Removed: 2 kept answers, 0 tries to log in, and ended sessions.\n"
    with tenant_context(theirs.tenant.pk):
        assert not IdempotentRequest.objects.filter(key="old").exists()
        assert IdempotentRequest.objects.filter(key="young").exists()


# What it costs


def test_a_marked_request_takes_four_statements_more_and_a_repeated_one_no_more(admin: ApiClient) -> None:
    with CaptureQueriesContext(connection) as plain:
        admin.send("POST", PROJECTS, {"name": "Number 1"})
    with CaptureQueriesContext(connection) as marked:
        post(admin, {"name": "Number 2"})
    with CaptureQueriesContext(connection) as repeated:
        post(admin, {"name": "Number 2"})

    assert [_statements(captured) for captured in (plain, marked, repeated)] == [5, 9, 5]


def _statements(captured: CaptureQueriesContext) -> int:
    """Statements, without those that open and close transactions and carry the context."""
    return len([query for query in captured if query["sql"].split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE")])


# At the same moment


@pytest.mark.django_db(transaction=True)
def test_a_request_whose_first_is_under_way_is_told_so_at_once(
    ours: LookAlike, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = [signed_in(ours.users[Role.ADMIN]) for _ in range(2)]
    begun, go_on = threading.Event(), threading.Event()
    unchanged = TenantViewSet.perform_create

    def slowly(view: Any, serializer: Any) -> Any:
        begun.set()
        assert go_on.wait(timeout=30)
        return unchanged(view, serializer)

    def ask_first() -> Any:
        try:
            return post(clients[0], {"name": "Once"})
        finally:
            connections.close_all()

    monkeypatch.setattr(TenantViewSet, "perform_create", slowly)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask_first)
        assert begun.wait(timeout=30)
        meanwhile = post(clients[1], {"name": "Once"})
        go_on.set()
        answer = first.result(timeout=30)
    after = post(clients[1], {"name": "Once"})

    assert (meanwhile.status_code, meanwhile["Retry-After"]) == (409, "1")
    assert meanwhile.json()["type"] == "urn:stratibreak:problem:request-under-way"
    assert (answer.status_code, after.status_code, after["Idempotency-Replayed"]) == (201, 201, "true")
    assert answer.content == after.content
    assert projects_called(ours, "Once") == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_is_carried_out(ours: LookAlike) -> None:
    parallel = 8
    clients = [signed_in(ours.users[Role.ADMIN]) for _ in range(parallel)]
    ready = threading.Barrier(parallel)

    def ask(client: ApiClient) -> Any:
        ready.wait()
        try:
            return post(client, {"name": "Once"})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(parallel) as pool:
        answers = list(pool.map(ask, clients))

    successes = [answer for answer in answers if answer.status_code == 201]
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len([answer for answer in successes if "Idempotency-Replayed" not in answer.headers]) == 1
    assert len({answer.content for answer in successes}) == 1
    assert projects_called(ours, "Once") == 1


@pytest.mark.django_db(transaction=True)
def test_a_crash_after_the_work_keeps_neither_work_nor_answer(ours: LookAlike, monkeypatch: pytest.MonkeyPatch) -> None:
    client = signed_in(ours.users[Role.ADMIN])
    client.raise_request_exception = False

    def crash(**_arguments: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr("tenants.api.idempotency.keep_answer", crash)
        failed = post(client, {"name": "Once"})
    left = projects_called(ours, "Once")
    again = post(client, {"name": "Once"})

    assert (failed.status_code, left) == (500, 0)
    assert again.status_code == 201
    assert "Idempotency-Replayed" not in again.headers

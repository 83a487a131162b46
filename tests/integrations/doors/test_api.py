"""Test, sync, runs, mappings and preview through the API, beside a tenant whose connection looks the same."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from integrations.domain.previewing import PreviewedStatus, unmapped_statuses
from integrations.domain.syncing import due_integrations
from integrations.domain.syncing.adjusting import Adjusted, Adjustments
from integrations.enums import IntegrationStatus
from integrations.models import FieldMapping, Integration, SyncResult
from projects.enums import StatusCategory
from projects.models import WorkflowStatus, WorkItem
from projects.observations import ObservationBatch, StatusObservation
from tenants.audit.enums import AuditAction
from tenants.enums import ApiScope, Role
from tenants.isolation.queue import QueuedJob, own_jobs
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry
from tests.api.conftest import ApiClient, machine_of
from tests.factories.integrations import SyncProgressFactory, SyncResultFactory
from tests.factories.look_alike import LookAlike
from tests.integrations.connectors.battery import Played
from tests.integrations.connectors.github.fake import REPOSITORY, TOKEN
from tests.integrations.connectors.local_server import RESET, Response

pytestmark = pytest.mark.django_db

REFUSALS = {
    "bad_request": Response(400, {"message": TOKEN}),
    "unauthorized": Response(401, {"message": TOKEN}),
    "forbidden": Response(403, {"message": TOKEN}),
    "not_found": Response(404, {"message": TOKEN}),
    "gone": Response(410, {"message": TOKEN}),
    "rate_limited": Response(429, {"message": TOKEN}, {"Retry-After": "1800"}),
    "server_error": Response(502, b"<html>bad gateway</html>", content_type="text/html"),
    "unreachable": RESET,
    "wrong_content_type": Response(200, b"<html>", content_type="text/html"),
    "not_json": Response(200, b'{"login": '),
    "foreign_address": Response(302, None, {"Location": "https://elsewhere.example/"}),
}


def path_of(integration_id: object, what: str) -> str:
    return f"/api/v1/integrations/{integration_id}/{what}"


def entries(one: LookAlike) -> list[AuditEntry]:
    with tenant_context(one.tenant.pk):
        return list(AuditEntry.objects.filter(resource_type="integrations.integration").order_by("timestamp", "id"))


def jobs_of(one: LookAlike) -> list[QueuedJob]:
    with tenant_context(one.tenant.pk):
        return own_jobs()


def change(played: Played, **values: Any) -> None:
    with tenant_context(played.tenant_id):
        Integration.objects.filter(pk=played.integration_id).update(**values)


# --- foreign ones ---


@pytest.mark.parametrize(
    ("method", "what"),
    [
        ("POST", "test"),
        ("POST", "sync"),
        ("POST", "switch-off"),
        ("GET", "runs"),
        ("GET", "mappings"),
        ("PATCH", "mappings"),
        ("GET", "preview"),
    ],
)
def test_foreign_connection_is_a_missing_one_and_its_tool_is_never_asked(
    method: str, what: str, played: Played, foreign: Integration, manager: ApiClient
) -> None:
    theirs, nowhere = (
        manager.send(method, path_of(each, what), {} if method == "PATCH" else None, etag="*")
        for each in (foreign.pk, uuid4())
    )

    assert theirs.status_code == nowhere.status_code == 404
    assert {**theirs.json(), "instance": ""} == {**nowhere.json(), "instance": ""}
    assert played.fake.log == []


@pytest.mark.parametrize(
    ("method", "what", "scopes", "status"),
    [
        ("POST", "test", [ApiScope.READ], 403),
        ("POST", "test", [ApiScope.WRITE], 200),
        ("POST", "sync", [ApiScope.WRITE], 403),
        ("POST", "sync", [ApiScope.IMPORT], 202),
        ("POST", "switch-off", [ApiScope.IMPORT], 403),
        ("POST", "switch-off", [ApiScope.WRITE], 204),
        ("GET", "runs", [ApiScope.READ], 200),
        ("GET", "mappings", [ApiScope.READ], 200),
        ("GET", "preview", [ApiScope.READ], 403),
    ],
)
def test_key_does_what_its_scope_says(
    method: str, what: str, scopes: list[ApiScope], status: int, played: Played, ours: LookAlike
) -> None:
    machine = machine_of(ours, Role.ADMIN, *scopes)

    assert machine.send(method, path_of(played.integration_id, what)).status_code == status


# --- the connection test ---


def test_connection_test_tells_what_the_tool_says(played: Played, manager: ApiClient, ours: LookAlike) -> None:
    answer = manager.send("POST", path_of(played.integration_id, "test"))

    assert answer.status_code == 200
    assert answer.json() == {
        "ok": True,
        "account": "robot",
        "server": "GitHub, interface version unknown",
        "scopes": ["repo"],
        "missing_scopes": [],
        "expires_at": None,
        "notes": [],
    }
    entry = entries(ours)[-1]
    assert (entry.action, entry.reason) == (AuditAction.CREDENTIAL_READ, "connection test")
    assert entry.actor_id == ours.users[Role.PROJECT_MANAGER].pk


@pytest.mark.parametrize(("code", "said"), REFUSALS.items())
def test_what_the_tool_refuses_is_a_problem_that_names_it(
    code: str, said: Response, played: Played, manager: ApiClient, ours: LookAlike, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    played.fake.broken["."] = said

    answer = manager.send("POST", path_of(played.integration_id, "test"))

    problem = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (424, "application/problem+json")
    assert problem["type"] == "urn:stratibreak:problem:tool-failed"
    assert [error["code"] for error in problem["errors"]] == [code]
    assert problem["detail"] == problem["errors"][0]["detail"] != ""
    assert answer.headers.get("Retry-After") == ("1800" if code == "rate_limited" else None)
    kept = entries(ours)[-1]
    assert (kept.reason, kept.changes) == ("connection test", {"outcome": code})
    assert TOKEN not in answer.content.decode() + caplog.text + repr([vars(entry) for entry in entries(ours)])


def test_credentials_that_are_missing_are_named_and_nobody_is_asked(played: Played, manager: ApiClient) -> None:
    change(played, credentials=None)

    answer = manager.send("POST", path_of(played.integration_id, "test"))

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (424, "credentials_missing")
    assert played.fake.log == []


def test_missing_scopes_are_no_error_and_not_ok(
    played: Played, manager: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    played.fake.next_answers.append(Response(200, {"login": "robot", "id": 1}, {"X-OAuth-Scopes": "gist"}))

    told = manager.send("POST", path_of(played.integration_id, "test")).json()

    assert (told["ok"], told["scopes"]) == (False, ["gist"])
    assert told["missing_scopes"]


# --- a sync ---


def test_first_sync_is_left_to_the_worker_and_is_due_at_once(
    played: Played, manager: ApiClient, ours: LookAlike, theirs: LookAlike, django_capture_on_commit_callbacks: Any
) -> None:
    change(played, status=IntegrationStatus.INACTIVE)

    with django_capture_on_commit_callbacks(execute=True):
        answer = manager.send("POST", path_of(played.integration_id, "sync"))

    runs = path_of(played.integration_id, "runs")
    assert (answer.status_code, answer["Location"]) == (202, runs)
    assert answer.json() == {"integration": str(played.integration_id), "state": "QUEUED", "runs": runs}
    assert (played.fake.log, played.integration.status) == ([], IntegrationStatus.ACTIVE)
    with tenant_context(ours.tenant.pk):
        assert played.integration.next_run_at is not None
        assert played.integration_id in due_integrations(played.integration.next_run_at)
    assert entries(ours)[-1].reason == "sync asked for"
    assert [(job.subject, job.status) for job in jobs_of(ours)] == [(played.integration_id, "todo")]
    assert jobs_of(theirs) == []


def test_short_sync_is_carried_out_at_once(
    played: Played,
    manager: ApiClient,
    foreign: Integration,
    ours: LookAlike,
    theirs: LookAlike,
    django_capture_on_commit_callbacks: Any,
) -> None:
    played.sync()

    with django_capture_on_commit_callbacks(execute=True):
        answer = manager.send("POST", path_of(played.integration_id, "sync"))

    told = manager.fetch(path_of(played.integration_id, "runs")).json()
    assert (answer.json()["state"], jobs_of(ours)) == ("STARTED", [])
    assert [run["status"] for run in told["results"]] == ["SUCCEEDED", "SUCCEEDED"]
    assert told["under_way"] is None
    with tenant_context(theirs.tenant.pk):
        assert not SyncResult.objects.filter(integration=foreign).exists()


@pytest.mark.parametrize(
    "run",
    [{"status": "FAILED", "error_code": "unauthorized", "error_message": "401"}, {"duration_ms": 20_001}],
    ids=["nothing was ever read", "long"],
)
def test_sync_that_may_be_long_is_left_to_the_worker(
    run: dict[str, Any], played: Played, manager: ApiClient, django_capture_on_commit_callbacks: Any
) -> None:
    with tenant_context(played.tenant_id):
        SyncResultFactory.create(integration=played.integration, **run)

    with django_capture_on_commit_callbacks(execute=True):
        answer = manager.send("POST", path_of(played.integration_id, "sync"))

    assert (answer.json()["state"], played.fake.log) == ("QUEUED", [])


def test_switched_off_tool_is_read_no_more_until_somebody_asks(
    played: Played, foreign: Integration, manager: ApiClient, ours: LookAlike, theirs: LookAlike
) -> None:
    before = len(entries(ours))
    first, again = (manager.send("POST", path_of(played.integration_id, "switch-off")) for _ in range(2))

    integration = played.integration
    assert (first.status_code, again.status_code) == (204, 204)
    assert (integration.status, integration.next_run_at) == (IntegrationStatus.INACTIVE, None)
    [entry] = entries(ours)[before:]
    assert (entry.action, entry.changes) == (AuditAction.CONFIGURE_INTEGRATION, {"status": ["ACTIVE", "INACTIVE"]})
    with tenant_context(theirs.tenant.pk):
        assert Integration.objects.get(pk=foreign.pk).status == IntegrationStatus.ACTIVE
    assert manager.send("POST", path_of(played.integration_id, "sync")).status_code == 202
    assert played.integration.status == IntegrationStatus.ACTIVE


def test_sync_of_what_is_being_read_is_a_conflict(
    played: Played, manager: ApiClient, held_by_a_worker: None, django_capture_on_commit_callbacks: Any
) -> None:
    before = played.integration.next_run_at

    with django_capture_on_commit_callbacks() as callbacks:
        answer = manager.send("POST", path_of(played.integration_id, "sync"))

    assert (answer.status_code, answer.json()["detail"]) == (409, "It is being read right now.")
    assert (callbacks, played.fake.log, played.integration.next_run_at) == ([], [], before)


def test_pause_that_the_tool_asked_for_is_kept(played: Played, manager: ApiClient) -> None:
    played.fake.broken["."] = Response(429, {}, {"Retry-After": "86400"})
    played.clock.now = played.clock.now.replace(year=2200)
    played.sync()

    answer = manager.send("POST", path_of(played.integration_id, "sync"))

    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("The tool asked for a pause.")


def test_same_idempotency_key_starts_one_sync(
    played: Played, manager: ApiClient, django_capture_on_commit_callbacks: Any
) -> None:
    played.sync()
    headers = {"Idempotency-Key": "once"}

    with django_capture_on_commit_callbacks(execute=True):
        manager.send("POST", path_of(played.integration_id, "sync"), headers=headers)
    with django_capture_on_commit_callbacks(execute=True):
        answer = manager.send("POST", path_of(played.integration_id, "sync"), headers=headers)

    assert (answer.status_code, answer["Idempotency-Replayed"]) == (202, "true")
    assert len(manager.fetch(path_of(played.integration_id, "runs")).json()["results"]) == 2


# --- runs ---


def test_runs_come_in_pages_newest_first_and_of_this_connection_only(
    played: Played, manager: ApiClient, foreign: Integration
) -> None:
    for _ in range(3):
        played.sync()
    path = path_of(played.integration_id, "runs")

    first = manager.fetch(path, page_size=2).json()
    second = manager.get(first["next"]).json()

    ids = [run["id"] for run in (*first["results"], *second["results"])]
    assert ids == sorted(ids, reverse=True)
    assert (len(first["results"]), len(second["results"]), second["next"]) == (2, 1, None)
    assert {run["integration"] for run in first["results"]} == {str(played.integration_id)}
    assert manager.fetch(path, status="FAILED").status_code == 400


def test_run_that_was_interrupted_tells_how_far_it_came(played: Played, manager: ApiClient) -> None:
    played.kill_after(3)

    told = manager.fetch(path_of(played.integration_id, "runs")).json()

    assert told["results"] == []
    assert told["under_way"]["state"] == "INTERRUPTED"
    streams = {each["name"]: each for each in told["under_way"]["streams"]}
    assert streams["issues"]["total"] == 1
    assert sum(each["counts"].get("read", 0) for each in streams.values()) > 0


def test_run_under_way_is_running_while_a_worker_holds_it(
    played: Played, manager: ApiClient, held_by_a_worker: None
) -> None:
    with tenant_context(played.tenant_id):
        SyncProgressFactory.create(integration=played.integration)

    told = manager.fetch(path_of(played.integration_id, "runs")).json()["under_way"]

    assert told["state"] == "RUNNING"


@pytest.mark.parametrize("runs", [1, 3])
def test_runs_cost_the_same_however_many_there_are(
    runs: int, played: Played, manager: ApiClient, django_assert_num_queries: Any
) -> None:
    for _ in range(runs):
        played.sync()

    with django_assert_num_queries(11):
        assert len(manager.fetch(path_of(played.integration_id, "runs")).json()["results"]) == runs


# --- mappings ---


def test_chosen_category_holds_for_what_was_read_before(played: Played, manager: ApiClient) -> None:
    played.sync()
    path = path_of(played.integration_id, "mappings")
    told = manager.fetch(path)
    with tenant_context(played.tenant_id):
        item = WorkItem.objects.filter(project=played.integration.project, status_category="TODO")[0]

    changed = manager.send("PATCH", path, {"status_categories": {item.status_id: "IN_PROGRESS"}}, etag=told["ETag"])

    assert changed.status_code == 200
    assert changed.json()["status_categories"] == {item.status_id: "IN_PROGRESS"}
    assert {each["is_chosen"] for each in changed.json()["statuses"] if each["status_id"] == item.status_id} == {True}
    played.sync()
    with tenant_context(played.tenant_id):
        item.refresh_from_db()
        assert item.status_category == "IN_PROGRESS"


def test_fields_are_replaced_audited_and_versioned(played: Played, manager: ApiClient, ours: LookAlike) -> None:
    path = path_of(played.integration_id, "mappings")
    first = manager.fetch(path)
    rule = {
        "external_field": "state",
        "internal_field": "priority",
        "transformation": "UPPER_CASE",
        "is_required": False,
    }

    changed = manager.send("PATCH", path, {"fields": [rule]}, etag=first["ETag"])
    stale = manager.send("PATCH", path, {"fields": []}, etag=first["ETag"])
    blind = manager.send("PATCH", path, {"fields": []})

    assert changed.json()["fields"] == [rule]
    assert (stale.status_code, blind.status_code) == (412, 428)
    played.sync()
    with tenant_context(ours.tenant.pk):
        assert set(WorkItem.objects.filter(project=played.integration.project).values_list("priority", flat=True)) == {
            "OPEN",
            "CLOSED",
        }
        entry = AuditEntry.objects.filter(resource_type="integrations.fieldmapping").order_by("-timestamp")[0]
    assert entry.actor_id == ours.users[Role.PROJECT_MANAGER].pk


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"fields": [{"external_field": "x", "internal_field": "owner"}]}, "#/fields/0/internal_field"),
        (
            {"fields": [{"external_field": "x", "internal_field": "title", "transformation": "eval(1)"}]},
            "#/fields/0/transformation",
        ),
        ({"fields": [{"external_field": "x", "internal_field": "title", "code": "1"}]}, "#/fields/0/code"),
        ({"fields": [{"external_field": "x", "internal_field": "title"}] * 2}, "#/fields"),
        ({"status_categories": {"5": "ALMOST"}}, "#/status_categories/5"),
        ({"status_categories": {"\0": "DONE"}}, "#/status_categories"),
        ({"status_categories": {"5" * 300: "DONE"}}, "#/status_categories"),
        ({"statuses": []}, "#/statuses"),
    ],
)
def test_what_is_no_mapping_is_refused_by_its_place(
    body: Any, pointer: str, played: Played, manager: ApiClient
) -> None:
    answer = manager.send("PATCH", path_of(played.integration_id, "mappings"), body, etag="*")

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    with tenant_context(played.tenant_id):
        assert not FieldMapping.objects.filter(integration=played.integration_id).exists()


def test_mappings_do_not_change_under_a_run(played: Played, manager: ApiClient, held_by_a_worker: None) -> None:
    answer = manager.send("PATCH", path_of(played.integration_id, "mappings"), {"fields": []}, etag="*")

    assert answer.status_code == 409


def test_choice_that_is_taken_back_is_a_guess_again(played: Played, manager: ApiClient) -> None:
    with tenant_context(played.tenant_id):
        WorkflowStatus.objects.create(
            project=played.integration.project, source="github", status_id="waiting", name="Done", category="TODO"
        )
    path = path_of(played.integration_id, "mappings")

    chosen = manager.send("PATCH", path, {"status_categories": {"waiting": "IN_PROGRESS"}}, etag="*").json()
    taken_back = manager.send("PATCH", path, {"status_categories": {}}, etag="*").json()

    assert chosen["statuses"][0] == {
        "status_id": "waiting",
        "name": "Done",
        "category": "IN_PROGRESS",
        "origin": "PERSON",
        "is_chosen": True,
    }
    assert (taken_back["statuses"][0]["category"], taken_back["statuses"][0]["origin"]) == ("DONE", "GUESSED")


# --- the preview ---


def test_preview_tells_what_would_come_and_writes_nothing(played: Played, manager: ApiClient) -> None:
    answer = manager.fetch(path_of(played.integration_id, "preview"))

    told = answer.json()
    assert answer.status_code == 200
    assert told["partitions"] == [REPOSITORY]
    issues = next(each for each in told["streams"] if each["name"] == "issues")
    assert (issues["read"], issues["counts"]["items"], issues["error"]) == (6, 4, None)
    assert told["items"][0]["title"] == "Issue 1"
    assert "state" in told["unmapped_fields"]
    assert told["unmapped_statuses"] == []
    assert (played.counts(), manager.fetch(path_of(played.integration_id, "runs")).json()["results"]) == ({}, [])
    assert {request.method for request in played.fake.log} == {"GET"}


def test_status_that_was_guessed_is_unmapped_until_somebody_says_what_it_is() -> None:
    told = StatusObservation(external_id="1", name="Open", category=StatusCategory.TODO)
    guessed = [
        StatusObservation(external_id=each, name="Waiting", category=StatusCategory.TODO, is_guessed=True)
        for each in ("2", "3")
    ]
    batch = Adjusted(ObservationBatch(statuses=(told, *guessed)))

    found = unmapped_statuses([batch], Adjustments({"3": StatusCategory.DONE}, since=None))

    assert found == [PreviewedStatus("2", "Waiting", "TODO")]


def test_preview_names_the_stream_that_cannot_be_read(played: Played, manager: ApiClient) -> None:
    played.fake.broken["/issues$"] = Response(403, {"message": TOKEN})

    answer = manager.fetch(path_of(played.integration_id, "preview"))

    issues = next(each for each in answer.json()["streams"] if each["name"] == "issues")
    assert issues["error"]["code"] == "forbidden"
    assert TOKEN not in answer.content.decode()


def test_preview_of_a_dead_token_is_a_problem(played: Played, manager: ApiClient) -> None:
    played.fake.token_is_bad()

    answer = manager.fetch(path_of(played.integration_id, "preview"))

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (424, "unauthorized")


@pytest.mark.parametrize("role", [Role.ANALYST, Role.TEAM_LEADER, Role.STAKEHOLDER])
def test_who_changes_nothing_may_not_use_the_credentials(
    role: Role, played: Played, as_role: Callable[[Role], ApiClient]
) -> None:
    client = as_role(role)

    assert client.send("POST", path_of(played.integration_id, "test")).status_code == 403
    assert client.send("POST", path_of(played.integration_id, "sync")).status_code == 403
    assert client.fetch(path_of(played.integration_id, "preview")).status_code == 403
    assert played.fake.log == []


def test_audit_tells_of_the_connection_and_no_secret(played: Played, manager: ApiClient, ours: LookAlike) -> None:
    for method, what in (("POST", "test"), ("GET", "preview"), ("POST", "sync")):
        manager.send(method, path_of(played.integration_id, what))

    kept = entries(ours)

    assert {entry.reason for entry in kept} >= {"connection test", "preview", "sync asked for"}
    assert TOKEN not in repr([vars(entry) for entry in kept])
    assert isinstance(kept[-1].changes, dict)


# --- the same by the older addresses ---


def test_mapping_that_is_added_by_itself_lets_everything_be_read_anew(played: Played, manager: ApiClient) -> None:
    played.sync()
    rule = {"integration": str(played.integration_id), "external_field": "state", "internal_field": "priority"}

    added = manager.send("POST", "/api/v1/field-mappings", rule)

    assert added.status_code == 201
    played.sync()
    with tenant_context(played.tenant_id):
        found = WorkItem.objects.filter(project=played.integration.project).values_list("priority", flat=True)
        assert set(found) == {"open", "closed"}


def test_mapping_is_not_added_under_a_run(played: Played, manager: ApiClient, held_by_a_worker: None) -> None:
    rule = {"integration": str(played.integration_id), "external_field": "state", "internal_field": "priority"}

    assert manager.send("POST", "/api/v1/field-mappings", rule).status_code == 409


def test_categories_that_are_changed_among_the_settings_take_effect(played: Played, manager: ApiClient) -> None:
    played.sync()
    path = f"/api/v1/integrations/{played.integration_id}"
    config = {**played.integration.config, "status_categories": {"open": "IN_PROGRESS"}}

    changed = manager.send("PATCH", path, {"config": config}, etag="*")

    assert changed.status_code == 200
    played.sync()
    with tenant_context(played.tenant_id):
        found = WorkItem.objects.filter(project=played.integration.project, status_id="open")
        assert set(found.values_list("status_category", flat=True)) == {"IN_PROGRESS"}


def test_categories_among_the_settings_do_not_change_under_a_run(
    played: Played, manager: ApiClient, held_by_a_worker: None
) -> None:
    config = {**played.integration.config, "status_categories": {"open": "IN_PROGRESS"}}

    refused = manager.send("PATCH", f"/api/v1/integrations/{played.integration_id}", {"config": config}, etag="*")

    assert refused.status_code == 409
    assert "status_categories" not in played.integration.config

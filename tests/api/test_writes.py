"""Creating, changing and deleting: versions, bad input, and what the database refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gaps.models import Gap, GapTransition
from projects.models import Goal, Project
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.api.conftest import ApiClient
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db

PROJECTS = "/api/v1/projects"
TARGET = {"kind": "NUMBER", "value": 95, "unit": "tests", "direction": "AT_LEAST"}


def errors_of(answer: Any) -> dict[str, str]:
    """Places of a problem, each with its code."""
    return {error.get("pointer") or error["parameter"]: error["code"] for error in answer.json().get("errors", [])}


def test_a_project_is_created_read_changed_and_deleted(admin: ApiClient) -> None:
    created = admin.send("POST", PROJECTS, {"name": "Relaunch", "end_date": "2026-09-30", "planned_budget": "10.5"})
    path = created["Location"]
    read = admin.fetch(path)
    changed = admin.send("PATCH", path, {"status": "COMPLETED"}, etag=read["ETag"])
    deleted = admin.send("DELETE", path, etag=changed["ETag"])
    gone = admin.fetch(path)

    assert [each.status_code for each in (created, read, changed, deleted, gone)] == [201, 200, 200, 204, 404]
    assert created.content == read.content
    assert created["ETag"] == read["ETag"] != changed["ETag"]
    assert read.json()["planned_budget"] == "10.50"
    assert changed.json()["status"] == "COMPLETED"


def test_what_was_read_can_be_sent_back(admin: ApiClient, ours: LookAlike) -> None:
    path = f"{PROJECTS}/{ours.rows[Project].pk}"
    read = admin.fetch(path)

    sent_back = admin.send("PUT", path, read.json(), etag=read["ETag"])

    assert sent_back.status_code == 200
    assert {**sent_back.json(), "updated_at": ""} == {**read.json(), "updated_at": ""}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_change_needs_the_version_it_changes(method: str, admin: ApiClient, ours: LookAlike) -> None:
    path = f"{PROJECTS}/{ours.rows[Project].pk}"
    read = admin.fetch(path)
    admin.send("PATCH", path, {"description": "Changed in between."}, etag=read["ETag"])

    without = admin.send(method, path, read.json())
    stale = admin.send(method, path, read.json(), etag=read["ETag"])
    weak = admin.send(method, path, read.json(), etag=f"W/{admin.fetch(path)['ETag']}")

    assert [each.status_code for each in (without, stale, weak)] == [428, 412, 412]
    assert admin.fetch(path).json()["description"] == "Changed in between."


def test_an_answer_the_client_has_is_not_sent_again(admin: ApiClient, ours: LookAlike) -> None:
    path = f"{PROJECTS}/{ours.rows[Project].pk}"
    etag = admin.fetch(path)["ETag"]

    again = admin.get(path, headers={"If-None-Match": f'"other", W/{etag}'})
    other = admin.get(path, headers={"If-None-Match": '"other"'})

    assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)
    assert other.status_code == 200


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"#/name": "required"}),
        ({"name": ""}, {"#/name": "blank"}),
        ({"name": None}, {"#/name": "null"}),
        ({"name": "x" * 201}, {"#/name": "max_length"}),
        ({"name": "A", "status": "DONE"}, {"#/status": "invalid_choice"}),
        ({"name": "A", "status": "OPEN"}, {"#/status": "invalid_choice"}),
        ({"name": "A", "start_date": "2026-05-02", "end_date": "2026-05-01"}, {"#/end_date": "invalid"}),
        ({"name": "A", "start_date": "soon"}, {"#/start_date": "invalid"}),
        ({"name": "A", "start_date": "2026-02-30"}, {"#/start_date": "invalid"}),
        ({"name": "A", "planned_budget": "-1"}, {"#/planned_budget": "min_value"}),
        ({"name": "A", "planned_budget": "NaN"}, {"#/planned_budget": "invalid"}),
        ({"name": "A", "planned_budget": "1e400"}, {"#/planned_budget": "max_digits"}),
        ({"name": "A", "accepted_risk": 1.5}, {"#/accepted_risk": "invalid"}),
        ({"name": "A", "accepted_risk": "nan"}, {"#/accepted_risk": "not_finite"}),
        ({"name": "A", "accepted_risk": True}, {"#/accepted_risk": "invalid"}),
        ({"name": "A", "schedule_tolerance_days": -1}, {"#/schedule_tolerance_days": "min_value"}),
        ({"name": "A", "schedule_tolerance_days": 10**30}, {"#/schedule_tolerance_days": "max_value"}),
        ({"name": "A", "schedule_tolerance_days": True}, {"#/schedule_tolerance_days": "invalid"}),
        ({"name": "A", "currency": "euro"}, {"#/currency": "max_length"}),
        ({"name": "A", "currency": "eu1"}, {"#/currency": "invalid"}),
        ({"name": "A", "time_zone": "Mars/Olympus"}, {"#/time_zone": "invalid"}),
        ({"name": "A", "time_zone": "../../etc/passwd"}, {"#/time_zone": "invalid"}),
        ({"name": "A", "owner": "no id"}, {"#/owner": "does_not_exist"}),
        ({"name": "A", "owner": 7}, {"#/owner": "does_not_exist"}),
        ({"name": "A", "owner": ["a"]}, {"#/owner": "does_not_exist"}),
        ({"name": "A", "tenant": "other"}, {"#/tenant": "invalid"}),
        ({"name": "A", "a/b~c": 1}, {"#/a~1b~0c": "invalid"}),
    ],
)
def test_a_bad_value_is_a_400_that_names_the_field(
    body: dict[str, Any], expected: dict[str, str], admin: ApiClient, ours: LookAlike
) -> None:
    with tenant_context(ours.tenant.pk):
        before = Project.objects.count()

    answer = admin.send("POST", PROJECTS, body)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert {place: code for place, code in errors_of(answer).items() if place in expected} == (
        {place: errors_of(answer).get(place) for place in expected}
    )
    assert set(errors_of(answer)) == set(expected)
    with tenant_context(ours.tenant.pk):
        assert Project.objects.count() == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b'{"name": NaN}',
        b'{"name": "A", "accepted_risk": 1e999}',
        b'{"name": "A", "accepted_risk": Infinity}',
        b'{"name": "A\\u0000"}',
        b'{"name": "A", "description": "\\ud800"}',
        b'{"name": "A", "name": "B"}',
        b'{"name": "\xff"}',
        b'{"n\\u0000": "A"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"name": ' + b"9" * 5_000 + b"}",
    ],
)
def test_a_body_that_cannot_be_read_is_a_400(body: bytes, admin: ApiClient) -> None:
    answer = admin.send("POST", PROJECTS, body)

    assert answer.status_code == 400
    assert answer.json()["type"].startswith("urn:stratibreak:problem:")


@pytest.mark.parametrize(
    "value",
    [
        {"kind": "NUMBER", "value": 1, "unit": "\u0000", "direction": "AT_LEAST"},
        {"kind": "NO SUCH KIND"},
        [],
        "text",
        7,
        {"kind": "NUMBER", "value": "many", "unit": "tests", "direction": "AT_LEAST"},
    ],
)
def test_a_json_column_takes_only_what_its_schema_allows(value: Any, admin: ApiClient, ours: LookAlike) -> None:
    body = {"project": str(ours.rows[Project].pk), "title": "Tests pass", "target_value": value}

    answer = admin.send("POST", "/api/v1/goals", body)

    assert answer.status_code == 400
    assert set(errors_of(answer)) == {"#/target_value"}


@pytest.mark.parametrize("instant", ["2026-03-01T09:00:00", "2026-03-01", "yesterday", "9999-12-31T23:59:59-14:00", 7])
def test_an_instant_without_its_offset_is_refused(instant: Any, admin: ApiClient, ours: LookAlike) -> None:
    body = {"project": str(ours.rows[Project].pk), "name": "Plan", "approved_at": instant}

    answer = admin.send("POST", "/api/v1/baselines", body)

    assert answer.status_code == 400
    assert set(errors_of(answer)) == {"#/approved_at"}


def test_a_body_of_another_kind_is_refused(admin: ApiClient) -> None:
    answer = admin.post(PROJECTS, "name=A", content_type="application/x-www-form-urlencoded")

    assert answer.status_code == 415


def test_a_body_beyond_the_limit_is_refused(admin: ApiClient, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

    answer = admin.send("POST", PROJECTS, {"name": "A", "description": "x" * 200})

    assert answer.status_code == 413


def test_an_answer_of_another_kind_is_not_offered(admin: ApiClient) -> None:
    answer = admin.get(PROJECTS, headers={"Accept": "text/html"})

    assert answer.status_code == 406
    assert answer["Content-Type"] == "application/problem+json"


def test_a_name_in_use_is_a_conflict_that_names_the_field(admin: ApiClient, ours: LookAlike) -> None:
    name = str(ours.rows[Project]).upper()

    answer = admin.send("POST", PROJECTS, {"name": name})

    assert answer.status_code == 409
    assert errors_of(answer) == {"#/name": "unique"}


def test_a_name_used_by_another_tenant_is_free(admin: ApiClient, theirs: LookAlike) -> None:
    with tenant_context(theirs.tenant.pk):
        Project.objects.create(name="Only theirs")

    assert admin.send("POST", PROJECTS, {"name": "Only theirs"}).status_code == 201


def test_what_only_the_database_checks_is_a_400_too(admin: ApiClient, ours: LookAlike) -> None:
    body = {"gap": str(ours.rows[Gap].pk), "title": "Ask for time", "cost_amount": "500.00"}

    answer = admin.send("POST", "/api/v1/corrective-actions", body)

    assert answer.status_code == 400
    assert errors_of(answer) == {"#/cost_currency": "check"}
    assert "currency" in answer.json()["errors"][0]["detail"]


def test_a_row_stays_in_the_project_it_was_made_in(admin: ApiClient, ours: LookAlike) -> None:
    goal = ours.rows[Goal]
    with tenant_context(ours.tenant.pk):
        other = Project.objects.exclude(pk=goal.project_id).first()  # type: ignore[attr-defined]  # Goal's reference
    assert other is not None

    moved = admin.send("PATCH", f"/api/v1/goals/{goal.pk}", {"project": str(other.pk)}, etag="*")

    assert moved.status_code == 400
    assert set(errors_of(moved)) == {"#/project"}


def test_what_is_still_referred_to_stays(admin: ApiClient, ours: LookAlike) -> None:
    body = {"project": str(ours.rows[Project].pk), "user": str(ours.users[Role.ANALYST].pk)}
    admin.send("POST", "/api/v1/memberships", body)

    again = admin.send("POST", "/api/v1/memberships", body)

    assert again.status_code == 409


def test_a_failed_change_leaves_nothing(admin: ApiClient, ours: LookAlike) -> None:
    path = f"{PROJECTS}/{ours.rows[Project].pk}"
    before = admin.fetch(path)

    admin.send("PATCH", path, {"description": "Half.", "end_date": "1999-01-01"}, etag=before["ETag"])

    assert admin.fetch(path).content == before.content


# Gaps


def _new_gap(ours: LookAlike, **values: Any) -> dict[str, Any]:
    return {
        "project": str(ours.rows[Project].pk),
        "title": "The date will not hold",
        "type": "TIMELINE",
        "category": "TACTICAL",
        "severity": "HIGH",
        "identified_at": "2026-03-02T09:00:00Z",
    } | values


def test_a_gap_entered_by_hand_begins_its_history(admin: ApiClient, ours: LookAlike) -> None:
    made = admin.send("POST", "/api/v1/gaps", _new_gap(ours, status="CLOSED", origin="DETECTED")).json()
    history = admin.fetch("/api/v1/gap-transitions", gap=made["id"]).json()["results"]

    assert (made["status"], made["origin"]) == ("OPEN", "MANUAL")
    assert [(row["kind"], row["actor_id"]) for row in history] == [("OPENED", str(ours.users[Role.ADMIN].pk))]


def test_a_gap_is_not_identified_in_the_future(admin: ApiClient, ours: LookAlike) -> None:
    answer = admin.send("POST", "/api/v1/gaps", _new_gap(ours, identified_at="2999-01-01T00:00:00Z"))

    assert answer.status_code == 400
    assert set(errors_of(answer)) == {"#/identified_at"}


@pytest.mark.parametrize("confidence", [-0.1, 1.1, "nan"])
def test_a_probability_lies_between_0_and_1(confidence: Any, admin: ApiClient, ours: LookAlike) -> None:
    answer = admin.send("POST", "/api/v1/gaps", _new_gap(ours, confidence=confidence))

    assert answer.status_code == 400
    assert set(errors_of(answer)) == {"#/confidence"}


def test_a_gap_moves_through_its_states(admin: ApiClient, ours: LookAlike) -> None:
    path = admin.send("POST", "/api/v1/gaps", _new_gap(ours))["Location"]

    moves = [
        admin.send("POST", f"{path}/transitions", {"kind": kind, "note": "Because."})
        for kind in ("STARTED", "RESOLVED", "STARTED", "REOPENED", "OPENED")
    ]

    assert [move.status_code for move in moves] == [201, 201, 409, 201, 400]
    assert moves[0].json()["to_status"] == "IN_PROGRESS"
    assert errors_of(moves[2]) == {"#/kind": "conflict"}
    assert admin.fetch(moves[0]["Location"]).json() == moves[0].json()
    assert admin.fetch(path).json()["status"] == "OPEN"


def test_dismissing_a_gap_needs_a_reason(admin: ApiClient, ours: LookAlike) -> None:
    path = admin.send("POST", "/api/v1/gaps", _new_gap(ours))["Location"]

    answer = admin.send("POST", f"{path}/transitions", {"kind": "CLOSED"})

    assert answer.status_code == 409
    assert set(errors_of(answer)) == {"#/note"}


def test_a_team_leader_writes_in_own_projects_only(
    as_role: Callable[[Role], ApiClient], admin: ApiClient, ours: LookAlike
) -> None:
    leader = as_role(Role.TEAM_LEADER)
    refused = leader.send("POST", "/api/v1/gaps", _new_gap(ours))
    membership = {"project": str(ours.rows[Project].pk), "user": str(ours.users[Role.TEAM_LEADER].pk)}
    admin.send("POST", "/api/v1/memberships", membership)

    accepted = leader.send("POST", "/api/v1/gaps", _new_gap(ours))

    assert (refused.status_code, errors_of(refused)) == (400, {"#/project": "does_not_exist"})
    assert accepted.status_code == 201
    with tenant_context(ours.tenant.pk):
        assert GapTransition.objects.filter(gap_id=accepted.json()["id"]).count() == 1


# Credentials


def test_credentials_go_in_and_never_come_out(admin: ApiClient, ours: LookAlike) -> None:
    body = {
        "project": str(ours.rows[Project].pk),
        "name": "Board",
        "type": "TRELLO",
        "config": {"board_ids": ["b1"]},
        "credentials": {"api_token": "very-secret-token"},
    }

    made = admin.send("POST", "/api/v1/integrations", body)
    path = made["Location"]
    kept = admin.send("PATCH", path, {"name": "Board 2"}, etag=made["ETag"])
    cleared = admin.send("PATCH", path, {"credentials": None}, etag=kept["ETag"])

    answers = [made, kept, cleared, admin.fetch(path), admin.fetch("/api/v1/integrations")]
    assert [each.status_code for each in answers] == [201, 200, 200, 200, 200]
    assert not any(b"very-secret-token" in each.content for each in answers)
    assert [each.json()["has_credentials"] for each in answers[:3]] == [True, True, False]
    assert "credentials" not in made.json()


def test_a_secret_in_the_settings_of_a_tool_is_refused(admin: ApiClient, ours: LookAlike) -> None:
    body = {
        "project": str(ours.rows[Project].pk),
        "name": "Board",
        "type": "MONDAY",
        "config": {"api_token": "very-secret-token"},
    }

    answer = admin.send("POST", "/api/v1/integrations", body)

    assert answer.status_code == 400
    assert b"very-secret-token" not in answer.content


# Addresses


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/nothing",
        "/api/v1/projects/",
        "/api/v1/projects/not-an-id",
        "/api/v1/projects/%00",
        "/api/v2/projects",
        "/api/",
        "/api/v1/projects/{01a207b9-8687-703f-b45d-894f62164a35}",
        "/api/v1/projects/01A207B9-8687-703F-B45D-894F62164A35x",
    ],
)
def test_an_address_of_nothing_answers_with_the_problem_of_a_missing_row(path: str, admin: ApiClient) -> None:
    answer = admin.get(path)
    missing = admin.get("/api/v1/projects/01a207b9-8687-703f-b45d-894f62164a35")

    assert answer.status_code == 404
    assert json.loads(answer.content) | {"instance": ""} == json.loads(missing.content) | {"instance": ""}

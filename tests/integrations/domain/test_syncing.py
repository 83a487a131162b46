"""A run: one at a time, carried on after a kill, honest about what is missing, and polite afterwards."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import override_settings

from integrations.connectors.github import client as github
from integrations.connectors.github.mapping import issue_facts
from integrations.domain.environment import SyncStep
from integrations.domain.locks import lock_key
from integrations.domain.starting import switch_off
from integrations.domain.syncing import due_integrations, stream_writing, sync_integration
from integrations.domain.syncing.payloads import read_payloads
from integrations.enums import IntegrationStatus, SyncStatus
from integrations.http.door import DoorLimits
from integrations.models import (
    FieldMapping,
    Integration,
    RawPayload,
    StreamState,
    SyncProgress,
    SyncResult,
)
from projects.enums import ActivityKind, Presence, ProjectStatus, StatusCategory
from projects.models import ActivityEvent, Project, WorkItem
from tenants.audit.enums import AuditAction
from tenants.encryption.errors import EncryptionError
from tenants.encryption.secret import Secret
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry, Tenant
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.integrations.connectors.battery import Played
from tests.integrations.connectors.github.fake import REPOSITORY, TOKEN, FakeGitHub
from tests.integrations.connectors.local_server import SERVER_ERROR, Request, Response, serving

pytestmark = pytest.mark.django_db


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    tool = FakeGitHub()
    with serving(tool):
        yield tool


@pytest.fixture
def played(ours: LookAlike, fake: FakeGitHub) -> Played:
    with tenant_context(ours.tenant.pk):
        Integration.objects.all()._raw_delete("default")
        integration = connected(repositories=[REPOSITORY])
    return Played(fake, ours.tenant.pk, integration.pk)


def connected(*, token: str = TOKEN, **config: Any) -> Integration:
    integration = Integration(
        project=ProjectFactory.create(),
        name="Code",
        type="GITHUB",
        status=IntegrationStatus.ACTIVE,
        config=config,
        credentials=Secret.of_json({"token": token}),
    )
    integration.save()
    return integration


def wait_of(played: Played) -> timedelta:
    """How long until the next run."""
    next_run_at = played.integration.next_run_at
    assert next_run_at is not None
    return next_run_at - played.clock.now


def change(played: Played, **values: Any) -> None:
    with tenant_context(played.tenant_id):
        Integration.objects.filter(pk=played.integration_id).update(**values)


# --- one at a time ---


@pytest.fixture
def other_connection() -> Iterator[psycopg.Connection[Any]]:
    """A second session on the test database, as a second worker would have it."""
    parameters = connection.get_connection_params()
    address = {key: parameters[key] for key in ("host", "port", "user", "password", "dbname") if parameters.get(key)}
    with psycopg.connect(**address) as other:
        yield other


def test_of_two_workers_one_runs(played: Played, other_connection: psycopg.Connection[Any]) -> None:
    key = lock_key(played.tenant_id, played.integration_id)
    other_connection.execute("SELECT pg_advisory_xact_lock(%s)", [key])

    result = sync_integration(
        tenant_id=played.tenant_id, integration_id=played.integration_id, environment=played.environment()
    )

    assert result is None
    assert (played.fake.log, played.counts()) == ([], {})
    assert played.integration.status == IntegrationStatus.ACTIVE


def test_lock_is_free_after_a_kill(played: Played) -> None:
    played.kill_after(1)

    assert played.sync().status == SyncStatus.SUCCEEDED


def test_integration_that_is_gone_is_passed_over(played: Played) -> None:
    environment = played.environment()
    with tenant_context(played.tenant_id):
        Integration.objects.filter(pk=played.integration_id)._raw_delete("default")

    result = sync_integration(tenant_id=played.tenant_id, integration_id=played.integration_id, environment=environment)

    assert (result, played.fake.log) == (None, [])


# --- what the database refuses ---

POINTS_CHECK = "projects_workitem_estimate_points_range"


def _let_through(monkeypatch: pytest.MonkeyPatch, title: str) -> None:
    """A mapping that lets a value through which the table refuses, of the issue with this title."""

    def let_through(*args: Any, **kwargs: Any) -> Any:
        facts = issue_facts(*args, **kwargs)
        items = (replace(each, estimate_points=-1.0) if each.title == title else each for each in facts.items)
        return replace(facts, items=tuple(items))

    monkeypatch.setattr("integrations.connectors.github.client.issue_facts", let_through)


def test_refused_record_is_named_and_all_others_are_read(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = played.sync()
    counts = played.counts()
    with tenant_context(played.tenant_id):
        WorkItem.objects.filter(project=played.integration.project)._raw_delete("default")
        title = next(issue["title"] for issue in played.fake.issues.values() if str(issue["id"]) == "1001")
    played.forget()
    _let_through(monkeypatch, title)

    result = played.sync()

    assert (result.status, result.error_code) == (SyncStatus.SUCCEEDED, "")
    assert (result.failed_count, result.created_count) == (1, whole.created_count - 1)
    assert result.streams["issues"]["errors"] == [
        {"where": "1001", "code": "record", "message": f"{POINTS_CHECK} is what the database refuses"}
    ]
    assert played.counts()["items"] == counts["items"] - 1
    assert {name: each["read"] for name, each in result.streams.items()} == {
        name: each["read"] for name, each in whole.streams.items()
    }


def test_record_that_is_no_longer_refused_is_read_when_it_changes(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    title = next(issue["title"] for issue in played.fake.issues.values() if str(issue["id"]) == "1001")
    with monkeypatch.context() as patched:
        _let_through(patched, title)
        played.sync()
    played.fake.edit("1001", title, played.clock.now + timedelta(minutes=30))

    result = played.sync()

    assert (result.created_count, result.failed_count) == (1, 0)


def test_where_nothing_is_refused_nothing_is_written_in_parts(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(**_: Any) -> None:
        raise AssertionError("It was written in parts.")

    monkeypatch.setattr(stream_writing, "record_in_parts", never)

    assert (played.sync().status, played.sync().status) == (SyncStatus.SUCCEEDED, SyncStatus.SUCCEEDED)


@pytest.mark.parametrize("error", [psycopg.errors.DeadlockDetected, psycopg.errors.QueryCanceled])
def test_error_of_the_database_ends_the_stream_and_is_no_refused_record(
    played: Played, monkeypatch: pytest.MonkeyPatch, error: type[psycopg.Error]
) -> None:
    def fail(**_: Any) -> None:
        raise OperationalError("no") from error("no")

    monkeypatch.setattr(stream_writing, "record_observations", fail)

    result = played.sync()

    assert (result.error_code, result.failed_count, played.counts()) == ("internal_error", 0, {})


# --- odd sources ---


def test_moment_from_a_wrong_clock_hides_no_later_edit(played: Played) -> None:
    played.fake.edit("1001", "Dated a year ahead", played.clock.now + timedelta(days=365))
    played.sync()
    played.fake.edit("1003", "Edited today", played.clock.now + timedelta(minutes=30))

    result = played.sync()

    assert result.status == SyncStatus.SUCCEEDED
    assert (played.title_of("1001"), played.title_of("1003")) == ("Dated a year ahead", "Edited today")


def test_ids_that_two_projects_share_are_two_items(played: Played) -> None:
    with tenant_context(played.tenant_id):
        other = Played(played.fake, played.tenant_id, connected(repositories=[REPOSITORY]).pk, played.clock)
    for each in (played, other):
        each.sync()
    played.fake.edit("1001", "Edited since", played.clock.now)

    played.sync()

    assert (played.title_of("1001"), other.title_of("1001")) == ("Edited since", "Issue 1")
    assert played.counts() == other.counts()


def test_moment_before_which_nothing_is_hides_nothing(played: Played) -> None:
    for issue in played.fake.issues.values():
        issue["updated_at"] = "0001-01-01T00:00:00Z"
    played.sync()
    played.fake.edit("1003", "Edited since", played.clock.now)

    result = played.sync()

    assert (result.status, result.error_message) == (SyncStatus.SUCCEEDED, "")
    assert played.title_of("1003") == "Edited since"


def sends_more(played: Played, records: list[dict[str, Any]], *, path: str) -> None:
    """Further records on the page of a list. path: how it ends"""
    own = played.fake.answer

    def answer(request: Request) -> Response:
        page: Response = own(request)
        return replace(page, body=[*page.body, *records]) if request.path.endswith(path) else page

    played.fake.answer = answer


def test_record_that_others_refer_to_is_named_where_it_cannot_be_read(played: Played) -> None:
    sends_more(played, [{"id": 9, "number": 2, "title": ["no", "title"], "state": "open"}], path="/milestones")

    result = played.sync()

    assert (result.status, result.created_count) == (SyncStatus.SUCCEEDED, 4)
    assert result.streams["milestones"]["failed"] == 1
    assert result.streams["milestones"]["errors"][0]["where"] == "9"


def test_thousands_of_places_are_read_like_a_few(played: Played) -> None:
    played.configure()
    names = [f"somebody/a-repository-with-a-rather-long-name-{number}" for number in range(1000)]
    sends_more(played, [{"id": number, "full_name": name} for number, name in enumerate(names)], path="/user/repos")

    result = played.sync(limits=DoorLimits(most_requests=40))

    assert (result.error_code, result.request_count) == ("budget_spent", 40)
    assert result.streams["milestones"]["read"] == 1


def test_place_without_a_fit_identifier_stops_no_other(played: Played) -> None:
    played.configure()
    sends_more(played, [{"id": 7, "full_name": f"somebody/{'x' * 300}"}], path="/user/repos")

    result = played.sync()

    assert (result.status, result.error_code) == (SyncStatus.PARTIAL, "unexpected_answer")
    assert result.created_count == 4


# --- interruptions ---


def test_killed_run_is_to_be_seen_and_carried_on(played: Played) -> None:
    played.kill_after(3)

    with tenant_context(played.tenant_id):
        left = SyncProgress.objects.get(integration_id=played.integration_id)
        due = due_integrations(played.clock.now)
    before = len(played.fake.log)
    assert played.integration.status == IntegrationStatus.SYNCING
    assert due == [played.integration_id]
    assert left.request_count == before

    result = played.sync()

    assert result.started_at == left.started_at
    assert result.request_count == len(played.fake.log)
    assert (result.created_count, result.streams["issues"]["read"]) == (4, 6)
    with tenant_context(played.tenant_id):
        assert not SyncProgress.objects.filter(integration_id=played.integration_id).exists()
        assert SyncResult.objects.filter(integration_id=played.integration_id).count() == 1


@pytest.mark.parametrize("steps", range(1, 12))
def test_kill_at_any_moment_loses_and_doubles_nothing(played: Played, steps: int) -> None:
    played.kill_after(steps)

    result = played.sync()

    assert result.status == SyncStatus.SUCCEEDED
    assert played.counts() == {
        "items": 4,
        "changes": 6,
        "milestones": 1,
        "milestone_memberships": 1,
        "links": 1,
        "activities": 4,
        "ci_runs": 1,
        "deployments": 2,
    }


def test_run_that_was_killed_days_ago_is_begun_anew(played: Played) -> None:
    played.kill_after(3)
    played.clock.pass_time(3 * 86_400)

    result = played.sync()

    assert (result.status, result.started_at) == (SyncStatus.SUCCEEDED, played.clock.now)
    assert played.counts()["items"] == 4


def test_integration_that_is_removed_while_it_is_read_ends_quietly(
    played: Played, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)

    def remove(_: Any) -> None:
        with tenant_context(played.tenant_id):
            Integration.objects.filter(pk=played.integration_id)._raw_delete("default")

    result = sync_integration(
        tenant_id=played.tenant_id,
        integration_id=played.integration_id,
        environment=played.environment(on_step=remove),
    )

    assert result is None
    assert caplog.text == ""


def test_edit_between_kill_and_next_run_is_found(played: Played) -> None:
    played.kill_after(4)
    played.fake.edit("1001", "Another title", played.clock.now)

    played.sync()
    played.sync()

    assert played.title_of("1001") == "Another title"


def test_clock_of_the_tool_that_runs_ahead_hides_no_later_edit(played: Played) -> None:
    played.fake.edit("1003", "From the future", played.clock.now + timedelta(days=900))
    played.sync()
    played.fake.edit("1001", "Another title", played.clock.now)

    result = played.sync()

    assert result.updated_count == 1
    assert played.title_of("1001") == "Another title"


# --- bad moments ---


def test_detail_that_is_not_given_now_is_asked_for_in_the_next_pass(played: Played) -> None:
    played.fake.broken[r"/issues/3/timeline"] = SERVER_ERROR
    steps = []

    def heal(step: Any) -> None:
        steps.append(step)
        if step.stream == "ci_runs":
            played.fake.broken.clear()

    result = played.sync(on_step=heal)

    assert result.status == SyncStatus.SUCCEEDED
    assert (result.created_count, result.streams["issues"]["read"]) == (4, 6)


def test_a_thousand_details_can_be_owed(played: Played) -> None:
    played.sync()
    owed = [
        {"id": number, "title": "an issue with a title of middling length", "sprint": None} for number in range(1000)
    ]

    with tenant_context(played.tenant_id):
        state = StreamState.objects.filter(stream="issues").get()
        state.deferred = owed
        state.save()
        state.refresh_from_db()

    assert state.deferred == owed


def test_detail_that_is_never_given_is_owed_and_the_others_are_there(played: Played) -> None:
    played.fake.broken[r"/issues/3/timeline"] = SERVER_ERROR

    first = played.sync()
    tried = sum(request.path.endswith("/issues/3/timeline") for request in played.fake.log)
    played.fake.broken.clear()
    second = played.sync()

    assert (first.status, first.error_code, first.created_count) == (SyncStatus.PARTIAL, "details_missing", 3)
    assert tried == 9  # three tries in each of three passes
    assert (second.status, second.created_count) == (SyncStatus.SUCCEEDED, 1)
    assert played.counts()["items"] == 4


def test_partial_success_names_what_is_missing(played: Played) -> None:
    played.fake.broken[r"/issues/comments$"] = SERVER_ERROR

    result = played.sync()

    assert result.status == SyncStatus.PARTIAL
    assert "comments of acme/rocket" in result.error_message
    assert result.streams["comments"]["error_code"] == "server_error"
    assert result.created_count == 4
    assert played.integration.status == IntegrationStatus.ACTIVE
    assert played.integration.next_run_at == played.clock.now + timedelta(minutes=5)


def test_what_belongs_to_items_waits_for_them(played: Played) -> None:
    played.fake.broken[r"/issues$"] = SERVER_ERROR
    partial = played.sync()
    del played.fake.broken[r"/issues$"]
    whole = played.sync()

    assert (partial.error_code, partial.streams["comments"]["error_code"]) == ("server_error", "items_missing")
    assert whole.status == SyncStatus.SUCCEEDED
    with tenant_context(played.tenant_id):
        comments = ActivityEvent.objects.filter(project=played.integration.project, kind=ActivityKind.COMMENT)
        assert comments.filter(work_item__isnull=False).exists()


def test_one_repository_that_is_not_shown_stops_no_other(played: Played) -> None:
    change(played, config={"repositories": ["acme/lost", REPOSITORY]})

    result = played.sync()

    assert (result.status, result.error_code, result.created_count) == (SyncStatus.PARTIAL, "not_found", 4)
    assert "acme/lost" in result.error_message


def test_refused_credentials_end_the_run_at_once(played: Played) -> None:
    played.sync()
    played.fake.log.clear()
    played.fake.token_is_bad()

    result = played.sync()

    assert (result.status, result.error_code) == (SyncStatus.FAILED, "unauthorized")
    assert len(played.fake.log) == 1
    assert played.presence_of("1001") == Presence.LIVE


def test_credentials_that_cannot_be_opened_are_to_be_entered_again(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise EncryptionError("unreadable")

    monkeypatch.setattr("integrations.domain.syncing.run.account_of", fail)

    result = played.sync()

    assert (result.status, result.error_code, played.fake.log) == (SyncStatus.FAILED, "credentials_missing", [])


def test_bug_in_one_stream_stops_no_other(
    played: Played, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    caplog.set_level(logging.ERROR)
    monkeypatch.setattr(github, "comment_facts", fail)

    result = played.sync()

    assert (result.status, result.error_code, result.created_count) == (SyncStatus.PARTIAL, "internal_error", 4)
    assert "ZeroDivisionError" in caplog.text


def test_pages_that_came_before_an_error_are_kept(played: Played) -> None:
    played.fake.broken[r"/issues/5/timeline"] = Response(400, {})

    result = played.sync()

    assert (result.status, result.error_code) == (SyncStatus.PARTIAL, "bad_request")
    assert result.created_count == 3


# --- afterwards ---


def test_failures_are_counted_and_waits_double_up_to_a_day(played: Played) -> None:
    played.fake.token_is_bad()
    waits = []
    for _ in range(11):
        played.sync()
        waits.append(wait_of(played))

    integration = played.integration
    assert waits[:4] == [timedelta(minutes=minutes) for minutes in (5, 10, 20, 40)]
    assert waits[-1] == timedelta(hours=24)
    assert (integration.error_count, integration.status) == (11, IntegrationStatus.ERROR)
    assert integration.last_sync_at is None


def test_good_run_forgets_failures(played: Played) -> None:
    change(played, error_count=3, status=IntegrationStatus.ERROR, last_error="It failed.")

    played.sync()

    integration = played.integration
    assert (integration.error_count, integration.status, integration.last_error) == (0, IntegrationStatus.ACTIVE, "")
    assert integration.next_run_at == played.clock.now + timedelta(minutes=60)
    assert integration.last_sync_at == played.clock.now


def test_next_run_is_not_before_the_tool_asks(played: Played) -> None:
    played.fake.broken["."] = Response(429, {}, {"Retry-After": "7200"})

    result = played.sync()

    assert result.status == SyncStatus.FAILED
    assert wait_of(played) >= timedelta(seconds=7190)
    assert len(played.fake.log) == 1


@pytest.mark.parametrize("asked", ["999999999", "99991231235959", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_pause_that_nobody_can_mean_ends_within_a_week(played: Played, asked: str) -> None:
    played.fake.broken["."] = Response(429, {}, {"Retry-After": asked})

    result = played.sync()

    assert (result.status, result.error_code) == (SyncStatus.FAILED, "rate_limited")
    assert timedelta(minutes=5) <= wait_of(played) <= timedelta(days=7)


def test_switched_off_integration_stays_off(played: Played) -> None:
    change(played, status=IntegrationStatus.INACTIVE)

    result = played.sync()

    assert result.status == SyncStatus.SUCCEEDED
    assert played.integration.status == IntegrationStatus.INACTIVE


def test_run_ends_with_its_next_step_when_somebody_switches_it_off(played: Played, theirs: LookAlike) -> None:
    def off(_: SyncStep) -> None:
        with tenant_context(played.tenant_id):
            switch_off(integration=played.integration)

    stopped = played.sync(on_step=off)
    kept, left = played.counts(), played.integration
    change(played, status=IntegrationStatus.ACTIVE)
    whole = played.sync()
    brought = played.counts()

    assert (stopped.status, stopped.error_code) == (SyncStatus.PARTIAL, "switched_off")
    assert (left.status, left.error_count) == (IntegrationStatus.INACTIVE, 0)
    assert whole.status == SyncStatus.SUCCEEDED
    assert sum(kept.values()) < sum(brought.values())
    assert all(number <= brought[name] for name, number in kept.items())


def test_record_of_the_last_step_is_counted_once(played: Played) -> None:
    def off(step: SyncStep) -> None:
        if step.stream == "issues":
            with tenant_context(played.tenant_id):
                switch_off(integration=played.integration)

    stopped = played.sync(on_step=off)

    assert stopped.error_code == "switched_off"
    assert (stopped.streams["issues"]["read"], stopped.created_count) == (2, 1)


def test_due_are_those_whose_time_has_come(played: Played) -> None:
    with tenant_context(played.tenant_id):
        later = connected()
        off = connected()
        Integration.objects.filter(pk=later.pk).update(next_run_at=played.clock.now + timedelta(minutes=1))
        Integration.objects.filter(pk=off.pk).update(status=IntegrationStatus.INACTIVE)

        assert due_integrations(played.clock.now) == [played.integration_id]


def test_clock_of_ours_that_ran_ahead_keeps_nothing_from_being_read(played: Played) -> None:
    played.clock.pass_time(365 * 86_400)
    played.sync()
    played.clock.pass_time(-365 * 86_400)

    with tenant_context(played.tenant_id):
        assert due_integrations(played.clock.now) == [played.integration_id]


def test_nothing_is_due_of_an_organisation_that_is_closed(played: Played) -> None:
    with tenant_context(played.tenant_id):
        before = due_integrations(played.clock.now)
        Tenant.objects.filter(pk=played.tenant_id).update(is_active=False)
        after = due_integrations(played.clock.now)
    said = sync(played, "--due")

    assert (before, after) == ([played.integration_id], [])
    assert "Code" not in said
    assert played.fake.log == []


def test_nothing_is_due_of_a_project_that_is_archived(played: Played, theirs: LookAlike) -> None:
    with tenant_context(played.tenant_id):
        Project.objects.filter(pk=played.integration.project_id).update(status=ProjectStatus.ARCHIVED)
        archived = due_integrations(played.clock.now)
        Project.objects.filter(pk=played.integration.project_id).update(status=ProjectStatus.ACTIVE)
        again = due_integrations(played.clock.now)

    assert (archived, again) == ([], [played.integration_id])


# --- presence ---


def test_item_that_is_shown_again_is_live_again(played: Played) -> None:
    played.sync()
    kept = played.fake.issues[5]
    played.fake.delete("1005")
    played.sync()
    played.fake.issues[5] = kept

    result = played.sync()

    assert (result.gone_count, result.updated_count) == (0, 1)
    assert played.presence_of("1005") == Presence.LIVE


def test_gone_items_are_not_done(played: Played) -> None:
    played.sync()
    played.fake.delete("1005")

    played.sync()

    with tenant_context(played.tenant_id):
        item = WorkItem.objects.get(external_id="1005", project=played.integration.project)
    assert (item.status_category, item.resolved_at, item.presence) == (StatusCategory.TODO, None, Presence.GONE)
    assert item.presence_changed_at is not None


def test_access_that_comes_back_shows_items_again(played: Played) -> None:
    played.sync()
    played.fake.revoke()
    played.sync()
    played.fake.is_visible = True

    played.sync()

    assert played.presence_of("1001") == Presence.LIVE


def test_hidden_is_not_told_twice(played: Played) -> None:
    played.sync()
    played.fake.revoke()

    assert [played.sync().hidden_count, played.sync().hidden_count] == [4, 0]


# --- what people say ---


def test_categories_of_the_settings_count(played: Played) -> None:
    change(played, config={"repositories": [REPOSITORY], "status_categories": {"open": "IN_PROGRESS"}})

    played.sync()

    with tenant_context(played.tenant_id):
        found = WorkItem.objects.filter(project=played.integration.project, status_id="open")
        assert {item.status_category for item in found} == {StatusCategory.IN_PROGRESS}


def test_nothing_before_the_first_day_is_read(played: Played) -> None:
    change(played, config={"repositories": [REPOSITORY], "since_date": "2026-05-03"})

    result = played.sync()

    assert result.created_count == 3


def test_field_mapping_is_applied_and_required_one_refuses(played: Played) -> None:
    for number, issue in played.fake.issues.items():
        issue["effort"] = None if number == 4 else {"value": number}
    with tenant_context(played.tenant_id):
        FieldMapping.objects.create(
            integration=played.integration,
            external_field="effort",
            internal_field="estimate_points",
            transformation="NUMBER",
            is_required=True,
        )

    result = played.sync()

    assert (result.created_count, result.failed_count, result.status) == (3, 1, SyncStatus.SUCCEEDED)
    assert {"where": "1004", "code": "record", "message": "effort is empty, and the mapping requires it"} in (
        result.streams["issues"]["errors"]
    )
    with tenant_context(played.tenant_id):
        assert WorkItem.objects.get(external_id="1003", project=played.integration.project).estimate_points == 3.0


# --- what is kept ---


def test_answers_are_kept_compressed_for_a_while(played: Played) -> None:
    played.sync()
    with tenant_context(played.tenant_id):
        kept = list(RawPayload.objects.filter(integration_id=played.integration_id, stream="issues"))
        bodies = [body for payload in kept for body in read_payloads(payload)]
    assert any(b"Issue 3" in body for body in bodies)

    played.clock.pass_time(15 * 86_400)
    played.sync()

    with tenant_context(played.tenant_id):
        assert not RawPayload.objects.filter(pk__in=[payload.pk for payload in kept]).exists()


def test_no_answers_are_kept_without_retention(played: Played) -> None:
    played.sync(retention_days=0)

    with tenant_context(played.tenant_id):
        assert not RawPayload.objects.filter(integration_id=played.integration_id).exists()


def test_run_and_use_of_credentials_are_audited(played: Played) -> None:
    played.sync()

    with tenant_context(played.tenant_id):
        entries = AuditEntry.objects.filter(resource_id=str(played.integration_id))
        used = entries.get(action=AuditAction.CREDENTIAL_READ)
        told = entries.get(action=AuditAction.IMPORT_DATA)
        assert told.changes["counts"]["created"] == 4
        assert TOKEN not in f"{used.changes} {told.changes}"


def test_states_are_of_our_tenant_only(played: Played, theirs: LookAlike) -> None:
    with tenant_context(theirs.tenant.pk):
        before = StreamState.objects.count(), SyncResult.objects.count(), RawPayload.objects.count()

    played.sync()

    with tenant_context(theirs.tenant.pk):
        assert (StreamState.objects.count(), SyncResult.objects.count(), RawPayload.objects.count()) == before


# --- the command ---


def sync(played: Played, *arguments: str) -> str:
    out = StringIO()
    with override_settings(INTEGRATION_NETWORKS=["127.0.0.0/8"], INTEGRATION_GATEWAYS=played.gateways):
        call_command("sync", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_command_reads_what_is_due_and_goes_on_after_a_failure(ours: LookAlike, played: Played) -> None:
    with tenant_context(played.tenant_id):
        broken = connected(token="wrong")
        Integration.objects.filter(pk=broken.pk).update(name="Broken")

    said = sync(played, "--due", "--tenant", ours.tenant.name)

    assert "Broken: Failed" in said
    assert "Code: Succeeded: 4 items created" in said
    assert TOKEN not in said


def test_command_reads_one_now(played: Played) -> None:
    change(played, next_run_at=played.clock.now + timedelta(days=999))

    said = sync(played, "--integration", str(played.integration_id))

    assert "4 items created" in said


def test_command_fails_when_the_run_did(played: Played) -> None:
    played.fake.token_is_bad()

    with pytest.raises(CommandError, match="does not accept the credentials"):
        sync(played, "--integration", str(played.integration_id))


def test_command_knows_no_integration_of_another_kind_of_id(played: Played) -> None:
    with pytest.raises(CommandError, match="no integration of that id"):
        sync(played, "--integration", str(played.tenant_id))

"""GitLab, played by a small server."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from integrations.connectors.gitlab.mapping import (
    closed_issue,
    deployment_facts,
    merge_request_facts,
    milestone_facts,
    pipeline_facts,
)
from integrations.connectors.gitlab.notes import due_day, estimate_s, note_times
from integrations.connectors.gitlab.payloads import Note, parse_issue
from integrations.enums import SyncStatus
from projects.enums import ActivityKind, IncidentSeverity, RunOutcome, StatusCategory, TrackedField
from projects.models import (
    ActivityEvent,
    Deployment,
    FieldChange,
    Incident,
    IterationMembership,
    WorkItem,
    WorkItemLink,
)
from tenants.isolation.transaction import tenant_context
from tests.integrations.connectors.battery import ConnectorBattery, Played
from tests.integrations.connectors.gitlab.fake import API, PATH, PROJECT, TOKEN, FakeGitLab
from tests.integrations.connectors.local_server import SERVER_ERROR, Request, Response

ISSUE = f"{API}/projects/{PROJECT}/issues/1"


class TestGitLab(ConnectorBattery):
    tool = "GITLAB"
    settings = {"project_paths": [PATH]}
    credentials = {"token": TOKEN}
    recorded = {
        "items": 4,
        "changes": 18,
        "iterations": 2,
        "iteration_memberships": 2,
        "milestones": 1,
        "milestone_memberships": 1,
        "links": 1,
        "activities": 5,
        "ci_runs": 1,
        "deployments": 1,
        "incidents": 1,
        "time_entries": 1,
    }
    read = {"milestones": 1, "iterations": 2, "issues": 4, "merge_requests": 2, "pipelines": 1, "deployments": 1}
    item_path = r"/issues$"
    edited = "1001"
    deleted = "1003"

    def make_fake(self) -> FakeGitLab:
        return FakeGitLab()

    # --- what only GitLab does ---

    def test_history_is_put_together_from_events_and_notes(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            changes = FieldChange.objects.filter(work_item__external_id="1001").order_by("changed_at", "field")
            found = [(change.field, change.from_text, change.to_text) for change in changes]
        assert [each for each in found if each[0] == TrackedField.ESTIMATE_POINTS] == [
            (TrackedField.ESTIMATE_POINTS, "", "5"),
            (TrackedField.ESTIMATE_POINTS, "5", "3"),
        ]
        assert (TrackedField.DUE_DATE, "", "2026-06-30") in found
        assert (TrackedField.ESTIMATE_S, "", "7200") in found
        assert (TrackedField.LINK, "", "#2") in found
        assert [each[0] for each in found].count(TrackedField.ASSIGNEE) == 1

    def test_iteration_is_entered_and_left_when_the_history_says(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            stays = IterationMembership.objects.filter(work_item__external_id="1001").order_by("joined_at")
            found = [(stay.iteration.external_id, stay.left_at is None) for stay in stays.select_related("iteration")]
        assert found == [("801", False), ("804", True)]

    def test_closing_from_before_histories_were_kept_is_dated_by_the_issue(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            change = FieldChange.objects.get(work_item__external_id="1004", field=TrackedField.STATUS)
        assert (change.to_id, change.changed_at.isoformat()) == ("closed", "2026-05-09T10:00:00+00:00")

    def test_labels_of_one_scope_are_the_status_where_people_say_so(self, played: Played) -> None:
        played.configure(project_paths=[PATH], status_label_scope="workflow")
        played.sync()

        with tenant_context(played.tenant_id):
            item = WorkItem.objects.get(external_id="1001", source="gitlab")
            moves = FieldChange.objects.filter(work_item=item, field=TrackedField.STATUS).order_by("changed_at")
            found = [(move.from_text, move.to_text) for move in moves]
        assert (item.status_name, item.status_category) == ("doing", StatusCategory.IN_PROGRESS)
        assert found == [("Open", "ready"), ("ready", "doing")]

    def test_merge_is_about_the_issue_that_it_closes(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            found = ActivityEvent.objects.filter(work_item__external_id="1002").order_by("occurred_at")
            assert [each.kind for each in found] == [
                ActivityKind.REVIEW_REQUESTED,
                ActivityKind.REVIEW,
                ActivityKind.APPROVAL,
                ActivityKind.MERGE,
            ]

    def test_incident_deployment_and_link_are_facts(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            project = played.integration.project
            assert Incident.objects.get(project=project).severity == IncidentSeverity.SEV2
            assert Deployment.objects.get(project=project).outcome == RunOutcome.FAILURE
            assert WorkItemLink.objects.get(work_item__project=project).link_type == "Blocks"

    def test_free_edition_is_asked_for_paid_histories_once(self, played: Played) -> None:
        played.fake.is_premium = False

        result = played.sync()

        asked = [request.path for request in played.fake.log if "resource_weight" in request.path]
        assert (result.status, asked) == (SyncStatus.SUCCEEDED, [f"{ISSUE}/resource_weight_events"])
        assert result.streams["iterations"]["skipped"] == {"not_offered": 1}

    def test_links_are_asked_for_only_where_a_note_tells_of_one(self, played: Played) -> None:
        played.sync()

        assert [r.path for r in played.fake.log if r.path.endswith("/links")] == [f"{ISSUE}/links"]

    @pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "Pacific/Auckland"])
    def test_edit_is_found_whatever_zone_the_server_writes(self, played: Played, zone: str) -> None:
        played.sync()
        played.fake.edit(self.edited, "Another title", played.clock.now.astimezone(ZoneInfo(zone)))
        assert played.sync().updated_count == 1
        played.fake.edit(self.edited, "A third title", played.clock.now)

        assert played.sync().updated_count == 1

    def test_groups_bring_their_projects_and_a_lost_one_is_named(self, played: Played) -> None:
        played.configure(group_paths=["acme", "secret-group"])

        result = played.sync()

        assert (result.status, result.error_code) == (SyncStatus.PARTIAL, "not_found")
        assert result.created_count == self.recorded["items"]
        assert "secret-group" in result.error_message

    def test_project_without_issues_is_not_asked_for_them(self, played: Played) -> None:
        played.fake.project["issues_enabled"] = False

        result = played.sync()

        assert (result.status, result.created_count) == (SyncStatus.SUCCEEDED, 0)
        assert [request for request in played.fake.log if request.path.endswith("/issues")] == []

    def test_page_that_repeats_is_an_error(self, played: Played) -> None:
        link = f'<{played.fake.base_url}{API}/projects/{PROJECT}/issues?page=9>; rel="next"'
        played.fake.broken[r"/issues$"] = Response(200, [], {"Link": link})

        result = played.sync()

        assert (result.status, result.error_code) == (SyncStatus.PARTIAL, "repeated_page")
        assert len(played.fake.log) < 20

    def test_details_not_given_at_first_lose_no_record(self, played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
        """The record itself is at hand: it is not asked for again in the same run."""
        answer: Callable[[Request], Response] = played.fake.answer
        refusals = [SERVER_ERROR] * 3

        def unwilling(request: Request) -> Response:
            if refusals and request.path.endswith("/issues/1/notes"):
                return refusals.pop()
            return answer(request)

        monkeypatch.setattr(played.fake, "answer", unwilling)

        result = played.sync()

        assert (result.status, result.streams["issues"].get("skipped", {})) == (SyncStatus.SUCCEEDED, {})
        assert result.created_count == len(played.fake.issues)
        assert refusals == []
        assert not [request for request in played.fake.log if re.search(r"/issues/\d+$", request.path)]

    def test_next_page_elsewhere_is_not_followed(self, played: Played) -> None:
        played.fake.broken[r"/issues$"] = Response(200, [], {"Link": '<https://elsewhere.example/>; rel="next"'})

        assert played.sync().error_code == "foreign_address"

    def test_connection_test_tells_the_end_of_the_token(self, played: Played) -> None:
        report = self._check(played)

        assert (report.scopes, report.expires_at.isoformat()) == (("read_api",), "2027-03-01T00:00:00+00:00")

    def test_token_that_may_not_read_is_named(self, played: Played) -> None:
        played.fake.broken[r"/self$"] = Response(200, {"scopes": ["read_user"], "expires_at": None})

        report = self._check(played)

        assert (report.is_ok, report.missing_scopes) == (False, ("read_api",))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("changed time estimate to 1w 4d 5h", "277200"),
        ("added time estimate of 30m", "1800"),
        ("changed time estimate to 1mo 2d from 3d", "633600"),
        ("removed time estimate", ""),
        ("removed time estimate of 2h", ""),
        ("added 2h of time spent", None),
        ("changed time estimate to soon", None),
    ],
)
def test_estimate_is_read_from_a_note(body: str, expected: str | None) -> None:
    assert estimate_s(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("changed due date to May 14, 2026", "2026-05-14"),
        ("changed start date to May 1, 2026 and changed due date to May 14, 2026", "2026-05-14"),
        ("removed due date May 14, 2026", ""),
        ("changed due date to Smarch 14, 2026", None),
        ("changed the description", None),
    ],
)
def test_due_date_is_read_from_a_note(body: str, expected: str | None) -> None:
    assert due_day(body) == expected


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("Closes #12", "acme/rocket#12"),
        ("It fixes acme/engine#3, too", "acme/engine#3"),
        ("Resolves https://gitlab.example/acme/sub/engine/-/issues/4", "acme/sub/engine#4"),
        ("See #12", ""),
        ("", ""),
    ],
)
def test_closed_issue_is_read_from_a_description(description: str, expected: str) -> None:
    assert closed_issue(description, path="acme/rocket") == expected


def test_pipeline_that_waits_for_a_person_has_not_ended() -> None:
    sent = {"id": 1, "status": "manual", "created_at": "2026-05-02T08:00:00Z", "updated_at": "2026-05-02T08:05:00Z"}

    (run,) = pipeline_facts(sent).ci_runs

    assert (run.outcome, run.finished_at) == (RunOutcome.RUNNING, None)


def test_blank_names_have_others_in_their_place() -> None:
    moment = "2026-05-01T10:00:00Z"
    pipeline = {"id": 1, "name": " ", "source": "push", "status": "success", "created_at": moment, "updated_at": moment}
    environment = {"id": 2, "iid": 2, "sha": "", "status": "success", "created_at": moment}
    issue = {"id": 3, "iid": 7, "state": "opened", "created_at": moment, "updated_at": moment}

    run = pipeline_facts(pipeline).ci_runs[0]
    deployment = deployment_facts({**environment, "environment": {"name": "review/" + "long-" * 40}}).deployments[0]
    parsed = parse_issue({**issue, "references": {"full": " "}}, path="acme/rocket")

    assert run.pipeline == "pipeline"
    assert (len(deployment.environment), deployment.environment[:12]) == (100, "review/long-")
    assert parsed.reference == "acme/rocket#7"


def test_milestone_that_ends_before_it_begins_keeps_the_day_that_was_promised() -> None:
    sent = {"id": 1, "title": "1.0", "start_date": "2026-06-01", "due_date": "2026-05-01", "state": "active"}

    milestone = milestone_facts(sent).milestones[0]

    assert (milestone.start_date, milestone.target_date) == (None, date(2026, 5, 1))


def test_merge_is_about_what_title_branch_and_description_of_the_merge_request_name() -> None:
    sent = {
        "id": 5,
        "iid": 2,
        "title": "OPS-3: close the gate",
        "source_branch": "PROJ-12-gate",
        "description": "See https://trello.com/c/Ab12Cd34/7-gate",
        "merged_at": "2026-05-02T10:00:00Z",
    }

    (merge,) = merge_request_facts(sent, [], path="acme/app").activities

    assert merge.mentions == ("OPS-3", "PROJ-12", "//trello.com/c/Ab12Cd34")


def _told(*bodies: str) -> list[tuple[int, str]]:
    """Durations and days of the entries that notes of one issue tell of, a note a day."""
    at = datetime(2026, 5, 2, 8, tzinfo=UTC)
    notes = [
        Note(id=f"{n}", at=at + timedelta(days=n), author="7", is_system=True, is_on_a_line=False, body=body)
        for n, body in enumerate(bodies)
    ]
    return [(entry.duration_s, str(entry.worked_on_date)) for entry in note_times("1", notes)]


def test_notes_tell_of_times_added_and_subtracted() -> None:
    assert _told("added 1h 30m of time spent at 2026-04-30", "subtracted 30m of time spent", "added 1h of love") == [
        (5400, "2026-04-30"),
        (-1800, "2026-05-03"),
    ]


def test_deleted_time_takes_its_own_entry_away() -> None:
    added = ["added 1h of time spent at 2026-04-30", "added 2h of time spent at 2026-04-30"]

    assert _told(*added, "deleted 1h of spent time from 2026-04-30") == [(7200, "2026-04-30")]
    assert _told(*added, "deleted 3h of spent time from 2026-04-30") == [(3600, "2026-04-30"), (7200, "2026-04-30")]
    assert _told(*added, "removed time spent", "added 5m of time spent at 2026-99-99") == [(300, "2026-05-05")]

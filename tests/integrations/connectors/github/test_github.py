"""GitHub, played by a small server."""

from __future__ import annotations

from integrations.connectors.github.mapping import issue_facts, pull_request_facts
from integrations.enums import SyncStatus
from projects.enums import RunOutcome
from projects.models import CiRun, Deployment, FieldChange
from tenants.isolation.transaction import tenant_context
from tests.integrations.connectors.battery import ConnectorBattery, Played
from tests.integrations.connectors.github.fake import REPOSITORY, TOKEN, FakeGitHub
from tests.integrations.connectors.local_server import Response


class TestGitHub(ConnectorBattery):
    tool = "GITHUB"
    settings = {"repositories": [REPOSITORY]}
    credentials = {"token": TOKEN}
    recorded = {
        "items": 4,
        "changes": 6,
        "milestones": 1,
        "milestone_memberships": 1,
        "links": 1,
        "activities": 4,
        "ci_runs": 1,
        "deployments": 2,
    }
    read = {"milestones": 1, "issues": 6, "comments": 1, "pull_requests": 2, "ci_runs": 1, "deployments": 2}
    skipped = {"issues": {"pull_request": 2}}
    item_path = r"/issues$"
    edited = "1001"
    deleted = "1005"

    def make_fake(self) -> FakeGitHub:
        return FakeGitHub()

    # --- what only GitHub does ---

    def test_repository_without_actions_misses_nothing(self, played: Played) -> None:
        played.fake.broken[r"/actions/runs$|/deployments$"] = Response(404, {})

        result = played.sync()

        assert (result.status, result.error_message) == (SyncStatus.SUCCEEDED, "")
        assert result.streams["ci_runs"]["skipped"] == {"not_offered": 1}

    def test_deployment_that_was_followed_by_another_keeps_its_outcome(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            found = Deployment.objects.filter(project=played.integration.project).order_by("external_id")
            assert [each.outcome for each in found] == [RunOutcome.FAILURE, RunOutcome.SUCCESS]

    def test_run_that_was_under_way_is_read_again_when_it_is_over(self, played: Played) -> None:
        newer = {**played.fake.runs[0], "id": 92, "created_at": "2026-05-02T12:00:00Z"}
        played.fake.runs[0].update(status="in_progress", conclusion=None)
        played.fake.runs.insert(0, newer)
        played.sync()
        played.fake.runs[1].update(status="completed", conclusion="failure")

        played.sync()

        with tenant_context(played.tenant_id):
            run = CiRun.objects.get(project=played.integration.project, external_id="91")
            assert run.outcome == RunOutcome.FAILURE

    def test_history_has_every_move(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            moves = FieldChange.objects.filter(work_item__external_id="1003", field="status").order_by("changed_at")
            assert [(move.from_id, move.to_id) for move in moves] == [
                ("open", "closed"),
                ("closed", "open"),
                ("open", "closed"),
            ]

    def test_used_up_quota_is_waited_for(self, played: Played) -> None:
        reset = round(played.clock.now.timestamp()) + 3600 + 40
        played.fake.next_answers.append(
            Response(403, {"message": "Exceeded"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)})
        )

        result = played.sync()

        assert result.status == SyncStatus.SUCCEEDED
        assert 40 <= played.clock.slept[0] < 41

    def test_all_repositories_are_read_where_none_is_named(self, played: Played) -> None:
        played.configure()

        assert played.sync().created_count == 4


def test_merge_is_about_what_title_branch_and_description_of_the_pull_request_name() -> None:
    sent = {
        "id": 5,
        "title": "OPS-3: close the gate",
        "head": {"ref": "fix/PROJ-12-gate"},
        "body": "PROJ-99 was another thing.\nhttps://acme.example/browse/PROJ-7?token=x",
        "merged_at": "2026-05-02T10:00:00Z",
    }

    (merge,) = pull_request_facts(sent, []).activities

    assert merge.mentions == ("OPS-3", "PROJ-12", "//acme.example/browse/PROJ-7")


def test_description_of_an_issue_names_items_by_their_address_only() -> None:
    sent = {
        "id": 6,
        "number": 3,
        "title": "Gate",
        "state": "open",
        "created_at": "2026-05-02T10:00:00Z",
        "updated_at": "2026-05-02T10:00:00Z",
        "body": "Like PROJ-99. Synced from https://acme.example/browse/PROJ-7",
    }

    (item,) = issue_facts(sent, [], repository="acme/app", milestones={}).items

    assert item.mentions == ("=//acme.example/browse/PROJ-7",)

"""What every connector must do, whatever its tool. Inherit `ConnectorBattery`, and say how the tool is played; a tool
that has no items, only what people tell each other, inherits `TalkBattery`.

A tool's test folder has a `FakeTool` with a few small records written for this project, and a class of tests:

    class TestJira(ConnectorBattery):
        tool = "JIRA"

        def make_fake(self) -> FakeJira: ...
"""

from __future__ import annotations

import json
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import pytest

from integrations.connectors.registry import connector_of, options_of
from integrations.domain.connecting import account_of, check_connection
from integrations.domain.environment import Environment, SyncStep
from integrations.domain.syncing import sync_integration
from integrations.enums import IntegrationStatus, SyncStatus
from integrations.http.addresses import AddressGuard
from integrations.http.door import MOST_TRIES
from integrations.models import Integration, RawPayload, StreamState, SyncProgress, SyncResult
from projects.enums import Presence
from projects.models import (
    ActivityEvent,
    CiRun,
    Deployment,
    FieldChange,
    Incident,
    Iteration,
    IterationMembership,
    Milestone,
    MilestoneMembership,
    TimeEntry,
    WorkItem,
    WorkItemLink,
)
from tenants.encryption.secret import Secret
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.integrations.connectors.local_server import RESET, SERVER_ERROR, WORDS, FakeTool, Response, serving
from tests.integrations.connectors.odd import OddAnswers
from tests.integrations.waiting import FakeClock

COUNTED: dict[str, Any] = {
    "items": WorkItem,
    "changes": FieldChange,
    "iterations": Iteration,
    "iteration_memberships": IterationMembership,
    "milestones": Milestone,
    "milestone_memberships": MilestoneMembership,
    "links": WorkItemLink,
    "activities": ActivityEvent,
    "ci_runs": CiRun,
    "deployments": Deployment,
    "incidents": Incident,
    "time_entries": TimeEntry,
}
CONNECTORS = Path(__file__).parents[3] / "integrations" / "connectors"
REFUSALS = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 410: "gone"}
MOST_PASSES = 3


class Killed(BaseException):
    """As if the process had been ended: nothing catches it."""


@dataclass
class Played:
    """An integration of our tenant with a tool that is played, and the clock of its runs."""

    fake: Any
    tenant_id: UUID
    integration_id: UUID
    clock: FakeClock = field(default_factory=FakeClock)

    def environment(self, **changes: Any) -> Environment:
        guard = AddressGuard.allowing(["127.0.0.0/8"])
        environment = Environment(waiting=self.clock.waiting(), guard=guard, gateways=self.gateways, retention_days=14)
        return replace(environment, **changes)

    @property
    def gateways(self) -> dict[str, str]:
        with tenant_context(self.tenant_id):
            return {self.integration.type: self.fake.base_url}

    @property
    def integration(self) -> Integration:
        with tenant_context(self.tenant_id):
            found: Integration = Integration.objects.select_related("project").get(pk=self.integration_id)
        return found

    def sync(self, **changes: Any) -> SyncResult:
        """One run, an hour after the last."""
        self.clock.pass_time(3600)
        result = sync_integration(
            tenant_id=self.tenant_id, integration_id=self.integration_id, environment=self.environment(**changes)
        )
        assert result is not None
        return result

    def kill_after(self, steps: int) -> None:
        """A run that is ended after so many commits."""
        done: list[SyncStep] = []

        def watch(step: SyncStep) -> None:
            done.append(step)
            if len(done) == steps:
                raise Killed

        with pytest.raises(Killed):
            self.sync(on_step=watch)

    def counts(self) -> dict[str, int]:
        """Rows of each kind in the integration's project, those that are there at all."""
        with tenant_context(self.tenant_id):
            found = {name: _rows(model, self.integration.project_id) for name, model in COUNTED.items()}
        return {name: number for name, number in found.items() if number}

    def forget(self) -> None:
        """As if nothing had been read yet: the next run reads everything."""
        with tenant_context(self.tenant_id):
            for model in (StreamState, SyncProgress):
                model.objects.filter(integration_id=self.integration_id)._raw_delete("default")

    def configure(self, **settings: Any) -> None:
        """These settings in place of those that the integration has."""
        with tenant_context(self.tenant_id):
            Integration.objects.filter(pk=self.integration_id).update(config=settings)

    def item(self, external_id: str) -> WorkItem:
        with tenant_context(self.tenant_id):
            items = WorkItem.objects.select_related("assignee").filter(project=self.integration.project)
            found: WorkItem = items.get(external_id=external_id)
        return found

    def presence_of(self, external_id: str) -> str:
        return str(self.item(external_id).presence)

    def lost_items(self) -> int:
        """Items that are gone or hidden."""
        with tenant_context(self.tenant_id):
            return WorkItem.objects.filter(project=self.integration.project).exclude(presence=Presence.LIVE).count()

    def title_of(self, external_id: str) -> str:
        return str(self.item(external_id).title)


def _rows(model: Any, project_id: UUID) -> int:
    path = model.project_path
    return int(model.objects.filter(**{f"{path}_id" if path == "project" else path: project_id}).count())


@pytest.mark.django_db
class ToolBattery(ABC):
    """What holds for every tool, also for one without items. Only what is between the lines is a subclass's to say."""

    # ------------------------------------------------------------------
    tool: ClassVar[str]
    settings: ClassVar[dict[str, Any]] = {}
    credentials: ClassVar[dict[str, str]] = {}
    # What a whole sync leaves in the record, by kind (see COUNTED).
    recorded: ClassVar[dict[str, int]]
    # What the streams read, and what was skipped by name, in the order (stream, read, skipped).
    read: ClassVar[dict[str, int]]
    skipped: ClassVar[dict[str, dict[str, int]]] = {}
    # Streams that fail when every list of items does; paths of those lists.
    item_path: ClassVar[str]
    # External ids of items that the fake can edit, delete and show with every optional member null.
    edited: ClassVar[str]
    deleted: ClassVar[str]
    # False where the tool has no address in its settings and is reached through a gateway.
    has_address: ClassVar[bool] = True
    # The requests of a read-only connector: everything but GET must be among these paths.
    reads_by_post: ClassVar[str] = r"$^"

    @abstractmethod
    def make_fake(self) -> Any:
        """The tool, filled. Beside what every `FakeTool` has: `edit(id, title, at)`, `delete(id)`, `empty(id)`."""

    # ------------------------------------------------------------------

    @pytest.fixture
    def played(self, ours: LookAlike) -> Iterator[Played]:
        fake: FakeTool = self.make_fake()
        with serving(fake), tenant_context(ours.tenant.pk):
            Integration.objects.filter(type=self.tool)._raw_delete("default")
            integration = Integration(
                project=ProjectFactory.create(name=f"Read from {self.tool}"),
                name=f"Our {self.tool}",
                type=self.tool,
                status=IntegrationStatus.ACTIVE,
                config=self.settings,
                credentials=Secret.of_json(self.credentials),
            )
            integration.save()
        with serving(fake):
            yield Played(fake, ours.tenant.pk, integration.pk)

    # --- the connection test ---

    def test_connection_test_says_who_we_are(self, played: Played) -> None:
        report = self._check(played)

        assert (report.is_ok, report.error) == (True, None)
        assert report.account

    def test_connection_test_refuses_a_wrong_credential_at_once(self, played: Played) -> None:
        played.fake.token_is_bad()

        report = self._check(played)

        assert report.error is not None
        assert report.error.code == "unauthorized"
        assert not report.is_ok
        assert (len(played.fake.log), played.clock.slept) == (1, [])

    def test_missing_credential_is_named_before_anything_is_sent(self, played: Played) -> None:
        with tenant_context(played.tenant_id):
            account = replace(account_of(played.integration, played.gateways, purpose="test"), credentials={})

        report = check_connection(self.tool, account, played.environment())

        assert report.error is not None
        assert report.error.code == "credentials_missing"
        assert any(option.name in report.error.message for option in options_of(self.tool).secrets)
        assert played.fake.log == []

    def _check(self, played: Played) -> Any:
        with tenant_context(played.tenant_id):
            account = account_of(played.integration, played.gateways, purpose="test")
        return check_connection(self.tool, account, played.environment())

    # --- whole and again ---

    def test_sync_brings_everything(self, played: Played) -> None:
        result = played.sync()

        assert (result.status, result.error_message) == (SyncStatus.SUCCEEDED, "")
        assert played.counts() == self.recorded
        assert {name: counts["read"] for name, counts in result.streams.items() if counts["read"]} == self.read
        assert {name: c["skipped"] for name, c in result.streams.items() if c.get("skipped")} == self.skipped
        assert result.created_count == self.recorded.get("items", 0)

    def test_second_sync_changes_no_row(self, played: Played) -> None:
        played.sync()
        before = played.counts()

        result = played.sync()

        assert result.status == SyncStatus.SUCCEEDED
        assert (result.created_count, result.updated_count, result.gone_count, result.hidden_count) == (0, 0, 0, 0)
        assert sum(counts.get("facts", 0) for counts in result.streams.values()) == 0
        assert played.counts() == before

    def test_reading_everything_again_changes_no_row(self, played: Played) -> None:
        played.sync()
        before = played.counts()
        played.forget()

        result = played.sync()

        assert result.created_count + result.updated_count == 0
        assert sum(counts.get("facts", 0) for counts in result.streams.values()) == 0
        assert result.unchanged_count == self.recorded.get("items", 0)
        assert played.counts() == before

    def test_nothing_is_ever_written_to_the_tool(self, played: Played) -> None:
        self._check(played)
        played.sync()
        played.sync()

        written = [f"{request.method} {request.path}" for request in played.fake.log if request.method != "GET"]
        assert [each for each in written if not re.search(self.reads_by_post, each)] == []

    # --- bad moments ---

    def test_bad_moments_cost_time_and_nothing_else(self, played: Played) -> None:
        fake = played.fake
        fake.next_answers.extend([fake.too_many, SERVER_ERROR])
        played.sync()
        played.fake.next_answers.extend([RESET, fake.too_many])
        played.forget()

        result = played.sync()

        assert result.status == SyncStatus.SUCCEEDED
        assert played.counts() == self.recorded
        assert result.waited_ms > 0

    def test_tool_that_is_down_is_tried_three_times_a_pass_and_named(self, played: Played) -> None:
        played.fake.broken[self.item_path] = SERVER_ERROR

        result = played.sync()

        tried = self._most_tries_of_one_request(played.fake)
        assert tried <= MOST_TRIES * MOST_PASSES
        assert result.status != SyncStatus.SUCCEEDED
        assert result.error_code == "server_error"
        assert result.created_count == 0

    @pytest.mark.parametrize(("status", "code"), REFUSALS.items())
    def test_refusal_is_an_error_and_never_no_records(self, played: Played, status: int, code: str) -> None:
        played.sync()
        played.fake.broken[self.item_path] = Response(status, {"message": "no"})

        result = played.sync()

        assert result.status != SyncStatus.SUCCEEDED
        assert result.error_code == code
        assert played.integration.last_error
        assert played.lost_items() == 0

    @pytest.mark.parametrize(
        ("response", "code"),
        [
            (Response(200, b'[{"id": 1, "ti'), "not_json"),
            (Response(200, b"<html>hello</html>", content_type="text/html"), "wrong_content_type"),
            (Response(302, b"", {"Location": "https://elsewhere.example/"}), "foreign_address"),
            (Response(200, b"[1, 2]"), "unexpected_answer"),
            (Response(200, b"[", {"Content-Length": "1000"}), "unreachable"),
        ],
        ids=["truncated", "page", "redirect", "other form", "broken off"],
    )
    def test_answer_that_is_none_is_an_error(self, played: Played, response: Response, code: str) -> None:
        played.fake.broken[self.item_path] = response

        result = played.sync()

        assert (result.status != SyncStatus.SUCCEEDED, result.error_code) == (True, code)
        assert result.created_count == 0

    def test_record_without_any_optional_member_stops_no_other(self, played: Played) -> None:
        played.fake.empty(self.edited)

        result = played.sync()

        assert result.error_code == ""
        assert result.created_count + result.failed_count == self.recorded.get("items", result.failed_count)

    @pytest.mark.parametrize("seed", range(3))
    def test_odd_values_are_named_and_never_a_bug_of_ours(
        self, played: Played, seed: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.ERROR)
        played.fake.answer = OddAnswers(played.fake, [seed, *self.tool.encode()])

        check = self._check(played)
        results = [played.sync(), played.sync()]

        codes = {each.error_code for each in results} | {check.error.code if check.error else ""}
        codes |= {
            error["code"] for each in results for counts in each.streams.values() for error in counts.get("errors", ())
        }
        assert "internal_error" not in codes, caplog.text

    def _most_tries_of_one_request(self, fake: FakeTool) -> int:
        asked = [json.dumps([r.method, r.path, dict(r.query), r.body], sort_keys=True) for r in fake.log]
        return max(asked.count(each) for each in set(asked))

    # --- interruptions ---

    def test_killed_sync_goes_on_where_it_stopped(self, played: Played) -> None:
        played.sync()
        clean = len(played.fake.log)
        played.forget()
        with tenant_context(played.tenant_id):
            WorkItem.objects.filter(project=played.integration.project)._raw_delete("default")
        played.fake.log.clear()
        steps = self._steps(played)
        played.forget()
        played.fake.log.clear()

        played.kill_after(max(1, steps // 2))
        result = played.sync()

        assert result.status == SyncStatus.SUCCEEDED
        assert played.counts().get("items") == self.recorded.get("items")
        assert len(played.fake.log) <= max(1.2 * clean, clean + 1)
        assert result.request_count == len(played.fake.log)

    def _steps(self, played: Played) -> int:
        steps: list[SyncStep] = []
        played.sync(on_step=steps.append)
        return len(steps)

    # --- what nobody may see ---

    def test_secrets_are_nowhere_to_be_read(self, played: Played, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        played.fake.broken[self.item_path] = Response(403, {"message": " ".join(self.credentials.values())})

        result = played.sync()

        shown = " ".join(
            [
                caplog.text,
                result.error_message,
                json.dumps(result.streams),
                played.integration.last_error,
                json.dumps(played.integration.config),
            ]
        )
        assert [name for name, secret in self.credentials.items() if secret in shown] == []
        assert played.fake.base_url not in shown

    def test_other_tenant_is_as_it_was(self, played: Played, theirs: LookAlike) -> None:
        with tenant_context(theirs.tenant.pk):
            before = {name: model.objects.count() for name, model in COUNTED.items()}

        played.sync()

        with tenant_context(theirs.tenant.pk):
            assert {name: model.objects.count() for name, model in COUNTED.items()} == before

    # --- what is written down ---

    def test_options_say_what_is_secret(self) -> None:
        options = options_of(self.tool)

        assert {option.name for option in options.secrets} >= set(self.credentials)
        assert not {option.name for option in options.settings} & set(self.credentials)

    def test_readme_names_what_a_reader_needs(self) -> None:
        readme = (CONNECTORS / self.tool.lower() / "README.md").read_text()

        assert [
            heading for heading in ("API version", "Scopes", "Limits", "Facts", "Quirks") if heading not in readme
        ] == []
        assert [stream.name for stream in connector_of(self.tool).streams if f"`{stream.name}`" not in readme] == []


class ConnectorBattery(ToolBattery):
    """What holds for every tool that has items, beside the above."""

    def test_edit_is_found_by_the_next_sync(self, played: Played) -> None:
        played.sync()
        played.fake.edit(self.edited, "Another title", played.clock.now)

        result = played.sync()

        assert (result.created_count, result.updated_count) == (0, 1)
        assert played.title_of(self.edited) == "Another title"

    def test_deleted_item_is_gone_and_others_stay(self, played: Played) -> None:
        played.sync()
        played.fake.delete(self.deleted)

        result = played.sync()

        assert (result.gone_count, result.hidden_count) == (1, 0)
        assert played.presence_of(self.deleted) == Presence.GONE
        assert played.presence_of(self.edited) == Presence.LIVE
        assert played.counts() == self.recorded

    def test_lost_access_hides_items_and_is_no_deletion(self, played: Played) -> None:
        played.sync()
        played.fake.revoke()

        result = played.sync()

        assert result.status != SyncStatus.SUCCEEDED or result.hidden_count
        assert result.gone_count == 0
        assert played.presence_of(self.edited) == Presence.HIDDEN

    def test_items_that_come_in_a_later_pass_lose_nothing_of_theirs(self, played: Played) -> None:
        own, failures = played.fake.answer, iter([SERVER_ERROR] * MOST_TRIES)
        played.fake.answer = lambda sent: (re.search(self.item_path, sent.path) and next(failures, None)) or own(sent)
        played.sync()
        played.forget()

        result = played.sync()

        assert played.counts() == self.recorded
        assert sum(counts.get("facts", 0) for counts in result.streams.values()) == 0

    def test_answers_are_kept_sealed(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            kept = list(RawPayload.objects.filter(integration_id=played.integration_id))
        assert kept
        assert sum(payload.size_bytes for payload in kept) > 0


class TalkBattery(ToolBattery):
    """What holds for every tool that has no items, only what people tell each other, beside the above."""

    def test_nothing_of_what_was_said_is_kept(self, played: Played) -> None:
        result = played.sync()

        with tenant_context(played.tenant_id):
            rows = list(ActivityEvent.objects.filter(project=played.integration.project).values())
            assert not RawPayload.objects.filter(integration_id=played.integration_id).exists()
        assert WORDS not in json.dumps([rows, result.streams], default=str)

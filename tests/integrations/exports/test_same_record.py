"""A file of a tool and the tool itself make one record: whichever is read first, the other adds no item to it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from integrations.enums import IntegrationStatus, SyncStatus
from integrations.models import Integration
from projects.domain.importing import Doorway, ImportRequest, import_file
from projects.enums import ImportStatus
from projects.models import ActivityEvent, FieldChange, ImportRun, Milestone, Project, WorkflowStatus, WorkItem
from tenants.encryption.secret import Secret
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.integrations.connectors.battery import Played
from tests.integrations.connectors.local_server import WORDS, serving
from tests.integrations.connectors.trello.fake import HOUSE
from tests.integrations.exports import files
from tests.integrations.tools import TOOLS

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Export:
    """A file that a tool gives.

    config: what the connection is limited to, where the file has a part of the tool;  zone: of whoever exported it
    """

    tool: str
    profile: str
    make: Callable[[Any], bytes]
    config: dict[str, Any] | None = None
    zone: str = "UTC"

    def __str__(self) -> str:
        return self.profile


EXPORTS = [
    Export("TRELLO", "trello-board", files.trello_board, {"board_ids": [HOUSE]}),
    Export("TRELLO", "trello-csv", files.trello_cards, {"board_ids": [HOUSE]}),
    Export("ASANA", "asana-project", files.asana_project),
    Export("ASANA", "asana-csv", files.asana_table),
    Export("GITHUB", "github-issues", files.github_rest),
    Export("GITHUB", "github-cli", files.github_cli),
    Export("GITHUB", "github-archive", files.github_archive),
    Export("GITLAB", "gitlab-issues", files.gitlab_rest),
    Export("GITLAB", "gitlab-csv", files.gitlab_table),
    Export("GITLAB", "gitlab-ndjson", files.gitlab_lines),
    Export("JIRA", "jira-csv", files.jira_table, zone="Asia/Kolkata"),
    Export("MONDAY", "monday-board", files.monday_board),
    Export("BITRIX24", "bitrix24-tasks", files.bitrix_page, zone="Europe/Moscow"),
]
WITHOUT_NEWS = {"trello-board"}
"""Files that say all that the tool says: reading the tool after them changes no item."""


_MONDAY = ("10 (archive):status:1", "10:status:0", "10:status:1", "10:status:blank", "name Done")
AMBIGUOUS: dict[str, Any] = {
    "monday-board": {
        WorkflowStatus.__name__: [
            (status_id, name, category)
            for status_id, name, category in zip(
                _MONDAY,
                ("Done", "Working on it", "Done", "No status", "Done"),
                ("DONE", "IN_PROGRESS", "DONE", "TODO", "DONE"),
                strict=True,
            )
        ]
    }
}
"""What a file names and the tool has twice: two boards have a "Done", so the file's stays by itself."""


@contextmanager
def playing(ours: LookAlike, tool: str, config: dict[str, Any] | None = None) -> Iterator[Played]:
    played = TOOLS[tool]
    fake = played.play()
    with tenant_context(ours.tenant.pk):
        Integration.objects.all()._raw_delete("default")
        integration = Integration(
            project=ProjectFactory.create(name=f"Imported from {tool}"),
            name=tool,
            type=tool,
            status=IntegrationStatus.ACTIVE,
            config={**played.config, **(config or {})},
            credentials=Secret.of_json(played.credentials),
        )
        integration.save()
    with serving(fake):
        yield Played(fake, ours.tenant.pk, integration.pk)


def import_into(played: Played, content: bytes, **options: Any) -> ImportRun:
    with tenant_context(played.tenant_id):
        return import_file(
            project=Project.objects.get(pk=played.integration.project_id),
            stream=io.BytesIO(content),
            request=ImportRequest(file_name="export", **{"time_zone": "UTC", **options}),
            doorway=Doorway(transaction=nullcontext, now=lambda: played.clock.now),
        )


def ids_of(played: Played) -> list[str]:
    with tenant_context(played.tenant_id):
        items = WorkItem.objects.filter(project=played.integration.project_id)
        return sorted(items.values_list("external_id", flat=True))


@pytest.mark.parametrize("export", EXPORTS, ids=str)
def test_tool_that_is_connected_after_its_file_creates_nothing_that_the_file_has_brought(
    ours: LookAlike, theirs: LookAlike, export: Export
) -> None:
    with playing(ours, export.tool, export.config) as played:
        run = import_into(played, export.make(played.fake), time_zone=export.zone)
        imported = ids_of(played)
        result = played.sync()

        assert (run.status, run.profile, run.failed_count, run.errors) == (
            ImportStatus.COMPLETED,
            export.profile,
            0,
            [],
        )
        assert run.created_count == len(imported) > 0
        assert result.status == SyncStatus.SUCCEEDED
        # Every item of the file is known to the tool, and no row was doubled.
        assert result.created_count + run.created_count == len(ids_of(played))
        assert not [each for each in ids_of(played) if each.startswith("key ")]
        if export.profile in WITHOUT_NEWS:
            assert (result.created_count, result.updated_count) == (0, 0)
    with tenant_context(theirs.tenant.pk):
        assert not WorkItem.objects.filter(project__name=f"Imported from {export.tool}").exists()


@pytest.mark.parametrize("export", EXPORTS, ids=str)
def test_file_of_a_tool_that_has_been_read_changes_nothing(ours: LookAlike, export: Export) -> None:
    with playing(ours, export.tool, export.config) as played:
        played.sync()
        before = _record(played)

        run = import_into(played, export.make(played.fake), time_zone=export.zone)

        assert (run.status, run.failed_count) == (ImportStatus.COMPLETED, 0)
        assert (run.created_count, run.updated_count) == (0, 0)
        assert run.unchanged_count > 0
        assert _record(played) == {**before, **AMBIGUOUS.get(export.profile, {})}


def _record(played: Played) -> dict[str, list[Any]]:
    """Items, statuses, milestones, changes and activities as they stand."""
    values = {
        WorkItem: ("external_id", "key", "container", "status_id", "resolved_at", "assignee_id", "title", "due_date"),
        WorkflowStatus: ("status_id", "name", "category"),
        Milestone: ("external_id", "name", "state"),
        FieldChange: ("external_id", "field", "changed_at"),
        ActivityEvent: ("external_id", "occurred_at"),
    }
    with tenant_context(played.tenant_id):
        project = played.integration.project_id
        return {
            model.__name__: sorted(model.objects.filter(project=project).values_list(*columns), key=str)
            for model, columns in values.items()
        }


@pytest.mark.parametrize("export", EXPORTS, ids=str)
def test_same_file_twice_changes_nothing(ours: LookAlike, export: Export) -> None:
    with playing(ours, export.tool, export.config) as played:
        content = export.make(played.fake)
        first = import_into(played, content, time_zone=export.zone)

        again = import_into(played, content, time_zone=export.zone)

        assert first.created_count > 0
        assert (again.created_count, again.updated_count, again.fact_count) == (0, 0, 0)
        assert again.unchanged_count == first.created_count


@pytest.mark.parametrize("export", [each for each in EXPORTS if each.profile != "github-archive"], ids=str)
def test_older_file_after_a_newer_one_turns_nothing_back(ours: LookAlike, export: Export) -> None:
    with playing(ours, export.tool, export.config) as played:
        old = export.make(played.fake)
        edited = _edit(played)
        import_into(played, export.make(played.fake), time_zone=export.zone)

        run = import_into(played, old, time_zone=export.zone)

        assert (run.created_count, run.updated_count) == (0, 0)
        with tenant_context(played.tenant_id):
            titles = WorkItem.objects.filter(project=played.integration.project_id).values_list("title", flat=True)
            assert edited in titles


def _edit(played: Played) -> str:
    """Another title for the first item that the tool lets be edited, days later."""
    first = {"GITHUB": "1005", "GITLAB": "1004", "JIRA": "10004", "MONDAY": "101", "BITRIX24": "13", "ASANA": "1002"}
    tool = played.integration.type
    item = first.get(tool) or next(iter(played.fake.cards))
    played.fake.edit(item, "Newer title", played.clock.now + timedelta(days=3))
    return "Newer title"


# --- talk ---


def test_export_of_slack_has_the_messages_that_the_interface_has(ours: LookAlike) -> None:
    with playing(ours, "SLACK") as played:
        run = import_into(played, files.slack_workspace(played.fake))
        imported = _activities(played)
        result = played.sync()

        assert (run.status, run.profile, run.failed_count) == (ImportStatus.COMPLETED, "slack-export", 0)
        assert len(imported) == run.fact_count > 0
        assert (result.status, _activities(played)) == (SyncStatus.SUCCEEDED, imported)
        assert not any("D4DIRECT" in each for each in imported)
        again = import_into(played, files.slack_workspace(played.fake))
        assert (again.fact_count, _activities(played)) == (0, imported)


def _activities(played: Played) -> list[str]:
    with tenant_context(played.tenant_id):
        events = ActivityEvent.objects.filter(project=played.integration.project_id)
        return sorted(events.values_list("external_id", flat=True))


@pytest.mark.parametrize("export", EXPORTS, ids=str)
def test_what_people_wrote_is_not_kept(ours: LookAlike, export: Export) -> None:
    with playing(ours, export.tool, export.config) as played:
        import_into(played, export.make(played.fake), time_zone=export.zone)

        kept = str(_record(played))

    assert "must not be kept" not in kept
    assert WORDS not in kept

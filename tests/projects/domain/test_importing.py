from __future__ import annotations

import gzip
import io
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projects.domain import importing
from projects.domain.importing import KEPT_ERRORS, Doorway, ImportOvertaken, ImportRequest, Progress, import_file
from projects.enums import ImportStatus
from projects.imports import reading
from projects.imports.errors import ImportFileRefused
from projects.imports.reading import MOST_BROKEN_RECORDS
from projects.models import FieldChange, ImportRun, Project, WorkItem
from tenants.audit.enums import AuditAction
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry
from tests.factories.look_alike import LookAlike
from tests.projects.imports.jira_payloads import as_lines, change, history, issue, replaced
from tests.projects.imports.test_fuzz import FULL_ISSUE, JSON, paths

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TABLE = "key,created,status\n"


@pytest.fixture
def project(in_tenant: LookAlike) -> Project:
    made: Project = Project.objects.create(name="Imported")
    return made


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commit after every second record."""
    monkeypatch.setattr(importing, "CHUNK_FACTS", 2)


def table(*keys: str) -> bytes:
    return (TABLE + "".join(f"{key},2026-01-05T09:00Z,Open\n" for key in keys)).encode()


def run_import(project: Project, content: bytes, *, on_progress: Any = lambda _: None, **options: Any) -> ImportRun:
    return import_file(
        project=project,
        stream=io.BytesIO(content),
        request=ImportRequest(file_name="history.csv", **options),
        doorway=Doorway(transaction=nullcontext, now=lambda: NOW, on_progress=on_progress),
    )


def keys_of(project: Project) -> list[str]:
    return list(WorkItem.objects.filter(project=project).order_by("key").values_list("key", flat=True))


def counts_of(run: ImportRun) -> tuple[int, int, int, int]:
    return run.created_count, run.updated_count, run.unchanged_count, run.failed_count


def test_import_records_every_line_and_says_so(project: Project) -> None:
    entry = history("5", "2026-01-06T08:00:00.000+0000", change("status", "1", "Open", "3", "In Progress"))

    run = run_import(project, as_lines(issue("1", "A-1", histories=[entry]), {"issues": [issue("2", "A-2")]}))

    assert (run.status, run.profile, run.source) == (ImportStatus.COMPLETED, "jira-rest", "jira")
    assert counts_of(run) == (2, 0, 0, 0)
    assert (run.checkpoint, run.started_at, run.finished_at) == (2, NOW, NOW)
    assert FieldChange.objects.filter(project=project).count() == 1


def test_same_file_again_changes_nothing(project: Project) -> None:
    run_import(project, table("A-1", "A-2"))

    again = run_import(project, table("A-1", "A-2"))

    assert counts_of(again) == (0, 0, 2, 0)
    assert again.fact_count == 0
    assert ImportRun.objects.filter(project=project).count() == 2


def test_broken_line_is_kept_with_its_number_and_the_rest_is_imported(project: Project) -> None:
    run = run_import(project, TABLE.encode() + b"A-1,yesterday,Open\nA-2,2026-01-05T09:00Z,Open\n")

    assert keys_of(project) == ["A-2"]
    assert counts_of(run) == (1, 0, 0, 1)
    assert run.errors == [
        {"line": 2, "field": "created", "reason": "is not an ISO 8601 instant such as 2026-01-31T09:30:00+00:00"}
    ]


def test_strict_import_of_a_broken_file_writes_nothing(project: Project) -> None:
    run = run_import(project, table("A-1") + b"broken\n", is_strict=True)

    assert (run.status, run.failed_count, run.finished_at) == (ImportStatus.REFUSED, 1, NOW)
    assert keys_of(project) == []


def test_strict_import_of_a_sound_file_is_an_import(project: Project) -> None:
    run = run_import(project, table("A-1"), is_strict=True)

    assert run.status == ImportStatus.COMPLETED
    assert keys_of(project) == ["A-1"]


def test_errors_are_counted_beyond_those_that_are_kept(project: Project) -> None:
    run = run_import(project, TABLE.encode() + b"broken\n" * 150)

    assert run.failed_count == 150
    assert [error["line"] for error in run.errors] == list(range(2, 102))


@pytest.mark.parametrize("is_strict", [False, True])
@pytest.mark.parametrize("content", [TABLE.encode() + b"broken\n" * 1_000_000, b"{\n" * 1_000_000], ids=["csv", "json"])
def test_a_few_bytes_that_unpack_to_a_million_broken_lines_are_given_up(
    content: bytes, is_strict: bool, project: Project
) -> None:
    run = run_import(project, gzip.compress(content), is_strict=is_strict)

    assert run.failed_count == MOST_BROKEN_RECORDS + 1
    assert len(run.errors) == KEPT_ERRORS
    assert keys_of(project) == []


def test_many_broken_lines_among_more_sound_ones_are_no_reason_to_stop(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_BROKEN_RECORDS", 2)

    run = run_import(project, table("A-1", "A-2", "A-3") + b"broken\n" * 2 + table("A-4").splitlines(keepends=True)[-1])

    assert (run.failed_count, keys_of(project)) == (2, ["A-1", "A-2", "A-3", "A-4"])


def test_interrupted_import_goes_on_behind_its_last_chunk(project: Project, small_chunks: None) -> None:
    content = table("A-1", "A-2", "A-3", "A-4", "A-5")

    def interrupt(progress: Progress) -> None:
        if progress.records == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_import(project, content, on_progress=interrupt)
    interrupted = ImportRun.objects.get(project=project)
    run = run_import(project, content)

    assert (interrupted.status, interrupted.checkpoint) == (ImportStatus.RUNNING, 4)
    assert run.pk == interrupted.pk
    assert counts_of(run) == (5, 0, 0, 0)
    assert keys_of(project) == ["A-1", "A-2", "A-3", "A-4", "A-5"]


def test_second_process_on_the_same_file_is_refused(project: Project, small_chunks: None) -> None:
    content = table("A-1", "A-2", "A-3", "A-4")
    is_first = iter([True])

    def overtake(_: Progress) -> None:
        if next(is_first, False):
            run_import(project, content)

    with pytest.raises(ImportOvertaken):
        run_import(project, content, on_progress=overtake)

    assert counts_of(ImportRun.objects.get(project=project)) == (4, 0, 0, 0)


def test_progress_ends_at_the_size_of_the_file(project: Project, small_chunks: None) -> None:
    seen: list[Progress] = []
    content = table("A-1", "A-2", "A-3")

    run_import(project, content, on_progress=seen.append)

    assert [progress.records for progress in seen] == [2, 3]
    assert (seen[-1].bytes_read, seen[-1].file_bytes) == (len(content), len(content))


def test_import_leaves_one_audit_entry_with_its_counts(project: Project, small_chunks: None) -> None:
    run = run_import(project, table("A-1", "A-2", "A-3"))

    (entry,) = AuditEntry.objects.filter(action=AuditAction.IMPORT_DATA, resource_id=str(run.pk))
    assert entry.changes["counts"] == {"created": 3, "updated": 0, "unchanged": 0, "facts": 1, "failed": 0}


def test_notes_say_what_is_less_than_it_seems(project: Project) -> None:
    document = issue()
    document["changelog"]["total"] = 99

    run = run_import(project, as_lines(document))

    assert run.notes == {"HISTORY_CUT": 1}


def test_time_zone_that_does_not_exist_is_refused(project: Project) -> None:
    for name in ("Mars/Olympus", "Europe", "../../etc/passwd"):
        with pytest.raises(ImportFileRefused, match="IANA"):
            run_import(project, table("A-1"), time_zone=name)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.sampled_from(paths(FULL_ISSUE)),
    value=JSON
    | st.sampled_from(["x" * 300, "9" * 300, "0001-01-01T00:00:00+00:00", "9999-12-31", 1e308, 2**70, "\n", " "]),
)
def test_whatever_is_read_can_be_written(project: Project, place: tuple[Any, ...], value: Any) -> None:
    """No value passes the parser and fails in the database, where it would take its whole chunk along."""
    document = replaced(FULL_ISSUE, place, value)

    with transaction.atomic():
        run = run_import(project, as_lines(document), profile="jira-rest")
        transaction.set_rollback(True)

    assert run.created_count + run.failed_count == 1


def test_import_leaves_the_other_tenant_as_it_is(project: Project, theirs: LookAlike) -> None:
    with tenant_context(theirs.tenant.pk):
        their_project = Project.objects.create(name="Imported")
        run_import(their_project, table("A-1", "A-2"))
        before = list(WorkItem.objects.order_by("pk").values())

    run_import(project, table("A-1", "A-3"))

    assert keys_of(project) == ["A-1", "A-3"]
    with tenant_context(theirs.tenant.pk):
        assert list(WorkItem.objects.order_by("pk").values()) == before

"""Importing a file against writing the same facts row by row, within one run.

BENCH_IMPORT_ROWS: rows of the imported file (default 10,000; the promise is made for 29,057)
BENCH_IMPORT_FILE: a real file to import in place of a made one, whatever its number of rows
"""

from __future__ import annotations

import io
import os
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from projects.domain.importing import Doorway, ImportRequest, import_file
from projects.domain.recording import Pseudonyms, load_pseudonyms
from projects.imports.reading import ReadFile, read_file
from projects.models import (
    Contributor,
    Iteration,
    IterationMembership,
    Milestone,
    MilestoneMembership,
    Project,
    WorkflowStatus,
    WorkItem,
)
from projects.observations import ObservationBatch
from tenants.isolation.transaction import tenant_context
from tests.benchmarks.measured_command import run_command
from tests.factories.look_alike import LookAlike

pytestmark = [pytest.mark.benchmark, pytest.mark.django_db(transaction=True)]

ROWS = int(os.environ.get("BENCH_IMPORT_ROWS", "10000"))
ROWS_ONE_BY_ONE = 400
LEAST_RATIO = 20
MOST_MEMORY_MB = 300
HEADER = "key,project,type,status,created,resolved,assignee,reporter,fix version,sprint,comments"


def history_file(rows: int) -> bytes:
    """A real file where one is given, else a table with the proportions of a real archive."""
    if given := os.environ.get("BENCH_IMPORT_FILE"):
        return Path(given).read_bytes()
    lines = (
        f"A-{n},A,Bug,Closed,2026-01-05T09:{n % 60:02}:00Z,2026-02-0{n % 9 + 1}T12:00:00Z,account-{n % 190},"
        f"account-{n % 3000},{f'Release {n % 900}' if n % 2 else ''},{n % 370 if n % 5 == 0 else ''},{n % 7}"
        for n in range(rows)
    )
    return "\n".join([HEADER, *lines, ""]).encode()


def new_project(tenant_id: UUID, name: str) -> Project:
    with tenant_context(tenant_id):
        made: Project = Project.objects.create(name=name)
    return made


def import_all(tenant_id: UUID, project: Project, content: bytes) -> tuple[float, int]:
    """Seconds and items."""
    began = time.perf_counter()
    run = import_file(
        project=project,
        stream=io.BytesIO(content),
        request=ImportRequest(file_name="bench"),
        doorway=Doorway(transaction=lambda: tenant_context(tenant_id), now=timezone.now),
    )
    return time.perf_counter() - began, run.created_count + run.unchanged_count


def one_by_one(tenant_id: UUID, project: Project, content: bytes) -> float:
    """Seconds for ROWS_ONE_BY_ONE items, in one transaction, by the obvious loop."""
    began = time.perf_counter()
    file = read_file(io.BytesIO(content))
    with tenant_context(tenant_id):
        pseudonyms = load_pseudonyms()
        for record, _ in zip(file.records, range(ROWS_ONE_BY_ONE), strict=False):
            for batch in record.batches:
                write_item(project, file, batch, pseudonyms)
    return time.perf_counter() - began


def write_item(project: Project, file: ReadFile, batch: ObservationBatch, pseudonyms: Pseudonyms) -> None:
    """The facts of one item with `update_or_create`, which reads each row before it writes it."""
    (seen,) = batch.items
    named: dict[str, Any] = {"project": project, "source": file.source}

    def contributor(account_id: str) -> Contributor:
        digest = pseudonyms.digest(source=file.source, account_id=account_id)
        row: Contributor = Contributor.objects.update_or_create(
            source=file.source, external_id_digest=digest, defaults={"pseudonym": digest[:12]}
        )[0]
        return row

    WorkflowStatus.objects.update_or_create(
        **named, status_id=seen.status_id, defaults={"name": seen.status_name, "category": seen.status_category}
    )
    values: dict[str, Any] = {
        "key": seen.key,
        "container": seen.container,
        "item_type": seen.item_type,
        "status_id": seen.status_id,
        "status_name": seen.status_name,
        "status_category": seen.status_category,
        "opened_at": seen.created_at,
        "resolved_at": seen.resolved_at,
        "comment_count": seen.comment_count,
        "assignee": contributor(seen.assignee_ids[0]) if seen.assignee_ids else None,
        "reporter": contributor(seen.reporter_id) if seen.reporter_id else None,
    }
    item, _ = WorkItem.objects.update_or_create(**named, external_id=seen.external_id, defaults=values)
    for milestone in batch.milestones:
        row, _ = Milestone.objects.update_or_create(
            **named, external_id=milestone.external_id, defaults={"name": milestone.name}
        )
        MilestoneMembership.objects.update_or_create(milestone=row, work_item=item, joined_at=None)
    for iteration in batch.iterations:
        stage, _ = Iteration.objects.update_or_create(
            **named, external_id=iteration.external_id, defaults={"name": iteration.name}
        )
        IterationMembership.objects.update_or_create(iteration=stage, work_item=item, joined_at=None)


def test_import_is_twenty_times_as_fast_as_row_by_row(ours: LookAlike, capsys: pytest.CaptureFixture[str]) -> None:
    tenant_id, content = ours.tenant.pk, history_file(ROWS)
    slow_project, fast_project = new_project(tenant_id, "Row by row"), new_project(tenant_id, "In bulk")

    slow_s = one_by_one(tenant_id, slow_project, content) / ROWS_ONE_BY_ONE
    bulk_s, items = import_all(tenant_id, fast_project, content)
    again_s, _ = import_all(tenant_id, fast_project, content)

    ratio = slow_s / (bulk_s / items)
    with capsys.disabled():
        sys.stdout.write(
            f"\nimport of {items:,} items: {bulk_s:.2f} s, again {again_s:.2f} s; row by row {slow_s * items:.0f} s; "
            f"ratio {ratio:.1f}\n"
        )
    assert ratio >= LEAST_RATIO


def test_import_needs_less_than_300_megabytes(ours: LookAlike, tmp_path: Path) -> None:
    project = new_project(ours.tenant.pk, "Large")
    path = tmp_path / "history.csv"
    path.write_bytes(history_file(29_057))
    where = ("--tenant", str(ours.tenant.pk), "--project", str(project.pk))
    _, peak_mb, _ = run_command("import_history", "--no-replay", *where, str(path))

    assert peak_mb < MOST_MEMORY_MB

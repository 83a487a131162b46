from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from projects.domain.importing import CHUNK_FACTS, Progress
from projects.enums import ImportStatus, ProjectTask
from projects.management.progress import ProgressBar
from projects.models import ImportRun, Project, WorkItem
from tenants.isolation.queue import own_jobs
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.integrations.connectors.trello.fake import FakeTrello
from tests.integrations.exports.files import trello_board

COMPARED = (
    "external_id", "key", "title", "status_id", "status_category", "opened_at", "resolved_at", "assignee_id", "labels",
)  # fmt: skip


def run_command(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("import_history", "--no-replay", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def write_table(path: Path, *, rows: int) -> Path:
    lines = (
        f"A-{number},Task {number},2026-01-05T09:00Z,2026-01-0{6 + number % 3}T09:00Z,Done,person-{number % 7},x|y"
        for number in range(rows)
    )
    path.write_text("key,title,created,resolved,status,assignee,labels\n" + "\n".join(lines) + "\n")
    return path


def projects_of(tenant_id: Any, *names: str) -> list[Project]:
    with tenant_context(tenant_id):
        return [Project.objects.create(name=name) for name in names]


@pytest.mark.django_db
def test_command_reads_the_export_of_a_tool(ours: LookAlike, tmp_path: Path) -> None:
    [project] = projects_of(ours.tenant.pk, "From a board")
    path = tmp_path / "anything.txt"
    path.write_bytes(trello_board(FakeTrello()))

    out, _ = run_command("--tenant", ours.tenant.name, "--project", "From a board", str(path))

    assert out.startswith("Completed (trello-board): 6 items created, 0 updated, 0 unchanged;")
    with tenant_context(ours.tenant.pk):
        assert [job.task for job in own_jobs(subject=project.pk)] == [ProjectTask.REFRESH]


@pytest.mark.django_db
def test_command_imports_and_reports(ours: LookAlike, tmp_path: Path) -> None:
    projects_of(ours.tenant.pk, "From the shell")
    path = tmp_path / "history.csv"
    path.write_text("key,created,status\nA-1,2026-01-05T09:00Z,Open\nA-2,never,Open\nA-3,2026-01-05T09:00Z,Odd\n")

    out, err = run_command("--tenant", ours.tenant.name, "--project", "from the shell", str(path))

    assert out == "Completed (generic): 2 items created, 0 updated, 0 unchanged; 2 other facts; 1 broken lines.\n"
    assert err.splitlines() == [
        "line 3, created: is not an ISO 8601 instant such as 2026-01-31T09:30:00+00:00",
        "1 items have a status whose category is a guess; correct it under “workflow statuses”",
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tenant", "Nobody", "--project", "P"], "no organisation “Nobody”"),
        (["--tenant", "Demo Organisation A", "--project", "Nothing"], "no project “Nothing”"),
        (["--tenant", "Demo Organisation A", "--project", "P", "--strict"], "Nothing was imported: 1 lines are broken"),
        (["--tenant", "Demo Organisation A", "--project", "P", "--time-zone", "Mars"], "no time zone of that name"),
    ],
)
def test_command_says_what_is_wrong(ours: LookAlike, tmp_path: Path, arguments: list[str], words: str) -> None:
    projects_of(ours.tenant.pk, "P")
    path = tmp_path / "history.csv"
    path.write_text("key,created,status\nA-1,never,Open\n")

    with pytest.raises(CommandError, match=words):
        run_command(*arguments, str(path))


@pytest.mark.django_db
def test_command_names_a_file_that_is_not_there(ours: LookAlike, tmp_path: Path) -> None:
    projects_of(ours.tenant.pk, "P")

    with pytest.raises(CommandError, match="No such file"):
        run_command("--tenant", ours.tenant.name, "--project", "P", str(tmp_path / "absent"))


def test_progress_bar_says_share_rate_and_time_left() -> None:
    texts: list[str] = []
    seconds = iter([0.0, 2.0])
    bar = ProgressBar(texts.append, clock=lambda: next(seconds))

    bar.show(Progress(records=100, bytes_read=25, file_bytes=100))
    bar.close()

    assert texts == ["\r██████░░░░░░░░░░░░░░░░░░  25%  100 records  50/s  0:06 left \x1b[K", "\n"]


@pytest.mark.django_db(transaction=True)
def test_import_that_was_killed_goes_on_and_equals_a_clean_one(ours: LookAlike, tmp_path: Path) -> None:
    killed, clean = projects_of(ours.tenant.pk, "Killed", "Clean")
    path = write_table(tmp_path / "history.csv", rows=4 * CHUNK_FACTS)

    _import_and_kill(ours, killed, path)
    with tenant_context(ours.tenant.pk):
        stopped = ImportRun.objects.get(project=killed)
        found = WorkItem.objects.filter(project=killed).count()
    run_command("--tenant", str(ours.tenant.pk), "--project", str(killed.pk), str(path))
    run_command("--tenant", str(ours.tenant.pk), "--project", str(clean.pk), str(path))

    assert stopped.status == ImportStatus.RUNNING
    assert 0 < stopped.checkpoint < 4 * CHUNK_FACTS
    assert found == stopped.checkpoint == stopped.created_count
    with tenant_context(ours.tenant.pk):
        resumed = ImportRun.objects.get(project=killed)
        assert (resumed.pk, resumed.created_count) == (stopped.pk, 4 * CHUNK_FACTS)
        assert _facts(killed) == _facts(clean)


def _facts(project: Project) -> list[dict[str, Any]]:
    return list(WorkItem.objects.filter(project=project).order_by("external_id").values(*COMPARED))


def _import_and_kill(ours: LookAlike, project: Project, path: Path) -> None:
    """Start the command in a process of its own and kill it once it has committed its first chunk."""
    arguments = [
        "import_history",
        "--tenant",
        str(ours.tenant.pk),
        "--project",
        str(project.pk),
        "--progress",
        str(path),
    ]
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": _test_database_url()},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    with process:
        assert process.stderr is not None
        first_progress = process.stderr.read(1)
        process.send_signal(signal.SIGKILL)
    assert first_progress == b"\r"


def _test_database_url() -> str:
    address = conninfo_to_dict(os.environ["DATABASE_URL"]) | {"dbname": connection.settings_dict["NAME"]}
    return "postgresql://?" + "&".join(
        f"{name}={value}" for name, value in conninfo_to_dict(make_conninfo(**address)).items()
    )

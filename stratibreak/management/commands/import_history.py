"""Bring a file with a project's past into its record."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from predictions.domain.replaying import has_replay, load_replay_inputs
from predictions.forecasters.replay import ReplayPlan
from projects.domain.importing import Doorway, ImportOvertaken, ImportRequest, Progress, import_file
from projects.enums import ImportStatus
from projects.imports.encodings import ENCODINGS
from projects.imports.errors import ImportFileRefused
from projects.imports.reading import profile_names
from projects.imports.written_dates import DATE_ORDERS
from projects.management.progress import ProgressBar
from projects.management.project_argument import find_project
from projects.models import ImportRun, Project
from stratibreak.replay_report import replay_lines, run_and_keep
from tenants.isolation.transaction import tenant_context
from tenants.management.tenant_argument import add_tenant_argument, find_tenant
from tenants.models import Tenant

SHOWN_ERRORS = 20
NOTES = {
    "HISTORY_CUT": "items came with a part of their history only",
    "STATUS_GUESSED": "items have a status whose category is a guess; correct it under “workflow statuses”",
    "SPRINT_WITHOUT_ID": "items have sprint changes without identifiers, which were left out",
}


class Command(BaseCommand):
    """Reads exports of all tools, Jira issues in REST form and CSV tables, plain or packed, known by their content.

    The same file again changes nothing; after an interruption it goes on where it stopped. A project whose past was
    never replayed is replayed afterwards: what would have been warned of, and what came true. If that is interrupted,
    the import stands, and the same command again begins the replay anew.
    """

    help = "Import work items and their history from a file into a project. Safe to repeat and to interrupt."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_tenant_argument(parser)
        parser.add_argument("--project", required=True, metavar="P", help="the project's name or id")
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument(
            "--profile", choices=profile_names(), help="what the file holds; default: seen by its content"
        )
        parser.add_argument("--strict", action="store_true", help="import nothing if a line is broken")
        parser.add_argument(
            "--time-zone", default="", metavar="Z", help="IANA name, for instants in the file that have no UTC offset"
        )
        parser.add_argument(
            "--encoding", choices=ENCODINGS, default="", help="of a text without a mark; default: UTF-8"
        )
        parser.add_argument(
            "--date-order", choices=DATE_ORDERS, default="", help="of days such as 03/04/2026; default: refused"
        )
        parser.add_argument(
            "--no-replay", action="store_true", help="do not look back over the project's past after a first import"
        )
        parser.add_argument("--progress", action="store_true", help="show progress although stderr is no terminal")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = find_tenant(options["tenant"])
        with tenant_context(tenant.pk, reason="import_history"):
            project = find_project(options["project"])
        request = ImportRequest(
            file_name=options["file"].name,
            profile=options["profile"],
            time_zone=options["time_zone"],
            encoding=options["encoding"],
            date_order=options["date_order"],
            is_strict=options["strict"],
        )
        run = self._import(tenant, project, request, path=options["file"], shows_progress=options["progress"])
        self._report(run)
        if run.status == ImportStatus.REFUSED:
            raise CommandError(f"Nothing was imported: {run.failed_count:,} lines are broken, and --strict was given.")
        if not options["no_replay"]:
            self._replay_once(tenant, project, shows_progress=options["progress"] or self.stderr.isatty())

    def _replay_once(self, tenant: Tenant, project: Project, *, shows_progress: bool) -> None:
        """Look back over the past, unless that was done before."""
        now = timezone.now()
        with tenant_context(tenant.pk, reason="replay"):
            if has_replay(project):
                return
            inputs = load_replay_inputs(project, at=now)
        bar = ProgressBar(self._draw, unit="moments")

        def watch(done: int, total: int) -> None:
            if shows_progress:
                bar.show(Progress(done, done, total))

        try:
            replay = run_and_keep(tenant.pk, project, inputs, ReplayPlan(inputs.ends_at), at=now, watch=watch)
        finally:
            bar.close()
        self.stdout.write("\n".join(replay_lines(project.name, replay)))

    def _import(
        self, tenant: Tenant, project: Project, request: ImportRequest, *, path: Path, shows_progress: bool
    ) -> ImportRun:
        bar = ProgressBar(self._draw)
        doorway = Doorway(
            transaction=_transaction_in(tenant),
            now=timezone.now,
            **({"on_progress": bar.show} if shows_progress or self.stderr.isatty() else {}),
        )
        try:
            with path.open("rb") as stream:
                return import_file(project=project, stream=stream, request=request, doorway=doorway)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
        except (ImportFileRefused, ImportOvertaken) as error:
            raise CommandError(str(error)) from error
        finally:
            bar.close()

    def _draw(self, text: str) -> None:
        self.stderr.write(text, ending="")
        self.stderr.flush()

    def _report(self, run: ImportRun) -> None:
        for error in run.errors[:SHOWN_ERRORS]:
            place = f", {error['field']}" if error["field"] else ""
            self.stderr.write(f"line {error['line']}{place}: {error['reason']}")
        if run.failed_count > SHOWN_ERRORS:
            self.stderr.write(f"… and {run.failed_count - SHOWN_ERRORS:,} more broken lines")
        for note, count in sorted(run.notes.items()):
            self.stderr.write(f"{count:,} {NOTES[note]}")
        self.stdout.write(
            f"{run.get_status_display()} ({run.profile}): {run.created_count:,} items created, "
            f"{run.updated_count:,} updated, {run.unchanged_count:,} unchanged; {run.fact_count:,} other facts; "
            f"{run.failed_count:,} broken lines."
        )


def _transaction_in(tenant: Tenant) -> Callable[[], AbstractContextManager[object]]:
    return lambda: tenant_context(tenant.pk, reason="import_history")

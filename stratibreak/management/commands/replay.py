"""Show what would have been warned of over the past months, and what came true; or how often detectors alarm."""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from gaps.detectors.replay import DetectorRecord, replay_detectors
from gaps.domain.assessments import project_tolerances
from predictions.domain.replaying import ReplayInputs, load_replay_inputs, replay_results
from predictions.forecasters.replay import MAX_MONTHS, ReplayPlan, Watcher
from projects.domain.importing import Progress
from projects.management.progress import ProgressBar
from projects.management.project_argument import find_project
from projects.models import Project
from stratibreak.replay_report import replay_lines, run_and_keep
from tenants.isolation.transaction import tenant_context
from tenants.management.tenant_argument import add_tenant_argument, find_tenant

REASON = "replay"
DAYS_OF_UNIT = {"d": 1, "w": 7}
STEP = re.compile(r"(\d{1,3})([dw])")


class Command(BaseCommand):
    """Reads, computes outside any transaction, and keeps one AnalysisRecord. Nothing of it enters the ledger.

    Of detectors nothing is kept: their rates are printed.
    """

    help = "Replay the forecasts of one project over its past, type by type. Safe to repeat and to interrupt."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_tenant_argument(parser)
        parser.add_argument("--project", required=True, metavar="P", help="the project's name or id")
        parser.add_argument("--months", type=int, default=MAX_MONTHS, help=f"how far back, up to {MAX_MONTHS}")
        parser.add_argument("--step", default="1w", help="time from one forecast to the next: 1w, 3d; default 1w")
        parser.add_argument(
            "--detectors",
            action="store_true",
            help="replay the detectors of gaps instead: their alarms per project-year",
        )
        parser.add_argument("--json", action="store_true", help="one JSON document on stdout instead of lines")
        parser.add_argument("--progress", action="store_true", help="show progress although stderr is no terminal")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        try:
            plan = ReplayPlan(now, months=options["months"], step=parse_step(options["step"]))
        except ValueError as error:
            raise CommandError(f"This cannot be replayed: {error}.") from error
        tenant = find_tenant(options["tenant"])
        with tenant_context(tenant.pk, reason=REASON):
            project = find_project(options["project"])
            inputs = load_replay_inputs(project, at=now)
        plan = replace(plan, until=inputs.ends_at)
        if inputs.ends_at != now:
            self.stderr.write(f"The record ends on {inputs.ends_at:%Y-%m-%d}; the months before that are replayed.")
        if options["detectors"]:
            self._replay_detectors(project, inputs, plan, options)
            return
        with self._progress(options) as watch:
            replay = run_and_keep(tenant.pk, project, inputs, plan, at=now, watch=watch)
        if options["json"]:
            self.stdout.write(json.dumps({"project": str(project.pk), **replay_results(replay)}))
        else:
            self.stdout.write("\n".join(replay_lines(project.name, replay)))

    def _replay_detectors(
        self, project: Project, inputs: ReplayInputs, plan: ReplayPlan, options: dict[str, Any]
    ) -> None:
        """Nothing of it is kept: the rates are of the detectors, not of the project."""
        with self._progress(options) as watch:
            records = replay_detectors(
                inputs.history,
                plan,
                calendar=inputs.calendar,
                tolerances=project_tolerances(project),
                observed_until=inputs.observed_until,
                watch=watch,
            )
        if options["json"]:
            rows = [detector_row(record) for record in records]
            self.stdout.write(json.dumps({"project": str(project.pk), "months": plan.months, "detectors": rows}))
            return
        self.stdout.write(f"{project.name}: alarms over {plan.months} months")
        for record in records:
            rate = record.alarms_per_project_year
            told = "too little was answered to say" if rate is None else f"{rate:.2f} alarms per project-year"
            told += _settled(record) + f" (false ones allowed: {record.alarm_budget:.2f})"
            self.stdout.write(f"  {record.type}: {told}; answered {record.answered} of {record.moments} moments")
            for alarm in record.alarms:
                until = "still open" if alarm.closed_as_of is None else f"until {alarm.closed_as_of:%Y-%m-%d}"
                self.stdout.write(f"    {alarm.opened_as_of:%Y-%m-%d} {alarm.severity} {alarm.title} ({until})")
            if not record.answered:
                for message in record.closed_by:
                    self.stdout.write(f"    {message}")

    @contextmanager
    def _progress(self, options: dict[str, Any]) -> Iterator[Watcher]:
        bar = ProgressBar(self._draw, unit="moments")
        shows_progress = options["progress"] or self.stderr.isatty()
        try:
            yield lambda done, total: bar.show(Progress(done, done, total)) if shows_progress else None
        finally:
            bar.close()

    def _draw(self, text: str) -> None:
        self.stderr.write(text, ending="")
        self.stderr.flush()


def _settled(record: DetectorRecord) -> str:
    """What became of the alarms that could be settled."""
    true, false = (sum(alarm.came_true is known for alarm in record.alarms) for known in (True, False))
    return f", {true} came true and {false} did not" if true or false else ""


def detector_row(record: DetectorRecord) -> dict[str, Any]:
    """One detector's past as JSON values."""
    return {
        "type": str(record.type),
        "moments": record.moments,
        "answered": record.answered,
        "project_years": round(record.project_years, 3),
        "alarms_per_project_year": record.alarms_per_project_year,
        "most_false_alarms_per_project_year": record.most_false_alarms_per_project_year,
        "false_alarms_allowed_per_project_year": record.alarm_budget,
        "alarms": [
            {
                "subject": alarm.subject,
                "opened_as_of": alarm.opened_as_of.isoformat(),
                "closed_as_of": None if alarm.closed_as_of is None else alarm.closed_as_of.isoformat(),
                "came_true": alarm.came_true,
                "severity": str(alarm.severity),
                "title": alarm.title,
            }
            for alarm in record.alarms
        ],
        "closed_by": list(record.closed_by),
    }


def parse_step(text: str) -> timedelta:
    """Weeks or days, such as 1w or 3d.  Raises CommandError for anything else."""
    found = STEP.fullmatch(text)
    if found is None:
        raise CommandError(f"“{text}” is no step; say 1w for a week or 3d for three days.")
    return timedelta(days=int(found[1]) * DAYS_OF_UNIT[found[2]])

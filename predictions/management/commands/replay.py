"""Show what would have been warned of over the past months, and what came true."""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser
from datetime import timedelta
from time import perf_counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from predictions.domain.replaying import keep_replay, load_replay_inputs, replay_results, replay_summary, run_replay
from predictions.forecasters.replay import MAX_MONTHS, EventVerdict, Replay, ReplayPlan
from projects.domain.importing import Progress
from projects.management.progress import ProgressBar
from projects.management.project_argument import find_project
from tenants.isolation.transaction import tenant_context
from tenants.management.tenant_argument import add_tenant_argument, find_tenant

REASON = "replay"
DAYS_OF_UNIT = {"d": 1, "w": 7}
STEP = re.compile(r"(\d{1,3})([dw])")
WORDS = {
    EventVerdict.HIT: "hits",
    EventVerdict.LATE: "warned too late",
    EventVerdict.MISS: "misses",
    EventVerdict.FALSE_ALARM: "false alarms",
    EventVerdict.QUIET: "rightly quiet",
    EventVerdict.UNDECIDED: "undecided",
}


class Command(BaseCommand):
    """Reads, computes outside any transaction, and keeps one AnalysisRecord. Nothing of it enters the ledger."""

    help = "Replay the delay forecasts of one project over its past. Safe to repeat and to interrupt."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_tenant_argument(parser)
        parser.add_argument("--project", required=True, metavar="P", help="the project's name or id")
        parser.add_argument("--months", type=int, default=MAX_MONTHS, help=f"how far back, up to {MAX_MONTHS}")
        parser.add_argument("--step", default="1w", help="time from one forecast to the next: 1w, 3d; default 1w")
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
        began = perf_counter()
        bar = ProgressBar(self._draw, unit="forecasts")
        shows_progress = options["progress"] or self.stderr.isatty()
        try:
            replay = run_replay(
                inputs,
                plan,
                watch=lambda done, total: bar.show(Progress(done, done, total)) if shows_progress else None,
            )
        finally:
            bar.close()
        with tenant_context(tenant.pk, reason=REASON):
            keep_replay(project, replay, at=now, duration_ms=round((perf_counter() - began) * 1000))
        if options["json"]:
            self.stdout.write(json.dumps({"project": str(project.pk), **replay_results(replay)}))
        else:
            self._tell(project.name, replay)

    def _draw(self, text: str) -> None:
        self.stderr.write(text, ending="")
        self.stderr.flush()

    def _tell(self, name: str, replay: Replay) -> None:
        summary = replay_summary(replay)
        self.stdout.write(f"{name}: {summary['answered']} of {summary['moments']} moments had a forecast")
        if not summary["answered"]:
            for reason in replay.readiness.reasons:
                self.stdout.write(f"  {reason.message}")
            return
        self.stdout.write(
            "  " + ", ".join(f"{summary['events'][str(verdict)]} {word}" for verdict, word in WORDS.items())
        )
        promises = summary["promises"]
        self.stdout.write(f"  dates promised with {promises['p']:.0%}: {promises['kept']} of {promises['judged']} kept")
        for event in replay.events:
            lead = "" if event.lead_time_h is None else f", warned {event.lead_time_h / 24:.0f} days before"
            self.stdout.write(
                f"  {event.target.isoformat()} ({str(event.source).lower()}): {WORDS[event.verdict]}{lead}"
            )
        if replay.is_reconstructed:
            self.stdout.write("  reconstructed from surviving records")


def parse_step(text: str) -> timedelta:
    """Weeks or days, such as 1w or 3d.  Raises CommandError for anything else."""
    found = STEP.fullmatch(text)
    if found is None:
        raise CommandError(f"“{text}” is no step; say 1w for a week or 3d for three days.")
    return timedelta(days=int(found[1]) * DAYS_OF_UNIT[found[2]])

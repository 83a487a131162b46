"""Judge the served forecasters on past projects."""

from __future__ import annotations

import json
import resource
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from predictions.backtesting.registry import TASKS
from predictions.backtesting.tasks import BenchmarkRefused, BenchmarkRequest, BenchmarkTask

KIB_PER_MIB = 1024


class Command(BaseCommand):
    """Prints one JSON: scores, baselines, intervals, time and memory. Touches no database."""

    help = "Measure how good the product's forecasters are on a directory of past projects."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
        for name, task in TASKS.items():
            _add_task_arguments(tasks.add_parser(name, help=task.help), task)

    def handle(self, *args: Any, **options: Any) -> None:
        request = BenchmarkRequest(
            data=options["data"], train=options["train"], at=options["at"], on_progress=self._show_progress
        )
        began_s = time.monotonic()
        try:
            report = TASKS[options["task"]].run(request)
        except BenchmarkRefused as error:
            raise CommandError(str(error)) from error
        finally:
            self._end_progress()
        content = {
            **report.as_json(),
            "wall_time_s": round(time.monotonic() - began_s, 3),
            "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_MIB, 1),
        }
        text = json.dumps(content, indent=2, default=str, allow_nan=False)
        if options["json"]:
            options["json"].write_text(text + "\n", encoding="utf-8")
        self.stdout.write(text)

    def _show_progress(self, done: int, total: int, unit: str) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r{done}/{total} {unit}\x1b[K", ending="")

    def _end_progress(self) -> None:
        if sys.stderr.isatty():
            self.stderr.write("")


def _add_task_arguments(parser: ArgumentParser, task: BenchmarkTask) -> None:
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="past projects to judge on")
    parser.add_argument("--train", type=Path, metavar="DIR", help="projects of other organisations to learn from")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there as well")
    if task.option:
        parser.add_argument(f"--{task.option}", dest="at", choices=task.choices, default=task.choices[0])
    else:
        parser.set_defaults(at=None)

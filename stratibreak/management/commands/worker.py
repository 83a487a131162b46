"""Run the jobs: what is due is read, and what has changed is analysed."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from stratibreak.jobs.worker import WorkerPlan, run_worker
from tenants.isolation.queue.address import queue_address

PLAN = WorkerPlan()


class Command(BaseCommand):
    """Start as many as are needed, on any machine: of one integration only one run goes on at a time."""

    help = "Run jobs until stopped (SIGTERM or Ctrl-C). A worker that is killed loses nothing: another one goes on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--jobs", type=int, default=PLAN.jobs, help="how many at a time (default %(default)s)")
        parser.add_argument(
            "--grace", type=float, default=PLAN.grace_s, metavar="S", help="seconds that jobs have to end when stopped"
        )
        parser.add_argument(
            "--heartbeat", type=float, default=PLAN.heartbeat_s, metavar="S", help="seconds between two signs of life"
        )
        parser.add_argument(
            "--stalled-after",
            type=float,
            default=PLAN.stalled_after_s,
            metavar="S",
            help="seconds of silence after which a worker counts as dead",
        )
        parser.add_argument(
            "--until-stdin-closes", action="store_true", help="stop as well when the process that started it ends"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        address = queue_address()
        if address is None:
            raise CommandError(
                "The queue has no login. Set DATABASE_QUEUE_URL, run `manage.py provision_database`, then migrate."
            )
        plan = WorkerPlan(
            jobs=options["jobs"],
            grace_s=options["grace"],
            heartbeat_s=options["heartbeat"],
            stalled_after_s=options["stalled_after"],
            ends_with_stdin=options["until_stdin_closes"],
        )
        if plan.jobs < 1 or plan.stalled_after_s <= plan.heartbeat_s:
            raise CommandError("--jobs is at least 1, and --stalled-after is longer than --heartbeat.")
        run_worker(address, plan)

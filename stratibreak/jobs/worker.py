"""A worker process: takes jobs from the queue until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asgiref.sync import sync_to_async
from procrastinate import App
from procrastinate.worker import Worker

from integrations.domain.syncing.garbage import collect_rarely
from stratibreak.jobs import rescue
from stratibreak.jobs.queue_app import QUEUE, keep_note, make_app, without_connections
from stratibreak.jobs.steps import LONG_STEPS, defer_due
from tenants.isolation.queue.fetching import LONG_TASKS, SLOTS

logger = logging.getLogger(__name__)

MINUTE_S = 60
INTERRUPTED = 130
QUEUE_LOOK_S = 1.0
"""How often an idle worker looks for jobs. It does not listen: any role may notify any channel of anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPlan:
    """How a worker works.

    jobs: how many at a time;  grace_s: how long running jobs may take to end when it is told to stop
    heartbeat_s: how often it says that it is alive;  stalled_after_s: how long a silent one counts as alive
    ends_with_stdin: also stop when standard input closes, as it does when the process that started it ends
    """

    jobs: int = 3
    grace_s: float = 10.0
    heartbeat_s: float = 10.0
    stalled_after_s: float = 30.0
    ends_with_stdin: bool = False


def run_worker(address: dict[str, Any], plan: WorkerPlan) -> None:
    """Work until SIGTERM, SIGINT or, if so planned, the end of standard input.

    Jobs that have not ended when the grace is over are left where their last commit stands, and are taken up again by
    whoever works next.
    """
    collect_rarely()
    told = f"-c {SLOTS}={plan.jobs} -c {LONG_TASKS}={','.join(LONG_STEPS)}"
    asyncio.run(_Running(make_app({**address, "options": f"{address.get('options', '')} {told}"}), plan).run())


class _Running:
    def __init__(self, app: App, plan: WorkerPlan) -> None:
        self._app = app
        self._plan = plan
        self._worker: Worker | None = None
        self._leaving: asyncio.Task[None] | None = None

    async def run(self) -> None:
        async with self._app.open_async():
            self._worker = Worker(
                self._app,
                queues=[QUEUE],
                concurrency=self._plan.jobs,
                install_signal_handlers=False,
                listen_notify=False,
                fetch_job_polling_interval=QUEUE_LOOK_S,
                update_heartbeat_interval=self._plan.heartbeat_s,
                stalled_worker_timeout=self._plan.stalled_after_s,
                worker_middleware=[keep_note],
            )
            self._listen_for_the_end()
            logger.info("worker started")
            clock = asyncio.create_task(self._look_again_and_again())
            try:
                await self._worker.run()  # type: ignore[no-untyped-call]  # it has no annotation
            finally:
                clock.cancel()
            logger.info("worker stopped")

    async def _look_again_and_again(self) -> None:
        """The first look does not wait for the minute. One that fails is told, and the next one comes."""
        is_first = True
        while True:
            try:
                await self._look(is_first)
            except Exception:
                logger.exception("what is due could not be asked")
            is_first = False
            await asyncio.sleep(min(self._plan.stalled_after_s / 2, MINUTE_S - time.time() % MINUTE_S))

    async def _look(self, is_first: bool) -> None:
        """Take up what dead workers left, and, if no other worker does in this minute, defer what is due."""
        connector = self._app.connector
        rescued = await rescue.rescue_jobs(connector, stalled_after_s=self._plan.stalled_after_s)
        claimed = await rescue.claim_minute(connector, int(time.time() // MINUTE_S))
        deferred = 0
        if claimed or is_first:
            await rescue.remove_old_jobs(connector)
            ask = sync_to_async(without_connections, thread_sensitive=False)
            deferred = await ask(lambda: defer_due(datetime.now(UTC)))
        if rescued or deferred:
            logger.info("%d jobs deferred, %d of dead workers taken up", deferred, rescued)

    def _listen_for_the_end(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        if self._plan.ends_with_stdin:
            loop.add_reader(sys.stdin.fileno(), self._read_stdin)

    def _read_stdin(self) -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._stop()

    def _stop(self) -> None:
        if self._worker is None or self._leaving is not None:
            return
        self._worker.stop()  # type: ignore[no-untyped-call]  # it has no annotation
        self._leaving = asyncio.get_running_loop().create_task(self._leave_after_grace())

    async def _leave_after_grace(self) -> None:
        """End the process with what runs in it: threads that wait for a tool cannot be told to stop."""
        await asyncio.sleep(self._plan.grace_s)
        logger.info("worker stops before its jobs have ended; they will be taken up again")
        if self._worker is not None and self._worker.worker_id is not None:
            await rescue.leave_jobs(self._app.connector, self._worker.worker_id)
        os._exit(INTERRUPTED)

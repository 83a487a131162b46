"""The tasks as procrastinate knows them, and what is done around each."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

from django.db import connections
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.worker import Worker

from stratibreak.jobs.steps import (
    Step,
    deliver_step,
    digest_step,
    notify_step,
    refresh_step,
    replay_step,
    sync_step,
)
from tenants.isolation.context import current_context

logger = logging.getLogger(__name__)
R = TypeVar("R")

QUEUE = "work"
_KEEP_NOTE = "UPDATE procrastinate_jobs SET note = %(note)s WHERE id = %(id)s"
NOTE_LENGTH = 500
STEPS: dict[Step, Callable[[dict[str, str], UUID], str]] = {
    Step.SYNC: sync_step,
    Step.DELIVER: deliver_step,
    Step.REFRESH: refresh_step,
    Step.REPLAY: replay_step,
    Step.NOTIFY: notify_step,
    Step.DIGEST: digest_step,
}


def make_app(address: dict[str, Any]) -> App:
    """The app of one worker. address: connection parameters of the queue's login"""
    app = App(connector=PsycopgConnector(kwargs=address, min_size=1, max_size=4))
    for step, work in STEPS.items():
        app.task(name=step, queue=QUEUE)(_task(step, work))
    return app


def _task(step: Step, work: Callable[[dict[str, str], UUID], str]) -> Callable[..., str]:
    def run(*, tenant_id: str, actor_id: str, reason: str, subject: str) -> str:
        carried = {"tenant_id": tenant_id, "actor_id": actor_id, "reason": reason or step}
        return without_connections(lambda: work(carried, UUID(subject)))

    return run


def without_connections(work: Callable[[], R]) -> R:
    """Work on connections of this thread's own, which are closed at the end: the next job may run in another thread.

    Raises RuntimeError where a context was left behind: a job runs in the tenant that stands in it, and in no other.
    """
    if current_context() is not None:
        raise RuntimeError("A job begins with no context in force; one was left behind.")
    try:
        return work()
    finally:
        connections.close_all()


async def keep_note(call_next: Callable[[], Awaitable[Any]], context: JobContext, worker: Worker) -> Any:
    """Keep with the job what it said, or the kind of error that ended it; never the error's words, nor any data."""
    try:
        said = await call_next()
    except Exception as error:
        await _write_note(context, f"{context.job.task_name} failed: {type(error).__name__}")
        raise
    await _write_note(context, str(said or ""))
    logger.info("%s %s: %s", context.job.task_name, context.job.task_kwargs.get("subject", ""), said)
    return said


async def _write_note(context: JobContext, note: str) -> None:
    await context.app.connector.execute_query_async(_KEEP_NOTE, note=note[:NOTE_LENGTH], id=context.job.id)

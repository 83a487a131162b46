"""Workers as they are: processes of their own, on the database of the test."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tenants.isolation.queue.address import queue_address
from tests.integrations.connectors.github.fake import FakeGitHub
from tests.integrations.connectors.local_server import Request, Response, serving

DEADLINE_S = 120.0
POLL_S = 0.05
QUICK = ("--heartbeat", "0.2", "--stalled-after", "1.5")
StartWorker = Callable[..., "subprocess.Popen[bytes]"]


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """The first true answer. Fails when there is none in time."""
    pause, until = threading.Event(), monotonic() + DEADLINE_S
    while not (answer := condition()):
        assert monotonic() < until, f"in vain waited for: {what}"
        pause.wait(POLL_S)
    return answer


class HeldGitHub(FakeGitHub):
    """Answers nothing beyond so many requests until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.holds_after: int | None = None
        self.is_holding = threading.Event()
        self.let_go = threading.Event()

    def respond(self, request: Request) -> Response:
        if self.holds_after is not None and len(self.log) >= self.holds_after:
            self.is_holding.set()
            self.let_go.wait(DEADLINE_S)
        return super().respond(request)


@pytest.fixture
def github() -> Iterator[HeldGitHub]:
    tool = HeldGitHub()
    with serving(tool):
        yield tool
        tool.let_go.set()


@contextmanager
def as_the_queue() -> Iterator[psycopg.Connection[Any]]:
    """A connection of the queue's login, as a worker has."""
    address = queue_address()
    assert address is not None
    with psycopg.connect(autocommit=True, **address) as found:
        yield found


@pytest.fixture
def start_worker(transactional_db: None, github: HeldGitHub) -> Iterator[StartWorker]:
    """Start `manage.py worker`; those that still run at the end are killed."""
    with ExitStack() as started:

        def start(*arguments: str, gateways: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "manage.py", "worker", *QUICK, *arguments],
                cwd=settings.BASE_DIR,
                env=os.environ | _environment(gateways or {"GITHUB": github.base_url}),
                stdin=subprocess.PIPE,
            )
            started.callback(process.wait)
            started.callback(process.kill)
            assert process.stdin is not None
            started.callback(process.stdin.close)
            return process

        yield start


def _environment(gateways: dict[str, str]) -> dict[str, str]:
    address = conninfo_to_dict(os.environ["DATABASE_URL"]) | {"dbname": connection.settings_dict["NAME"]}
    parameters = conninfo_to_dict(make_conninfo(**address))
    return {
        "DATABASE_URL": "postgresql://?" + "&".join(f"{name}={value}" for name, value in parameters.items()),
        "INTEGRATION_NETWORKS": "127.0.0.0/8",
        "INTEGRATION_GATEWAYS": ",".join(f"{tool}={address}" for tool, address in gateways.items()),
        "OMP_NUM_THREADS": "1",
    }

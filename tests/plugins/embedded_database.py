"""The database of a test run: started before the settings are read, once, also under xdist.

With DATABASE_URL set the tests use that database. Otherwise the controlling process starts a PostgreSQL for this run
and hands its addresses to the workers in the environment. Secrets are new in every run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from stratibreak.development_secrets import new_secrets
from stratibreak.embedded_postgres import temporary_server
from tests.plugins.pgbouncer import PgBouncer, find_pgbouncer, running_pgbouncer

WORKER_VARIABLE = "PYTEST_XDIST_WORKER"
_started = ExitStack()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Provide database and secrets: pytest-django reads the settings in this same hook, after us."""
    is_controller = WORKER_VARIABLE not in os.environ
    if is_controller and not {"--help", "-h", "--version", "-V"}.intersection(early_config.invocation_params.args):
        for name, value in new_secrets().items():
            os.environ.setdefault(name, value)
        os.environ.setdefault("PUBLIC_URL", "https://stratibreak.example")
        if not os.environ.get("DATABASE_URL"):
            os.environ.update(_started.enter_context(temporary_server()).environment())
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Stop the server; the workers, who have none, do nothing here."""
    _started.close()


@pytest.fixture(scope="session")
def pgbouncer() -> Iterator[PgBouncer]:
    """PgBouncer in transaction mode in front of the test server. Missing in CI it is an error, elsewhere a skip."""
    program = find_pgbouncer()
    if program is None:
        message = "PgBouncer is not installed (Debian: apt-get install pgbouncer)."
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with running_pgbouncer(program, server_url=os.environ["DATABASE_URL"]) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the system's chromium. Missing in CI it is an error, elsewhere a skip."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    message = "Chromium is not installed (Debian: apt-get install chromium)."
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)

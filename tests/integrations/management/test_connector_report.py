"""The report tries connectors against a server that plays tools, says what it saw, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from django.core.management import CommandError, call_command
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from tenants.isolation.transaction import auth_context
from tenants.models import Tenant
from tests.factories.look_alike import LookAlike
from tests.integrations.connectors.github.fake import REPOSITORY, TOKEN, FakeGitHub
from tests.integrations.connectors.local_server import FakeTool, Request, Response, serving

pytestmark = pytest.mark.django_db(transaction=True)
PROJECT = Path(__file__).resolve().parents[3]


class Street(FakeTool):
    """GitHub below /github, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.github = FakeGitHub()

    def answer(self, request: Request) -> Response:
        if not request.path.startswith("/github/"):
            return Response(404, {})
        self.github.base_url = f"{self.base_url}/github"
        path = request.path.removeprefix("/github")
        return self.github.respond(Request(request.method, path, request.query, request.headers, request.body))


def report(tmp_path: Path, base_url: str, **changes: Any) -> tuple[str, dict[str, Any]]:
    options = tmp_path / "options.json"
    account = {"settings": {"repositories": [REPOSITORY]}, "credentials": {"token": TOKEN}}
    options.write_text(json.dumps({"github": account | changes}))
    out, written = StringIO(), tmp_path / "report.json"
    arguments = ["--base-url", base_url, "--json", str(written), "--tool", "GITHUB", "--options", str(options)]
    call_command("connector_report", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue(), json.loads(written.read_text())


@pytest.mark.usefixtures("world")
def test_report_tells_connection_syncs_and_counts(tmp_path: Path) -> None:
    with serving(Street()) as street:
        said, told = report(tmp_path, street.base_url)

    github = told["tools"]["github"]
    assert (github["connection"]["ok"], github["wrong_credential"]["error_code"]) == (True, "unauthorized")
    assert (github["full"]["status"], github["full"]["created"]) == ("SUCCEEDED", 4)
    assert github["full"]["streams"]["issues"]["skipped"] == {"pull_request": 2}
    incremental = github["incremental"]
    assert (incremental["created"], incremental["updated"], incremental["facts"]) == (0, 0, 0)
    assert (github["recorded"]["work_items"], github["containers"]) == (4, {REPOSITORY: 4})
    assert "issues: read 6, created 4" in said
    assert TOKEN not in said + json.dumps(told)


@pytest.mark.usefixtures("world")
def test_report_leaves_nothing_behind(tmp_path: Path, ours: LookAlike) -> None:
    with auth_context():
        before = set(Tenant.objects.values_list("pk", flat=True))

    with serving(Street()) as street:
        report(tmp_path, street.base_url, credentials={"token": "wrong"})

    with auth_context():
        assert set(Tenant.objects.values_list("pk", flat=True)) == before


@pytest.fixture
def empty_database() -> Iterator[str]:
    """The address of a database in which there is nothing yet."""
    superuser = {**conninfo_to_dict(os.environ["DATABASE_SUPERUSER_URL"]), "dbname": "postgres"}
    name = f"empty_{os.getpid()}"
    with psycopg.connect(autocommit=True, **superuser) as server:  # type: ignore[arg-type]  # its values are text
        server.execute(SQL("CREATE ROLE {} LOGIN").format(Identifier(name)))
        server.execute(SQL("CREATE DATABASE {0} OWNER {0}").format(Identifier(name)))
        port = f"&port={superuser['port']}" if superuser.get("port") else ""
        yield f"postgresql://{name}@/{name}?host={quote(str(superuser.get('host', '')), safe='')}{port}"
        server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
        server.execute(SQL("DROP ROLE {}").format(Identifier(name)))


def _said_with(database_url: str) -> tuple[int, str]:
    """Exit status and words of the report, run by hand with one database user."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DATABASE_")}
    run = subprocess.run(
        [sys.executable, "manage.py", "connector_report", "--base-url", "http://127.0.0.1:9", "--tool", "GITHUB"],
        cwd=PROJECT,
        env={**kept, "DEBUG": "true", "DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


def test_database_without_tables_is_told_with_the_next_step(empty_database: str) -> None:
    status, said = _said_with(empty_database)

    assert status == 1
    assert "migrations. Run `manage.py migrate`, then this again." in said
    assert "Traceback" not in said


def test_database_that_does_not_answer_is_told_with_the_next_step(empty_database: str) -> None:
    status, said = _said_with(empty_database.replace("/empty_", "/nowhere_"))

    assert status == 1
    assert "The database does not answer." in said
    assert "Traceback" not in said


@pytest.mark.usefixtures("world")
def test_server_that_is_not_local_is_not_asked(tmp_path: Path) -> None:
    _, told = report(tmp_path, "http://192.0.2.1:8899")

    assert told["tools"]["github"]["connection"]["error_code"] == "address_refused"
    assert told["tools"]["github"]["full"]["status"] == "FAILED"


def test_options_that_are_no_json_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")

    with pytest.raises(CommandError, match="cannot be read as JSON"):
        call_command("connector_report", "--base-url", "http://127.0.0.1:1", "--options", str(broken))

"""Backup, restore and reset as an operator runs them, on each major version that is here."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from stratibreak.embedded_postgres.binaries import SYSTEM_PATTERNS, Binaries, _inspect, find_binaries
from stratibreak.embedded_postgres.database_urls import socket_urls
from stratibreak.embedded_postgres.places import SHORT_PLACE, Places, private_directory
from stratibreak.embedded_postgres.process_user import server_user
from stratibreak.embedded_postgres.server import TEMPORARY_SETTINGS, Server

PROJECT = Path(__file__).resolve().parents[2]
OLDEST = 15
_TABLES = """
  SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
  AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"""
_UNFORCED = """
  SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')
  AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"""


def _installed(major: int) -> Binaries | None:
    """The programs of that major version: the wheel's, or the machine's."""
    if (newest := find_binaries(data_major=None)).major == major:
        return newest
    for pattern in SYSTEM_PATTERNS:
        for directory in Path("/").glob(pattern.removeprefix("/")):
            found = _inspect(directory)
            if found and found.major == major:
                return found
    return None


@dataclass(frozen=True)
class _OfVersion(Server):
    """A server of exactly these programs."""

    programs: Binaries

    def _binaries(self) -> Binaries:
        from stratibreak.embedded_postgres.binaries import reachable_binaries  # noqa: PLC0415 - only here

        return reachable_binaries(self.programs, user=self.places.user, copy_to=self.places.home)


@dataclass(frozen=True)
class Installation:
    """A server with the demo's two organisations and an empty third, and the environment of whoever operates it."""

    environment: dict[str, str]
    superuser: str

    def manage(self, *arguments: str, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in self.environment.items() if name not in without}
        return subprocess.run(  # noqa: S603 - our own interpreter and commands
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def server(self, database: str = "stratibreak") -> psycopg.Connection[Any]:
        return psycopg.connect(self.superuser, dbname=database, autocommit=True)

    def contents(self) -> dict[str, tuple[Any, ...] | None]:
        """Count and digest of every row of every table, of all organisations."""
        found: dict[str, tuple[Any, ...] | None] = {}
        with self.server() as server:
            for (table,) in server.execute(_TABLES).fetchall():
                query = SQL(
                    "SELECT count(*), coalesce(md5(string_agg(md5(t::text), '' ORDER BY t::text)), '') FROM {} t"
                )
                found[table] = server.execute(query.format(Identifier(table))).fetchone()
        return found


@pytest.fixture(scope="module", params=["wheel", "oldest"])
def installation(request: pytest.FixtureRequest) -> Iterator[Installation]:
    programs = find_binaries(data_major=None) if request.param == "wheel" else _installed(OLDEST)
    if programs is None:
        message = f"PostgreSQL {OLDEST} is not installed (Debian 12: apt-get install postgresql)."
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    home = Path(tempfile.mkdtemp(prefix="stratibreak-restore-", dir=SHORT_PLACE))
    home.chmod(0o711)
    user = server_user(home / "postgres")
    server = _OfVersion(Places(home, private_directory(home / "socket", user=user), user), TEMPORARY_SETTINGS, programs)
    server.start()
    try:
        urls = socket_urls(server.places.sockets)
        environment = {**os.environ, **urls.environment(), "DEBUG": "true"}
        made = Installation(environment, urls.superuser)
        opened = ["create_tenant", "--name", "Demo Organisation C", "--admin-email", "first@demo.example"]
        for command in (["provision_database"], ["migrate", "--verbosity=0"], ["loaddata", "demo"], opened):
            done = made.manage(*command)
            assert done.returncode == 0, done.stderr
        assert made.manage("audit_seal").returncode == 0
        yield made
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def _count(contents: dict[str, tuple[Any, ...] | None], table: str) -> int:
    row = contents[table]
    assert row is not None
    return int(row[0])


@pytest.fixture(scope="module")
def dump(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("dumps") / "all.dump"
    done = installation.manage("backup", str(file))
    assert done.returncode == 0, done.stderr
    return file


def test_every_row_is_back_and_policies_are_forced(installation: Installation, dump: Path) -> None:
    before = installation.contents()
    with installation.server() as server:
        server.execute("DELETE FROM gaps_evidence")
        server.execute("UPDATE projects_workitem SET title = 'lost'")
    assert installation.contents() != before

    refused = installation.manage("restore", str(dump))
    done = installation.manage("restore", str(dump), "--replace", "stratibreak")

    assert "is not empty" in refused.stderr
    assert done.returncode == 0, done.stderr
    assert installation.contents() == before
    assert _count(before, "tenants_tenant") == 3
    assert all(_count(before, table) for table in ("tenants_auditentry", "tenants_auditseal", "tenants_tenantdatakey"))
    with installation.server() as server:
        assert server.execute(_UNFORCED).fetchall() == []
        assert server.execute("SELECT datname FROM pg_database WHERE datname LIKE 'stratibreak\\_%'").fetchall() == []
    for command in (["check", "--database", "default"], ["audit_verify"], ["migrate", "--check"]):
        checked = installation.manage(*command)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_doctor_finds_nothing_wrong_afterwards(installation: Installation, dump: Path) -> None:
    assert installation.manage("restore", str(dump), "--replace", "stratibreak").returncode == 0

    done = installation.manage("doctor")

    assert [line for line in done.stdout.splitlines() if line.startswith("PROBLEM")] == []
    assert done.returncode == 0


@pytest.mark.parametrize("kept_share", [0.0, 0.02, 0.5, 0.99])
def test_a_truncated_dump_replaces_nothing(
    kept_share: float, installation: Installation, dump: Path, tmp_path: Path
) -> None:
    before, whole = installation.contents(), dump.read_bytes()
    file = tmp_path / "truncated.dump"
    file.write_bytes(whole[: int(len(whole) * kept_share)])

    done = installation.manage("restore", str(file), "--replace", "stratibreak")

    assert done.returncode != 0
    assert "pg_restore failed" in done.stderr
    assert "Traceback" not in done.stderr
    assert installation.contents() == before


def test_a_restore_that_is_killed_leaves_the_present_database(installation: Installation, dump: Path) -> None:
    before = installation.contents()
    arguments = [sys.executable, "manage.py", "restore", str(dump), "--replace", "stratibreak"]
    with subprocess.Popen(arguments, cwd=PROJECT, env=installation.environment, start_new_session=True) as restoring:  # noqa: S603 - ours
        with installation.server("postgres") as server:
            until = time.monotonic() + 60
            while time.monotonic() < until and not _is_restoring(server):
                pass
        os.killpg(restoring.pid, signal.SIGKILL)

    assert installation.contents() == before
    assert installation.manage("restore", str(dump), "--replace", "stratibreak").returncode == 0
    assert installation.contents() == before


def _is_restoring(server: psycopg.Connection[Any]) -> bool:
    query = "SELECT FROM pg_stat_activity WHERE datname = 'stratibreak_restoring' AND application_name = 'pg_restore'"
    return server.execute(query).fetchone() is not None


def test_the_owner_restores_without_a_superuser(installation: Installation, dump: Path) -> None:
    before = installation.contents()
    without = ("DATABASE_SUPERUSER_URL",)

    done = installation.manage("restore", str(dump), "--replace", "stratibreak", without=without)

    assert done.returncode == 0, done.stderr
    assert "provision_database" in done.stdout
    assert installation.contents() == before
    assert installation.manage("provision_database").returncode == 0


def test_without_a_superuser_a_database_in_use_is_kept_and_the_way_out_is_named(
    installation: Installation, dump: Path
) -> None:
    before = installation.contents()

    with installation.server():
        done = installation.manage(
            "restore", str(dump), "--replace", "stratibreak", without=("DATABASE_SUPERUSER_URL",)
        )

    assert done.returncode != 0
    assert "is in use" in done.stderr
    assert "DATABASE_SUPERUSER_URL" in done.stderr
    assert installation.contents() == before


def test_without_its_logins_each_command_says_what_it_needs_and_why(installation: Installation, tmp_path: Path) -> None:
    file = tmp_path / "any.dump"

    backup = installation.manage("backup", str(file), without=("DATABASE_BACKUP_URL",))
    reset = installation.manage(
        "reset", "--yes-drop", "stratibreak", without=("DATABASE_OWNER_URL", "DATABASE_SUPERUSER_URL")
    )

    assert "needs a login with BYPASSRLS" in backup.stderr
    assert not file.exists()
    assert "DATABASE_OWNER_URL" in reset.stderr


def test_reset_starts_anew_with_the_owner_alone(installation: Installation) -> None:
    done = installation.manage("reset", "--yes-drop", "stratibreak", without=("DATABASE_SUPERUSER_URL",))

    assert done.returncode == 0, done.stderr
    assert _count(installation.contents(), "tenants_tenant") == 2

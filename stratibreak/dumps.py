"""Dumping and restoring a development database with PostgreSQL's own programs.

The dump goes through the backup login, which bypasses policies: under forced row security even the owner is refused.
The signing key of the context is left out of dumps; `migrate` and `restore` write the installation's own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import suppress
from glob import glob
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from stratibreak.embedded_postgres import EmbeddedPostgresError
from stratibreak.embedded_postgres.binaries import SYSTEM_PATTERNS, find_binaries
from tenants.isolation.provisioning import close_large_objects, create_database
from tenants.isolation.roles import credentials

_TABLES = """
  SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"""


class DumpFailed(Exception):
    """A dump or restore was not possible; the message says what to do."""


def required_credentials(kind: str) -> dict[str, Any]:
    """Raises DumpFailed when DATABASE_<kind>_URL is not set."""
    found = credentials(kind)
    if found is None:
        raise DumpFailed(f"Set DATABASE_{kind}_URL and run `manage.py provision_database`.")
    return found


def dump_database(name: str, file: Path) -> None:
    """Write the database to a new file in custom format, readable by its owner only. Raises DumpFailed."""
    login = required_credentials("BACKUP")
    unfinished = file.with_name(f"{file.name}.unfinished")
    # Made before pg_dump writes to it, so that nobody else can ever open it.
    os.close(os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
    arguments = ["--format=custom", "--exclude-table-data=stratibreak.context_key", f"--file={unfinished}"]
    try:
        _run("pg_dump", name, login, arguments)
        unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)


def restore_database(name: str, file: Path) -> None:
    """Put a dump's contents in the place of the database, as the owner; it is dropped only when they are complete.

    Afterwards `sync_access` must write what the installation itself decides. Raises DumpFailed.
    """
    required_credentials("SUPERUSER")
    unfinished = f"{name}_restoring"
    _as_superuser(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(unfinished)))
    create_database(unfinished)
    try:
        arguments = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
        _run("pg_restore", unfinished, required_credentials("OWNER"), [*arguments, f"--dbname={unfinished}", str(file)])
    except DumpFailed:
        _as_superuser(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(unfinished)))
        raise
    drop_database(name)
    _as_superuser(SQL("ALTER DATABASE {} RENAME TO {}").format(Identifier(unfinished), Identifier(name)))
    close_large_objects(name)


def drop_database(name: str) -> None:
    """Drop a database although somebody is connected. Raises DumpFailed without a superuser's address."""
    _as_superuser(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))


def row_counts(name: str) -> dict[str, int]:
    """Rows of every table, of all tenants, by the backup login."""
    with psycopg.connect(dbname=name, **required_credentials("BACKUP")) as connection:
        tables = [table for (table,) in connection.execute(_TABLES).fetchall()]
        counts = {}
        for table in tables:
            row = connection.execute(SQL("SELECT count(*) FROM {}").format(Identifier(table))).fetchone()
            counts[table] = row[0] if row else 0
    return counts


def _as_superuser(statement: Any) -> None:
    with psycopg.connect(dbname="postgres", autocommit=True, **required_credentials("SUPERUSER")) as connection:
        connection.execute(statement)


def _run(program: str, database: str, login: dict[str, Any], arguments: list[str]) -> None:
    with psycopg.connect(dbname=database, **login) as connection:
        major = connection.info.server_version // 10_000
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "sslmode": "PGSSLMODE"}
    # In the environment and not as arguments, which everybody on the machine can read.
    address = {variable: str(login[key]) for key, variable in names.items() if login.get(key)}
    ran = subprocess.run(  # noqa: S603 - a program we located, with arguments of our own
        [find_program(program, major), "--no-password", *arguments],
        env={**os.environ, **address, "PGDATABASE": database},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise DumpFailed(f"{program} failed:\n{ran.stderr.strip()}")


def find_program(program: str, major: int) -> Path:
    """The client program of exactly the server's major version. Raises DumpFailed with the line that installs it."""
    directories = [Path(found) for pattern in SYSTEM_PATTERNS for found in glob(pattern)]
    with suppress(EmbeddedPostgresError):  # a machine with client programs alone will do
        directories.insert(0, find_binaries(data_major=major).directory)
    if on_path := shutil.which(program):
        directories.append(Path(on_path).parent)
    for directory in directories:
        if os.access(directory / program, os.X_OK) and _major_of(directory / program) == major:
            return directory / program
    raise DumpFailed(
        f"{program} of PostgreSQL {major} was not found. Install it: apt-get install postgresql-client-{major} "
        f"(Debian, Ubuntu), brew install postgresql@{major} (macOS)."
    )


def _major_of(program: Path) -> int:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - located
    version = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(version.group(1)) if version else 0

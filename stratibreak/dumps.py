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
from django.db import Error
from psycopg.sql import SQL, Identifier

from stratibreak.drift import connection_to
from stratibreak.embedded_postgres import EmbeddedPostgresError
from stratibreak.embedded_postgres.binaries import SYSTEM_PATTERNS, find_binaries
from tenants.isolation.context import AccessContext, Purpose, use_context
from tenants.isolation.postgresql.credentials import OWNER, connect_as
from tenants.isolation.provisioning import close_large_objects, provision_cluster, sync_access
from tenants.isolation.roles import credentials

_TABLES = """
  SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"""


_SESSIONS = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = ANY (%s) AND pid <> pg_backend_pid()"
)
_NEEDED_FOR = {
    "BACKUP": "Row security is forced, so even the tables' owner dumps nothing: backup needs a login with BYPASSRLS. "
    "Set DATABASE_BACKUP_URL and run `manage.py provision_database`; on a server that gives no such login, use its own "
    "snapshots.",
    "OWNER": "Making and replacing databases needs their owner: set DATABASE_OWNER_URL (a login with CREATEDB), or "
    "use the server's own snapshots.",
}
RENAME_ATTEMPTS = 20


class DumpFailed(Exception):
    """A dump or restore was not possible; the message says what to do."""


def required_credentials(kind: str) -> dict[str, Any]:
    """Raises DumpFailed, which says what the login is for, when DATABASE_<kind>_URL is not set."""
    found = credentials(kind)
    if found is None:
        raise DumpFailed(_NEEDED_FOR[kind])
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
    """Put a dump's contents in the place of the database, in one step, when they are complete.

    1. The file is restored into a database beside the present one, in one transaction.
    2. That one gets what is not in a dump: the installation's signing key, policies and rights as the models declare.
    3. In one transaction the present database is renamed away and the new one takes its name; then the old is dropped.

    Killed before the third step, the present database is as it was; after it, the new one is whole. What is left over
    beside it goes with the next restore.
    Raises DumpFailed.
    """
    unfinished, replaced = f"{name}_restoring", f"{name}_replaced"
    for leftover in (unfinished, replaced):
        drop_database(leftover)
    if credentials("SUPERUSER") is not None:
        provision_cluster()  # the policies in the dump name the roles
    _administer(SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(*_names(unfinished, _owner_name())))
    try:
        arguments = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
        _run("pg_restore", unfinished, required_credentials("OWNER"), [*arguments, f"--dbname={unfinished}", str(file)])
        if credentials("SUPERUSER") is not None:
            close_large_objects(unfinished)
        _bring_access(unfinished)
        _swap(name, unfinished, replaced)
    except (DumpFailed, Error):
        drop_database(unfinished)
        raise
    drop_database(replaced)


def _bring_access(name: str) -> None:
    context = AccessContext(Purpose.OWNER, reason="manage.py restore")
    with connect_as(OWNER), use_context(context), connection_to(name) as restored:
        sync_access(restored)


def _swap(name: str, unfinished: str, replaced: str) -> None:
    """Rename both in one transaction, when nobody is connected; whoever is, is disconnected by a superuser."""
    for attempt in range(RENAME_ATTEMPTS):
        with psycopg.connect(**_administrator()) as connection:
            try:
                if credentials("SUPERUSER") is not None:
                    connection.execute(_SESSIONS, [[name, unfinished]])
                if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                    connection.execute(SQL("ALTER DATABASE {} RENAME TO {}").format(*_names(name, replaced)))
                connection.execute(SQL("ALTER DATABASE {} RENAME TO {}").format(*_names(unfinished, name)))
                connection.commit()
            except psycopg.errors.ObjectInUse as error:
                if attempt == RENAME_ATTEMPTS - 1:
                    raise DumpFailed(_in_use(name)) from error
            else:
                return


def drop_database(name: str) -> None:
    """Drop a database although somebody is connected. Raises DumpFailed where only a superuser may disconnect them."""
    try:
        _administer(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectInUse) as error:
        raise DumpFailed(_in_use(name)) from error


def create_empty_database(name: str) -> None:
    """Make the database anew for its owner, closed as far as the login at hand can."""
    _administer(SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(*_names(name, _owner_name())))
    if credentials("SUPERUSER") is not None:
        close_large_objects(name)


def _in_use(name: str) -> str:
    return (
        f"The database {name} is in use. Stop the processes that are connected to it, or set DATABASE_SUPERUSER_URL: "
        "only a superuser may disconnect them."
    )


def _names(*names: str) -> list[Identifier]:
    return [Identifier(name) for name in names]


def _owner_name() -> str:
    return str(required_credentials("OWNER")["user"])


def _administrator() -> dict[str, Any]:
    """The superuser where there is one, else the owner: it may make, rename and drop databases of its own."""
    return {**(credentials("SUPERUSER") or required_credentials("OWNER")), "dbname": "postgres"}


def _administer(statement: Any) -> None:
    with psycopg.connect(**_administrator(), autocommit=True) as connection:
        connection.execute(statement)


def database_exists(name: str) -> bool:
    """Whether there is a database of that name to be replaced."""
    with psycopg.connect(**_administrator()) as connection:
        return connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def row_counts(name: str) -> dict[str, int]:
    """Rows of every table, of all tenants, by the backup login."""
    with psycopg.connect(dbname=name, **required_credentials("BACKUP")) as connection:
        tables = [table for (table,) in connection.execute(_TABLES).fetchall()]
        counts = {}
        for table in tables:
            row = connection.execute(SQL("SELECT count(*) FROM {}").format(Identifier(table))).fetchone()
            counts[table] = row[0] if row else 0
    return counts


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

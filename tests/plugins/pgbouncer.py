"""PgBouncer in transaction mode before the test server."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from stratibreak.embedded_postgres.places import SHORT_PLACE
from stratibreak.embedded_postgres.process_user import ProcessUser, server_user

PORT = 6432
START_LIMIT_S = 10.0
PAUSE_S = 0.01


@dataclass(frozen=True, slots=True)
class PgBouncer:
    """A running PgBouncer. Its pool is small, so that transactions of different tenants share connections."""

    sockets: Path
    pool_size: int

    def conninfo(self, database_url: str) -> str:
        """Return the connection string that reaches the same database as the same role, through the pool."""
        return make_conninfo(database_url, host=str(self.sockets), port=PORT)


def find_pgbouncer() -> str | None:
    """Return the program's path; Debian puts it where ordinary users do not search."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def running_pgbouncer(program: str, *, server_url: str, pool_size: int = 4) -> Iterator[PgBouncer]:
    """Run PgBouncer for the length of the block, in a private directory, as an unprivileged user."""
    home = Path(tempfile.mkdtemp(prefix="stratibreak-pgbouncer-", dir=SHORT_PLACE))
    user = server_user(home / "absent")
    running = PgBouncer(home, pool_size)
    try:
        _write_configuration(home, server_url, pool_size)
        for path in (home, *home.iterdir()):
            user.own(path)
        with _process(program, home, user):
            _wait_until_ready(running, server_url)
            yield running
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _write_configuration(home: Path, server_url: str, pool_size: int) -> None:
    server = conninfo_to_dict(server_url)
    settings = {
        "pool_mode": "transaction",
        "default_pool_size": pool_size,
        "max_client_conn": 200,
        "listen_port": PORT,
        "unix_socket_dir": home,
        "auth_type": "trust",
        "auth_file": home / "users.txt",
        "admin_users": server["user"],
        "logfile": home / "pgbouncer.log",
        "ignore_startup_parameters": "extra_float_digits,options",
    }
    lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
    address = f"host={server.get('host', '127.0.0.1')} port={server.get('port', 5432)}"
    (home / "pgbouncer.ini").write_text(f"[databases]\n* = {address}\n\n[pgbouncer]\n{lines}")
    kinds = ("login", "platform_login", "owner", "backup")
    users = {str(server["user"]): str(server.get("password", "")), **{f"stratibreak_{kind}": "" for kind in kinds}}
    (home / "users.txt").write_text("".join(f'"{name}" "{password}"\n' for name, password in users.items()))


@contextmanager
def _process(program: str, home: Path, user: ProcessUser) -> Iterator[None]:
    with subprocess.Popen(  # noqa: S603 - a program we located, with a file of our own
        [program, "--quiet", home / "pgbouncer.ini"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **user.popen_arguments(),
    ) as process:
        try:
            yield
        finally:
            process.terminate()


def _wait_until_ready(running: PgBouncer, server_url: str) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        try:
            # The console answers without a server behind it, so that a wrong role is not taken for a slow start.
            psycopg.connect(running.conninfo(server_url), dbname="pgbouncer", autocommit=True).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                log = running.sockets / "pgbouncer.log"
                raise RuntimeError(f"PgBouncer did not start: {log.read_text() if log.exists() else error}") from error
            time.sleep(PAUSE_S)
        else:
            return

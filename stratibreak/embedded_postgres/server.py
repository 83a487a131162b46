"""One PostgreSQL server on a Unix socket: make its data, start it, ask whether it answers, stop it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from .binaries import Binaries, find_binaries, reachable_binaries
from .database_urls import MAINTENANCE_DATABASE, SUPERUSER
from .errors import EmbeddedPostgresError
from .places import SOCKET_NAME, Places, private_directory

START_LIMIT_S = 60.0  # recovery after a crash replays the log; a development database does that in seconds
STOP_LIMIT_S = 20.0
ORPHAN_LIMIT_S = 5.0
PAUSE_S = 0.01
LOG_LIMIT_BYTES = 10_000_000
HAS_PROC = Path("/proc/self/cwd").exists()

# Role passwords would add nothing here: whoever reaches the socket in its 0700 directory is the same operating system
# user who could read the passwords, or the data files themselves. A server of your own (DATABASE_URL) has passwords.
HOST_BASED_ACCESS = "local all all trust\n"

# --no-sync: a power cut within the first seconds costs a new demo database, nothing else.
INITDB_ARGUMENTS = ("--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions")

COMMON_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "''",
    "port": "5432",
    "max_connections": "100",
    "shared_buffers": "'128MB'",
    "unix_socket_permissions": "0700",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "password_encryption": "'scram-sha-256'",
}
DURABLE_SETTINGS: Mapping[str, str] = {}
# Nothing in a test database outlives the run, so nothing waits for the disk.
TEMPORARY_SETTINGS: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "'4GB'",
    "shared_buffers": "'256MB'",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A server whose data and socket are in ``places``; the caller holds the lock while changing its state."""

    places: Places
    settings: Mapping[str, str]

    def is_ready(self) -> bool:
        """Whether a server answers on our socket and works on our data."""
        if not self.listens():
            return False
        try:
            with psycopg.connect(
                host=str(self.places.sockets), user=SUPERUSER, dbname=MAINTENANCE_DATABASE, connect_timeout=5
            ) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and Path(row[0]) == self.places.data

    def listens(self) -> bool:
        """Whether anything accepts connections on the socket, ready or not."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(self.places.sockets / SOCKET_NAME))
            except OSError:
                return False
        return True

    def start(self) -> None:
        """Make the data if there is none, clear away what a crash left, start, and wait until connections are taken.

        Raises EmbeddedPostgresError with the end of the server's log when it does not come up.
        """
        binaries = self._binaries()
        if not self.places.data.exists():
            self._make_data(binaries)
        self._clear_remains()
        self._write_settings()
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            log_offset = self._log_size()
            pid = self._spawn(binaries)
            if self._wait_until_ready(pid, deadline):
                return
            tail = self._log_since(log_offset)
            # Where processes cannot be listed, children of a killed server may still hold the shared memory.
            if "shared memory block" not in tail or time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"PostgreSQL did not start. The end of {self.places.log}:\n{tail}")
            time.sleep(PAUSE_S)

    def stop(self) -> bool:
        """Stop the server, rolling back open transactions; answers whether one was running."""
        pid = self.running_pid()
        if pid is None:
            return False
        for signal_number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, last resort
            _send(pid, signal_number)
            if _wait(lambda: not _serves(pid, self.places.data), STOP_LIMIT_S):
                return True
        raise EmbeddedPostgresError(f"PostgreSQL (process {pid}) did not stop.")

    def running_pid(self) -> int | None:
        """Return the process that serves our data, or None."""
        pid = self._recorded_pid()
        return pid if pid is not None and _serves(pid, self.places.data) else None

    def data_major(self) -> int | None:
        """Return the major version that made the data, or None without data."""
        version = self.places.data / "PG_VERSION"
        return int(version.read_text().strip()) if version.exists() else None

    def _binaries(self) -> Binaries:
        return reachable_binaries(
            find_binaries(data_major=self.data_major()), user=self.places.user, copy_to=self.places.home
        )

    def _make_data(self, binaries: Binaries) -> None:
        """Run initdb in a directory of its own and rename it when done, so that an interrupted one is never used."""
        unfinished = self.places.data.with_name("postgres.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        refusals = ""
        for locale in _locale_choices(binaries.major):
            private_directory(unfinished, user=self.places.user)
            made = subprocess.run(  # noqa: S603 - a program we located, with arguments of our own
                [binaries.initdb, "-D", unfinished, "-U", SUPERUSER, *INITDB_ARGUMENTS, *locale],
                capture_output=True,
                text=True,
                check=False,
                stdin=subprocess.DEVNULL,
                **self.places.user.popen_arguments(),
            )
            if made.returncode == 0:
                unfinished.rename(self.places.data)
                return
            refusals += made.stdout + made.stderr
            shutil.rmtree(unfinished, ignore_errors=True)
        raise EmbeddedPostgresError(f"initdb failed:\n{refusals}")

    def _clear_remains(self) -> None:
        """Stop a server of ours that cannot be reached, wait for the children of a killed one, and drop its lock files.

        PostgreSQL clears them itself only when nothing has that process id. After kill -9 that can take for ever: an
        init that does not reap, or a container started anew in which the number now belongs to another program.
        """
        self.stop()
        (self.places.sockets / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)
        pid = self._recorded_pid()
        if pid is None:
            return
        if HAS_PROC:
            _end_orphans(self.places.data)
        elif not _exists(pid):
            return  # PostgreSQL clears it, after looking whether children still hold the shared memory
        (self.places.data / "postmaster.pid").unlink(missing_ok=True)

    def _write_settings(self) -> None:
        """Write the whole configuration at each start, so that it follows this code and the place of the project."""
        settings = {
            **COMMON_SETTINGS,
            "unix_socket_directories": _quoted(_list_item(str(self.places.sockets))),
            **self.settings,
        }
        lines = [f"{name} = {value}\n" for name, value in settings.items()]
        for name, text in (("postgresql.conf", "".join(lines)), ("pg_hba.conf", HOST_BASED_ACCESS)):
            path = self.places.data / name
            path.write_text(text)
            self.places.user.own(path)

    def _spawn(self, binaries: Binaries) -> int:
        """Start the server in a session of its own, as a child of nobody, and return its process id.

        The shell lets go of it at once: it survives us, Ctrl-C in our terminal does not reach it, and init reaps it.
        """
        log = self.places.log
        if self._log_size() > LOG_LIMIT_BYTES:
            log.unlink()
        log.touch(mode=0o600)
        self.places.user.own(log)
        script = '"$0" -D "$1" >>"$2" 2>&1 </dev/null & echo $!'
        started = subprocess.run(  # noqa: S603 - a fixed script; paths are passed as arguments
            ["/bin/sh", "-c", script, binaries.postgres, self.places.data, log],
            capture_output=True,
            text=True,
            check=True,
            start_new_session=True,
            **self.places.user.popen_arguments(),
        )
        return int(started.stdout)

    def _wait_until_ready(self, pid: int, deadline: float) -> bool:
        """Wait until the server answers, its process ends, or the deadline passes; answers whether it is ready."""
        while time.monotonic() < deadline:
            if self.is_ready():
                return True
            if not _exists(pid):
                return False
            time.sleep(PAUSE_S)
        return False

    def _recorded_pid(self) -> int | None:
        try:
            return int((self.places.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None

    def _log_size(self) -> int:
        return self.places.log.stat().st_size if self.places.log.exists() else 0

    def _log_since(self, offset: int) -> str:
        with self.places.log.open(errors="replace") as log:
            log.seek(offset)
            return log.read()[-4000:]


def _locale_choices(major: int) -> list[list[str]]:
    """Return initdb's locale arguments, best first: sorting by code point with the upper and lower case of Unicode.

    Version 17 brought a provider that needs nothing from the system; before it, the C library may know C.UTF-8.
    """
    if major >= 17:  # noqa: PLR2004 - the version that brought it
        return [["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]]
    return [["--locale=C.UTF-8"], ["--locale=C"]]


def _serves(pid: int, data: Path) -> bool:
    """Whether the process is a server on this data directory; PostgreSQL works inside it."""
    if HAS_PROC:
        try:
            return Path(f"/proc/{pid}/cwd").samefile(data)
        except (FileNotFoundError, ProcessLookupError, PermissionError):  # ended, not reaped, or somebody else's
            return False
    shown = subprocess.run(  # noqa: S603 - macOS has no /proc; the number is an int
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return f"-D {data}" in shown.stdout


def _end_orphans(data: Path) -> None:
    """Wait until no process works in the data directory; children of a killed server that do not notice are killed."""
    if _wait(lambda: not _processes_in(data), ORPHAN_LIMIT_S):
        return
    for pid in _processes_in(data):
        _send(pid, signal.SIGKILL)
    _wait(lambda: not _processes_in(data), ORPHAN_LIMIT_S)


def _processes_in(data: Path) -> list[int]:
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in numbers if _serves(pid, data)]


def _exists(pid: int) -> bool:
    """Whether the process lives; one that has ended and was not reaped yet does not."""
    if HAS_PROC:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
        except OSError:
            return False
        return state != "Z"
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    return True


def _send(pid: int, signal_number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal_number)


def _wait(condition: Callable[[], bool], limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE_S)
    return True


def _list_item(text: str) -> str:
    """Quote one item of a setting that holds a comma-separated list."""
    return '"' + text.replace('"', '""') + '"'


def _quoted(text: str) -> str:
    """Quote the value of a setting."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"

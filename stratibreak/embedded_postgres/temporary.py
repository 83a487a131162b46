"""A server for one test run: its own directory, nothing kept on disk, gone afterwards."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .database_urls import DatabaseUrls, socket_urls
from .places import SHORT_PLACE, Places, private_directory
from .process_user import ProcessUser, server_user
from .server import TEMPORARY_SETTINGS, Server

PREFIX = "stratibreak-test-"


@contextmanager
def temporary_server() -> Iterator[DatabaseUrls]:
    """Run a new server for the length of the block.

    Its directory holds a lock for as long as we live. A run that was killed could not clean up, so each run first
    removes directories of ours whose lock is free.
    """
    _remove_abandoned()
    home = Path(tempfile.mkdtemp(prefix=PREFIX, dir=SHORT_PLACE))
    home.chmod(0o711)  # passable for the unprivileged server when we are root; what lies in it is 0700
    places = _places(home, server_user(home / "postgres"))
    lock = _try_lock(places.lock)
    try:
        Server(places, TEMPORARY_SETTINGS).start()
        yield socket_urls(places.sockets)
    finally:
        _remove(places)
        if lock is not None:
            os.close(lock)


def _places(home: Path, user: ProcessUser) -> Places:
    return Places(home, private_directory(home / "socket", user=user), user)


def _remove_abandoned() -> None:
    for home in SHORT_PLACE.glob(f"{PREFIX}*"):
        if not home.is_dir() or home.stat().st_uid != os.geteuid() or not (home / "postgres.lock").exists():
            continue
        lock = _try_lock(home / "postgres.lock")
        if lock is not None:
            _remove(_places(home, server_user(home / "postgres")))
            os.close(lock)


def _remove(places: Places) -> None:
    Server(places, TEMPORARY_SETTINGS).stop()
    shutil.rmtree(places.home, ignore_errors=True)


def _try_lock(path: Path) -> int | None:
    """Return a descriptor that holds the lock, or None when another process does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor
    os.close(descriptor)
    return None

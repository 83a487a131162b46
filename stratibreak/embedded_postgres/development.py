"""The server of a working copy: its data lie under the project and it keeps running between commands."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .database_urls import DatabaseUrls, socket_urls
from .places import Places, places_for
from .server import DURABLE_SETTINGS, Server


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What is known about the development server."""

    running: bool
    data: Path
    data_major: int | None
    sockets: Path
    log: Path


def ensure_running(root: Path) -> DatabaseUrls:
    """Return the addresses of the development server of the project at ``root``, started first if need be.

    Several processes may call this at once: one starts the server, the others wait for it.
    Raises EmbeddedPostgresError when there are no programs to start, or they fail.
    """
    places = places_for(root)
    server = Server(places, DURABLE_SETTINGS)
    if not server.is_ready():
        with exclusive(places):
            if not server.is_ready():
                server.start()
    return socket_urls(places.sockets)


def development_urls(root: Path) -> DatabaseUrls:
    """Return the addresses of the development server without starting it."""
    return socket_urls(places_for(root).sockets)


def stop(root: Path) -> bool:
    """Stop the development server; answers whether one was running."""
    places = places_for(root)
    with exclusive(places):
        return Server(places, DURABLE_SETTINGS).stop()


def status(root: Path) -> ServerStatus:
    """Describe the development server without starting it."""
    places = places_for(root)
    server = Server(places, DURABLE_SETTINGS)
    return ServerStatus(
        running=server.is_ready(),
        data=places.data,
        data_major=server.data_major(),
        sockets=places.sockets,
        log=places.log,
    )


def remove_data(root: Path) -> None:
    """Stop the development server and delete its data; the secrets stay."""
    places = places_for(root)
    with exclusive(places):
        Server(places, DURABLE_SETTINGS).stop()
        shutil.rmtree(places.data, ignore_errors=True)


@contextmanager
def exclusive(places: Places) -> Iterator[None]:
    """Let one process at a time change the server's state; a killed holder lets go by itself."""
    descriptor = os.open(places.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

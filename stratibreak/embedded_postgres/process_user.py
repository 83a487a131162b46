"""The operating system user who runs the server: PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import EmbeddedPostgresError

# Tried in this order when root starts the server. Both usually exist already, so nothing is added to the system.
UNPRIVILEGED_USERS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class ProcessUser:
    """The user who owns the data directory and runs the server."""

    uid: int
    gid: int

    @property
    def is_current(self) -> bool:
        """Whether no change of user is needed."""
        return os.geteuid() == self.uid

    def popen_arguments(self) -> dict[str, Any]:
        """Return the arguments of ``subprocess`` that start a program as this user, in a directory it can enter."""
        change = {} if self.is_current else {"user": self.uid, "group": self.gid, "extra_groups": []}
        return {"cwd": "/", "env": _environment(), **change}

    def can_reach(self, path: Path) -> bool:
        """Whether this user may pass through every directory above ``path`` (mode bits only, as ACLs only add)."""
        if self.is_current:
            return True
        return all(self._may_execute(directory) for directory in path.resolve().parents)

    def can_run(self, program: Path) -> bool:
        """Whether this user may execute the program."""
        return self.can_reach(program) and (self.is_current or self._may_execute(program.resolve()))

    def own(self, path: Path) -> None:
        """Give the path to this user."""
        if not self.is_current:
            os.chown(path, self.uid, self.gid)

    def _may_execute(self, path: Path) -> bool:
        """Whether the mode bits let this user run the program or pass through the directory."""
        found = path.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        if found.st_gid == self.gid:
            return bool(found.st_mode & stat.S_IXGRP)
        return bool(found.st_mode & stat.S_IXOTH)


def current_user() -> ProcessUser:
    """Return the user of this process."""
    return ProcessUser(os.geteuid(), os.getegid())


def server_user(data: Path) -> ProcessUser:
    """Return who is to run the server on ``data``: its owner if it exists, else us, else an unprivileged user.

    Raises EmbeddedPostgresError when we are root and there is no user to change to, or the data is someone else's.
    """
    if os.geteuid() != 0:
        if data.exists() and data.stat().st_uid != os.geteuid():
            raise EmbeddedPostgresError(
                f"{data} belongs to user id {data.stat().st_uid}. Run as that user or as root, or remove the directory."
            )
        return current_user()
    if data.exists() and data.stat().st_uid != 0:
        return ProcessUser(data.stat().st_uid, data.stat().st_gid)
    for name in UNPRIVILEGED_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ProcessUser(entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresError(
        "PostgreSQL does not run as root, and there is no user named "
        f"{' or '.join(UNPRIVILEGED_USERS)} to change to. Run as another user, or set DATABASE_URL."
    )


def _environment() -> dict[str, str]:
    """Return a bare environment: the caller's PG* variables, locale and library paths must not reach the server."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

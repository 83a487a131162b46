"""Where the embedded server keeps its data, its socket and its lock."""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from .errors import EmbeddedPostgresError
from .process_user import ProcessUser, current_user, server_user

STATE_DIRECTORY = ".stratibreak"
SOCKET_NAME = ".s.PGSQL.5432"
# sockaddr_un holds 108 bytes on Linux and 104 on macOS, with the closing NUL.
SOCKET_PATH_LIMIT = 103
# Fixed rather than TMPDIR, which differs between shells: two starters must come to the same place.
SHORT_PLACE = Path("/tmp")  # noqa: S108 - the directory made in it is private and verified
# Survives a restart of the machine, unlike /tmp.
LASTING_PLACE = Path("/var/tmp")  # noqa: S108 - the directory made in it is private and verified


@dataclass(frozen=True, slots=True)
class Places:
    """The paths of one embedded server and the user who runs it."""

    home: Path
    sockets: Path
    user: ProcessUser

    @property
    def data(self) -> Path:
        return self.home / "postgres"

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    @property
    def lock(self) -> Path:
        return self.home / "postgres.lock"


def state_directory(root: Path) -> Path:
    """Return ``.stratibreak`` under the project root, made closed to others on first use.

    Made by root it can be passed through, but not listed: the unprivileged server has its own 0700 directories in it.
    """
    directory = root / STATE_DIRECTORY
    if not directory.exists():
        _make_at_once(directory, user=current_user(), mode=0o711 if os.geteuid() == 0 else 0o700)
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise EmbeddedPostgresError(f"{directory} belongs to another user. Run as that user, or remove the directory.")
    return directory


def places_for(root: Path) -> Places:
    """Return the places of the development server of the project at ``root``.

    They are under the project, except when the server's user cannot pass through the directories above it (a project
    under /root, say), or when the socket's path would be too long: then a private directory stands in, named by a hash
    of the root.
    """
    root = root.resolve()
    home = state_directory(root)
    user = server_user(home / "postgres")
    name = sha256(os.fsencode(root)).hexdigest()[:12]
    if not user.can_reach(home / "postgres"):
        home = private_directory(LASTING_PLACE / f"stratibreak-{name}", user=current_user(), mode=0o711)
        user = server_user(home / "postgres")
    sockets = home / "socket"
    # Clients take a comma in a host for the end of its name.
    if len(os.fsencode(sockets / SOCKET_NAME)) > SOCKET_PATH_LIMIT or "," in str(sockets):
        sockets = SHORT_PLACE / f"stratibreak-{name}-{user.uid}"
    return Places(home, private_directory(sockets, user=user), user)


def private_directory(path: Path, *, user: ProcessUser, mode: int = 0o700) -> Path:
    """Return ``path``, made for ``user`` if missing; others may not write to it, nor read it.

    Raises EmbeddedPostgresError when something else is there: in a shared directory anybody may have put it there.
    """
    if not os.path.lexists(path):
        _make_at_once(path, user=user, mode=mode)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user.uid or found.st_mode & 0o077 & ~mode:
        raise EmbeddedPostgresError(f"{path} is not a private directory of user id {user.uid}; remove it.")
    return path


def _make_at_once(path: Path, *, user: ProcessUser, mode: int) -> None:
    """Make a directory that appears with its owner and mode: another starter must never see it half made."""
    unfinished = Path(tempfile.mkdtemp(prefix=f"{path.name}-", dir=path.parent))
    user.own(unfinished)
    unfinished.chmod(mode)
    try:
        unfinished.rename(path)
    except OSError:  # another starter was first and uses it already; or a stranger is there, which the caller finds
        unfinished.rmdir()

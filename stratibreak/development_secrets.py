"""Secrets of a working copy, made on first use; an installation brings its own in the environment."""

from __future__ import annotations

import fcntl
import os
import secrets
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from .embedded_postgres.places import state_directory

FILE_NAME = "secrets.env"
KEY_BYTES = 32


def development_secrets(root: Path) -> dict[str, str]:
    """Return the secrets of the working copy at ``root``, written on first use to ``.stratibreak/secrets.env`` (0600).

    Deleting the file makes what was encrypted with it unreadable: remove the data too
    (`python -m stratibreak.embedded_postgres remove`).
    """
    path = state_directory(root) / FILE_NAME
    if not path.exists():
        _write_once(path, new_secrets())
    found = _read(path)
    missing = {name: value for name, value in new_secrets().items() if name not in found}
    return _add(path, missing) if missing else found


def new_secrets() -> dict[str, str]:
    """Return fresh random secrets, in the form the settings read them."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_KEYRING": f"1:{_random_key()}",
        "CONTEXT_SIGNING_KEY": _random_key(),
        "API_KEY_PEPPER": f"1:{_random_key()}",
        "AUDIT_SEAL_KEYS": f"1:{_random_key()}",
    }


def _random_key() -> str:
    return b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _write_once(path: Path, values: Mapping[str, str]) -> None:
    """Write a whole file under its name, unless another process was first: then theirs is the one that counts."""
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())
    with suppress(FileExistsError):
        os.link(unfinished, path)
    unfinished.unlink()


def _add(path: Path, missing: Mapping[str, str]) -> dict[str, str]:
    """Append secrets that came after the file was made; of two processes the second finds those of the first."""
    with path.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        here = _read(path)
        file.seek(0, os.SEEK_END)
        file.writelines(f"{name}={value}\n" for name, value in missing.items() if name not in here)
    return _read(path)


def _read(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))

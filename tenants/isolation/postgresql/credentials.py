"""Which of the configured credentials new connections use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

LOGIN = "LOGIN"
OWNER = "OWNER"
SUPERUSER = "SUPERUSER"

_chosen: ContextVar[str] = ContextVar("stratibreak_credentials", default=LOGIN)


def chosen_credentials() -> str:
    """Return which credentials connections opened now use: ``LOGIN``, ``OWNER`` or ``SUPERUSER``."""
    return _chosen.get()


@contextmanager
def connect_as(kind: str) -> Iterator[None]:
    """Let connections opened inside use the credentials ``kind`` instead of the login's."""
    token = _chosen.set(kind)
    try:
        yield
    finally:
        _chosen.reset(token)

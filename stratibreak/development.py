"""What a working copy needs and an installation brings in its environment: addresses and secrets."""

from __future__ import annotations

from pathlib import Path

from .development_secrets import development_secrets
from .embedded_postgres.database_urls import socket_urls
from .embedded_postgres.places import places_for
from .embedded_postgres.server import SUPERUSER


def development_environment(root: Path) -> dict[str, str]:
    """Return the variables of the working copy at ``root``: starts nothing, makes its secrets on first use."""
    addresses = socket_urls(places_for(root).sockets, superuser=SUPERUSER).environment()
    return {**addresses, **development_secrets(root)}

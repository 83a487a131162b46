"""What a working copy needs and an installation brings in its environment: addresses and secrets."""

from __future__ import annotations

from pathlib import Path

from .development_secrets import development_secrets
from .embedded_postgres import development_urls


def development_environment(root: Path) -> dict[str, str]:
    """Return the variables of the working copy at ``root``: starts nothing, makes its secrets on first use."""
    return {**development_urls(root).environment(), **development_secrets(root)}

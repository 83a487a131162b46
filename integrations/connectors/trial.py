"""How a connector is tried against a server that plays all tools, each below a path of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One connection to try.

    name: what the report calls it;  path: below the server's address
    settings, credentials: what that server accepts; no real account has them
    """

    name: str
    path: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict)

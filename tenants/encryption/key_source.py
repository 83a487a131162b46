"""Where fields get data keys from.

Fields lie below models and cannot import the rows that hold the keys; `tenants.apps` names the source at start.
"""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from tenants.encryption.envelope import DataKey
from tenants.encryption.errors import DataKeyUnavailable


class KeySource(Protocol):
    """Gives the data keys of the tenant in force. Both methods raise DataKeyUnavailable or KeyRingMisconfigured."""

    def sealing_key(self, tenant_id: UUID) -> DataKey:
        """The tenant's newest key, which stays usable until the current transaction ends."""

    def opening_key(self, tenant_id: UUID, version: int) -> DataKey:
        """The tenant's key of that version."""


_sources: list[KeySource] = []


def use_key_source(source: KeySource) -> None:
    """Name the source for the whole process; the last one named counts."""
    _sources[:] = [source]


def key_source() -> KeySource:
    """Raises DataKeyUnavailable when none was named."""
    if not _sources:
        raise DataKeyUnavailable("No source of data keys: is “tenants” in INSTALLED_APPS?")
    return _sources[0]

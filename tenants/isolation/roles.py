"""Names of the database roles of one installation, and whether they are used at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from .context import Purpose


@dataclass(frozen=True, slots=True)
class DatabaseRoles:
    """The roles of one installation; they belong to the cluster, so they carry a prefix."""

    prefix: str

    @property
    def app(self) -> str:
        return f"{self.prefix}_app"

    @property
    def auth(self) -> str:
        return f"{self.prefix}_auth"

    @property
    def platform(self) -> str:
        return f"{self.prefix}_platform"

    @property
    def search(self) -> str:
        return f"{self.prefix}_search"

    def of(self, purpose: Purpose) -> str:
        """Return the role that transactions of this purpose take."""
        return {Purpose.APP: self.app, Purpose.AUTH: self.auth, Purpose.PLATFORM: self.platform}[purpose]

    def group_roles(self) -> tuple[str, ...]:
        return (self.app, self.auth, self.platform, self.search)


def database_roles() -> DatabaseRoles | None:
    """Return the roles, or None with a single database user (see tenants/isolation/README.md)."""
    if settings.DATABASES["default"].get("OWNER") is None:
        return None
    prefix: str = settings.DATABASE_ROLE_PREFIX
    if not prefix.replace("_", "").isalnum() or not prefix.islower():
        raise ImproperlyConfigured("DATABASE_ROLE_PREFIX must be lower-case letters, digits and underscores.")
    return DatabaseRoles(prefix)


def credentials(kind: str) -> dict[str, Any] | None:
    """Return connection parameters of ``OWNER``, ``BACKUP``, ``QUEUE`` or ``SUPERUSER`` as configured, or None."""
    found: dict[str, Any] | None = settings.DATABASES["default"].get(kind)
    return found

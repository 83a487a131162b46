"""The deliberate, logged way to read over all tenants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from django.conf import settings

from .context import AccessContext, Purpose
from .postgresql.base import PLATFORM_ALIAS
from .transaction import open_context

_recorders: list[Callable[[AccessContext], None]] = []


class PlatformAccessUnavailable(RuntimeError):
    """Reading across tenants needs a login of its own, and none is configured."""

    def __init__(self) -> None:
        super().__init__("Set DATABASE_PLATFORM_URL to read across tenants, or enter one tenant with tenant_context().")


def record_platform_access_with(recorder: Callable[[AccessContext], None]) -> None:
    """Register what writes the audit entry of a cross-tenant read; it must commit before it returns."""
    if recorder not in _recorders:
        _recorders.append(recorder)


def platform_access_available() -> bool:
    return PLATFORM_ALIAS in settings.DATABASES


@contextmanager
def across_all_tenants(*, reason: str, actor_id: UUID | None = None) -> Iterator[AccessContext]:
    """Read every tenant's rows, with the platform's login; nothing can be written.

    reason: why, kept in the audit log, which is written and committed before any row is fetched
    Raises PlatformAccessUnavailable without a platform login, ValueError without a reason.
    """
    if not platform_access_available():
        raise PlatformAccessUnavailable
    context = AccessContext(Purpose.PLATFORM, actor_id=actor_id, reason=reason)
    for record in _recorders:
        record(context)
    with open_context(context, using=PLATFORM_ALIAS):
        yield context

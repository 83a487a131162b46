"""Tests of the record work inside one tenant."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike


@pytest.fixture
def in_tenant(ours: LookAlike) -> Iterator[LookAlike]:
    """Our tenant, entered: rows that a test makes belong to it."""
    with tenant_context(ours.tenant.pk):
        yield ours

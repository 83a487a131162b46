"""Encryption tests work inside one of the two look-alike tenants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tenants.isolation.transaction import tenant_context
from tenants.models import Tenant
from tests.factories.look_alike import LookAlike


@pytest.fixture
def tenant(ours: LookAlike) -> Iterator[Tenant]:
    """The tenant, with its context in force."""
    with tenant_context(ours.tenant.pk):
        yield ours.tenant


@pytest.fixture
def other_tenant(theirs: LookAlike) -> Tenant:
    """A tenant whose context is not in force."""
    return theirs.tenant

"""The tenant that tests of rows start from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from projects.models import Project
from tenants.isolation.transaction import tenant_context
from tenants.models import Tenant
from tests.factories.look_alike import LookAlike


@pytest.fixture
def tenant(ours: LookAlike) -> Iterator[Tenant]:
    """Our tenant, chosen, and without projects for the time of the test; its look-alike is still full."""
    with tenant_context(ours.tenant.pk):
        # Straight in the database: 37 audited deletions, each with a count of what goes, would take seconds.
        Project.objects.all()._raw_delete("default")
        yield ours.tenant

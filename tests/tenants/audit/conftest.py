"""Two organisations of its own for each test, because audit entries of earlier tests are never removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from tenants.isolation.identifiers import uuid7
from tenants.isolation.owner import owner_access
from tenants.isolation.transaction import tenant_context
from tenants.models import Tenant
from tenants.request_info import use_request_info
from tests.tenants.audit.desk import ORIGIN, Desk


@pytest.fixture
def tenant_ids(django_db_setup: None, django_db_blocker: Any) -> tuple[UUID, UUID]:
    """Return two committed organisations: the app's role cannot make one, and another login must see them."""
    with django_db_blocker.unblock(), owner_access(), transaction.atomic():
        first = Tenant.objects.create(name=f"Demo Organisation A {uuid7()}")
        second = Tenant.objects.create(name=f"Demo Organisation B {uuid7()}")
        return first.pk, second.pk


@pytest.fixture
def here(tenant_ids: tuple[UUID, UUID]) -> Desk:
    return Desk(tenant_ids[0], uuid7())


@pytest.fixture
def there(tenant_ids: tuple[UUID, UUID]) -> Desk:
    return Desk(tenant_ids[1], uuid7())


@pytest.fixture
def at_work(here: Desk, db: None) -> Iterator[Desk]:
    """Act in the first organisation, from a known address."""
    with use_request_info(ORIGIN), tenant_context(here.tenant_id, actor_id=here.actor_id, reason="a test"):
        yield here

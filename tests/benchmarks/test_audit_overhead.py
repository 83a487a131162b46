"""What the audit trail adds to a write, within one run."""

from __future__ import annotations

from uuid import UUID

import pytest
from auditlog.context import disable_auditlog
from django.db import transaction

from tenants.audit.entries import Draft, write_entry
from tenants.audit.enums import AuditAction
from tenants.isolation.identifiers import uuid7
from tenants.isolation.owner import owner_access
from tenants.isolation.transaction import tenant_context
from tenants.models import Tenant
from tests.benchmarks.turns import Comparison, Work, compare, first_that_holds
from tests.factories.projects import GoalFactory

pytestmark = [pytest.mark.benchmark, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def tenant_id() -> UUID:
    with owner_access(), transaction.atomic():
        return UUID(str(Tenant.objects.create(name=f"Demo Organisation {uuid7()}").pk))


def quietest_ratio(ours: Work, theirs: Work, most: float) -> Comparison:
    """A comparison that holds by the quietest blocks, or the third that does not."""
    return first_that_holds(lambda: compare(ours, theirs), lambda found: found.least_clock_ratio <= most)


def test_an_audited_save_costs_at_most_five_plain_ones(tenant_id: UUID) -> None:
    """A save becomes three statements: the row before, the entry, the row. Measured 2.5 to 3.0."""
    with tenant_context(tenant_id):
        goal = GoalFactory.create()

        def save() -> None:
            goal.title = str(uuid7())
            goal.save()

        found = quietest_ratio(Work(save), Work(save, around=disable_auditlog), 5)
    assert found.least_clock_ratio <= 5, found.as_json()


def test_an_entry_costs_at_most_two_plain_inserts(tenant_id: UUID) -> None:
    """One INSERT with four indexes and a hash, against the ORM's INSERT of a goal. Measured 0.3 to 0.6."""
    with tenant_context(tenant_id):
        project = GoalFactory.create().project
        draft = Draft(AuditAction.MODIFY_PROJECT, tenant_id, changes={"title": ["Old", "New"]})
        goal = Work(lambda: GoalFactory.create(project=project), around=disable_auditlog)
        found = quietest_ratio(Work(lambda: write_entry(draft)), goal, 2)
    assert found.least_clock_ratio <= 2, found.as_json()

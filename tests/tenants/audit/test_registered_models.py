"""What people own leaves one entry per create, update and delete; facts from tools leave none."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from auditlog.registry import auditlog
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.test.utils import CaptureQueriesContext

from projects.models import Project
from tenants.audit.containment import contained_models, count_contained
from tenants.audit.enums import AuditAction, AuditMode
from tenants.audit.registration import audit_mode_of, audited_fields, audited_models
from tenants.audit.resources import NAMED_ACTIONS
from tenants.encryption.fields import EncryptedField
from tenants.encryption.secret import Secret
from tenants.enums import Role
from tenants.isolation.models import TenantModel
from tenants.isolation.registry import isolated_models
from tenants.models import AuditEntry, User
from tests.factories import FACTORIES
from tests.factories.gaps import CorrectiveActionFactory, GapFactory
from tests.factories.integrations import IntegrationFactory
from tests.factories.projects import GoalFactory, ProjectFactory, WorkItemFactory
from tests.factories.tenants import UserFactory
from tests.tenants.audit.desk import ORIGIN, Desk

SECRET = "s3cr3t-Value-0815"
PEOPLE_OWNED = [model for model in audited_models() if issubclass(model, TenantModel)]


def entries_about(row: models.Model) -> list[AuditEntry]:
    return list(AuditEntry.objects.get_for_object(row).order_by("timestamp", "id"))


def save_a_change(row: models.Model) -> str:
    """Save the row with one field changed, the first whose constraints allow it, and return the field's name."""
    for field in row._meta.concrete_fields:
        if field.name not in audited_fields(type(row)) or field.is_relation:
            continue
        before = getattr(row, field.name)
        if (after := another_value(field, before)) is None:
            continue
        setattr(row, field.name, after)
        try:
            with transaction.atomic():
                row.save()
        except IntegrityError:
            setattr(row, field.name, before)
        else:
            return str(field.name)
    raise AssertionError(f"{row._meta.label}: no field that a test could change")


def another_value(field: Any, value: Any) -> Any:
    if field.choices:
        return next(choice for choice, _ in field.choices if choice != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return f"{value} again"[-40:]
    if isinstance(value, int | float | Decimal):
        return value / 2
    if isinstance(value, datetime | date):
        return value + timedelta(days=1)
    return None


def assert_by_us(entry: AuditEntry, desk: Desk) -> None:
    assert (entry.tenant_id, entry.actor_id) == (desk.tenant_id, desk.actor_id)
    assert (entry.ip_address, entry.user_agent, entry.request_id) == (ORIGIN.ip, ORIGIN.user_agent, ORIGIN.request_id)


@pytest.mark.parametrize("model", PEOPLE_OWNED, ids=lambda model: model._meta.label_lower)
def test_create_update_and_delete_leave_one_entry_each(at_work: Desk, model: type[TenantModel]) -> None:
    """Of what the database lets be done at all: some rows are written once, some never deleted one by one."""
    row = FACTORIES[model].create()
    row_id, expected = str(row.pk), ["create"]
    changed = None
    if "UPDATE" in model.app_privileges:
        changed = save_a_change(row)
        expected.append("update")
    if "DELETE" in model.app_privileges:
        with transaction.atomic():
            row.delete()
        expected.append("delete")

    entries = AuditEntry.objects.filter(resource_type=model._meta.label_lower, resource_id=row_id)
    kept = list(entries.order_by("timestamp", "id"))
    assert [entry.operation for entry in kept] == expected
    assert changed is None or changed in kept[1].changes
    for entry in kept:
        assert_by_us(entry, at_work)


@pytest.mark.parametrize(
    "model",
    [m for m in FACTORIES if audit_mode_of(m) is not AuditMode.ENTRIES],
    ids=lambda model: model._meta.label_lower,
)
def test_facts_and_results_leave_no_entry_of_their_own(at_work: Desk, model: type[TenantModel]) -> None:
    row = FACTORIES[model].create()

    assert entries_about(row) == []


def test_saving_without_a_change_leaves_no_entry(at_work: Desk) -> None:
    goal = GoalFactory.create()

    goal.save()
    goal.refresh_from_db()
    goal.save()

    assert [entry.operation for entry in entries_about(goal)] == ["create"]


def test_update_keeps_before_and_after(at_work: Desk) -> None:
    goal = GoalFactory.create(title="Ship it")

    goal.title = "Ship it twice"
    goal.save()

    assert entries_about(goal)[-1].changes == {"title": ["Ship it", "Ship it twice"]}


def test_project_changes_carry_the_name_of_the_trail(at_work: Desk) -> None:
    goal = GoalFactory.create()
    action = CorrectiveActionFactory.create()
    integration = IntegrationFactory.create()

    assert [entry.action for entry in entries_about(goal)] == [AuditAction.MODIFY_PROJECT]
    assert [entry.action for entry in entries_about(action)] == [AuditAction.CREATE]
    assert [entry.action for entry in entries_about(integration)] == [AuditAction.CONFIGURE_INTEGRATION]


def test_users_are_created_changed_and_deleted_by_name(at_work: Desk) -> None:
    user = UserFactory.create(username=f"p{at_work.actor_id}")
    user.role = Role.ANALYST
    user.save()
    user.is_active = False  # people are deactivated, never deleted
    user.save()
    user.is_active = True
    user.save()

    kept = entries_about(user)
    assert [entry.action for entry in kept] == ["CREATE_USER", "UPDATE_USER", "DELETE_USER", "UPDATE_USER"]
    assert kept[1].changes == {"role": ["PROJECT_MANAGER", "ANALYST"]}
    assert kept[2].changes == {"is_active": [True, False]}
    for entry in kept:
        assert_by_us(entry, at_work)


def test_a_password_is_withheld_and_its_change_is_kept(at_work: Desk) -> None:
    user = UserFactory.create(password=SECRET, username=f"p{at_work.actor_id}")

    user.set_password(f"{SECRET}-2")
    user.save()

    assert entries_about(user)[-1].changes == {"password": "withheld"}
    assert_nowhere(at_work, SECRET, user.password, user.password.split("$")[-1][:16])


def test_credentials_are_withheld_and_their_change_is_kept(at_work: Desk) -> None:
    integration = IntegrationFactory.create(credentials=Secret.of_json({"api_token": SECRET}))

    integration.credentials = Secret.of_json({"api_token": f"{SECRET}-2"})
    integration.save()

    assert entries_about(integration)[-1].changes["credentials"] == "withheld"
    assert_nowhere(at_work, SECRET)


def assert_nowhere(desk: Desk, *secrets: str) -> None:
    """Search every column of every entry of this desk."""
    entries = desk.entries()
    assert entries
    for entry in entries:
        text = json.dumps([str(getattr(entry, field.name)) for field in AuditEntry._meta.fields])
        assert not [secret for secret in secrets if secret in text]


def test_every_encrypted_or_binary_field_is_withheld() -> None:
    secret = [
        (model, field.name)
        for model in audited_models()
        for field in model._meta.concrete_fields
        if isinstance(field, EncryptedField | models.BinaryField) and field.name in audited_fields(model)
    ]

    assert secret
    assert [pair for pair in secret if pair[1] not in auditlog.get_model_fields(pair[0])["mask_fields"]] == []


def test_rolled_back_change_leaves_no_entry(at_work: Desk) -> None:
    goal = GoalFactory.create()

    with transaction.atomic():
        goal.title = "Never kept"
        goal.save()
        transaction.set_rollback(True)

    assert [entry.operation for entry in entries_about(goal)] == ["create"]


@pytest.fixture
def project_with_contents(at_work: Desk) -> Project:
    project: Project = ProjectFactory.create()
    for _ in range(3):
        WorkItemFactory.create(project=project)
    gap = GapFactory.create(project=project)
    CorrectiveActionFactory.create_batch(2, gap=gap)
    return project


def test_deletion_says_how_much_went_along(project_with_contents: Project) -> None:
    project = project_with_contents
    label, project_id = project._meta.label_lower, str(project.pk)

    project.delete()

    entry = AuditEntry.objects.get(resource_type=label, resource_id=project_id, operation="delete")
    assert entry.changes["contained"] == {
        "projects.workitem": 3,
        "gaps.gap": 1,
        "gaps.correctiveaction": 2,
    }
    assert not AuditEntry.objects.filter(resource_type="gaps.gap", operation="delete", actor_id=entry.actor_id).exists()


def test_counting_what_goes_along_takes_one_query(project_with_contents: Project) -> None:
    with CaptureQueriesContext(connection) as captured:
        count_contained(project_with_contents)

    assert len(captured) == 1


def test_everything_below_a_project_is_counted() -> None:
    counted = {model for model, _ in contained_models(Project)}

    assert {m for m in FACTORIES if m.project_path not in (None, "pk")} <= counted


def test_audited_update_costs_two_statements_more(at_work: Desk) -> None:
    goal = GoalFactory.create()

    with CaptureQueriesContext(connection) as captured:
        goal.title = "Another"
        goal.save()

    assert [query["sql"].split()[0] for query in captured] == ["SELECT", "INSERT", "UPDATE"]


def test_every_model_with_rows_of_its_own_has_a_mode_and_every_named_model_exists() -> None:
    assert {m._meta.label_lower for m in isolated_models()} >= set(NAMED_ACTIONS)
    assert all(auditlog.contains(model) for model in audited_models())
    assert audit_mode_of(AuditEntry) is AuditMode.NONE
    assert audit_mode_of(User) is AuditMode.ENTRIES
    assert audit_mode_of(apps.get_model("projects", "WorkItem")) is AuditMode.BULK
    assert audit_mode_of(apps.get_model("projects", "FieldChange")) is AuditMode.BULK

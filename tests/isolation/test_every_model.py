"""Every tenant model through every door of the ORM and through raw SQL, with a look-alike row in the other tenant.

Driven by the model registry: a new model is in at once, and one without a factory fails.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from copy import copy
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import Error, connection, models, transaction
from django.db.models import Count, Exists, OuterRef, Q, Subquery

from tenants.isolation.constraints import TenantKey, TenantReference
from tenants.isolation.models import TenantModel, tenant_references
from tenants.isolation.platform_access import across_all_tenants
from tenants.isolation.registry import access_of
from tenants.isolation.transaction import tenant_context
from tests.factories import FACTORIES
from tests.factories.look_alike import LookAlike
from tests.owner_rows import owner_connection

pytestmark = pytest.mark.django_db

MODELS = sorted((m for m in apps.get_models() if issubclass(m, TenantModel)), key=lambda m: m._meta.label)
each_model = pytest.mark.parametrize("model", MODELS, ids=[m._meta.label for m in MODELS])
Reads = dict[str, Callable[[Any, UUID], Any]]

READS: Reads = {
    "all": lambda m, pk: m.objects.all(),
    "filter": lambda m, pk: m.objects.filter(pk=pk),
    "base manager": lambda m, pk: m._base_manager.filter(pk=pk),
    "exclude": lambda m, pk: m.objects.exclude(pk__in=m.objects.filter(pk__isnull=True)),
    "or": lambda m, pk: m.objects.filter(Q(pk=pk) | Q(pk__isnull=False)),
    "in a subquery": lambda m, pk: m.objects.filter(pk__in=m.objects.filter(pk=pk).values("pk")),
    "exists": lambda m, pk: m.objects.filter(Exists(m.objects.filter(pk=OuterRef("pk")))),
    "union": lambda m, pk: m.objects.filter(pk=pk).union(m.objects.filter(pk__isnull=False)),
    "difference": lambda m, pk: m.objects.order_by().difference(m.objects.order_by().filter(pk__isnull=True)),
    "distinct": lambda m, pk: m.objects.order_by("pk").distinct("pk"),
    "values": lambda m, pk: m.objects.values("pk", "tenant_id"),
    "raw": lambda m, pk: m.objects.raw(f'SELECT * FROM "{m._meta.db_table}"'),
    "iterator": lambda m, pk: m.objects.all().iterator(chunk_size=10),
    "in bulk": lambda m, pk: m.objects.in_bulk().values(),
    "locked": lambda m, pk: m.objects.select_for_update(),
}


def _target(field: Any) -> Any:
    return field.remote_field.model


def _tenants_of(rows: Any) -> set[UUID]:
    return {row["tenant_id"] if isinstance(row, dict) else row.tenant_id for row in rows}


def test_every_model_has_a_factory() -> None:
    assert [m._meta.label for m in MODELS if m not in FACTORIES] == []


@each_model
def test_every_read_stays_inside(model: type[TenantModel], ours: LookAlike, theirs: LookAlike) -> None:
    foreign = theirs.rows[model].pk
    may_lock = "UPDATE" in model.app_privileges
    with tenant_context(ours.tenant.pk):
        for name, read in READS.items():
            if name == "locked" and not may_lock:
                continue
            assert _tenants_of(read(model, foreign)) <= {ours.tenant.pk}, name
        assert _tenants_of(model.objects.all()) == {ours.tenant.pk}


@each_model
def test_every_aggregate_counts_ours_only(model: type[TenantModel], ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        own = len(model.objects.all())
        newest = Subquery(model.objects.order_by("-pk").values("tenant_id")[:1])

        assert model.objects.count() == own
        assert model.objects.aggregate(n=Count("pk"), tenants=Count("tenant_id", distinct=True)) == {
            "n": own,
            "tenants": 1,
        }
        assert model.objects.filter(pk=theirs.rows[model].pk).exists() is False
        assert set(model.objects.annotate(t=newest).values_list("t", flat=True)) == {ours.tenant.pk}
        grouped = model.objects.order_by().values("tenant_id").annotate(n=Count("pk"))
        assert [(row["tenant_id"], row["n"]) for row in grouped] == [(ours.tenant.pk, own)]


@each_model
def test_joins_in_both_directions_stay_inside(model: type[TenantModel], ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        for field in tenant_references(model):
            target = theirs.rows.get(_target(field))
            if target is None:
                continue
            assert not model.objects.filter(**{f"{field.name}__pk": target.pk}).exists()
            assert not model.objects.filter(**{f"{field.name}__tenant_id": theirs.tenant.pk}).exists()
            assert _tenants_of(model.objects.select_related(field.name)) == {ours.tenant.pk}


@each_model
def test_writes_leave_the_look_alike_as_it_was(model: type[TenantModel], ours: LookAlike, theirs: LookAlike) -> None:
    foreign = copy(theirs.rows[model])  # deleting an instance takes its key, and the rows are shared by all tests
    key = foreign.pk
    with tenant_context(theirs.tenant.pk):
        before = model.objects.filter(pk=key).values().get()

    with tenant_context(ours.tenant.pk):
        attempts: list[Callable[[], Any]] = [
            lambda: model.objects.filter(pk=key).update(id=key),
            lambda: model._base_manager.filter(pk=key).delete(),
            lambda: model.objects.filter(pk=key)._raw_delete("default"),
            lambda: model.objects.bulk_update([foreign], _some_field(model)),
            lambda: models.Model.save(foreign),
            lambda: models.Model.delete(foreign),
        ]
        for attempt in attempts:
            _refused_or_without_effect(attempt)

    with tenant_context(theirs.tenant.pk):
        assert model.objects.filter(pk=key).values().get() == before


def _some_field(model: type[models.Model]) -> list[str]:
    return [
        field.name
        for field in model._meta.concrete_fields
        if not (field.primary_key or field.name == "tenant" or field.generated)
    ][:1]


def _refused_or_without_effect(attempt: Callable[[], Any]) -> None:
    with suppress(Error, RuntimeError), transaction.atomic():
        attempt()


@each_model
def test_raw_sql_of_the_app_role_sees_and_changes_our_rows_only(
    model: type[TenantModel], ours: LookAlike, theirs: LookAlike
) -> None:
    table = model._meta.db_table
    with tenant_context(ours.tenant.pk), connection.cursor() as cursor:
        cursor.execute(f'SELECT DISTINCT tenant_id FROM "{table}"')
        assert cursor.fetchall() == [(ours.tenant.pk,)]
        for statement, privilege in (
            (f'UPDATE "{table}" SET id = id WHERE id = %s', "UPDATE"),
            (f'DELETE FROM "{table}" WHERE id = %s', "DELETE"),
        ):
            if privilege in model.app_privileges:
                cursor.execute(statement, [theirs.rows[model].pk])
                assert cursor.rowcount == 0
            else:
                with pytest.raises(Error, match="permission denied"), transaction.atomic():
                    cursor.execute(statement, [theirs.rows[model].pk])
        if "UPDATE" in model.app_privileges:
            with pytest.raises(Error, match=r"row-level security|violates"), transaction.atomic():
                cursor.execute(f'UPDATE "{table}" SET tenant_id = %s', [theirs.tenant.pk])


@each_model
def test_the_database_refuses_a_reference_into_another_tenant(
    model: type[TenantModel], ours: LookAlike, theirs: LookAlike
) -> None:
    """As the owner, whose policy lets everything through: the key alone holds."""
    own = ours.rows[model].pk
    with owner_connection() as owner:
        for field in tenant_references(model):
            target = theirs.rows.get(_target(field))
            foreign = target.pk if target else next(iter(theirs.users.values())).pk
            with pytest.raises(Exception, match="foreign key"):
                owner.execute(
                    f'UPDATE "{model._meta.db_table}" SET "{field.column}" = %s WHERE id = %s'.encode(),
                    [foreign, own],
                )


@each_model
def test_every_model_declares_its_layers(model: type[TenantModel]) -> None:
    constraints = model._meta.constraints

    assert access_of(model) is not None
    assert [c for c in constraints if isinstance(c, TenantKey)]
    assert [c for c in constraints if isinstance(c, TenantReference)]
    assert (model.__doc__ or "").strip()


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_an_operator_reads_every_model_across_tenants_and_writes_none(ours: LookAlike, theirs: LookAlike) -> None:
    with across_all_tenants(reason="a test reads all"):
        for model in MODELS:
            if "SELECT" not in model.platform_privileges:
                continue
            assert {ours.tenant.pk, theirs.tenant.pk} <= _tenants_of(model.objects.all()), model
            with pytest.raises(Exception, match=r"permission denied|transaction"), transaction.atomic(using="platform"):
                model.objects.using("platform").filter(pk__isnull=False)._raw_delete("platform")

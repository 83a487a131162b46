"""``TenantModel``: what every row of a tenant has, and what its table is given without asking."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models.base import ModelBase

from . import lookups
from .constraints import TenantKey, TenantReference, enum_constraint, short_name
from .context import current_tenant_id
from .identifiers import uuid7
from .managers import TenantManager
from .references import DATABASE_CASCADE, TenantForeignKey
from .registry import FULL, NOTHING, READ
from .search.index import SearchIndex, search_index_name

__all__ = [
    "DATABASE_CASCADE",
    "IsolatedModel",
    "TenantForeignKey",
    "TenantModel",
    "TimestampedTenantModel",
    "enum_constraint",
    "lookups",
    "uuid7",
]


class IsolatedModel(models.Model):
    """A model that declares who may reach its table; the kernel makes it so.

    tenant_column: compared with the chosen tenant (None: only the auth purpose reads it)
    app_privileges, auth_privileges, platform_privileges: SQL privileges of each role
    search_columns: fields whose words people search for, () where they cannot (see ``search/``)
    """

    tenant_column: ClassVar[str | None] = "tenant_id"
    app_privileges: ClassVar[frozenset[str]] = FULL
    auth_privileges: ClassVar[frozenset[str]] = NOTHING
    platform_privileges: ClassVar[frozenset[str]] = READ
    search_columns: ClassVar[tuple[str, ...]] = ()

    class Meta:
        abstract = True


class TenantModelBase(ModelBase):
    """Adds key, references, policy and indexes to every concrete tenant model.

    They are added after the class is made, so a subclass's own ``Meta.constraints`` cannot drop them.
    """

    def __new__(mcs, name: str, bases: tuple[type, ...], attrs: dict[str, Any], **kwargs: Any) -> Any:
        model: Any = super().__new__(mcs, name, bases, attrs, **kwargs)
        if not model._meta.abstract and not model._meta.proxy:
            _check_uniques_lead_with_tenant(model)
            _add_constraints(model)
            _add_indexes(model)
            model._meta.base_manager_name = model._meta.base_manager_name or "objects"
            model._meta.original_attrs.setdefault("base_manager_name", "objects")
        return model


def fixed_fields(model: Any) -> tuple[str, ...]:
    """Return the fields of a model that are written at creation only: a row stays in what it was made in."""
    containers = (field.name for field in tenant_references(model) if field.containing and not field.null)
    return tuple(dict.fromkeys([*containers, *model.fixed_after_creation]))


def tenant_references(model: Any) -> list[TenantForeignKey]:
    """Return the model's references to other rows of the tenant, in the order of its fields."""
    return [field for field in model._meta.local_fields if isinstance(field, TenantForeignKey)]


def _add_constraints(model: Any) -> None:
    table = model._meta.db_table
    references = tenant_references(model)
    added: list[Any] = [TenantKey(name=short_name(table, "tenant_key"))]
    if not any(field.containing and not field.null for field in references):
        added.append(TenantReference(name=short_name(table, "tenant_ref"), field="tenant", cascade=True))
    added += [
        TenantReference(name=short_name(table, field.name, "ref"), field=field.name, cascade=field.containing)
        for field in references
    ]
    model._meta.constraints = [*added, *model._meta.constraints]
    model._meta.original_attrs["constraints"] = model._meta.constraints


def _add_indexes(model: Any) -> None:
    """Give each reference an index (tenant, x), unless one of the model begins with it; and the search its own."""
    leading = {tuple(index.fields[:2]) for index in model._meta.indexes if index.condition is None}
    leading |= {
        tuple(c.fields[:2])
        for c in model._meta.constraints
        if isinstance(c, models.UniqueConstraint) and c.condition is None
    }
    for field in tenant_references(model):
        if ("tenant", field.name) not in leading:
            index = models.Index(fields=["tenant", field.name])
            index.set_name_with_model(model)
            model._meta.indexes.append(index)
    if model.search_columns:
        index = SearchIndex(fields=["tenant", *model.search_columns], name=search_index_name(model))
        model._meta.indexes.append(index)
    model._meta.original_attrs["indexes"] = model._meta.indexes


def _check_uniques_lead_with_tenant(model: Any) -> None:
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint) and constraint.fields[:1] != ("tenant",):
            raise TypeError(f"{model.__name__}: the unique constraint {constraint.name} must begin with tenant.")
    for index in model._meta.indexes:
        if index.fields and index.fields[0] not in ("tenant", "-tenant"):
            raise TypeError(f"{model.__name__}: the index {index.name or index.fields} must begin with tenant.")
    for field in model._meta.local_fields:
        if field.unique and not field.primary_key:
            raise TypeError(f"{model.__name__}.{field.name}: unique across tenants; use a UniqueConstraint.")


class TenantModel(IsolatedModel, metaclass=TenantModelBase):
    """A row that belongs to one tenant and can be reached from no other.

    project_path: ORM path from here to the project ("pk" on Project itself, None: tenant-wide), for the role scopes
    fixed_after_creation: fields nobody changes later, beside the rows that contain this one
    kept_by_system: fields no person writes through any door;  shown_to_nobody: fields no door shows
    """

    project_path: ClassVar[str | None] = None
    fixed_after_creation: ClassVar[tuple[str, ...]] = ()
    kept_by_system: ClassVar[tuple[str, ...]] = ()
    shown_to_nobody: ClassVar[tuple[str, ...]] = ()

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        "tenants.Tenant",
        on_delete=models.DO_NOTHING,
        db_constraint=False,  # TenantReference, or the containing parent, holds it
        db_index=False,  # every key and index of the table begins with it
        editable=False,
        default=current_tenant_id,
        related_name="+",
    )

    objects: ClassVar[TenantManager[Any]] = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        default_manager_name = "objects"

    def validate_constraints(self, exclude: Any = None) -> None:
        """Check unique constraints also of what forms leave out: the tenant, which is set, and generated columns."""
        always = {"tenant", *(field.name for field in self._meta.local_fields if field.generated)}
        super().validate_constraints(exclude=set(exclude or ()) - always)


class TimestampedTenantModel(TenantModel):
    """A tenant's row that people change: when it was made and when it last changed."""

    created_at = models.DateTimeField(auto_now_add=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta(TenantModel.Meta):
        abstract = True

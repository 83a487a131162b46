"""Foreign keys that cannot leave the tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.db import models
from django.db.models.expressions import Col
from django.db.models.lookups import Exact

if TYPE_CHECKING:
    from django.db.models.deletion import Collector

_UUID = models.UUIDField()


def DATABASE_CASCADE(collector: Collector, field: Any, sub_objs: Any, using: str) -> None:
    """Leave the deletion of dependants to the database, which does it in one statement.

    A collector that draws a picture for people (the admin's confirmation page) still gets the dependants listed.
    """
    if hasattr(collector, "add_edge"):
        collector.collect(sub_objs, source=field.remote_field.model, source_attr=field.name, nullable=field.null)


DATABASE_CASCADE.lazy_sub_objs = True  # type: ignore[attr-defined]  # Django's flag: do not fetch what is not listed


class TenantForeignKey(models.ForeignKey):  # type: ignore[type-arg]  # the target is known by its label only
    """A reference to a row of the same tenant.

    The database's reference is (tenant_id, x_id) → (tenant_id, id), added by the model's metaclass; joins and forward
    access compare the tenant too.
    containing: True towards the row that this one is part of: deleting it deletes this one (ON DELETE CASCADE)
    """

    def __init__(self, to: Any, *, containing: bool = False, **kwargs: Any) -> None:
        self.containing = containing
        kwargs["on_delete"] = DATABASE_CASCADE if containing else models.DO_NOTHING
        kwargs["db_constraint"] = False
        kwargs["db_index"] = False
        super().__init__(to, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        for key in ("on_delete", "db_constraint", "db_index"):
            kwargs.pop(key, None)
        if self.containing:
            kwargs["containing"] = True
        return name, path, args, kwargs

    def formfield(self, *, using: str | None = None, **kwargs: Any) -> Any:
        """Return a choice among the tenant's rows, asked for when the form is shown.

        A form class is made when its module is loaded, with no tenant chosen: the manager would refuse there, while a
        plain queryset is compiled, and refused, only when it is read.
        """
        target: Any = self.remote_field.model
        choices = {"form_class": forms.ModelChoiceField, "queryset": models.QuerySet(target, using=using)}
        target_field = {"to_field_name": self.remote_field.field_name}
        return models.Field.formfield(self, **{**choices, **target_field, **kwargs, "blank": self.blank})

    def get_extra_restriction(self, alias: str | None, related_alias: str | None) -> Any:
        """Return ``target.tenant_id = source.tenant_id`` for the ON clause of a join in either direction."""
        if alias is None or related_alias is None:
            return None
        target: Any = self.remote_field.model._meta.get_field("tenant")
        source: Any = self.model._meta.get_field("tenant")
        return Exact(Col(alias, target, _UUID), Col(related_alias, source, _UUID))

    def get_extra_descriptor_filter(self, instance: Any) -> Any:
        """Restrict forward access to the tenant of the row it starts from."""
        return {"tenant_id": instance.tenant_id}

"""Managers that refuse to answer without a tenant."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models

from .context import Purpose, TenantContextRequired, current_context

_Model = TypeVar("_Model", bound=models.Model)


def check_context_chosen() -> None:
    """Raise TenantContextRequired unless the context in force may name tenants' rows."""
    context = current_context()
    if context is None:
        raise TenantContextRequired
    if context.purpose is Purpose.AUTH:
        raise TenantContextRequired("The tenant is not known yet: leave auth_context and enter tenant_context.")


class TenantManager(models.Manager[_Model]):
    """``Model.objects`` of a tenant's model: an exception without a tenant, never all rows.

    The compiler adds the predicate itself, to this query and to every subquery, so nothing is filtered twice here.
    """

    def get_queryset(self) -> models.QuerySet[_Model]:
        check_context_chosen()
        return super().get_queryset()

    def none(self) -> models.QuerySet[_Model]:
        """Return an empty queryset; it needs no tenant."""
        return super().get_queryset().none()

    def get_by_natural_key(self, *key: Any) -> _Model:
        """Return the row with this natural key (see the model's ``natural_key_fields``)."""
        fields: tuple[str, ...] = getattr(self.model, "natural_key_fields", ())
        return self.get(**dict(zip(fields, key, strict=True)))

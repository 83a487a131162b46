"""The base of every factory, and the registry that lets a test meet all tenant models."""

from __future__ import annotations

from typing import Any, TypeVar

from factory.django import DjangoModelFactory

from tenants.isolation.models import TenantModel

M = TypeVar("M", bound=TenantModel)
F = TypeVar("F", bound="type[TenantModelFactory[Any]]")

FACTORIES: dict[type[TenantModel], type[TenantModelFactory[Any]]] = {}
"""One factory per tenant model; a test about the codebase fails for a model that has none."""


class TenantModelFactory(DjangoModelFactory[M]):
    """Make rows of the tenant that is current; without a tenant context the save raises.

    Values are sequences, never random, so that two tenants built one after the other look exactly alike.
    """

    class Meta:
        abstract = True
        # A second save after the hooks would write every row twice.
        skip_postgeneration_save = True


def register(factory_class: F) -> F:
    """Enter a factory as the one for its model. Raises ValueError when the model already has one."""
    model = factory_class._meta.model
    if model in FACTORIES:
        raise ValueError(f"{model.__name__} already has {FACTORIES[model].__name__}.")
    FACTORIES[model] = factory_class
    return factory_class

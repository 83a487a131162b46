"""Two tenants that cannot be told apart but by their identifiers, so that a leak has something to leak."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tenants.enums import Role
from tenants.isolation.models import TenantModel
from tenants.isolation.transaction import tenant_context
from tenants.models import Tenant, User
from tests.factories import FACTORIES
from tests.factories.tenants import TenantFactory, UserFactory

Rows = dict[type[TenantModel], TenantModel]


@dataclass(frozen=True, slots=True)
class LookAlike:
    """One of the two: its tenant, one user of each role, one row of every tenant model."""

    tenant: Tenant
    users: dict[Role, User]
    rows: Rows


def build_look_alike_tenants(make_tenant: Callable[..., Tenant] = TenantFactory.create) -> tuple[LookAlike, LookAlike]:
    """Make two tenants with the same names, keys and external ids in every tenant model that has a factory.

    make_tenant: called with name=…, under whatever rights making a tenant takes
    Factories start counting anew for each, so that the same numbers come out; afterwards they go on from there.
    """
    return (
        _build("Demo Organisation A", make_tenant),
        _build("Demo Organisation B", make_tenant),
    )


def _build(name: str, make_tenant: Callable[..., Tenant]) -> LookAlike:
    tenant = make_tenant(name=name)
    factories: list[Any] = [UserFactory, *FACTORIES.values()]
    for each in factories:
        each.reset_sequence(0, force=True)
    with tenant_context(tenant.pk, reason="look-alike data"):
        users = {role: UserFactory.create(role=role, username=role.value.lower()) for role in Role}
        rows: dict[type[Any], Any] = {model: factory_class.create() for model, factory_class in FACTORIES.items()}
    return LookAlike(tenant=tenant, users=users, rows=rows)

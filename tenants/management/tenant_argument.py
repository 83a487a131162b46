"""How commands are told a tenant: by its name or its id."""

from __future__ import annotations

from argparse import ArgumentParser
from uuid import UUID

from django.core.management.base import CommandError

from tenants.isolation.transaction import auth_context
from tenants.models.tenant import Tenant


def add_tenant_argument(parser: ArgumentParser, *, required: bool = True) -> None:
    parser.add_argument("--tenant", required=required, metavar="T", help="the organisation's name or id")


def find_tenant(name_or_id: str) -> Tenant:
    """Raises CommandError when there is none of that name or id."""
    with auth_context():
        found: Tenant | None = Tenant.objects.filter(**_lookup(name_or_id)).first()
    if found is None:
        raise CommandError(f"There is no organisation “{name_or_id}”. Give its exact name or its id.")
    return found


def all_tenants() -> list[Tenant]:
    """Every organisation, by name."""
    with auth_context():
        return list(Tenant.objects.order_by("name"))


def _lookup(name_or_id: str) -> dict[str, str | UUID]:
    try:
        return {"id": UUID(name_or_id)}
    except ValueError:
        return {"name": name_or_id}

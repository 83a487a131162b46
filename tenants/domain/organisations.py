"""Opening an organisation: the row, its first data key and its first administrator, all or nothing."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import IntegrityError

from tenants.domain.keys import create_data_key
from tenants.domain.people import UNIQUE_VIOLATION
from tenants.enums import Role
from tenants.isolation.identifiers import uuid7
from tenants.isolation.transaction import tenant_context
from tenants.models import Tenant, User


def open_organisation(
    *, name: str, time_zone: str, admin_email: str, admin_password: str | None, reason: str
) -> tuple[Tenant, User]:
    """Make an organisation that somebody can log in to. Needs the owner's rights, and opens its own transaction.

    admin_password: None: the administrator cannot log in until one is set
    Creating both rows is audited by itself, under the new organisation.
    Raises ValidationError for a bad field, also for a name or address that is taken; KeyRingMisconfigured.
    """
    tenant = Tenant(id=uuid7(), name=name.strip(), time_zone=time_zone)
    tenant.full_clean(validate_unique=False, validate_constraints=False)
    try:
        with tenant_context(tenant.pk, reason=reason):
            tenant.save(force_insert=True)
            create_data_key(tenant_id=tenant.pk)
            user = User.objects.create_user(email=admin_email, password=admin_password, tenant=tenant, role=Role.ADMIN)
    except IntegrityError as error:
        if getattr(error.__cause__, "sqlstate", "") != UNIQUE_VIOLATION:
            raise
        raise ValidationError(_taken(error)) from error
    return tenant, user


def _taken(error: IntegrityError) -> dict[str, str]:
    constraint = str(getattr(getattr(error.__cause__, "diag", None), "constraint_name", ""))
    if constraint.startswith(User._meta.db_table):
        return {"admin_email": "Somebody in this installation has this address."}
    return {"name": "There is an organisation of this name."}

"""Factories of organisations and people. Users are not tenant models: they carry their tenant themselves."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import factory
from django.contrib.auth.hashers import make_password
from factory.django import DjangoModelFactory

from tenants.domain.keys import create_data_key
from tenants.encryption.secret import Secret
from tenants.enums import Role
from tenants.isolation.context import require_tenant_id
from tenants.models import ApiKey, IdempotentRequest, Invitation, Tenant, TenantDataKey, User
from tests.factories.base import TenantModelFactory, register


class TenantFactory(DjangoModelFactory[Tenant]):
    class Meta:
        model = Tenant
        skip_postgeneration_save = True

    name = factory.Sequence(lambda n: f"Demo Organisation {n}")


class UserFactory(DjangoModelFactory[User]):
    """A person of the current tenant who cannot log in, unless a password is given: `UserFactory(password="…")`."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    tenant_id: Any = factory.LazyFunction(require_tenant_id)
    role: Any = Role.PROJECT_MANAGER
    username = factory.Sequence(lambda n: f"person{n}")
    first_name = "Demo"
    last_name = factory.Sequence(lambda n: f"Person {n}")
    # Addresses are unique over the installation, so look-alike tenants differ here and only here.
    email: Any = factory.LazyAttribute(lambda user: f"{user.username}@{user.tenant_id}.example")
    password: Any = None

    @classmethod
    def _adjust_kwargs(cls, **kwargs: Any) -> dict[str, Any]:
        return {**kwargs, "password": make_password(kwargs.pop("password", None))}


class OperatorFactory(UserFactory):
    """A platform operator, who belongs to no tenant."""

    tenant_id = None
    role = ""
    is_operator = True
    email = factory.Sequence(lambda n: f"operator{n}@platform.example")


@register
class ApiKeyFactory(TenantModelFactory[ApiKey]):
    """A key that no secret opens; tests of the door make theirs through the domain function."""

    class Meta:
        model = ApiKey

    name = factory.Sequence(lambda n: f"Machine {n}")
    user = factory.SubFactory(UserFactory)
    scopes = factory.LazyFunction(lambda: ["read"])
    expires_at = datetime(2100, 1, 1, tzinfo=UTC)
    secret_digest = factory.Sequence(lambda n: hashlib.sha256(f"secret-{n}".encode()).hexdigest())
    pepper_version = 1


@register
class InvitationFactory(TenantModelFactory[Invitation]):
    """A pending invitation that no token opens; tests of the door send theirs through the domain function."""

    class Meta:
        model = Invitation

    email = factory.Sequence(lambda n: f"invited{n}@demo.example")
    role: Any = Role.ANALYST
    invited_by_id = UUID(int=1)
    sent_at = datetime(2026, 1, 1, tzinfo=UTC)
    expires_at = datetime(2100, 1, 1, tzinfo=UTC)
    secret_digest = factory.Sequence(lambda n: hashlib.sha256(f"token-{n}".encode()).hexdigest())
    pepper_version = 1


@register
class TenantDataKeyFactory(TenantModelFactory[TenantDataKey]):
    """The tenant's newest data key: made, wrapped by the key ring, where there is none yet."""

    class Meta:
        model = TenantDataKey

    @classmethod
    def _create(cls, model_class: type[TenantDataKey], *args: Any, **kwargs: Any) -> TenantDataKey:
        create_data_key(tenant_id=require_tenant_id())
        newest: TenantDataKey = model_class.objects.latest("version")
        return newest


@register
class IdempotentRequestFactory(TenantModelFactory[IdempotentRequest]):
    """An answer kept for a client; look-alike tenants share key and fingerprint."""

    class Meta:
        model = IdempotentRequest

    actor_id = UUID("01a207b9-8687-703f-b45d-894f62164a35")
    key = factory.Sequence(lambda n: f"key-{n}")
    fingerprint = factory.Sequence(lambda n: hashlib.sha256(f"request-{n}".encode()).hexdigest())
    method = "POST"
    path = "/api/v1/projects"
    status = 201
    headers = factory.LazyFunction(lambda: {"Content-Type": "application/json"})
    body = factory.LazyFunction(lambda: Secret(b'{"name":"Relaunch"}'))
    answered_at = datetime(2100, 1, 1, tzinfo=UTC)  # never past its day

"""Organisations, people and what is kept about their doings."""

from tenants.models.api_key import ApiKey
from tenants.models.audit_entry import AuditEntry
from tenants.models.audit_seal import AuditSeal
from tenants.models.data_key import TenantDataKey
from tenants.models.idempotent_request import IdempotentRequest
from tenants.models.invitation import Invitation
from tenants.models.login_attempt import LoginAttempt
from tenants.models.tenant import Tenant
from tenants.models.user import User

__all__ = [
    "ApiKey",
    "AuditEntry",
    "AuditSeal",
    "IdempotentRequest",
    "Invitation",
    "LoginAttempt",
    "Tenant",
    "TenantDataKey",
    "User",
]

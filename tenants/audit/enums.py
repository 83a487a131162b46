"""Closed sets of the audit trail, stored as text."""

from __future__ import annotations

from enum import StrEnum

from django.db import models


class AuditAction(models.TextChoices):
    """What happened. A log that loses an action is a defect, so whatever has no name of its own falls under the
    general ones (CREATE, UPDATE, DELETE, BULK_WRITE, REFUSED)."""

    # Reads that are kept
    VIEW_GAP_ANALYSIS = "VIEW_GAP_ANALYSIS", "Gap analysis viewed"
    ACCESS_PREDICTION = "ACCESS_PREDICTION", "Prediction viewed"
    EXPORT_DATA = "EXPORT_DATA", "Data exported"

    # Changes with a name of their own
    MODIFY_PROJECT = "MODIFY_PROJECT", "Project changed"
    CONFIGURE_INTEGRATION = "CONFIGURE_INTEGRATION", "Integration configured"
    CREATE_USER = "CREATE_USER", "User created"
    UPDATE_USER = "UPDATE_USER", "User changed"
    DELETE_USER = "DELETE_USER", "User deleted"
    API_KEY_CREATED = "API_KEY_CREATED", "API key created"
    API_KEY_REVOKED = "API_KEY_REVOKED", "API key revoked"
    KEY_ROTATED = "KEY_ROTATED", "Data key rotated"
    CREDENTIAL_READ = "CREDENTIAL_READ", "Stored credential used"

    # Changes of anything else
    CREATE = "CREATE", "Created"
    UPDATE = "UPDATE", "Changed"
    DELETE = "DELETE", "Deleted"
    BULK_WRITE = "BULK_WRITE", "Written in bulk"
    IMPORT_DATA = "IMPORT_DATA", "Data imported"
    RUN_ANALYSIS = "RUN_ANALYSIS", "Analysis run"

    # People coming and going
    LOGIN = "LOGIN", "Logged in"
    LOGOUT = "LOGOUT", "Logged out"
    LOGIN_FAILED = "LOGIN_FAILED", "Login failed"
    LOCKED_OUT = "LOCKED_OUT", "Locked out after bad tries"
    REFUSED = "REFUSED", "Refused"

    # The installation
    OPERATOR_ENTER = "OPERATOR_ENTER", "Operator entered a tenant"
    OPERATOR_READ = "OPERATOR_READ", "Operator read across tenants"
    TENANT_ERASED = "TENANT_ERASED", "Tenant erased"
    RETENTION_APPLIED = "RETENTION_APPLIED", "Entries past retention removed"


class Operation(models.TextChoices):
    """What was done to the resource, where the action's name alone does not say."""

    CREATE = "create", "Create"
    UPDATE = "update", "Update"
    DELETE = "delete", "Delete"
    READ = "read", "Read"
    BULK = "bulk", "Bulk"
    NONE = "", "-"


class SealKind(models.TextChoices):
    """What a seal says of the entries it names."""

    SEALED = "SEALED", "Sealed"
    REMOVED = "REMOVED", "Removed after retention"


class AuditMode(StrEnum):
    """How the writes of a model are kept: its ``audit_mode`` class attribute."""

    ENTRIES = "entries"  # one entry per create, update and delete: what people own
    BULK = "bulk"  # one entry with counts per batch, written by the domain function: facts from tools, system results
    NONE = "none"  # not kept: the audit trail itself, sessions

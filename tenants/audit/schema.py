"""The audit table's first migration, as explicit SQL: Django declares neither partitions nor such a key.

Frozen once released, like the migration that uses it: what changes later is a migration of its own.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.db.migrations.operations.base import Operation as MigrationOperation

from tenants.isolation.constraints import RowSecurity
from tenants.isolation.policies import base_security_statements, drop_security_statements

from .partitions import list_partitions, make_partitions

_TABLE = "tenants_auditentry"
_ACTIONS = (
    ("VIEW_GAP_ANALYSIS", "Gap analysis viewed"),
    ("ACCESS_PREDICTION", "Prediction viewed"),
    ("EXPORT_DATA", "Data exported"),
    ("MODIFY_PROJECT", "Project changed"),
    ("CONFIGURE_INTEGRATION", "Integration configured"),
    ("CREATE_USER", "User created"),
    ("UPDATE_USER", "User changed"),
    ("DELETE_USER", "User deleted"),
    ("API_KEY_CREATED", "API key created"),
    ("API_KEY_REVOKED", "API key revoked"),
    ("KEY_ROTATED", "Data key rotated"),
    ("CREDENTIAL_READ", "Stored credential used"),
    ("CREATE", "Created"),
    ("UPDATE", "Changed"),
    ("DELETE", "Deleted"),
    ("BULK_WRITE", "Written in bulk"),
    ("IMPORT_DATA", "Data imported"),
    ("RUN_ANALYSIS", "Analysis run"),
    ("LOGIN", "Logged in"),
    ("LOGOUT", "Logged out"),
    ("LOGIN_FAILED", "Login failed"),
    ("LOCKED_OUT", "Locked out after bad tries"),
    ("REFUSED", "Refused"),
    ("OPERATOR_ENTER", "Operator entered a tenant"),
    ("OPERATOR_READ", "Operator read across tenants"),
    ("TENANT_ERASED", "Tenant erased"),
    ("RETENTION_APPLIED", "Entries past retention removed"),
)
_OPERATIONS = (
    ("create", "Create"),
    ("update", "Update"),
    ("delete", "Delete"),
    ("read", "Read"),
    ("bulk", "Bulk"),
    ("", "-"),
)


def _listed(choices: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"'{value}'" for value, _ in choices)


CREATE_TABLE = f"""
CREATE TABLE "{_TABLE}" (
  "id" uuid NOT NULL,
  "tenant_id" uuid NOT NULL,
  "timestamp" timestamp with time zone NOT NULL,
  "action" varchar(40) NOT NULL,
  "operation" varchar(10) NOT NULL,
  "actor_id" uuid NULL,
  "resource_type" varchar(100) NOT NULL,
  "resource_id" varchar(64) NOT NULL,
  "changes" jsonb NOT NULL,
  "reason" varchar(500) NOT NULL,
  "ip_address" inet NULL,
  "user_agent" varchar(300) NOT NULL,
  "request_id" varchar(64) NOT NULL,
  "transaction_id" bigint NOT NULL,
  "hash_version" smallint NOT NULL,
  "row_hash" bytea NOT NULL,
  CONSTRAINT "tenants_auditentry_pkey" PRIMARY KEY ("tenant_id", "timestamp", "id"),
  CONSTRAINT "tenants_auditentry_action_valid" CHECK ("action" IN ({_listed(_ACTIONS)})),
  CONSTRAINT "tenants_auditentry_operation_valid" CHECK ("operation" IN ({_listed(_OPERATIONS)})),
  CONSTRAINT "tenants_auditentry_hash_length" CHECK (octet_length("row_hash") = 32)
) PARTITION BY RANGE ("timestamp")"""

CREATE_INDEXES = (
    f'CREATE INDEX "audit_by_resource" ON "{_TABLE}" ("tenant_id", "resource_type", "resource_id", "timestamp")',
    f'CREATE INDEX "audit_by_actor" ON "{_TABLE}" ("tenant_id", "actor_id", "timestamp")',
    f'CREATE INDEX "audit_by_action" ON "{_TABLE}" ("tenant_id", "action", "timestamp")',
)

# The grants keep the roles from changing an entry; the trigger keeps the owner from doing so by mistake. An update is
# never let through; a delete is, in the owner's transaction that says it applies retention or erases a tenant.
CREATE_REFUSAL = """
CREATE FUNCTION stratibreak.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  IF TG_OP = 'DELETE' AND coalesce(current_setting('stratibreak.audit_removal', true), '') = 'on'
    AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID)
  THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'audit entries are append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$body$"""

CREATE_TRIGGERS = (
    f'CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON "{_TABLE}" '
    "FOR EACH ROW EXECUTE FUNCTION stratibreak.refuse_audit_change()",
    f'CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON "{_TABLE}" '
    "FOR EACH STATEMENT EXECUTE FUNCTION stratibreak.refuse_audit_change()",
)


class CreateAuditTable(MigrationOperation):
    """Create the partitioned table with key, indexes, row security, append-only triggers and the first partitions."""

    reduces_to_sql = True
    reversible = True

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change nothing: the model's state is declared beside this operation."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        security = base_security_statements(_TABLE, "tenant_id")
        for statement in (CREATE_TABLE, *CREATE_INDEXES, *security, CREATE_REFUSAL, *CREATE_TRIGGERS):
            schema_editor.execute(statement, params=None)
        if not schema_editor.collect_sql:
            make_partitions(schema_editor.connection)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if not schema_editor.collect_sql:
            for partition in list_partitions(schema_editor.connection):
                schema_editor.execute(f'DROP TABLE "{partition.name}"', params=None)
        for statement in (
            *drop_security_statements(_TABLE),
            f'DROP TABLE "{_TABLE}"',
            "DROP FUNCTION stratibreak.refuse_audit_change()",
        ):
            schema_editor.execute(statement, params=None)

    def describe(self) -> str:
        return "Create the partitioned, append-only audit table"

    @property
    def migration_name_fragment(self) -> str:
        return "audit_table"


def audit_table_operations() -> list[MigrationOperation]:
    """Return the operations of the migration that brings the audit trail; after ``InstallContextFunctions``."""
    return [
        migrations.SeparateDatabaseAndState(database_operations=[CreateAuditTable()], state_operations=[_model_state()])
    ]


def _model_state() -> migrations.CreateModel:
    """Return what Django believes of the table: the model as it was when the table was made."""
    actions = models.Q(action__in=[value for value, _ in _ACTIONS])
    operations = models.Q(operation__in=[value for value, _ in _OPERATIONS])
    return migrations.CreateModel(
        name="AuditEntry",
        fields=_fields(),
        options={
            "verbose_name": "audit entry",
            "verbose_name_plural": "audit entries",
            "db_table": _TABLE,
            "ordering": ["-timestamp", "-id"],
            "get_latest_by": "timestamp",
            "indexes": [
                models.Index(fields=["tenant_id", *fields, "timestamp"], name=name)
                for name, fields in (
                    ("audit_by_resource", ["resource_type", "resource_id"]),
                    ("audit_by_actor", ["actor_id"]),
                    ("audit_by_action", ["action"]),
                )
            ],
            "constraints": [
                RowSecurity(name="tenants_auditentry_security", tenant_column="tenant_id"),
                models.CheckConstraint(condition=actions, name="tenants_auditentry_action_valid"),
                models.CheckConstraint(condition=operations, name="tenants_auditentry_operation_valid"),
            ],
        },
    )


def _fields() -> list[tuple[str, models.Field[Any, Any]]]:
    return [
        ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
        ("tenant_id", models.UUIDField(editable=False)),
        ("timestamp", models.DateTimeField(editable=False)),
        ("action", models.CharField(choices=list(_ACTIONS), editable=False, max_length=40)),
        ("operation", models.CharField(choices=list(_OPERATIONS), editable=False, max_length=10)),
        ("actor_id", models.UUIDField(editable=False, null=True)),
        ("resource_type", models.CharField(editable=False, max_length=100)),
        ("resource_id", models.CharField(editable=False, max_length=64)),
        ("changes", models.JSONField(editable=False)),
        ("reason", models.CharField(editable=False, max_length=500)),
        ("ip_address", models.GenericIPAddressField(editable=False, null=True)),
        ("user_agent", models.CharField(editable=False, max_length=300)),
        ("request_id", models.CharField(editable=False, max_length=64)),
        ("transaction_id", models.BigIntegerField(editable=False)),
        ("hash_version", models.SmallIntegerField(editable=False)),
        ("row_hash", models.BinaryField(editable=False, max_length=32)),
    ]

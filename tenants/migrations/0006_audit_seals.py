"""Seals over the audit trail, and the index by which the sealer finds what is not sealed yet.

The index is built without CONCURRENTLY, which PostgreSQL does not offer for a partitioned table: writers of the trail
wait for about a second per million entries.
"""

import tenants.isolation.constraints
import tenants.isolation.identifiers
from django.db import migrations, models

# A partitioned table takes no CONCURRENTLY.
_CREATE_INDEX = """-- squawk-ignore require-concurrent-index-creation
CREATE INDEX audit_by_transaction ON tenants_auditentry (tenant_id, transaction_id)"""
_REFUSE = "EXECUTE FUNCTION stratibreak.refuse_audit_change()"


class Migration(migrations.Migration):
    dependencies = [("tenants", "0005_search_words")]

    operations = [
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("id", models.UUIDField(default=tenants.isolation.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ("tenant_id", models.UUIDField(editable=False)),
                ("number", models.PositiveIntegerField(editable=False)),
                ("kind", models.CharField(choices=[("SEALED", "Sealed"), ("REMOVED", "Removed after retention")], editable=False, max_length=8)),
                ("day", models.DateField(editable=False, help_text="Of the entries, in UTC.", null=True)),
                ("removed_before", models.DateField(editable=False, help_text="Entries of earlier days were given up.", null=True)),
                ("cluster", models.CharField(editable=False, help_text="The server whose transaction ids are meant.", max_length=20)),
                ("from_transaction", models.BigIntegerField(editable=False)),
                ("below_transaction", models.BigIntegerField(editable=False)),
                ("entry_count", models.PositiveIntegerField(editable=False, verbose_name="entries")),
                ("leaves", models.BinaryField()),
                ("leaves_digest", models.BinaryField(max_length=32)),
                ("sealed_at", models.DateTimeField(editable=False)),
                ("format", models.PositiveSmallIntegerField(editable=False)),
                ("key_version", models.PositiveIntegerField(editable=False)),
                ("previous_mac", models.BinaryField(max_length=32)),
                ("mac", models.BinaryField(max_length=32)),
            ],
            options={
                "verbose_name": "audit seal",
                "verbose_name_plural": "audit seals",
                "ordering": ["-id"],
                "constraints": [
                    tenants.isolation.constraints.TenantKey(name="tenants_auditseal_tenant_key"),
                    models.UniqueConstraint(fields=("tenant_id", "number"), name="tenants_auditseal_number"),
                    models.CheckConstraint(condition=models.Q(("kind__in", ["SEALED", "REMOVED"])), name="tenants_auditseal_kind_valid"),
                    models.CheckConstraint(condition=models.Q(("number__gte", 1)), name="tenants_auditseal_counts_from_one"),
                    models.CheckConstraint(condition=models.Q(models.Q(("day__isnull", False), ("kind", "SEALED"), ("removed_before__isnull", True)), models.Q(("day__isnull", True), ("kind", "REMOVED")), _connector="OR"), name="tenants_auditseal_names_its_days"),
                ],
            },
        ),
        migrations.RunSQL(
            sql=[
                # Ids and hashes do not compress: spare the server from trying.
                "ALTER TABLE tenants_auditseal ALTER COLUMN leaves SET STORAGE EXTERNAL",
                f"CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON tenants_auditseal FOR EACH ROW {_REFUSE}",
                f"CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON tenants_auditseal FOR EACH STATEMENT {_REFUSE}",
            ],
            reverse_sql=[
                "ALTER TABLE tenants_auditseal ALTER COLUMN leaves SET STORAGE EXTENDED",
                "DROP TRIGGER audit_append_only ON tenants_auditseal",
                "DROP TRIGGER audit_no_truncate ON tenants_auditseal",
            ],
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(sql=[_CREATE_INDEX], reverse_sql=["DROP INDEX audit_by_transaction"])],
            state_operations=[
                migrations.AddIndex(
                    model_name="auditentry",
                    index=models.Index(fields=["tenant_id", "transaction_id"], name="audit_by_transaction"),
                ),
            ],
        ),
    ]

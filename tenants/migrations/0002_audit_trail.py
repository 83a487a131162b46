"""The append-only audit table, partitioned by month."""

from django.db import migrations

from tenants.audit.schema import audit_table_operations


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_organisations_and_people")]

    operations = audit_table_operations()

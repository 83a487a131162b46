"""Words to search for: the indexes of this app."""

from django.db import migrations

from tenants.isolation.operations import AddSearchIndex
from tenants.isolation.search.index import SearchIndex


class Migration(migrations.Migration):
    atomic = False  # indexes are built while others write

    dependencies = [
        ("integrations", "0001_integrations_and_mappings"),
        ("tenants", "0005_search_words"),
    ]

    operations = [
        AddSearchIndex(
            model_name="integration",
            index=SearchIndex(fields=["tenant", "name"], name="inte_integration_words"),
        ),
    ]

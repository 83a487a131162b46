"""Words to search for: the indexes of this app."""

from django.db import migrations

from tenants.isolation.operations import AddSearchIndex
from tenants.isolation.search.index import SearchIndex


class Migration(migrations.Migration):
    atomic = False  # indexes are built while others write

    dependencies = [
        ("predictions", "0001_predictions_and_outcomes"),
        ("tenants", "0005_search_words"),
    ]

    operations = [
        AddSearchIndex(
            model_name="preventiveaction",
            index=SearchIndex(fields=["tenant", "title", "description"], name="pred_preventiveaction_words"),
        ),
        AddSearchIndex(
            model_name="riskindicator",
            index=SearchIndex(fields=["tenant", "name"], name="pred_riskindicator_words"),
        ),
    ]

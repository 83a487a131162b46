"""Words to search for: the indexes of this app."""

from django.db import migrations

from tenants.isolation.operations import AddSearchIndex
from tenants.isolation.search.index import SearchIndex


class Migration(migrations.Migration):
    atomic = False  # indexes are built while others write

    dependencies = [
        ("gaps", "0001_gaps_causes_and_actions"),
        ("tenants", "0005_search_words"),
    ]

    operations = [
        AddSearchIndex(
            model_name="affectedarea",
            index=SearchIndex(fields=["tenant", "name"], name="gaps_affectedarea_words"),
        ),
        AddSearchIndex(
            model_name="correctiveaction",
            index=SearchIndex(fields=["tenant", "title", "description"], name="gaps_correctiveaction_words"),
        ),
        AddSearchIndex(
            model_name="evidence",
            index=SearchIndex(fields=["tenant", "object_key", "field"], name="gaps_evidence_words"),
        ),
        AddSearchIndex(
            model_name="gap",
            index=SearchIndex(fields=["tenant", "title", "description", "impact"], name="gaps_gap_words"),
        ),
        AddSearchIndex(
            model_name="rootcause",
            index=SearchIndex(fields=["tenant", "description"], name="gaps_rootcause_words"),
        ),
    ]

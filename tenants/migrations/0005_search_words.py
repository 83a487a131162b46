"""Words to search for: the functions that find them in text, and the indexes of this app."""

from django.db import migrations

from tenants.isolation.operations import AddSearchIndex, InstallSearchWords
from tenants.isolation.search.index import SearchIndex


class Migration(migrations.Migration):
    atomic = False  # indexes are built while others write

    dependencies = [
        ("tenants", "0004_invitations_and_display_names"),
    ]

    operations = [
        InstallSearchWords(),
        AddSearchIndex(
            model_name="apikey",
            index=SearchIndex(fields=["tenant", "name"], name="tena_apikey_words"),
        ),
        AddSearchIndex(
            model_name="tenant",
            index=SearchIndex(fields=["id", "name"], name="tena_tenant_words"),
        ),
        AddSearchIndex(
            model_name="user",
            index=SearchIndex(fields=["tenant", "email", "first_name", "last_name", "username"], name="tena_user_words"),
        ),
    ]

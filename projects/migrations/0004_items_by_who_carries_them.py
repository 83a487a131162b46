"""Who carries open work of several projects: asked of all projects at once."""

from django.db import migrations, models

from tenants.isolation.operations import AddIndexWhileServing


class Migration(migrations.Migration):
    atomic = False  # the index is built while others write

    dependencies = [
        ("projects", "0003_team_signals"),
    ]

    operations = [
        AddIndexWhileServing(
            model_name="workitem",
            index=models.Index(
                fields=["tenant", "project", "assignee"],
                name="item_carried_idx",
                condition=models.Q(
                    ("assignee__isnull", False),
                    ("presence", "LIVE"),
                    models.Q(("status_category", "DONE"), _negated=True),
                ),
            ),
        ),
    ]

"""Which accounts are linked: asked whenever a history is loaded."""

from django.db import migrations, models

from tenants.isolation.operations import AddIndexWhileServing


class Migration(migrations.Migration):
    atomic = False  # the index is built while others write

    dependencies = [
        ('projects', '0006_validate_one_person_one_item'),
    ]

    operations = [
        AddIndexWhileServing(
            model_name='contributor',
            index=models.Index(condition=models.Q(('person__isnull', False)), fields=['tenant', 'person'], name='contributor_person_idx'),
        ),
    ]

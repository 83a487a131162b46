"""Causes keep which others have to be dealt with first."""

import django.db.models.lookups
import tenants.validators
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('gaps', '0003_actions_are_followed'),
        ('tenants', '0007_quiet_hours'),
    ]

    operations = [
        migrations.AddField(
            model_name='rootcause',
            name='depends_on',
            field=tenants.validators.CheckedJSONField(blank=True, db_default=[], default=list, schema=tenants.validators.JsonSchema({'items': {'maxLength': 64, 'minLength': 1, 'type': 'string'}, 'maxItems': 20, 'type': 'array', 'uniqueItems': True})),
        ),
        AddConstraintNotValid(
            model_name='rootcause',
            constraint=models.CheckConstraint(condition=models.Q(django.db.models.lookups.Exact(models.Func(models.F('depends_on'), function='jsonb_typeof', output_field=models.TextField()), models.Value('array', output_field=models.TextField()))), name='gaps_rootcause_depends_on_kind', violation_error_message='Enter a JSON array.'),
        ),
    ]

"""A claim may have further terms that its settlement needs; the column itself stays as it is."""

import tenants.validators
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('predictions', '0003_alerts_overrides_missed_events'),
    ]

    operations = [
        migrations.AlterField(
            model_name='prediction',
            name='event',
            field=tenants.validators.CheckedJSONField(schema=tenants.validators.JsonSchema({'additionalProperties': False, 'properties': {'claim': {'maxLength': 500, 'minLength': 1, 'type': 'string'}, 'horizon_end': {'format': 'date-time', 'type': ['string', 'null']}, 'scope': {'additionalProperties': False, 'properties': {'as_of': {'format': 'date-time', 'type': ['string', 'null']}, 'item_count': {'minimum': 0, 'type': 'integer'}, 'items_hash': {'pattern': '^[0-9a-f]{64}$', 'type': 'string'}, 'remaining_count': {'minimum': 0, 'type': 'integer'}}, 'required': ['item_count', 'as_of'], 'type': 'object'}, 'subject': {'additionalProperties': False, 'properties': {'id': {'maxLength': 200, 'type': 'string'}, 'key': {'maxLength': 200, 'type': 'string'}, 'type': {'enum': ['project', 'milestone', 'iteration', 'work_item', 'goal']}}, 'required': ['type'], 'type': 'object'}, 'target_date': {'format': 'date', 'type': ['string', 'null']}, 'terms': {'additionalProperties': {'maxLength': 200, 'type': ['string', 'number', 'boolean', 'null']}, 'maxProperties': 50, 'propertyNames': {'pattern': '^[a-z][a-z0-9_]{0,63}$'}, 'type': 'object'}, 'threshold': {'type': ['number', 'null']}, 'unit': {'maxLength': 40, 'type': 'string'}}, 'required': ['claim'], 'type': 'object'})),
        ),
    ]

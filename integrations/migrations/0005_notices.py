"""Messages have words for people, destinations a digest, and senders a memory."""

import django.db.models.lookups
import tenants.validators
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0004_outgoing_messages'),
        ('projects', '0004_items_by_who_carries_them'),
        ('tenants', '0007_quiet_hours'),
    ]

    operations = [
        # The wider rule takes the place of the narrower one in the same transaction. Undone, the narrower one holds for
        # what is written from then on: messages that were put in stay as they are.
        migrations.RunSQL(
            sql=[
                '-- squawk-ignore ban-drop-constraint\n'
                'ALTER TABLE integrations_outgoingmessage DROP CONSTRAINT integrations_outgoingmessage_type_valid'
            ],
            reverse_sql=[
                'ALTER TABLE integrations_outgoingmessage ADD CONSTRAINT integrations_outgoingmessage_type_valid CHECK '
                "(type IN ('sync.finished', 'sync.failed', 'gap.opened', 'gap.worsened', 'gap.resolved', 'prediction.alerted', 'prediction.digest', 'test')) NOT VALID"
            ],
            state_operations=[
                migrations.RemoveConstraint(
                    model_name='outgoingmessage',
                    name='integrations_outgoingmessage_type_valid',
                ),
            ],
        ),
        migrations.AddField(
            model_name='delivery',
            name='memory',
            field=tenants.validators.CheckedJSONField(blank=True, db_default={}, default=dict, editable=False, schema=tenants.validators.JsonSchema({'maxProperties': 10, 'type': 'object'})),
        ),
        migrations.AddField(
            model_name='destination',
            name='digest',
            field=models.CharField(choices=[('OFF', 'Never'), ('DAILY', 'Every working day'), ('WEEKLY', 'Every Monday')], db_default='WEEKLY', default='WEEKLY', help_text='What was not worth a message of its own, after the quiet hours of the organisation.', max_length=8),
        ),
        migrations.AddField(
            model_name='destination',
            name='digested_until',
            field=models.DateTimeField(blank=True, null=True, verbose_name='last digest'),
        ),
        migrations.AddField(
            model_name='outgoingmessage',
            name='notice',
            field=tenants.validators.CheckedJSONField(blank=True, db_default={}, default=dict, schema=tenants.validators.JsonSchema({'maxProperties': 20, 'type': 'object'})),
        ),
        migrations.AddField(
            model_name='outgoingmessage',
            name='thread',
            field=models.CharField(blank=True, db_default='', default='', max_length=64),
        ),
        migrations.AlterField(
            model_name='destination',
            name='event_types',
            field=tenants.validators.CheckedJSONField(blank=True, default=list, help_text='Empty: everything.', schema=tenants.validators.JsonSchema({'items': {'enum': ['sync.finished', 'sync.failed', 'gap.opened', 'gap.worsened', 'gap.resolved', 'prediction.alerted', 'prediction.digest', 'action.overdue']}, 'type': 'array', 'uniqueItems': True})),
        ),
        migrations.AlterField(
            model_name='outgoingmessage',
            name='type',
            field=models.CharField(choices=[('sync.finished', 'A tool was read'), ('sync.failed', 'A tool could not be read'), ('gap.opened', 'A gap was found'), ('gap.worsened', 'A gap became worse'), ('gap.resolved', 'A gap was closed'), ('prediction.alerted', 'A warning was issued'), ('prediction.digest', 'The digest'), ('action.overdue', 'Actions became overdue'), ('test', 'A test, asked for by a person')], max_length=64),
        ),
        AddConstraintNotValid(
            model_name='delivery',
            constraint=models.CheckConstraint(condition=models.Q(django.db.models.lookups.Exact(models.Func(models.F('memory'), function='jsonb_typeof', output_field=models.TextField()), models.Value('object', output_field=models.TextField()))), name='integrations_delivery_memory_kind', violation_error_message='Enter a JSON object.'),
        ),
        AddConstraintNotValid(
            model_name='destination',
            constraint=models.CheckConstraint(condition=models.Q(('digest__in', ['OFF', 'DAILY', 'WEEKLY'])), name='integrations_destination_digest_valid'),
        ),
        AddConstraintNotValid(
            model_name='outgoingmessage',
            constraint=models.CheckConstraint(condition=models.Q(('type__in', ['sync.finished', 'sync.failed', 'gap.opened', 'gap.worsened', 'gap.resolved', 'prediction.alerted', 'prediction.digest', 'action.overdue', 'test'])), name='integrations_outgoingmessage_type_valid'),
        ),
        AddConstraintNotValid(
            model_name='outgoingmessage',
            constraint=models.CheckConstraint(condition=models.Q(django.db.models.lookups.Exact(models.Func(models.F('notice'), function='jsonb_typeof', output_field=models.TextField()), models.Value('object', output_field=models.TextField()))), name='integrations_outgoingmessage_notice_kind', violation_error_message='Enter a JSON object.'),
        ),
    ]

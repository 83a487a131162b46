"""Whose accounts are whose, what items name of other tools, and time entries as rows."""

import django.db.models.deletion
import django.db.models.lookups
import django.utils.timezone
import tenants.isolation.constraints
import tenants.isolation.context
import tenants.isolation.identifiers
import tenants.isolation.references
import tenants.validators
from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('projects', '0004_items_by_who_carries_them'),
        ('tenants', '0007_quiet_hours'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='activityevent',
            name='mentions',
            field=tenants.validators.CheckedJSONField(blank=True, db_default=[], default=list, editable=False, help_text='Keys and addresses of items that a change under review names.', schema=tenants.validators.JsonSchema({'items': {'maxLength': 255, 'minLength': 1, 'type': 'string'}, 'maxItems': 20, 'type': 'array'})),
        ),
        migrations.AddField(
            model_name='contributor',
            name='email_digest',
            field=models.CharField(blank=True, db_default='', default='', editable=False, help_text='Keyed SHA-256 of the address that the source has verified; empty where it tells none.', max_length=64),
        ),
        migrations.AddField(
            model_name='contributor',
            name='is_apart',
            field=models.BooleanField(db_default=False, default=False, help_text="People have said that it is nobody else's, whatever speaks for it."),
        ),
        migrations.AddField(
            model_name='contributor',
            name='linked_by_hand',
            field=models.UUIDField(blank=True, help_text='People have said that accounts with the same one are one person.', null=True),
        ),
        migrations.AddField(
            model_name='contributor',
            name='person',
            field=models.UUIDField(blank=True, help_text='The same for all accounts of one person; empty where only one is known.', null=True),
        ),
        migrations.AddField(
            model_name='workitem',
            name='mentions',
            field=tenants.validators.CheckedJSONField(blank=True, db_default=[], default=list, editable=False, help_text='Keys and addresses of items that its texts name; links to those of other tools are made of them.', schema=tenants.validators.JsonSchema({'items': {'maxLength': 255, 'minLength': 1, 'type': 'string'}, 'maxItems': 20, 'type': 'array'})),
        ),
        migrations.AddField(
            model_name='workitemlink',
            name='is_same_work',
            field=models.BooleanField(blank=True, help_text='People have said whether both are one piece of work, which then counts once; empty: nobody has.', null=True),
        ),
        migrations.CreateModel(
            name='TimeEntry',
            fields=[
                ('id', models.UUIDField(default=tenants.isolation.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('source', models.CharField(default='manual', help_text='Where the fact was read, such as "jira" or "csv"; "manual" for one typed in.', max_length=32)),
                ('external_id', models.CharField(help_text='What the source calls it; never changes there.', max_length=255, verbose_name='external id')),
                ('recorded_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, help_text='When the present values were first seen here.')),
                ('worked_on_date', models.DateField(help_text='The day in UTC, where the tool tells an instant.', verbose_name='worked on')),
                ('started_at', models.DateTimeField(blank=True, help_text='Empty where the tool knows the day only.', null=True)),
                ('duration_s', models.BigIntegerField(help_text='Negative for a correction.', verbose_name='duration (seconds)')),
                ('removed_at', models.DateTimeField(blank=True, help_text='When the tool was found to show it no longer.', null=True)),
                ('contributor', tenants.isolation.references.TenantForeignKey(blank=True, null=True, related_name='time_entries', to='projects.contributor')),
                ('project', tenants.isolation.references.TenantForeignKey(containing=True, related_name='time_entries', to='projects.project')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, default=tenants.isolation.context.current_tenant_id, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.tenant')),
                ('work_item', tenants.isolation.references.TenantForeignKey(containing=True, related_name='time_entries', to='projects.workitem')),
            ],
            options={
                'verbose_name': 'time entry',
                'verbose_name_plural': 'time entries',
                'ordering': ['-id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'project', 'worked_on_date'], name='time_entry_project_day_idx'), models.Index(fields=['tenant', 'work_item'], name='projects_ti_tenant__83b145_idx'), models.Index(fields=['tenant', 'contributor'], name='projects_ti_tenant__ed5a73_idx')],
                'constraints': [tenants.isolation.constraints.TenantKey(name='projects_timeentry_tenant_key'), tenants.isolation.constraints.TenantReference(cascade=True, field='project', name='projects_timeentry_project_ref'), tenants.isolation.constraints.TenantReference(cascade=True, field='work_item', name='projects_timeentry_work_item_ref'), tenants.isolation.constraints.TenantReference(cascade=False, field='contributor', name='projects_timeentry_contributor_ref'), models.UniqueConstraint(fields=('tenant', 'project', 'source', 'external_id'), name='projects_timeentry_natural_key_unique'), models.CheckConstraint(condition=models.Q(('source__regex', '^[a-z0-9][a-z0-9_.-]*$')), name='projects_timeentry_source_form', violation_error_message='Enter lower-case letters, digits, dots, dashes and underscores.'), models.CheckConstraint(condition=models.Q(('external_id', ''), _negated=True), name='projects_timeentry_external_id_given', violation_error_message='This field must not be empty.'), models.CheckConstraint(condition=models.Q(('duration_s__gte', -3153600000), ('duration_s__lte', 3153600000)), name='projects_timeentry_duration_s_range', violation_error_message='Enter a number from -3.1536e+09 to 3.1536e+09.')],
            },
        ),
        AddConstraintNotValid(
            model_name='activityevent',
            constraint=models.CheckConstraint(condition=models.Q(django.db.models.lookups.Exact(models.Func(models.F('mentions'), function='jsonb_typeof', output_field=models.TextField()), models.Value('array', output_field=models.TextField()))), name='projects_activityevent_mentions_kind', violation_error_message='Enter a JSON array.'),
        ),
        AddConstraintNotValid(
            model_name='contributor',
            constraint=models.CheckConstraint(condition=models.Q(('email_digest__regex', '^$|^[0-9a-f]{64}$')), name='projects_contributor_email_digest_form', violation_error_message='Enter 64 lower-case hexadecimal digits.'),
        ),
        AddConstraintNotValid(
            model_name='contributor',
            constraint=models.CheckConstraint(condition=models.Q(('is_apart', False), models.Q(('linked_by_hand__isnull', True), ('person__isnull', True)), _connector='OR'), name='projects_contributor_apart_is_alone', violation_error_message='An account that stands apart is linked to no other.'),
        ),
        AddConstraintNotValid(
            model_name='workitem',
            constraint=models.CheckConstraint(condition=models.Q(django.db.models.lookups.Exact(models.Func(models.F('mentions'), function='jsonb_typeof', output_field=models.TextField()), models.Value('array', output_field=models.TextField()))), name='projects_workitem_mentions_kind', violation_error_message='Enter a JSON array.'),
        ),
    ]

import django.core.validators
import django.db.models.deletion
import django.db.models.lookups
import tenants.append_only
import tenants.encryption.fields
import tenants.isolation.constraints
import tenants.isolation.context
import tenants.isolation.identifiers
import tenants.isolation.references
import tenants.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('projects', '0001_record_of_the_work'),
        ('tenants', '0002_audit_trail'),
    ]

    operations = [
        migrations.CreateModel(
            name='Integration',
            fields=[
                ('id', models.UUIDField(default=tenants.isolation.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('name', models.CharField(max_length=200)),
                ('type', models.CharField(choices=[('JIRA', 'Jira'), ('ASANA', 'Asana'), ('TRELLO', 'Trello'), ('MONDAY', 'monday.com'), ('BITRIX24', 'Bitrix24'), ('SLACK', 'Slack'), ('GITHUB', 'GitHub'), ('GITLAB', 'GitLab'), ('TEAMS', 'Microsoft Teams')], max_length=32)),
                ('status', models.CharField(choices=[('ACTIVE', 'Active'), ('INACTIVE', 'Inactive'), ('ERROR', 'Error'), ('SYNCING', 'Syncing')], default='INACTIVE', max_length=16)),
                ('config', tenants.validators.CheckedJSONField(blank=True, default=dict, schema=tenants.validators.JsonSchema({'propertyNames': {'maxLength': 64, 'not': {'pattern': '(?i)(secret|token|passw|api_?key|credential|private|auth|cookie|signature)'}}, 'type': 'object'}))),
                ('credentials', tenants.encryption.fields.EncryptedJSONField(blank=True, editable=True, null=True)),
                ('credentials_changed_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('sync_interval_minutes', models.PositiveIntegerField(default=60, validators=[django.core.validators.MinValueValidator(5), django.core.validators.MaxValueValidator(10080)], verbose_name='sync interval (min)')),
                ('next_run_at', models.DateTimeField(blank=True, null=True)),
                ('last_sync_at', models.DateTimeField(blank=True, null=True)),
                ('error_count', models.PositiveIntegerField(default=0)),
                ('last_error', models.CharField(blank=True, default='', max_length=1000)),
                ('project', tenants.isolation.references.TenantForeignKey(containing=True, related_name='integrations', to='projects.project')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, default=tenants.isolation.context.current_tenant_id, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.tenant')),
            ],
            options={
                'ordering': ['-id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'status', 'next_run_at', 'id'], name='integrations_by_next_run')],
                'constraints': [tenants.isolation.constraints.TenantKey(name='integrations_integration_tenant_key'), tenants.isolation.constraints.TenantReference(cascade=True, field='project', name='integrations_integration_project_ref'), models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='integrations_integration_name_given', violation_error_message='This field must not be empty.'), models.UniqueConstraint(fields=('tenant', 'project', 'type'), name='integrations_integration_type_per_project', violation_error_message='The project already has an integration of this type.'), models.CheckConstraint(condition=models.Q(('type__in', ['JIRA', 'ASANA', 'TRELLO', 'MONDAY', 'BITRIX24', 'SLACK', 'GITHUB', 'GITLAB', 'TEAMS'])), name='integrations_integration_type_valid'), models.CheckConstraint(condition=models.Q(('status__in', ['ACTIVE', 'INACTIVE', 'ERROR', 'SYNCING'])), name='integrations_integration_status_valid'), models.CheckConstraint(condition=models.Q(('sync_interval_minutes__gte', 5), ('sync_interval_minutes__lte', 10080)), name='integrations_integration_sync_interval_minutes_range', violation_error_message='Enter a number from 5 to 10080.'), models.CheckConstraint(condition=models.Q(django.db.models.lookups.Exact(models.Func(models.F('config'), function='jsonb_typeof', output_field=models.TextField()), models.Value('object', output_field=models.TextField()))), name='integrations_integration_config_kind', violation_error_message='Enter a JSON object.')],
            },
        ),
        migrations.CreateModel(
            name='FieldMapping',
            fields=[
                ('id', models.UUIDField(default=tenants.isolation.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('external_field', models.CharField(max_length=200)),
                ('internal_field', models.CharField(choices=[('title', 'Title'), ('item_type', 'Type'), ('status', 'Status'), ('status_category', 'Status category'), ('priority', 'Priority'), ('created_at', 'Created at'), ('resolved_at', 'Resolved at'), ('due_date', 'Due date'), ('estimate_points', 'Estimate in points'), ('estimate_s', 'Estimate in seconds'), ('assignee', 'Assignee'), ('reporter', 'Reporter'), ('parent_key', 'Parent'), ('labels', 'Labels'), ('iteration', 'Iteration'), ('milestone', 'Milestone'), ('custom', 'Kept as an extra field')], max_length=32)),
                ('transformation', models.CharField(choices=[('COPY', 'As it is'), ('TRIM', 'Without surrounding white space'), ('LOWER_CASE', 'In lower case'), ('UPPER_CASE', 'In upper case'), ('NUMBER', 'As a number'), ('DATE', 'As a day'), ('INSTANT', 'As an instant, with its time zone'), ('EPOCH_SECONDS', 'From seconds since 1970 to an instant'), ('EPOCH_MILLISECONDS', 'From milliseconds since 1970 to an instant'), ('MINUTES_TO_SECONDS', 'From minutes to seconds'), ('HOURS_TO_SECONDS', 'From hours to seconds'), ('SPLIT_ON_COMMA', 'Split on commas into a list'), ('YES_NO', 'As yes or no'), ('STATUS_CATEGORY', 'Through the status categories of the configuration')], default='COPY', max_length=32)),
                ('is_required', models.BooleanField(default=False, verbose_name='required')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, default=tenants.isolation.context.current_tenant_id, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.tenant')),
                ('integration', tenants.isolation.references.TenantForeignKey(containing=True, related_name='field_mappings', to='integrations.integration')),
            ],
            options={
                'ordering': ['integration', 'external_field'],
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'constraints': [tenants.isolation.constraints.TenantKey(name='integrations_fieldmapping_tenant_key'), tenants.isolation.constraints.TenantReference(cascade=True, field='integration', name='integrations_fieldmapping_integration_ref'), models.CheckConstraint(condition=models.Q(('external_field', ''), _negated=True), name='integrations_fieldmapping_external_field_given', violation_error_message='This field must not be empty.'), models.UniqueConstraint(fields=('tenant', 'integration', 'external_field'), name='integrations_fieldmapping_external_field_once', violation_error_message='This external field is mapped already.'), models.CheckConstraint(condition=models.Q(('internal_field__in', ['title', 'item_type', 'status', 'status_category', 'priority', 'created_at', 'resolved_at', 'due_date', 'estimate_points', 'estimate_s', 'assignee', 'reporter', 'parent_key', 'labels', 'iteration', 'milestone', 'custom'])), name='integrations_fieldmapping_internal_field_valid'), models.CheckConstraint(condition=models.Q(('transformation__in', ['COPY', 'TRIM', 'LOWER_CASE', 'UPPER_CASE', 'NUMBER', 'DATE', 'INSTANT', 'EPOCH_SECONDS', 'EPOCH_MILLISECONDS', 'MINUTES_TO_SECONDS', 'HOURS_TO_SECONDS', 'SPLIT_ON_COMMA', 'YES_NO', 'STATUS_CATEGORY'])), name='integrations_fieldmapping_transformation_valid')],
            },
        ),
        migrations.CreateModel(
            name='SyncResult',
            fields=[
                ('id', models.UUIDField(default=tenants.isolation.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('status', models.CharField(choices=[('SUCCEEDED', 'Succeeded'), ('PARTIAL', 'Partial'), ('FAILED', 'Failed')], max_length=16)),
                ('started_at', models.DateTimeField()),
                ('duration_ms', models.PositiveBigIntegerField(verbose_name='duration (ms)')),
                ('waited_ms', models.PositiveBigIntegerField(default=0, verbose_name='waited for the tool (ms)')),
                ('request_count', models.PositiveIntegerField(default=0, verbose_name='requests')),
                ('created_count', models.PositiveIntegerField(default=0, verbose_name='created')),
                ('updated_count', models.PositiveIntegerField(default=0, verbose_name='updated')),
                ('unchanged_count', models.PositiveIntegerField(default=0, verbose_name='unchanged')),
                ('gone_count', models.PositiveIntegerField(default=0, verbose_name='gone')),
                ('hidden_count', models.PositiveIntegerField(default=0, verbose_name='hidden')),
                ('failed_count', models.PositiveIntegerField(default=0, verbose_name='failed')),
                ('streams', tenants.validators.CheckedJSONField(blank=True, default=dict, schema=tenants.validators.JsonSchema({'additionalProperties': {'additionalProperties': False, 'properties': {'created': {'minimum': 0, 'type': 'integer'}, 'error_code': {'maxLength': 64, 'type': 'string'}, 'failed': {'minimum': 0, 'type': 'integer'}, 'gone': {'minimum': 0, 'type': 'integer'}, 'hidden': {'minimum': 0, 'type': 'integer'}, 'unchanged': {'minimum': 0, 'type': 'integer'}, 'updated': {'minimum': 0, 'type': 'integer'}}, 'type': 'object'}, 'maxProperties': 50, 'type': 'object'}))),
                ('error_code', models.CharField(blank=True, default='', max_length=64)),
                ('error_message', models.CharField(blank=True, default='', max_length=1000)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('integration', tenants.isolation.references.TenantForeignKey(containing=True, related_name='sync_results', to='integrations.integration')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, default=tenants.isolation.context.current_tenant_id, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.tenant')),
            ],
            options={
                'ordering': ['-id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'integration', 'id'], name='sync_results_by_integration')],
                'constraints': [tenants.isolation.constraints.TenantKey(name='integrations_syncresult_tenant_key'), tenants.isolation.constraints.TenantReference(cascade=True, field='integration', name='integrations_syncresult_integration_ref'), models.CheckConstraint(condition=models.Q(('status__in', ['SUCCEEDED', 'PARTIAL', 'FAILED'])), name='integrations_syncresult_status_valid'), models.CheckConstraint(condition=models.Q(models.Q(('error_code', ''), ('status', 'SUCCEEDED')), models.Q(models.Q(('status', 'SUCCEEDED'), _negated=True), models.Q(('error_code', ''), _negated=True)), _connector='OR'), name='integrations_syncresult_error_fits_status', violation_error_message='A run has an error code exactly when it did not succeed.'), models.CheckConstraint(condition=models.Q(django.db.models.lookups.Exact(models.Func(models.F('streams'), function='jsonb_typeof', output_field=models.TextField()), models.Value('object', output_field=models.TextField()))), name='integrations_syncresult_streams_kind', violation_error_message='Enter a JSON object.')],
            },
            bases=(tenants.append_only.AppendOnly, models.Model),
        ),
    ]

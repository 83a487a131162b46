import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
import tenants.isolation.constraints
import tenants.isolation.context
import tenants.isolation.identifiers
import tenants.isolation.operations
import tenants.isolation.references
import tenants.validators
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        tenants.isolation.operations.InstallContextFunctions(
        ),
        migrations.CreateModel(
            name='Tenant',
            fields=[
                ('id', models.UUIDField(default=tenants.isolation.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200, unique=True, verbose_name='organisation name')),
                ('is_active', models.BooleanField(default=True, help_text='Nobody can log in to an inactive organisation.', verbose_name='active')),
                ('retention_days', models.PositiveIntegerField(default=365, help_text='How long audit entries and raw payloads are kept, in days.', verbose_name='retention (days)')),
                ('time_zone', models.CharField(default='UTC', help_text='IANA name, such as Europe/Berlin.', max_length=63, validators=[tenants.validators.validate_time_zone])),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'verbose_name': 'organisation',
                'ordering': ['name'],
                'constraints': [tenants.isolation.constraints.RowSecurity(name='tenants_tenant_security', tenant_column='id'), models.CheckConstraint(condition=models.Q(('retention_days__gte', 1), ('retention_days__lte', 3650)), name='tenants_tenant_retention'), models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='tenants_tenant_name_given')],
            },
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('id', models.UUIDField(default=tenants.isolation.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('email', models.EmailField(max_length=254, unique=True, verbose_name='e-mail address')),
                ('username', models.CharField(blank=True, help_text='Shown in lists; the e-mail address logs in.', max_length=150)),
                ('first_name', models.CharField(blank=True, max_length=150)),
                ('last_name', models.CharField(blank=True, max_length=150)),
                ('role', models.CharField(blank=True, choices=[('ADMIN', 'Administrator'), ('PROJECT_MANAGER', 'Project manager'), ('TEAM_LEADER', 'Team leader'), ('STAKEHOLDER', 'Stakeholder'), ('ANALYST', 'Analyst')], max_length=20)),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('is_operator', models.BooleanField(default=False, editable=False, verbose_name='platform operator')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('tenant', models.ForeignKey(blank=True, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='users', to='tenants.tenant')),
            ],
            options={
                'ordering': ['email'],
                'constraints': [tenants.isolation.constraints.RowSecurity(name='tenants_user_security', tenant_column='tenant_id'), models.UniqueConstraint(fields=('tenant', 'id'), name='tenants_user_reference_target'), models.CheckConstraint(condition=models.Q(models.Q(('is_operator', True), ('role', ''), ('tenant__isnull', True)), models.Q(('is_operator', False), ('tenant__isnull', False), models.Q(('role', ''), _negated=True)), _connector='OR'), name='tenants_user_operator_or_member'), models.CheckConstraint(condition=models.Q(('role__in', ['', 'ADMIN', 'PROJECT_MANAGER', 'TEAM_LEADER', 'STAKEHOLDER', 'ANALYST'])), name='tenants_user_role_valid'), models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='tenants_user_email_lower_case')],
            },
        ),
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', models.UUIDField(default=tenants.isolation.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('name', models.CharField(help_text='What uses it.', max_length=100, validators=[django.core.validators.MinLengthValidator(1)])),
                ('scopes', tenants.validators.CheckedJSONField(help_text='What it may be used for, such as ["read"].', schema=tenants.validators.JsonSchema({'items': {'enum': ['read', 'write', 'analyse', 'import', 'export']}, 'minItems': 1, 'type': 'array', 'uniqueItems': True}))),
                ('expires_at', models.DateTimeField(help_text='When it stops opening anything.')),
                ('revoked_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('last_used_at', models.DateTimeField(blank=True, editable=False, help_text='To the nearest few minutes.', null=True)),
                ('created_by_id', models.UUIDField(blank=True, editable=False, null=True)),
                ('secret_digest', models.CharField(editable=False, max_length=64)),
                ('pepper_version', models.PositiveIntegerField(editable=False)),
                ('user', tenants.isolation.references.TenantForeignKey(related_name='api_keys', to=settings.AUTH_USER_MODEL)),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, default=tenants.isolation.context.current_tenant_id, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'API key',
                'ordering': ['-id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'user'], name='tenants_api_tenant__819c35_idx')],
                'constraints': [tenants.isolation.constraints.TenantKey(name='tenants_apikey_tenant_key'), tenants.isolation.constraints.TenantReference(cascade=True, field='tenant', name='tenants_apikey_tenant_ref'), tenants.isolation.constraints.TenantReference(cascade=False, field='user', name='tenants_apikey_user_ref'), models.CheckConstraint(condition=models.Q(('expires_at__gte', models.F('created_at'))), name='tenants_apikey_expires_at_order', violation_error_message='Must lie in the future.'), models.CheckConstraint(condition=models.Q(django.db.models.lookups.Exact(models.Func(models.F('scopes'), function='jsonb_typeof', output_field=models.TextField()), models.Value('array', output_field=models.TextField()))), name='tenants_apikey_scopes_kind', violation_error_message='Enter a JSON array.'), models.CheckConstraint(condition=models.Q(('secret_digest', ''), _negated=True), name='tenants_apikey_has_digest')],
            },
        ),
        migrations.CreateModel(
            name='LoginAttempt',
            fields=[
                ('id', models.UUIDField(default=tenants.isolation.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('account_digest', models.CharField(max_length=64)),
                ('ip_address', models.GenericIPAddressField(blank=True, null=True, verbose_name='IP address')),
                ('tried_at', models.DateTimeField()),
                ('succeeded', models.BooleanField(default=False)),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['account_digest', 'tried_at'], name='loginattempt_account'), models.Index(fields=['ip_address', 'tried_at'], name='loginattempt_ip_address')],
                'constraints': [tenants.isolation.constraints.RowSecurity(name='tenants_loginattempt_security', tenant_column=None)],
            },
        ),
        migrations.CreateModel(
            name='TenantDataKey',
            fields=[
                ('id', models.UUIDField(default=tenants.isolation.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(editable=False)),
                ('wrapped_key', models.BinaryField(null=True)),
                ('key_ring_version', models.PositiveIntegerField(editable=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('destroyed_at', models.DateTimeField(editable=False, null=True)),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, default=tenants.isolation.context.current_tenant_id, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'data key',
                'ordering': ['-version'],
                'base_manager_name': 'objects',
                'constraints': [tenants.isolation.constraints.TenantKey(name='tenants_tenantdatakey_tenant_key'), tenants.isolation.constraints.TenantReference(cascade=True, field='tenant', name='tenants_tenantdatakey_tenant_ref'), models.UniqueConstraint(fields=('tenant', 'version'), name='tenants_data_key_version'), models.CheckConstraint(condition=models.Q(('key_ring_version__gte', 1), ('version__gte', 1), ('version__lte', 2147483647)), name='tenants_data_key_versions_count_from_one'), models.CheckConstraint(condition=models.Q(models.Q(('destroyed_at__isnull', False), ('wrapped_key__isnull', True)), models.Q(('destroyed_at__isnull', True), ('wrapped_key__isnull', False)), _connector='OR'), name='tenants_data_key_present_or_destroyed')],
            },
        ),
    ]

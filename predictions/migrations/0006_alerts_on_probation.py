"""News may be left to the digest because warnings of its kind were wrong too often."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('predictions', '0005_actions_are_followed'),
        ('projects', '0003_team_signals'),
        ('tenants', '0007_quiet_hours'),
    ]

    operations = [
        # The wider rule takes the place of the narrower one in the same transaction. Undone, the narrower one holds for
        # what is written from then on: decisions that were made stay as they were made.
        migrations.RunSQL(
            sql=[
                '-- squawk-ignore ban-drop-constraint\n'
                'ALTER TABLE predictions_alertdecision DROP CONSTRAINT predictions_alertdecision_reason_valid'
            ],
            reverse_sql=[
                'ALTER TABLE predictions_alertdecision ADD CONSTRAINT predictions_alertdecision_reason_valid CHECK '
                "(reason IN ('OPENED', 'GOT_WORSE', 'QUIET_HOURS', 'LATE', 'BUDGET_SPENT', 'TYPE_MUTED')) NOT VALID"
            ],
            state_operations=[
                migrations.RemoveConstraint(
                    model_name='alertdecision',
                    name='predictions_alertdecision_reason_valid',
                ),
            ],
        ),
        migrations.AlterField(
            model_name='alertdecision',
            name='reason',
            field=models.CharField(choices=[('OPENED', 'A new warning'), ('GOT_WORSE', 'A greater impact than was told before'), ('QUIET_HOURS', 'It is night'), ('LATE', 'Less than 72 hours ahead'), ('BUDGET_SPENT', 'As many pushes as a week may have'), ('TYPE_MUTED', 'This kind of warning is muted in the project'), ('ON_PROBATION', 'Warnings of this kind were wrong too often')], max_length=16),
        ),
        AddConstraintNotValid(
            model_name='alertdecision',
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', ['OPENED', 'GOT_WORSE', 'QUIET_HOURS', 'LATE', 'BUDGET_SPENT', 'TYPE_MUTED', 'ON_PROBATION'])), name='predictions_alertdecision_reason_valid'),
        ),
    ]

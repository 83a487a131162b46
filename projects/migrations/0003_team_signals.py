"""Signals of overload: off until the team agreed."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('projects', '0002_search_indexes'),
    ]

    operations = [
        migrations.AddField(
            model_name='project',
            name='team_signals_enabled',
            field=models.BooleanField(db_default=False, default=False, help_text='The team has agreed that its own working times and load are looked at, as a team of five or more.', verbose_name='team signals'),
        ),
    ]

"""Reads the rows that 0007 left unread, in a transaction of its own: reading does not hold up those who write."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0007_unlisted_items'),
    ]

    operations = [
        ValidateConstraint(model_name='streamstate', name='integrations_streamstate_unlisted_kind'),
    ]

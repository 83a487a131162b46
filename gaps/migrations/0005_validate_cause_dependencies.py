"""Reads the rows that 0004 left unread, in a transaction of its own: reading does not hold up those who write."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('gaps', '0004_causes_depend_on_each_other'),
    ]

    operations = [
        ValidateConstraint(model_name='rootcause', name='gaps_rootcause_depends_on_kind'),
    ]

"""Reads the rows that 0005 left unread, in a transaction of its own: reading does not hold up those who write."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('predictions', '0006_alerts_on_probation'),
    ]

    operations = [
        ValidateConstraint(model_name='alertdecision', name='predictions_alertdecision_reason_valid'),
    ]

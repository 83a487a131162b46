"""Reads the rows that 0005 left unread, in a transaction of its own: reading does not hold up those who write."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('projects', '0005_one_person_one_item'),
    ]

    operations = [
        ValidateConstraint(model_name='activityevent', name='projects_activityevent_mentions_kind'),
        ValidateConstraint(model_name='contributor', name='projects_contributor_email_digest_form'),
        ValidateConstraint(model_name='contributor', name='projects_contributor_apart_is_alone'),
        ValidateConstraint(model_name='workitem', name='projects_workitem_mentions_kind'),
    ]

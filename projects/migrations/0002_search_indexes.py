"""Words to search for: the indexes of this app."""

from django.db import migrations

from tenants.isolation.operations import AddSearchIndex
from tenants.isolation.search.index import SearchIndex


class Migration(migrations.Migration):
    atomic = False  # indexes are built while others write

    dependencies = [
        ("projects", "0001_record_of_the_work"),
        ("tenants", "0005_search_words"),
    ]

    operations = [
        AddSearchIndex(
            model_name="baseline",
            index=SearchIndex(fields=["tenant", "name"], name="proj_baseline_words"),
        ),
        AddSearchIndex(
            model_name="contributor",
            index=SearchIndex(fields=["tenant", "pseudonym", "display_label"], name="proj_contributor_words"),
        ),
        AddSearchIndex(
            model_name="goal",
            index=SearchIndex(fields=["tenant", "title", "description"], name="proj_goal_words"),
        ),
        AddSearchIndex(
            model_name="importrun",
            index=SearchIndex(fields=["tenant", "file_name"], name="proj_importrun_words"),
        ),
        AddSearchIndex(
            model_name="incident",
            index=SearchIndex(fields=["tenant", "title", "external_id"], name="proj_incident_words"),
        ),
        AddSearchIndex(
            model_name="iteration",
            index=SearchIndex(fields=["tenant", "name", "external_id"], name="proj_iteration_words"),
        ),
        AddSearchIndex(
            model_name="milestone",
            index=SearchIndex(fields=["tenant", "name", "external_id"], name="proj_milestone_words"),
        ),
        AddSearchIndex(
            model_name="project",
            index=SearchIndex(fields=["tenant", "name", "description"], name="proj_project_words"),
        ),
        AddSearchIndex(
            model_name="scopeapproval",
            index=SearchIndex(fields=["tenant", "title", "note"], name="proj_scopeapproval_words"),
        ),
        AddSearchIndex(
            model_name="stakeholder",
            index=SearchIndex(fields=["tenant", "name", "email", "role"], name="proj_stakeholder_words"),
        ),
        AddSearchIndex(
            model_name="workflowstatus",
            index=SearchIndex(fields=["tenant", "name"], name="proj_workflowstatus_words"),
        ),
        AddSearchIndex(
            model_name="workitem",
            index=SearchIndex(fields=["tenant", "key", "title", "external_id"], name="proj_workitem_words"),
        ),
    ]

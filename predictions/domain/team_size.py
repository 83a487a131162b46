"""How many people carry a project's items now: what one person more is a share of.

The history knows assignees by their changes only, and many a source does not log the first one. What stands on the
items now is as good for a team of now.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count, Q

from predictions.forecasters.team_flow import MIN_SHARE_ASSIGNED, WINDOW_WEEKS
from projects.enums import Presence, StatusCategory
from projects.models import Project, WorkItem
from projects.models.contributor import person_of


def count_people(project: Project, *, as_of: datetime) -> int | None:
    """Distinct people who are assignees of the items in work, and of those resolved in the last quarter; one query.

    None where too many of these items are nobody's for the number to be believed.
    """
    since = as_of - timedelta(weeks=WINDOW_WEEKS)
    carried = WorkItem.objects.filter(
        Q(status_category=StatusCategory.IN_PROGRESS) | Q(status_category=StatusCategory.DONE, resolved_at__gt=since),
        project=project,
        presence=Presence.LIVE,
        opened_at__lte=as_of,
    )
    found = carried.aggregate(
        items=Count("pk"), assigned=Count("assignee"), people=Count(person_of("assignee"), distinct=True)
    )
    is_known = found["assigned"] and found["assigned"] >= MIN_SHARE_ASSIGNED * found["items"]
    return int(found["people"]) if is_known else None

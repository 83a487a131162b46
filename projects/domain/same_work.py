"""What people say about whether two items are one piece of work."""

from __future__ import annotations

from django.db.models import QuerySet

from projects.models import WorkItemLink
from tenants.domain.recorded_edits import recorded_change


def say_same_work(links: QuerySet[WorkItemLink], *, is_same: bool) -> int:
    """Keep a person's word on each link, audited. Returns the number of links that it is new on."""
    said = 0
    for link in links.select_for_update(of=("self",)):
        if link.is_same_work is not is_same:
            with recorded_change(link):
                link.is_same_work = is_same
                link.save(update_fields=["is_same_work"])
            said += 1
    return said

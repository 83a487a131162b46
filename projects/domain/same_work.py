"""What people say about whether two items are one piece of work."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from projects.models import WorkItem, WorkItemLink
from projects.models.work_item_link import MENTION_PREFIX
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


def described_elsewhere(item: WorkItem) -> list[str]:
    """The items of other tools that an item is linked to now, either way, in the order in which that became known."""
    links = WorkItemLink.objects.filter(
        Q(work_item=item) | Q(target_item=item), external_id__startswith=MENTION_PREFIX, unlinked_at__isnull=True
    )
    return [
        f"{link.link_type} {link.target_item.key} ({link.target_item.source})"
        if link.work_item_id == item.pk
        else f"{link.work_item.key} ({link.work_item.source}): {link.link_type.lower()} this"
        for link in links.select_related("work_item", "target_item").order_by("pk")
        if link.target_item is not None
    ]

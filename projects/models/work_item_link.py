from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from projects.constraints import not_blank, unique_in_tenant
from projects.enums import LinkDirection
from projects.models.fields import EXTERNAL_ID_MAX_LENGTH, external_id_field
from tenants.audit.enums import AuditMode
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.value_constraints import FieldCheck, order_check

MENTIONS, SAME_WORK_AS, SAME_TITLE_AS = "Mentions", "Same work as", "Same title as"
"""Types of links between tools, which no tool shows: the item names the other, calls it its original or its copy, or
has its title and was opened within minutes of it. The last two suggest that both are one piece of work."""
MENTION_PREFIX = "mention "
"""With it begin the external ids of such links; a tool's own are never touched by their end."""


class WorkItemLink(TenantModel):
    """One relation from a work item to another, such as "blocks", as the source shows it on the first item.

    Imports and syncs write it. Always holds: the other item is named as the source names it, in or outside of
    the record; `target_item` is filled once that item is in it; `linked_at` is null when the source does not date it.
    Links from tool to tool are found by what an item names (`domain.recording.mentions`), and end when it names it no
    longer. Of two items that are one piece of work the target counts, and the first does not; only a person, or both
    tools, can say that they are.
    """

    project_path: ClassVar[str | None] = "work_item__project"
    fixed_after_creation: ClassVar[tuple[str, ...]] = ("external_id",)
    audit_mode: ClassVar[AuditMode] = AuditMode.BULK

    work_item = TenantForeignKey("projects.WorkItem", containing=True, related_name="links")
    external_id = external_id_field()
    link_type = models.CharField("type", max_length=100, help_text="The source's name for it, such as Blocks.")
    direction = models.CharField(max_length=8, choices=LinkDirection)
    target_external_id = models.CharField(max_length=EXTERNAL_ID_MAX_LENGTH, blank=True)
    target_key = models.CharField(max_length=EXTERNAL_ID_MAX_LENGTH, blank=True)
    # A link lives between two items and goes with either.
    target_item = TenantForeignKey(
        "projects.WorkItem", containing=True, null=True, blank=True, related_name="incoming_links"
    )
    linked_at = models.DateTimeField(null=True, blank=True)
    unlinked_at = models.DateTimeField(null=True, blank=True)
    is_same_work = models.BooleanField(
        null=True,
        blank=True,
        help_text="People have said whether both are one piece of work, which then counts once; empty: nobody has.",
    )
    recorded_at = models.DateTimeField(default=timezone.now, editable=False, help_text="When we first knew of it.")

    class Meta(TenantModel.Meta):
        verbose_name = "work item link"
        verbose_name_plural = "work item links"
        ordering = ["-id"]
        constraints = [
            unique_in_tenant("work_item", "external_id", name="natural_key"),
            not_blank("link_type"),
            FieldCheck(
                field="target_key",
                condition=~models.Q(target_key="", target_external_id=""),
                rule="target_named",
                message="Name the other item by its key or its external id.",
            ),
            enum_constraint("direction", LinkDirection),
            order_check("linked_at", "unlinked_at"),
        ]

    def __str__(self) -> str:
        target = self.target_key or self.target_external_id
        return f"{self.work_item} {self.link_type} ({self.get_direction_display()}) {target}"

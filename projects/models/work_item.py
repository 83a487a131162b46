from __future__ import annotations

from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from projects.constraints import natural_key, not_blank, source_form, unique_in_tenant
from projects.enums import Presence, StatusCategory
from projects.models.fields import EXTERNAL_ID_MAX_LENGTH, URL_MAX_LENGTH
from projects.models.sourced_fact import SourcedFact
from projects.schemas import LABELS, MENTIONED
from tenants.audit.enums import AuditMode
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.validators import CheckedJSONField, validate_finite
from tenants.value_constraints import json_kind_check, range_check

IS_CARRIED = models.Q(presence=Presence.LIVE, assignee__isnull=False) & ~models.Q(status_category=StatusCategory.DONE)
"""Open, and somebody's."""


class WorkItem(SourcedFact):
    """One piece of work as its source shows it now: an issue, a card, a task. Its past is in FieldChange.

    Imports and syncs write it in bulk; people may correct it. The parent is kept by its name and not as a reference,
    because it may lie outside the record or arrive later, and a self-reference would forbid erasing in batches.
    Always holds: a smaller `source_version` never overwrites a larger one; an item that is gone or hidden is not done
    for that reason.
    """

    audit_mode: ClassVar[AuditMode] = AuditMode.BULK
    search_columns: ClassVar[tuple[str, ...]] = ("key", "title", "external_id")

    project = TenantForeignKey("projects.Project", containing=True, related_name="work_items")
    key = models.CharField(max_length=EXTERNAL_ID_MAX_LENGTH, help_text="What people call it, such as ABC-123.")
    container = models.CharField(
        max_length=EXTERNAL_ID_MAX_LENGTH, blank=True, help_text="The source's own project, board or repository."
    )
    item_type = models.CharField("type", max_length=100, blank=True)
    title = models.TextField(blank=True)
    status_id = models.CharField(max_length=EXTERNAL_ID_MAX_LENGTH, blank=True)
    status_name = models.CharField(max_length=EXTERNAL_ID_MAX_LENGTH, blank=True)
    status_category = models.CharField(max_length=16, choices=StatusCategory)
    resolution = models.CharField(max_length=100, blank=True, help_text="How it was resolved, such as Duplicate.")
    priority = models.CharField(max_length=100, blank=True)

    opened_at = models.DateTimeField(help_text="Created in the source.")
    changed_at = models.DateTimeField(null=True, blank=True, help_text="Last changed in the source.")
    resolved_at = models.DateTimeField(null=True, blank=True)
    due_date = models.DateField(null=True, blank=True)
    estimate_points = models.FloatField(
        "estimate (points)", null=True, blank=True, validators=[MinValueValidator(0.0), validate_finite]
    )
    estimate_s = models.PositiveBigIntegerField("estimate (seconds)", null=True, blank=True)
    spent_s = models.PositiveBigIntegerField("time spent (seconds)", null=True, blank=True)

    # The first one the source names; further ones are in CoAssignee.
    assignee = TenantForeignKey("projects.Contributor", null=True, blank=True, related_name="assigned_items")
    reporter = TenantForeignKey("projects.Contributor", null=True, blank=True, related_name="reported_items")
    parent_external_id = models.CharField(max_length=EXTERNAL_ID_MAX_LENGTH, blank=True)
    parent_key = models.CharField(max_length=EXTERNAL_ID_MAX_LENGTH, blank=True)
    labels = CheckedJSONField(schema=LABELS, default=list, blank=True)
    mentions = CheckedJSONField(
        schema=MENTIONED,
        default=list,
        db_default=[],
        blank=True,
        editable=False,
        help_text="Keys and addresses of items that its texts name; links to those of other tools are made of them.",
    )
    comment_count = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: the source does not say.")
    url = models.URLField("URL", max_length=URL_MAX_LENGTH, blank=True)

    source_version = models.BigIntegerField(
        default=0, help_text="Grows with each change in the source; epoch milliseconds where it has no counter."
    )
    presence = models.CharField(max_length=8, choices=Presence, default=Presence.LIVE)
    presence_changed_at = models.DateTimeField(null=True, blank=True, help_text="When it was last lost or found again.")
    last_seen_at = models.DateTimeField(default=timezone.now)

    class Meta(SourcedFact.Meta):
        verbose_name = "work item"
        verbose_name_plural = "work items"
        ordering = ["-id"]
        constraints = [
            natural_key(),
            source_form(),
            not_blank("external_id"),
            not_blank("key"),
            enum_constraint("status_category", StatusCategory),
            enum_constraint("presence", Presence),
            range_check("estimate_points", low=0),
            json_kind_check("labels", "array"),
            json_kind_check("mentions", "array"),
        ]
        indexes = [
            models.Index(fields=["tenant", "project", "-id"], name="item_project_idx"),
            models.Index(fields=["tenant", "project", "status_category", "-id"], name="item_project_category_idx"),
            models.Index(fields=["tenant", "key"], name="item_key_idx"),
            models.Index(fields=["tenant", "project", "assignee"], name="item_carried_idx", condition=IS_CARRIED),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.title}" if self.title else self.key


class CoAssignee(TenantModel):
    """One contributor who carries a work item beside its first assignee, where a source allows several.

    Imports and syncs write it. Always holds: a contributor stands once on an item.
    """

    project_path: ClassVar[str | None] = "work_item__project"
    fixed_after_creation: ClassVar[tuple[str, ...]] = ("contributor",)
    audit_mode: ClassVar[AuditMode] = AuditMode.BULK

    work_item = TenantForeignKey("projects.WorkItem", containing=True, related_name="co_assignees")
    contributor = TenantForeignKey("projects.Contributor", related_name="co_assignments")
    recorded_at = models.DateTimeField(default=timezone.now, editable=False, help_text="When we first knew of it.")

    class Meta(TenantModel.Meta):
        verbose_name = "co-assignee"
        verbose_name_plural = "co-assignees"
        ordering = ["-id"]
        constraints = [unique_in_tenant("work_item", "contributor", name="natural_key")]

    def __str__(self) -> str:
        return f"{self.contributor} on {self.work_item}"

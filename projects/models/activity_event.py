from __future__ import annotations

from typing import ClassVar

from django.db import models

from projects.constraints import natural_key, not_blank, source_form
from projects.enums import ActivityKind, ActivityRole
from projects.models.sourced_fact import SourcedFact
from projects.schemas import MENTIONED
from tenants.audit.enums import AuditMode
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey
from tenants.validators import CheckedJSONField
from tenants.value_constraints import json_kind_check


class ActivityEvent(SourcedFact):
    """One moment of communication: a comment, a review, a meeting. When and in which role, never what was said.

    Syncs write it. Always holds: there is no column for content, so none can be kept, but the keys of items; it serves
    measures of the team and never of a person.
    """

    audit_mode: ClassVar[AuditMode] = AuditMode.BULK

    project = TenantForeignKey("projects.Project", containing=True, related_name="activity_events")
    # It says something about an item and goes with it.
    work_item = TenantForeignKey(
        "projects.WorkItem", containing=True, null=True, blank=True, related_name="activity_events"
    )
    kind = models.CharField(max_length=24, choices=ActivityKind)
    contributor = TenantForeignKey("projects.Contributor", null=True, blank=True, related_name="activity_events")
    contributor_role = models.CharField(max_length=16, choices=ActivityRole, default=ActivityRole.OTHER)
    mentions = CheckedJSONField(
        schema=MENTIONED,
        default=list,
        db_default=[],
        blank=True,
        editable=False,
        help_text="Keys and addresses of items that a change under review names.",
    )
    occurred_at = models.DateTimeField()

    class Meta(SourcedFact.Meta):
        verbose_name = "activity event"
        verbose_name_plural = "activity events"
        ordering = ["-id"]
        constraints = [
            natural_key(),
            source_form(),
            not_blank("external_id"),
            enum_constraint("kind", ActivityKind),
            enum_constraint("contributor_role", ActivityRole),
            json_kind_check("mentions", "array"),
        ]
        indexes = [models.Index(fields=["tenant", "project", "occurred_at"], name="activity_project_time_idx")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} at {self.occurred_at:%Y-%m-%d %H:%M}"

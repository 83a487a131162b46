from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from projects.constraints import natural_key, not_blank, source_form, unique_in_tenant
from projects.enums import MilestoneState
from projects.models.sourced_fact import SourcedFact
from tenants.audit.enums import AuditMode
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.value_constraints import order_check


class Milestone(SourcedFact):
    """One dated promise of a part of the scope: a fix version, a release, a milestone.

    Imports and syncs write it; people may correct it. Always holds: `target_date` is what was promised and
    `released_date` what happened; the one is never filled from the other.
    """

    search_columns: ClassVar[tuple[str, ...]] = ("name", "external_id")

    project = TenantForeignKey("projects.Project", containing=True, related_name="milestones")
    name = models.CharField(max_length=255, blank=True)
    state = models.CharField(max_length=8, choices=MilestoneState, default=MilestoneState.PLANNED)
    start_date = models.DateField(null=True, blank=True)
    target_date = models.DateField(null=True, blank=True)
    released_date = models.DateField(null=True, blank=True)

    class Meta(SourcedFact.Meta):
        verbose_name = "milestone"
        verbose_name_plural = "milestones"
        ordering = ["-id"]
        constraints = [
            natural_key(),
            source_form(),
            not_blank("external_id"),
            enum_constraint("state", MilestoneState),
            order_check("start_date", "target_date"),
        ]
        indexes = [models.Index(fields=["tenant", "project", "target_date"], name="milestone_project_target_idx")]

    def __str__(self) -> str:
        return self.name or self.external_id


class MilestoneMembership(TenantModel):
    """One stay of a work item in a milestone. Imports and syncs write it.

    Always holds: `joined_at` is null when the source does not date it, and then the item counts as a member only from
    `recorded_at` on; `left_at` is null while it stays.
    """

    project_path: ClassVar[str | None] = "milestone__project"
    audit_mode: ClassVar[AuditMode] = AuditMode.BULK

    milestone = TenantForeignKey("projects.Milestone", containing=True, related_name="memberships")
    work_item = TenantForeignKey("projects.WorkItem", containing=True, related_name="milestone_memberships")
    joined_at = models.DateTimeField(null=True, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)
    recorded_at = models.DateTimeField(default=timezone.now, editable=False, help_text="When we first knew of it.")

    class Meta(TenantModel.Meta):
        verbose_name = "milestone membership"
        verbose_name_plural = "milestone memberships"
        ordering = ["-id"]
        constraints = [
            unique_in_tenant("milestone", "work_item", "joined_at", name="natural_key", nulls_distinct=False),
            order_check("joined_at", "left_at"),
        ]

    def __str__(self) -> str:
        return f"{self.work_item} in {self.milestone}"

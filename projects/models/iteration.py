from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from projects.constraints import natural_key, not_blank, source_form, unique_in_tenant
from projects.enums import IterationState
from projects.models.sourced_fact import SourcedFact
from tenants.audit.enums import AuditMode
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.value_constraints import order_check


class Iteration(SourcedFact):
    """One time box of a team: a sprint, a cycle. Imports and syncs write it; people may correct it.

    Always holds: it does not end before it starts; `completed_at` is when it was really closed, which is often later;
    a source that only names one in passing leaves everything but its id unsaid.
    """

    search_columns: ClassVar[tuple[str, ...]] = ("name", "external_id")

    project = TenantForeignKey("projects.Project", containing=True, related_name="iterations")
    name = models.CharField(max_length=255, blank=True)
    state = models.CharField(
        max_length=8, choices=IterationState, null=True, blank=True, help_text="Empty: the source does not say."
    )
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta(SourcedFact.Meta):
        verbose_name = "iteration"
        verbose_name_plural = "iterations"
        ordering = ["-id"]
        constraints = [
            natural_key(),
            source_form(),
            not_blank("external_id"),
            enum_constraint("state", IterationState, null=True),
            order_check("starts_at", "ends_at"),
        ]
        indexes = [models.Index(fields=["tenant", "project", "starts_at"], name="iteration_project_start_idx")]

    def __str__(self) -> str:
        return self.name or self.external_id


class IterationMembership(TenantModel):
    """One stay of a work item in an iteration, from the change history.

    Imports and syncs write it. Always holds: `joined_at` is null when the source does not date it, and then the item
    counts as a member only from `recorded_at` on; `left_at` is null while it stays.
    """

    project_path: ClassVar[str | None] = "iteration__project"
    audit_mode: ClassVar[AuditMode] = AuditMode.BULK

    iteration = TenantForeignKey("projects.Iteration", containing=True, related_name="memberships")
    work_item = TenantForeignKey("projects.WorkItem", containing=True, related_name="iteration_memberships")
    joined_at = models.DateTimeField(null=True, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)
    recorded_at = models.DateTimeField(default=timezone.now, editable=False, help_text="When we first knew of it.")

    class Meta(TenantModel.Meta):
        verbose_name = "iteration membership"
        verbose_name_plural = "iteration memberships"
        ordering = ["-id"]
        constraints = [
            unique_in_tenant("iteration", "work_item", "joined_at", name="natural_key", nulls_distinct=False),
            order_check("joined_at", "left_at"),
        ]

    def __str__(self) -> str:
        return f"{self.work_item} in {self.iteration}"

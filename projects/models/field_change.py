from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from projects.constraints import not_blank, unique_in_tenant
from projects.models.fields import EXTERNAL_ID_MAX_LENGTH
from tenants.audit.enums import AuditMode
from tenants.isolation.models import TenantForeignKey, TenantModel


class FieldChange(TenantModel):
    """One change of one field of one work item: from what, to what, when, by whom.

    Imports and syncs write it in bulk, and nothing rewrites it. Not partitioned: see
    stratibreak/decisions/change-history-is-not-partitioned.md.
    Always holds: the project is the work item's, kept here so that a project's whole past loads by one index range;
    `changed_at` is when it was true in the source, `recorded_at` when we first knew of it.
    """

    project_path: ClassVar[str | None] = "project"
    fixed_after_creation: ClassVar[tuple[str, ...]] = ("external_id",)
    audit_mode: ClassVar[AuditMode] = AuditMode.BULK

    # Both contain it: whichever goes first, no change is left pointing at nothing.
    project = TenantForeignKey("projects.Project", containing=True, related_name="field_changes")
    work_item = TenantForeignKey("projects.WorkItem", containing=True, related_name="field_changes")
    external_id = models.CharField(
        "external id", max_length=EXTERNAL_ID_MAX_LENGTH, help_text="The source's id of the change and its field."
    )
    field = models.CharField(max_length=64, help_text="A name of enums.TrackedField, or the tool's own in lower case.")
    from_id = models.TextField(blank=True, help_text="The source's id of the value before; names are localised.")
    from_text = models.TextField(blank=True)
    to_id = models.TextField(blank=True)
    to_text = models.TextField(blank=True)
    changed_at = models.DateTimeField()
    actor = TenantForeignKey("projects.Contributor", null=True, blank=True, related_name="field_changes")
    recorded_at = models.DateTimeField(default=timezone.now, editable=False, help_text="When we first knew of it.")

    class Meta(TenantModel.Meta):
        verbose_name = "field change"
        verbose_name_plural = "field changes"
        ordering = ["-id"]
        constraints = [
            unique_in_tenant("work_item", "external_id", name="natural_key"),
            not_blank("external_id"),
            not_blank("field"),
        ]
        indexes = [models.Index(fields=["tenant", "project", "changed_at"], name="change_project_time_idx")]

    def __str__(self) -> str:
        return f"{self.field}: {self.from_text or self.from_id or '∅'} → {self.to_text or self.to_id or '∅'}"

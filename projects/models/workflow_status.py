from __future__ import annotations

from typing import ClassVar

from django.db import models

from projects.constraints import not_blank, source_form, unique_in_tenant
from projects.enums import CategoryOrigin, StatusCategory
from projects.models.fields import EXTERNAL_ID_MAX_LENGTH, source_field
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel


class WorkflowStatus(TimestampedTenantModel):
    """One status of a project's workflow in one source, and the category it counts as.

    Imports and syncs write it on first sight, with the tool's own category or a guess; people correct it, and then
    `category_origin` is PERSON and nothing overwrites it. It gives a meaning to the statuses that past changes name.
    """

    project_path: ClassVar[str | None] = "project"
    search_columns: ClassVar[tuple[str, ...]] = ("name",)
    fixed_after_creation: ClassVar[tuple[str, ...]] = ("source", "status_id")

    project = TenantForeignKey("projects.Project", containing=True, related_name="workflow_statuses")
    source = source_field()
    status_id = models.CharField(max_length=EXTERNAL_ID_MAX_LENGTH, help_text="The source's id; names are localised.")
    name = models.CharField(max_length=EXTERNAL_ID_MAX_LENGTH)
    category = models.CharField(max_length=16, choices=StatusCategory)
    category_origin = models.CharField(max_length=8, choices=CategoryOrigin, default=CategoryOrigin.GUESSED)

    class Meta(TimestampedTenantModel.Meta):
        verbose_name = "workflow status"
        verbose_name_plural = "workflow statuses"
        ordering = ["-id"]
        constraints = [
            unique_in_tenant("project", "source", "status_id", name="natural_key"),
            source_form(),
            not_blank("status_id"),
            enum_constraint("category", StatusCategory),
            enum_constraint("category_origin", CategoryOrigin),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_category_display()})"

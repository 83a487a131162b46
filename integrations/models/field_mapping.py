"""How a tool's fields become ours."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from integrations.enums import InternalField, Transformation
from projects.constraints import not_blank
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel


class FieldMapping(TimestampedTenantModel):
    """One field of a tool, and the field of our record that it fills.

    Proposed by the connector and edited by people. A transformation is one of a closed list, never code. A record
    that lacks a required field is refused and counted, the others go on. An external field is mapped once.
    """

    project_path: ClassVar[str | None] = "integration__project"

    integration = TenantForeignKey("integrations.Integration", containing=True, related_name="field_mappings")
    external_field = models.CharField(max_length=200)
    internal_field = models.CharField(max_length=32, choices=InternalField)
    transformation = models.CharField(max_length=32, choices=Transformation, default=Transformation.COPY)
    is_required = models.BooleanField("required", default=False)

    class Meta(TimestampedTenantModel.Meta):
        ordering = ["integration", "external_field"]
        constraints = [
            not_blank("external_field"),
            models.UniqueConstraint(
                fields=["tenant", "integration", "external_field"],
                name="integrations_fieldmapping_external_field_once",
                violation_error_message="This external field is mapped already.",
            ),
            enum_constraint("internal_field", InternalField),
            enum_constraint("transformation", Transformation),
        ]

    def __str__(self) -> str:
        return f"{self.external_field} → {self.internal_field}"

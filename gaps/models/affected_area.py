"""What a gap touches."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from gaps.enums import AreaKind
from predictions.enums import Severity
from projects.constraints import not_blank
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel


class AffectedArea(TimestampedTenantModel):
    """One part of the project that a gap touches, and how hard; never a person.

    Written by the detection run for its gaps and by people for theirs. A name appears once per gap and kind.
    """

    project_path: ClassVar[str | None] = "gap__project"
    search_columns: ClassVar[tuple[str, ...]] = ("name",)

    gap = TenantForeignKey("gaps.Gap", containing=True, related_name="affected_areas")
    kind = models.CharField(max_length=16, choices=AreaKind, default=AreaKind.OTHER)
    name = models.CharField(max_length=200)
    impact_level = models.CharField(max_length=16, choices=Severity)

    class Meta(TimestampedTenantModel.Meta):
        ordering = ["gap", "kind", "name"]
        constraints = [
            not_blank("name"),
            models.UniqueConstraint(
                fields=["tenant", "gap", "kind", "name"],
                name="gaps_affectedarea_name_per_gap",
                violation_error_message="The gap already names this area.",
            ),
            enum_constraint("kind", AreaKind),
            enum_constraint("impact_level", Severity),
        ]

    def __str__(self) -> str:
        return self.name

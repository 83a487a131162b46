"""What every fact that was read from a source has in common."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from projects.models.fields import external_id_field, source_field
from tenants.isolation.models import TenantModel


class SourcedFact(TenantModel):
    """Abstract. One row is something a source told us, under the name the source gives it.

    Always holds: (tenant, project, source, external_id) names it, so that reading the source again changes nothing;
    `recorded_at` is when the present values were first seen here: it moves when one of them changes and not when the
    source is merely read again, because a replay over the past takes an undated value for unknown before it.
    """

    project_path: ClassVar[str | None] = "project"
    # What a fact is called never changes: the next sync would find it by that name and write a second row.
    fixed_after_creation: ClassVar[tuple[str, ...]] = ("source", "external_id")

    source = source_field()
    external_id = external_id_field()
    recorded_at = models.DateTimeField(
        default=timezone.now, editable=False, help_text="When the present values were first seen here."
    )

    class Meta(TenantModel.Meta):
        abstract = True

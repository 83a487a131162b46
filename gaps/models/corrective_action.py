"""Actions that close a gap."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from predictions.models import Action
from tenants.isolation.models import TenantForeignKey


class CorrectiveAction(Action):
    """One thing that could be done to close a gap.

    Suggested by the detection run (then `code` names the kind, once for a gap) or entered by a person, who owns it
    from then on. Rules of life, cost and effect: see `predictions.models.Action`.
    """

    project_path: ClassVar[str | None] = "gap__project"
    search_columns: ClassVar[tuple[str, ...]] = ("title", "description")

    gap = TenantForeignKey("gaps.Gap", containing=True, related_name="corrective_actions")

    class Meta(Action.Meta):
        ordering = ["-id"]
        constraints = [
            *Action.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant", "gap", "code"],
                condition=~Q(code=""),
                name="gaps_correctiveaction_suggested_once",
                violation_error_message="This action was already suggested for the gap.",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "gap", "status", "id"], name="corrective_by_gap"),
            models.Index(fields=["tenant", "status", "due_date", "id"], name="corrective_by_due_date"),
        ]

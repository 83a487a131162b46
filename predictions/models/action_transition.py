"""The history of corrective and preventive actions."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from predictions.enums import ActionKind, ActionMove, ActionStatus
from predictions.schemas import USER_IDS
from tenants.append_only import AppendOnly
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.validators import CheckedJSONField
from tenants.value_constraints import FieldCheck, json_kind_check


class ActionTransition(AppendOnly, TenantModel):
    """One thing that happened to an action: it was activated, done, dropped, or found overdue and escalated.

    Written by `predictions.domain` together with the change it tells of, never rewritten. It holds for corrective and
    preventive actions alike, which are named by plain id, because forecasting knows no gap. `actor_id` is null where
    the system did it; `owner_id` and `due_date` are those of the action then. Of an escalation `recipient_ids` are the
    people to tell: whoever delivers reads them here, and the unique key keeps it from happening twice.
    """

    project_path: ClassVar[str | None] = "project"

    project = TenantForeignKey("projects.Project", containing=True, related_name="action_transitions")
    action_kind = models.CharField(max_length=16, choices=ActionKind)
    action_id = models.UUIDField("action")
    kind = models.CharField(max_length=16, choices=ActionMove)
    from_status = models.CharField(max_length=16, choices=ActionStatus)
    to_status = models.CharField(max_length=16, choices=ActionStatus)
    owner_id = models.UUIDField("owner", null=True, blank=True)
    due_date = models.DateField(null=True, blank=True)
    recipient_ids = CheckedJSONField(schema=USER_IDS, default=list, blank=True)
    actor_id = models.UUIDField(null=True, blank=True)
    at = models.DateTimeField()
    note = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True, editable=False)

    class Meta(TenantModel.Meta):
        ordering = ["-id"]
        constraints = [
            enum_constraint("action_kind", ActionKind),
            enum_constraint("kind", ActionMove),
            enum_constraint("from_status", ActionStatus),
            enum_constraint("to_status", ActionStatus),
            json_kind_check("recipient_ids", "array"),
            models.UniqueConstraint(
                fields=["tenant", "action_id"],
                condition=Q(kind=ActionMove.ESCALATED),
                name="predictions_actiontransition_escalated_once",
                violation_error_message="This action was escalated already.",
            ),
            FieldCheck(
                field="recipient_ids",
                condition=Q(kind=ActionMove.ESCALATED) | Q(recipient_ids=[]),
                rule="only_escalations_have_recipients",
                message="Only an escalation names people to tell.",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "project", "id"], name="action_moves_by_project"),
            models.Index(fields=["tenant", "action_id", "id"], name="action_moves_by_action"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.at:%Y-%m-%d})"

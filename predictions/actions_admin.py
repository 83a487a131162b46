"""Backoffice pages on which actions are moved on, and their history."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from predictions.alerts_admin import ActForm, ActingPage, note_field, person
from predictions.domain.acting import MOVES, can_move_action, move_action
from predictions.enums import ActionMove
from predictions.models import ActionTransition
from tenants.admin.base import SystemAdmin
from tenants.models import User


class ActionMoveForm(ActForm):
    """Move an action on; what its status does not allow is not offered. Owner and due date stand on the page itself."""

    verb: ClassVar[str] = "Move on"
    move = forms.ChoiceField(label="Move")
    note = note_field("Note", required=False)

    def __init__(self, data: Any = None, *, row: Any) -> None:
        super().__init__(data)
        possible = [kind for kind in MOVES if can_move_action(action=row, kind=kind)]
        cast("forms.ChoiceField", self.fields["move"]).choices = [(kind.value, kind.label) for kind in possible]


class ActionMovingPage(ActingPage):
    """The act of an action's page: activate it, say that it is done, or drop it."""

    act_name, act_title = "move", "Move it on"

    def act_form(self, data: Any, row: Any) -> ActForm:
        return ActionMoveForm(data, row=row)

    def act_is_open(self, row: Any) -> bool:
        return any(can_move_action(action=row, kind=kind) for kind in MOVES)

    def act(self, row: Any, values: dict[str, Any], by: User) -> str:
        moved = move_action(
            action=row,
            kind=ActionMove(values["move"]),
            by=by,
            at=timezone.now(),
            note=values["note"],
        )
        return f"The action is {moved.get_status_display().lower()}: kept in its history."


@admin.register(ActionTransition)
class ActionTransitionPage(SystemAdmin):
    """Who moved which action, when and why; overdue ones with the people to tell."""

    list_display = ("project", "action_kind", "kind", "from_status", "to_status", "due_date", "at")
    list_filter = ("kind", "action_kind")
    list_select_related = ("project",)
    fields = (
        "project",
        "action_kind",
        "action_id",
        "kind",
        "from_status",
        "to_status",
        "owned_by",
        "due_date",
        "recipient_ids",
        "moved_by",
        "at",
        "note",
    )
    readonly_fields = ("owned_by", "moved_by")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields

    @admin.display(description="Owner then")
    def owned_by(self, transition: ActionTransition) -> str:
        return person(transition.owner_id)

    @admin.display(description="By")
    def moved_by(self, transition: ActionTransition) -> str:
        return "the system" if transition.actor_id is None else person(transition.actor_id)

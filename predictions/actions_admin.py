"""Backoffice pages on which actions are moved on, and their history."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.utils import timezone

from predictions.domain.acting import MOVES, can_move_action, move_action
from predictions.enums import ActionMove
from predictions.models import ActionTransition
from tenants.admin.acts import Act, ActForm, note_field
from tenants.admin.base import SystemAdmin
from tenants.domain.people import person_in_words
from tenants.models import User


class ActionMoveForm(ActForm):
    """Which move, of those that the action's status allows. Owner and due date stand on the page itself."""

    verb = "Move on"
    move = forms.ChoiceField(label="Move")
    note = note_field("Note", required=False)

    def __init__(self, data: Any = None, *, row: Any) -> None:
        super().__init__(data)
        possible = [kind for kind in MOVES if can_move_action(action=row, kind=kind)]
        cast("forms.ChoiceField", self.fields["move"]).choices = [(kind.value, kind.label) for kind in possible]


class MovingAction(Act):
    """Activate an action, say that it is done, or drop it."""

    name, title = "move", "Move it on"

    def __init__(self, permission: str) -> None:
        self.permission = permission

    def form(self, data: Any, row: Any) -> ActForm:
        return ActionMoveForm(data, row=row)

    def is_open(self, row: Any) -> bool:
        return any(can_move_action(action=row, kind=kind) for kind in MOVES)

    def do(self, row: Any, values: dict[str, Any], by: User) -> str:
        kind = ActionMove(values["move"])
        moved = move_action(action=row, kind=kind, by=by, at=timezone.now(), note=values["note"])
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

    @admin.display(description="Owner then")
    def owned_by(self, transition: ActionTransition) -> str:
        return person_in_words(transition.owner_id)

    @admin.display(description="By")
    def moved_by(self, transition: ActionTransition) -> str:
        return "the system" if transition.actor_id is None else person_in_words(transition.actor_id)

"""The form with which people move a gap: through the same table of moves as everybody else."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from gaps.domain.lifecycle import MOVES, can_move_gap, check_identified
from gaps.enums import TransitionKind
from gaps.models import Gap

_NEEDS_NOTE = frozenset({TransitionKind.RESOLVED, TransitionKind.CLOSED, TransitionKind.REOPENED})


class GapForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A gap's own fields, and one move with its reason."""

    move = forms.ChoiceField(required=False, label="Move", help_text="Kept in the gap's history with your note.")
    note = forms.CharField(required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}), label="Note")

    class Meta:
        model = Gap
        exclude = ("status",)  # noqa: DJ006 - every field but the one that only a move changes

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        possible = [
            kind for kind in MOVES if not self.instance._state.adding and can_move_gap(gap=self.instance, kind=kind)
        ]
        if "move" in self.fields:
            choices: Any = self.fields["move"]
            choices.choices = [("", "Leave as it is"), *((kind.value, kind.label) for kind in possible)]

    def clean(self) -> Any:
        cleaned = super().clean() or {}
        move = cleaned.get("move")
        if move and TransitionKind(move) in _NEEDS_NOTE and not cleaned.get("note", "").strip():
            raise ValidationError({"note": "Say why: the history keeps it."})
        if "identified_at" in cleaned:
            check_identified(identified_at=cleaned["identified_at"], at=timezone.now())
        return cleaned

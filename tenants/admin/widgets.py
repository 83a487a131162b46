"""Names for fields that Django's forms show without a label of their own, for people who hear a page."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.widgets import AdminSplitDateTime
from django.forms.models import BaseInlineFormSet


class NamedSplitDateTime(AdminSplitDateTime):
    """Date and time side by side; the legend of the pair names it, and each of the two says which it is."""

    def __init__(self, attrs: Any = None) -> None:
        super().__init__(attrs)
        for widget, name in zip(self.widgets, ("Date", "Time (UTC)"), strict=True):
            widget.attrs["aria-label"] = name


def name_after_column(field: Any) -> Any:
    """Give a field of a table its column's heading as its name; a heading is no label to a screen reader."""
    if field is None:
        return None
    widget = getattr(field.widget, "widget", field.widget)  # what Django wraps with the links to other rows
    if isinstance(widget, AdminSplitDateTime):
        for part, name in zip(widget.widgets, ("date", "time (UTC)"), strict=True):
            part.attrs["aria-label"] = f"{field.label}, {name}"
    else:
        widget.attrs["aria-label"] = field.label
    return field


class NamedInlineFormSet(BaseInlineFormSet):  # type: ignore[type-arg]  # generic in the stubs only
    """Rows of a table whose box for deleting one says what it does."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if "DELETE" in form.fields:
            form.fields["DELETE"].widget.attrs["aria-label"] = "Delete this row"

"""What people do to a row by a small form of its own, and rows that people write once and nobody edits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse

from tenants.admin.base import TenantAdmin, reads_across_tenants
from tenants.admin.shown_once import shown_once_answer
from tenants.domain.refusals import Refusal
from tenants.models import User
from tenants.validators import MAX_NOTE_CHARACTERS


class ActForm(forms.Form):
    """What there is to say about an act.  verb: of its button"""

    verb: ClassVar[str]
    template_name = "admin/includes/act_fields.html"

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="act_%s", label_suffix="")


def note_field(label: str, *, required: bool) -> forms.CharField:
    area = forms.Textarea(attrs={"rows": 2, "cols": 60})
    return forms.CharField(label=label, max_length=MAX_NOTE_CHARACTERS, required=required, widget=area)


class Act(ABC):
    """Something that is done to a row, not by editing its fields.

    name: last part of the address;  title: above the form;  permission: as `has_perm` takes it
    """

    name: ClassVar[str]
    title: ClassVar[str]
    permission: str

    @abstractmethod
    def form(self, data: Any, row: Any) -> ActForm:
        """The form of the act.  data: as posted, None for an empty one"""

    @abstractmethod
    def is_open(self, row: Any) -> bool:
        """Whether the row's state lets it be done."""

    @abstractmethod
    def do(self, row: Any, values: dict[str, Any], by: User) -> str:
        """Do it. Returns what to tell the person; raises a Refusal."""


class DoingPage(TenantAdmin):
    """A page of rows with which people do something besides editing them."""

    def may(self, request: HttpRequest, permission: str) -> bool:
        """permission: as `has_perm` takes it"""
        return not reads_across_tenants() and bool(cast("Any", request.user).has_perm(permission))

    def do_posted(
        self, request: HttpRequest, row_id: UUID, permission: str, do: Callable[[HttpRequest, Any], None]
    ) -> HttpResponse:
        """Do something with a row, whole or not at all, and go back to the row's page.  do: raises a Refusal

        Where it made something that is shown once, that is shown first.
        """
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.may(request, permission):
            raise PermissionDenied
        row = get_object_or_404(self.get_queryset(request), pk=row_id)
        try:
            with transaction.atomic():
                do(request, row)
        except Refusal as refused:
            messages.error(request, f"Nothing was changed. {refused}")
        page = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])
        return shown_once_answer(request, self.admin_site, title=str(row), go_on=page) or HttpResponseRedirect(page)


class ActingPage(DoingPage):
    """A page on which one act can be done."""

    act: ClassVar[Act]
    change_form_template = "admin/acting_change_form.html"

    def act_url_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{self.act.name}"

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.act_view)
        return [path(f"<uuid:row_id>/{self.act.name}/", view, name=self.act_url_name()), *super().get_urls()]

    def act_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the page needs to show the form; nothing where it may not or cannot be done."""
        if row is None or not self.may(request, self.act.permission) or not self.act.is_open(row):
            return {}
        url = reverse(f"admin:{self.act_url_name()}", args=[row.pk])
        return {"act_form": self.act.form(None, row), "act_url": url, "act_title": self.act.title}

    def act_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        """Do what the form says."""
        return self.do_posted(request, row_id, self.act.permission, self._act)

    def _act(self, request: HttpRequest, row: Any) -> None:
        form = self.act.form(request.POST, row)
        if form.is_valid():
            messages.success(request, self.act.do(row, form.cleaned_data, cast("User", request.user)))
        else:
            messages.error(request, f"Nothing was changed. {_errors_in_words(form)}")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        shown = {**self.act_context(request, self.get_object(request, object_id)), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, shown)


class SaidOnceAdmin(TenantAdmin):
    """A page of what people say once: they add, and nobody edits or deletes.

    say: keeps what an unsaved row says, through the domain, and returns the stored row; raises a Refusal,
    ValidationError or IntegrityError
    """

    say: ClassVar[staticmethod[[Any, User], Any]]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        try:
            with transaction.atomic():
                stored = self.say(obj, cast("User", request.user))
        except Refusal as refused:
            _refuse(request, str(refused))
        except ValidationError as refused:
            _refuse(request, " ".join(refused.messages))
        except IntegrityError:
            _refuse(request, "The same stands there already.")
        else:
            for field in stored._meta.concrete_fields:  # the page goes on with what was stored
                setattr(obj, field.attname, getattr(stored, field.attname))

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        if getattr(request, "was_refused", False):
            return HttpResponseRedirect("../")
        return super().response_add(request, obj, post_url_continue)


def _refuse(request: HttpRequest, why: str) -> None:
    noted: Any = request
    noted.was_refused = True
    messages.error(request, f"Nothing was kept. {why}")


def _errors_in_words(form: ActForm) -> str:
    return "; ".join(f"{form.fields[name].label}: {' '.join(map(str, texts))}" for name, texts in form.errors.items())

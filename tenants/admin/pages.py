"""The backoffice's pages of this app."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.text import capfirst

from tenants.admin.audit_words import actor_names, resource_name
from tenants.admin.base import SystemAdmin, TenantAdmin, reads_across_tenants
from tenants.admin.people_forms import ApiKeyAddForm, InvitationAddForm, UserChangeForm
from tenants.admin.shown_once import ShownOnce, show_once, shown_once_answer
from tenants.domain.api_keys import create_api_key, revoke_api_key
from tenants.domain.invitation_mail import MailNotConfigured
from tenants.domain.invitations import InvitationRefused, invite, resend_invitation, revoke_invitation
from tenants.domain.people import LastAdministrator, check_not_last_administrator, deactivate_user
from tenants.domain.suspicious_activity import suspicious_activity, suspicious_activity_rules
from tenants.enums import Role
from tenants.models import ApiKey, AuditEntry, AuditSeal, IdempotentRequest, Invitation, Tenant, User


def _person(request: HttpRequest) -> User:
    person = request.user
    assert isinstance(person, User)  # noqa: S101  # the backoffice has no other users
    return person


@admin.register(Tenant)
class TenantPage(TenantAdmin):
    """The organisation itself; made and erased by commands, so that neither happens by a click."""

    list_display = ("name", "display_name", "is_active", "retention_days", "time_zone", "created_at")
    ordering = ("name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        """Only an operator opens and closes an organisation, or names it: a taken name would tell who else is here."""
        shown = super().get_readonly_fields(request, obj)
        is_operator = getattr(request.user, "is_operator", False)
        return shown if is_operator else (*shown, "name", "is_active")


@admin.register(User)
class UserPage(TenantAdmin):
    """People: they join by invitation, and are deactivated instead of deleted."""

    list_display = ("email", "role", "first_name", "last_name", "is_active", "last_login")
    list_filter = ("role", "is_active")
    ordering = ("email",)
    actions = ("deactivate",)
    readonly_fields = ("last_login",)
    form = UserChangeForm

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Invite instead: making a person at once would tell whether their address is used somewhere else."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:tenants_invitation_add"))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        names = ("email", "role", "first_name", "last_name", "username", "is_active", "last_login")
        return names if not self.has_change_permission(request, obj) else (*names, "new_password")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        """Keep the address, as the API does: that it is taken would tell who is somewhere else."""
        return (*super().get_readonly_fields(request, obj), "email")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change and (obj.role != Role.ADMIN or not obj.is_active):
            stored = User.objects.get(pk=obj.pk)
            try:
                check_not_last_administrator(stored)
            except LastAdministrator as refused:
                self.message_user(request, f"Role and access were kept. {refused}", messages.ERROR)
                obj.role, obj.is_active = stored.role, stored.is_active
        super().save_model(request, obj, form, change)

    @admin.action(description="Deactivate the selected people", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: models.QuerySet[User]) -> None:
        """Close the door to people; what they did keeps pointing at them."""
        for user in queryset:
            try:
                deactivate_user(user=user)
            except LastAdministrator as refused:
                self.message_user(request, f"{user}: {refused}", messages.ERROR)


@admin.register(Invitation)
class InvitationPage(TenantAdmin):
    """People asked to join: whatever their address is elsewhere, they stand here until they answer or time is up."""

    list_display = ("email", "role", "status", "sent_at", "expires_at", "sent_count")
    list_filter = ("role",)
    search_fields = ("email__prefix",)
    actions = ("resend", "revoke")
    form = InvitationAddForm

    @admin.display(description="Status")
    def status(self, invitation: Invitation) -> str:
        return invitation.status_at(timezone.now()).label

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        written = ("email", "role", "first_name", "last_name")
        if obj is None:
            return written
        return (*written, "status", "invited_by_id", "sent_at", "sent_count", "expires_at", "accepted_at", "revoked_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        return () if obj is None else tuple(self.get_fields(request, obj))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let the list's actions be taken; what was sent is not edited any more."""
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Send the invitation instead of storing what was typed."""
        values = {name: getattr(obj, name) for name in ("email", "role", "first_name", "last_name")}
        try:
            invite(by=_person(request), at=timezone.now(), **values)
        except ValidationError as refused:
            self.message_user(request, "; ".join(refused.messages), messages.ERROR)
        except (InvitationRefused, MailNotConfigured) as refused:
            self.message_user(request, str(refused), messages.ERROR)
        else:
            self.message_user(request, f"The invitation to {obj.email} is on its way.", messages.SUCCESS)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        return HttpResponseRedirect("../")

    @admin.action(description="Send the selected invitations again", permissions=["change"])
    def resend(self, request: HttpRequest, queryset: models.QuerySet[Invitation]) -> None:
        """Send a new link; the one sent before stops working."""
        self._each(
            request, queryset, lambda one: resend_invitation(invitation=one, by=_person(request), at=timezone.now())
        )

    @admin.action(description="Revoke the selected invitations", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: models.QuerySet[Invitation]) -> None:
        """Make the links work no more."""
        self._each(request, queryset, lambda one: revoke_invitation(invitation=one, at=timezone.now()))

    def _each(self, request: HttpRequest, chosen: Iterable[Invitation], work: Callable[[Invitation], object]) -> None:
        for invitation in chosen:
            try:
                work(invitation)
            except ValidationError as refused:
                self.message_user(request, f"{invitation}: {'; '.join(refused.messages)}", messages.ERROR)
            except (InvitationRefused, MailNotConfigured) as refused:
                self.message_user(request, f"{invitation}: {refused}", messages.ERROR)


@admin.register(ApiKey)
class ApiKeyPage(TenantAdmin):
    """Keys of machines: the secret is shown once, then only whether it still opens anything."""

    list_display = ("name", "user", "scope_list", "expires_at", "revoked_at", "last_used_at")
    list_select_related = ("user",)
    actions = ("revoke",)

    @admin.display(description="Scopes")
    def scope_list(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = ApiKeyAddForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("name", "user", "scopes", "expires_at")
        return ("name", "user", "scopes", "expires_at", "revoked_at", "last_used_at", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        written_once = ("user", "scopes", "expires_at", "revoked_at", "last_used_at", "created_at")
        return written_once if obj is not None else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        by = _person(request)
        try:
            made = create_api_key(
                name=obj.name, user=obj.user, scopes=obj.scopes, expires_at=obj.expires_at, by=by, at=timezone.now()
            )
        except ValidationError as refused:
            self.message_user(request, "; ".join(refused.messages), messages.ERROR)
            return
        obj.pk = made.key.pk
        show_once(request, ShownOnce("Copy the key now, it is not shown again", made.secret_text))

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        go_on = reverse("admin:tenants_apikey_changelist")
        page = shown_once_answer(request, self.admin_site, title=f"The key “{obj.name}”", go_on=go_on)
        return page or HttpResponseRedirect(go_on)

    @admin.action(description="Revoke the selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: models.QuerySet[ApiKey]) -> None:
        """Make keys open nothing from now on."""
        by = _person(request)
        for key in queryset:
            revoke_api_key(key=key, by=by, at=timezone.now())


@admin.register(IdempotentRequest)
class IdempotentRequestPage(SystemAdmin):
    """Requests that were carried out once, however often a client sent them; their answers are sealed."""

    list_display = ("method", "path", "status", "key", "actor_id", "answered_at")
    search_fields = ("key__exact",)


# auditlog registers the swapped-in model with a page of its own, which lets operators filter by what they may not see.
admin.site.unregister(AuditEntry)


@admin.register(AuditEntry)
class AuditEntryPage(SystemAdmin):
    """What was done, tried and read: never changed here or anywhere."""

    list_display = ("timestamp", "action", "resource", "who", "ip_address", "reason")
    list_filter = ("action", "operation")
    search_fields = ("resource_id__exact", "request_id__exact")
    ordering = ("-timestamp", "-id")
    exclude = ("row_hash",)
    change_list_template = "admin/audit_entry_list.html"

    def get_urls(self) -> list[Any]:
        report = path("suspicious/", self.admin_site.admin_view(self.suspicious_view), name="suspicious_activity")
        return [report, *super().get_urls()]

    def suspicious_view(self, request: HttpRequest) -> HttpResponse:
        """Show what of the last seven days deserves a look, within one organisation."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if reads_across_tenants():
            self.message_user(request, "Enter one organisation to see what deserves a look in it.", messages.ERROR)
            return HttpResponseRedirect("../")
        context = {
            **self.admin_site.each_context(request),
            "title": "Suspicious activity",
            "found": suspicious_activity(at=timezone.now()),
            "rules": suspicious_activity_rules(),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/suspicious_activity.html", context)

    def has_tenant(self) -> bool:
        return False

    @admin.display(description="About", ordering="resource_type")
    def resource(self, entry: AuditEntry) -> str:
        return capfirst(resource_name(entry.resource_type)) if entry.resource_type else "—"

    @admin.display(description="Who")
    def who(self, entry: AuditEntry) -> str:
        known = getattr(entry, "actor_name", None)
        return str(known if known is not None else actor_names([entry])[entry.pk])

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Name the actors of a page of entries with one query."""
        page = super().get_changelist_instance(request)
        page.result_list = list(page.result_list)
        for entry, name in zip(page.result_list, actor_names(page.result_list).values(), strict=True):
            entry.actor_name = name
        return page

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        columns = super().get_list_display(request)
        return (*columns, "tenant_id") if reads_across_tenants() else columns


@admin.register(AuditSeal)
class AuditSealPage(SystemAdmin):
    """What the audit trail was sealed with, and what retention took from it: never changed here or anywhere."""

    list_display = ("number", "kind", "day", "removed_before", "entry_count", "sealed_at")
    list_filter = ("kind",)
    ordering = ("-id",)
    exclude = ("leaves", "leaves_digest", "previous_mac", "mac")

    def has_tenant(self) -> bool:
        return False

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        columns = super().get_list_display(request)
        return (*columns, "tenant_id") if reads_across_tenants() else columns

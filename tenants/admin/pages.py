"""The backoffice's pages of this app."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from tenants.admin.base import SystemAdmin, TenantAdmin, reads_across_tenants
from tenants.admin.people_forms import ApiKeyAddForm, UserAddForm, UserChangeForm
from tenants.domain.api_keys import create_api_key, revoke_api_key
from tenants.domain.people import UNIQUE_VIOLATION, LastAdministrator, check_not_last_administrator, deactivate_user
from tenants.enums import Role
from tenants.models import ApiKey, AuditEntry, IdempotentRequest, Tenant, User


@admin.register(Tenant)
class TenantPage(TenantAdmin):
    """The organisation itself; made and erased by commands, so that neither happens by a click."""

    list_display = ("name", "is_active", "retention_days", "time_zone", "created_at")
    ordering = ("name",)
    search_fields = ("name__prefix",)

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
    """People: added with a first password, deactivated instead of deleted."""

    list_display = ("email", "role", "first_name", "last_name", "is_active", "last_login")
    list_filter = ("role", "is_active")
    search_fields = ("email__prefix",)
    ordering = ("email",)
    actions = ("deactivate",)
    readonly_fields = ("last_login",)
    form = UserChangeForm

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = UserAddForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("email", "role", "first_name", "last_name", "username", "password")
        names = ("email", "role", "first_name", "last_name", "username", "is_active", "last_login")
        return names if not self.has_change_permission(request, obj) else (*names, "new_password")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        """Keep the address after creation, as the API does: that it is taken would tell who is somewhere else."""
        shown = super().get_readonly_fields(request, obj)
        return shown if obj is None else (*shown, "email")

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
        try:
            with transaction.atomic():
                super().save_model(request, obj, form, change)
        except IntegrityError as error:
            if change or getattr(error.__cause__, "sqlstate", "") != UNIQUE_VIOLATION:
                raise
            # The address is used in another organisation, and nobody here may learn that.

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        self.message_user(request, f"If the address {obj.email} is free, the person can log in now.", messages.SUCCESS)
        return HttpResponseRedirect("../")

    @admin.action(description="Deactivate the selected people", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: models.QuerySet[User]) -> None:
        """Close the door to people; what they did keeps pointing at them."""
        for user in queryset:
            try:
                deactivate_user(user=user)
            except LastAdministrator as refused:
                self.message_user(request, f"{user}: {refused}", messages.ERROR)


@admin.register(ApiKey)
class ApiKeyPage(TenantAdmin):
    """Keys of machines: the secret is shown once, then only whether it still opens anything."""

    list_display = ("name", "user", "scope_list", "expires_at", "revoked_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("name__prefix",)
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
        by = request.user
        assert isinstance(by, User)  # noqa: S101  # the backoffice has no other users
        try:
            made = create_api_key(
                name=obj.name, user=obj.user, scopes=obj.scopes, expires_at=obj.expires_at, by=by, at=timezone.now()
            )
        except ValidationError as refused:
            self.message_user(request, "; ".join(refused.messages), messages.ERROR)
            return
        obj.pk = made.key.pk
        self.message_user(request, f"Copy the key now, it is not shown again: {made.secret_text}", messages.WARNING)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        return HttpResponseRedirect("../")

    @admin.action(description="Revoke the selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: models.QuerySet[ApiKey]) -> None:
        """Make keys open nothing from now on."""
        by = request.user
        assert isinstance(by, User)  # noqa: S101  # the backoffice has no other users
        for key in queryset:
            revoke_api_key(key=key, by=by, at=timezone.now())


@admin.register(IdempotentRequest)
class IdempotentRequestPage(SystemAdmin):
    """Requests that were carried out once, however often a client sent them; their answers are sealed."""

    list_display = ("method", "path", "status", "key", "actor_id", "answered_at")
    search_fields = ("key__exact",)
    exclude = ("body", "fingerprint")


# auditlog registers the swapped-in model with a page of its own, which lets operators filter by what they may not see.
admin.site.unregister(AuditEntry)


@admin.register(AuditEntry)
class AuditEntryPage(SystemAdmin):
    """What was done, tried and read: never changed here or anywhere."""

    list_display = ("timestamp", "action", "operation", "resource_type", "resource_id", "actor_id", "ip_address")
    list_filter = ("action", "operation")
    search_fields = ("resource_id__exact", "request_id__exact")
    ordering = ("-timestamp", "-id")
    exclude = ("row_hash",)

    def has_tenant(self) -> bool:
        return False

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        columns = super().get_list_display(request)
        return (*columns, "tenant_id") if reads_across_tenants() else columns

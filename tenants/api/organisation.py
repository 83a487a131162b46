"""The organisation itself, its people, its keys and its audit log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any, ClassVar, cast

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from tenants.api.access import requester
from tenants.api.filters import EXACT, RANGE, SET
from tenants.api.invitations import InvitationSerializer, InvitationViewSet, send_invitation
from tenants.api.problems import Conflict
from tenants.api.serializers import TenantModelSerializer
from tenants.api.tables import TableOf, file_handler, file_view, under
from tenants.api.viewsets import ReadOnlyTenantViewSet, Routes, TenantViewSet, answer, created
from tenants.domain.api_keys import create_api_key, revoke_api_key
from tenants.domain.people import LastAdministrator, change_user, deactivate_user
from tenants.domain.suspicious_activity import SuspicionKind, suspicious_activity
from tenants.enums import ApiScope, Role
from tenants.models import ApiKey, Tenant, User
from tenants.models.audit_entry import AuditEntry
from tenants.models.audit_seal import AuditSeal
from tenants.permissions import Action


class TenantSerializer(TenantModelSerializer[Tenant]):
    """What an organisation may know and change about itself."""

    class Meta:
        model = Tenant
        fields = [
            "id",
            "name",
            "display_name",
            "is_active",
            "retention_days",
            "time_zone",
            "quiet_from",
            "quiet_until",
            "created_at",
            "updated_at",
        ]
        # Names are unique over the installation: whoever may change theirs can ask which organisations are here. What
        # its people call it is unique nowhere.
        read_only_fields = ["name", "is_active"]


class OrganisationViewSet(TenantViewSet[Tenant]):
    """Your organisation: exactly one. Operators make and erase organisations, by commands."""

    model = Tenant
    serializer_class = TenantSerializer
    http_method_names = ["get", "head", "put", "patch"]


class UserSerializer(TenantModelSerializer[User]):
    """A person of the organisation. The password is set by themselves and never passes here."""

    role = serializers.ChoiceField(choices=Role.choices)
    fixed_after_creation = ("email",)

    class Meta:
        model = User
        fields = [
            "id",
            "email",
            "username",
            "first_name",
            "last_name",
            "role",
            "is_active",
            "last_login",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["last_login"]
        # Fixed, and whether an address is used elsewhere is nobody's business.
        extra_kwargs: ClassVar[dict[str, Any]] = {"email": {"validators": []}}

    def validate_email(self, value: str) -> str:
        return value.strip().lower()

    def check_model(self, candidate: User) -> None:
        """None of the model's own rules: which organisation the person joins is not theirs to send."""


class UserViewSet(TenantViewSet[User]):
    """People of the organisation. They join by invitation, are deactivated and never deleted."""

    model = User
    serializer_class = UserSerializer
    filters = {"role": SET, "is_active": EXACT, "email": EXACT}
    orderings = ("id", "email")

    @extend_schema(request=InvitationSerializer, responses={202: InvitationSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Invite a person, like a POST to invitations: they join when they answer, and are in no list before."""
        serializer = InvitationSerializer(data=request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        made = send_invitation(request, dict(serializer.validated_data))
        row = InvitationSerializer.described_row(made.pk)
        response = answer(request, row, status=202)
        response["Location"] = f"{request.path.removesuffix('users')}invitations/{made.pk}"
        return response

    def perform_update(self, serializer: BaseSerializer[User]) -> User:
        try:
            return change_user(user=cast("User", serializer.instance), changes=serializer.validated_data)
        except LastAdministrator as error:
            raise Conflict(str(error)) from error

    def perform_destroy(self, instance: User) -> None:
        try:
            deactivate_user(user=instance)
        except LastAdministrator as error:
            raise Conflict(str(error)) from error


class ApiKeySerializer(TenantModelSerializer[ApiKey]):
    """A key for a machine. Its secret is in the answer to its creation and nowhere else."""

    scopes = serializers.ListField(child=serializers.ChoiceField(choices=ApiScope.choices), allow_empty=False)
    fixed_after_creation = ("user", "scopes", "expires_at")

    class Meta:
        model = ApiKey
        fields = [
            "id",
            "name",
            "user",
            "scopes",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "created_by_id",
            "created_at",
            "updated_at",
        ]


class NewApiKeySerializer(ApiKeySerializer):
    """A key just made, with the text to hand to the machine."""

    key = serializers.CharField(read_only=True, help_text="Shown now and never again.")

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "key"]


class ApiKeyViewSet(TenantViewSet[ApiKey]):
    """Keys for machines: each acts as one user, within its scopes. Deleting one revokes it."""

    model = ApiKey
    serializer_class = ApiKeySerializer
    filters = {"user": EXACT, "revoked_at": ("isnull",), "expires_at": RANGE}

    @extend_schema(responses={201: NewApiKeySerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        made = create_api_key(by=requester(request), at=timezone.now(), **serializer.validated_data)
        row = {**self.read_row(made.key.pk), "key": made.secret_text}
        response = created(request, row, f"{request.path.rstrip('/')}/{made.key.pk}")
        # The tag of this body is not the tag of the key: the secret is in no other answer.
        del response["ETag"]
        response["Cache-Control"] = "no-store"
        return response

    def perform_destroy(self, instance: ApiKey) -> None:
        revoke_api_key(key=instance, by=requester(self.request), at=timezone.now())


class AuditEntrySerializer(TenantModelSerializer[AuditEntry]):
    """One thing somebody did, tried to do, or read."""

    class Meta:
        model = AuditEntry
        fields = [
            "id",
            "timestamp",
            "action",
            "operation",
            "actor_id",
            "resource_type",
            "resource_id",
            "changes",
            "reason",
            "ip_address",
            "user_agent",
            "request_id",
        ]


class AuditEntryViewSet(ReadOnlyTenantViewSet[AuditEntry]):
    """The audit log of the organisation. Nobody changes it."""

    model = AuditEntry
    serializer_class = AuditEntrySerializer
    filters = {
        "action": SET,
        "actor_id": EXACT,
        "resource_type": EXACT,
        "resource_id": EXACT,
        "timestamp": RANGE,
    }
    orderings = ("timestamp",)
    default_ordering = "-timestamp"


class SuspicionSerializer(serializers.Serializer[Any]):
    """Something in the audit log that deserves a look. It says that nobody did wrong."""

    kind = serializers.ChoiceField(choices=SuspicionKind.choices)
    actor_id = serializers.UUIDField(allow_null=True)
    ip_address = serializers.IPAddressField(allow_null=True)
    user_agent = serializers.CharField()
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()
    count = serializers.IntegerField(help_text="Audit entries behind it.")


class SuspiciousActivityAnswer(serializers.Serializer[Any]):
    """What happened in the last seven days."""

    results = SuspicionSerializer(many=True)


SUSPICIOUS_ACTIVITY = (
    TableOf(
        "results",
        ("kind", "actor_id", "ip_address", "user_agent", "first_at", "last_at", "count"),
        under("results"),
    ),
)


def describe_suspicious_activity(*, at: datetime) -> dict[str, Any]:
    """What of the last seven days deserves a look, as JSON values."""
    return {"results": [asdict(each) for each in suspicious_activity(at=at)]}


class SuspiciousActivityViewSet(ReadOnlyTenantViewSet[AuditEntry]):
    """Refused attempts in a burst, lockouts, logins from new user agents, exports above the usual."""

    model = AuditEntry
    serializer_class = AuditEntrySerializer
    custom_actions = {"report": Action.VIEW, "report_file": Action.EXPORT}
    pagination_class = None
    filter_backends = []

    @extend_schema(operation_id="suspicious_activity_list", responses={200: SuspiciousActivityAnswer})
    def report(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """What deserves a look, of the last seven days, newest first; computed from the audit log."""
        return answer(request, describe_suspicious_activity(at=timezone.now()))

    report_file = file_handler(
        lambda view, request: describe_suspicious_activity(at=timezone.now()),
        SUSPICIOUS_ACTIVITY,
        operation_id="suspicious_activity_export",
    )


REPORT_VIEWS: dict[str, Callable[..., Any]] = {
    "suspicious-activity": SuspiciousActivityViewSet.as_view({"get": "report"}),
    "suspicious-activity/export": file_view(SuspiciousActivityViewSet, "report_file"),
}
"""Reports over many rows, by address."""


class AuditSealSerializer(TenantModelSerializer[AuditSeal]):
    """A seal over the audit entries of one day, or the word that sealed entries were given up to retention."""

    class Meta:
        model = AuditSeal
        fields = [
            "id",
            "number",
            "kind",
            "day",
            "removed_before",
            "from_transaction",
            "below_transaction",
            "entry_count",
            "sealed_at",
            "key_version",
        ]


class AuditSealViewSet(ReadOnlyTenantViewSet[AuditSeal]):
    """The seals over the organisation's audit log. Operators verify them; nobody changes them."""

    model = AuditSeal
    serializer_class = AuditSealSerializer
    filters = {"kind": SET, "day": RANGE}
    orderings = ("id", "number")


ROUTES: Routes = {
    "tenants": OrganisationViewSet,
    "users": UserViewSet,
    "invitations": InvitationViewSet,
    "api-keys": ApiKeyViewSet,
    "audit-entries": AuditEntryViewSet,
    "audit-seals": AuditSealViewSet,
}

"""Invitations: sent, sent again and revoked by administrators, answered by whoever holds the link."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from tenants.api.access import requester
from tenants.api.filters import EXACT, RANGE, SET
from tenants.api.problems import Conflict
from tenants.api.serializers import TenantModelSerializer
from tenants.api.session import TooManyAttempts
from tenants.api.viewsets import TenantViewSet, answer
from tenants.domain.invitation_mail import MailNotConfigured
from tenants.domain.invitations import InvitationRefused, invite, resend_invitation, revoke_invitation
from tenants.domain.joining import AddressInUse, InvitationInvalid, accept_invitation
from tenants.domain.login_attempts import LockedOut
from tenants.enums import InvitationStatus, Role
from tenants.models import Invitation, User
from tenants.models.invitation import invitation_status
from tenants.permissions import Action
from tenants.request_info import current_request_info


class InvitationSerializer(TenantModelSerializer[Invitation]):
    """A person asked to join. Its link is in the mail and nowhere else."""

    role = serializers.ChoiceField(choices=Role.choices)
    status = serializers.ChoiceField(choices=InvitationStatus.choices, read_only=True)

    class Meta:
        model = Invitation
        fields = [
            "id",
            "email",
            "role",
            "first_name",
            "last_name",
            "status",
            "invited_by_id",
            "sent_at",
            "sent_count",
            "expires_at",
            "accepted_at",
            "revoked_at",
            "created_at",
            "updated_at",
        ]

    def validate_email(self, value: str) -> str:
        return value.strip().lower()

    @classmethod
    def described_row(cls, invitation_id: UUID) -> dict[str, Any]:
        """An invitation as a reader gets it."""
        rows = Invitation.objects.annotate(status=invitation_status())
        found: dict[str, Any] = rows.filter(pk=invitation_id).values(*cls.columns()).get()
        return found


class MailUnavailable(APIException):
    """No mail can be sent; the detail says what the operator has to set."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "unavailable"


def send_invitation(request: Request, values: dict[str, Any]) -> Invitation:
    """Invite a person on behalf of the requester. Raises Conflict, MailUnavailable, ValidationError."""
    try:
        return invite(by=requester(request), at=timezone.now(), **values)
    except InvitationRefused as refused:
        raise Conflict(str(refused)) from refused
    except MailNotConfigured as missing:
        raise MailUnavailable(str(missing)) from missing


class InvitationViewSet(TenantViewSet[Invitation]):
    """People asked to join, whatever their address is elsewhere. Deleting an invitation revokes it."""

    model = Invitation
    serializer_class = InvitationSerializer
    http_method_names = ["get", "head", "post", "delete"]
    annotations = {"status": invitation_status()}
    filters = {
        "email": EXACT,
        "role": SET,
        "expires_at": RANGE,
        "accepted_at": ("isnull",),
        "revoked_at": ("isnull",),
    }
    custom_actions = {"resend": Action.CHANGE}

    def perform_create(self, serializer: BaseSerializer[Invitation]) -> Invitation:
        return send_invitation(self.request, dict(serializer.validated_data))

    def perform_destroy(self, instance: Invitation) -> None:
        try:
            revoke_invitation(invitation=instance, at=timezone.now())
        except InvitationRefused as refused:
            raise Conflict(str(refused)) from refused

    @extend_schema(request=None, responses={200: InvitationSerializer})
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Send an invitation again, with a new link and a new expiry. The link sent before stops working."""
        invitation = self.find()
        try:
            resend_invitation(invitation=invitation, by=requester(request), at=timezone.now())
        except InvitationRefused as refused:
            raise Conflict(str(refused)) from refused
        except MailNotConfigured as missing:
            raise MailUnavailable(str(missing)) from missing
        return answer(request, self.read_row(invitation.pk))


class AcceptanceSerializer(serializers.Serializer[Any]):
    """What the holder of a link sends."""

    token = serializers.CharField(max_length=200, write_only=True, help_text="What stands behind # in the link.")
    password = serializers.CharField(max_length=1_000, trim_whitespace=False, write_only=True)
    first_name = serializers.CharField(max_length=150, required=False, allow_blank=True)
    last_name = serializers.CharField(max_length=150, required=False, allow_blank=True)


class JoinedSerializer(serializers.Serializer[Any]):
    """Who joined. Signing in is the next step."""

    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Role.choices)


class InvitationAcceptanceView(APIView):
    """Answering an invitation. The token is the only proof asked for: no session, key or cookie counts here."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="invitation_acceptances_create", request=AcceptanceSerializer, responses={201: JoinedSerializer}
    )
    def post(self, request: Request) -> HttpResponse:
        """Join the organisation that invited you, and choose a password. After a few bad tokens one has to wait."""
        form = AcceptanceSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = _join(form.validated_data, at=timezone.now())
        response = answer(request, {"email": user.email, "role": user.role}, status=HTTPStatus.CREATED)
        del response["ETag"]
        response["Cache-Control"] = "no-store"
        return response


def _join(values: dict[str, Any], *, at: datetime) -> User:
    try:
        return accept_invitation(**values, ip_address=current_request_info().ip, at=at)
    except InvitationInvalid as invalid:
        raise serializers.ValidationError({"token": [str(invalid)]}) from invalid
    except AddressInUse as used:
        raise Conflict(str(used)) from used
    except LockedOut as locked:
        raise TooManyAttempts(locked) from locked

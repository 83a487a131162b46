"""What people do to the credentials of a connection. They go in and never come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError as ModelValidationError
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from integrations.connecting_api import (
    TOOL_FAILED,
    AskingViewSet,
    ConnectionReportSerializer,
    StrictSerializer,
    tool_failed,
)
from integrations.domain.connecting import described_report
from integrations.domain.credentials import replace_credentials, revoke_credentials
from integrations.domain.environment import Environment
from tenants.api.viewsets import answer, said
from tenants.permissions import Action


class NewCredentialsSerializer(StrictSerializer):
    """A whole set of credentials. Nothing of those before is kept beside it."""

    credentials = serializers.DictField(
        child=serializers.CharField(max_length=16_384, trim_whitespace=True),
        write_only=True,
        allow_empty=False,
        help_text="By the names of the tool's secrets, such as token, or refresh_token, client_id and client_secret.",
    )
    is_tested = serializers.BooleanField(
        required=False, default=True, help_text="False: kept without asking the tool whether it accepts them."
    )


class ReplacedSerializer(serializers.Serializer[Any]):
    """They are kept."""

    report = ConnectionReportSerializer(allow_null=True, help_text="Null where the tool was not asked.")


class RevokedSerializer(serializers.Serializer[Any]):
    """They are deleted here, whatever the tool says."""

    is_confirmed = serializers.BooleanField(help_text="The tool says that it has ended them.")
    message = serializers.CharField(help_text="What happened, and where in the tool they can be ended.")
    error_code = serializers.CharField(help_text="Empty where the tool raised no error, or was not asked.")


class CredentialsViewSet(AskingViewSet):
    """The credentials of one connection."""

    custom_actions = {"put_in_place": Action.CHANGE, "revoke": Action.CHANGE}

    @extend_schema(
        operation_id="integrations_credentials_create",
        request=NewCredentialsSerializer,
        responses={200: ReplacedSerializer, **TOOL_FAILED},
    )
    def put_in_place(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Put new credentials in place once the tool has accepted them. What it refuses is a 424, and the old stay."""
        integration = self.find_asked()
        wanted = said(NewCredentialsSerializer, request)
        try:
            done = replace_credentials(
                integration=integration,
                credentials=wanted["credentials"],
                environment=Environment.configured(),
                at=timezone.now(),
                is_tested=wanted["is_tested"],
            )
        except ModelValidationError as error:
            raise serializers.ValidationError({"credentials": error.messages}) from None
        if done.error is not None:
            raise tool_failed(done.error, *(done.report.notes if done.report else ()))
        return answer(request, {"report": described_report(done.report) if done.report else None})

    @extend_schema(operation_id="integrations_credentials_destroy", request=None, responses=RevokedSerializer)
    def revoke(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Have the tool end the credentials, delete them here, and read the connection no more. None stored: 409."""
        done = revoke_credentials(
            integration=self.find_asked(), environment=Environment.configured(), at=timezone.now()
        )
        told = {
            "is_confirmed": done.is_confirmed,
            "message": done.sentence,
            "error_code": done.error.code if done.error else "",
        }
        return answer(request, told)


ITEM_VIEWS: dict[str, Callable[..., Any]] = {
    "integrations/<str:pk>/credentials": CredentialsViewSet.as_view({"post": "put_in_place", "delete": "revoke"}),
}
"""Further things to do to an integration, by address."""

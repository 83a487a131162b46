"""Endpoints of what an organisation is told: where, what, and how it goes. Addresses and secrets only go in."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.db.models import F
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from integrations.domain.outgoing.managing import address_entered, values_of_change
from integrations.domain.outgoing.replaying import send_again, send_again_since, send_test
from integrations.domain.outgoing.secrets import give_secret, replace_secret
from integrations.enums import EventType
from integrations.models import Delivery, Destination, OutgoingMessage
from tenants.api.fields import AwareDateTimeField
from tenants.api.filters import EXACT, NULLABLE_RANGE, RANGE, SET, TenantFilterBackend
from tenants.api.serializers import TenantModelSerializer, serializer_for
from tenants.api.viewsets import ReadOnlyTenantViewSet, Routes, TenantViewSet, answer, created, said
from tenants.domain.recorded_edits import record_creation
from tenants.encryption.serializer_fields import SecretField
from tenants.permissions import Action

DestinationSerializer = serializer_for(
    Destination,
    computed={
        "address": extend_schema_field({"type": "string", "writeOnly": True})(SecretField)(
            help_text="A web address, or mail addresses with commas between them. Never shown. Left out: kept.",
        ),
    },
)


class NewDestinationSerializer(DestinationSerializer):  # type: ignore[valid-type,misc]  # made at run time
    """A destination just made, with the secret that its messages are signed with."""

    signing_secret = serializers.CharField(
        read_only=True, allow_null=True, help_text="Shown now and never again. Null where messages are not signed."
    )

    class Meta(DestinationSerializer.Meta):  # type: ignore[name-defined,misc]  # made at run time
        fields = [*DestinationSerializer.Meta.fields, "signing_secret"]


class DestinationViewSet(TenantViewSet[Destination]):
    """Places that an organisation is told of things: webhooks, channels, mail addresses."""

    model = Destination
    serializer_class = DestinationSerializer
    filters = {"kind": SET, "project": EXACT, "is_active": EXACT, "failing_since": NULLABLE_RANGE}

    @extend_schema(responses={201: NewDestinationSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Make a destination. Its signing secret is in this answer and in no other."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        destination = Destination(**serializer.validated_data, **address_entered(timezone.now()))
        secret = give_secret(destination)
        destination.save()
        record_creation(destination)
        row = {**self.read_row(destination.pk), "signing_secret": secret}
        response = created(request, row, f"{request.path.rstrip('/')}/{destination.pk}")
        # The tag of this body is not the tag of the destination: the secret is in no other answer.
        del response["ETag"]
        response["Cache-Control"] = "no-store"
        return response

    def perform_update(self, serializer: BaseSerializer[Destination]) -> Destination:
        destination = serializer.instance
        assert destination is not None  # noqa: S101  # an update has one
        return serializer.save(**values_of_change(destination, serializer.validated_data, at=timezone.now()))


class AskingDestination(ReadOnlyTenantViewSet[Destination]):
    """Something asked of one destination."""

    model = Destination
    serializer_class = DestinationSerializer
    pagination_class = None
    filter_backends = [TenantFilterBackend]  # none is declared: a parameter nobody reads is refused

    def own_parameters(self) -> frozenset[str]:
        return frozenset()

    def asked(self) -> Destination:
        """The row in the address. Raises InvalidParameter, or NotFound when there is none to see."""
        self.filter_queryset(self.get_queryset())
        return self.find()


class NewSecretSerializer(serializers.Serializer[Any]):
    """A secret just made."""

    signing_secret = serializers.CharField(help_text="Shown now and never again. For a day the old one signs too.")


class SecretViewSet(AskingDestination):
    """Replaces the secret that messages are signed with."""

    custom_actions = {"replace": Action.CHANGE}

    @extend_schema(operation_id="destinations_secret_create", request=None, responses={200: NewSecretSerializer})
    def replace(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Make a new signing secret. For a day messages bear both signatures. 409 where messages are not signed."""
        secret = replace_secret(destination=self.asked(), at=timezone.now())
        response = answer(request, {"signing_secret": secret})
        del response["ETag"]
        response["Cache-Control"] = "no-store"
        return response


class QueuedSerializer(serializers.Serializer[Any]):
    """What a worker sends next."""

    messages = serializers.IntegerField(help_text="How many.")
    deliveries = serializers.CharField(help_text="The address of the deliveries, where it is seen how it goes.")


def _queued(request: Request, count: int, destination_id: object) -> HttpResponse:
    told = {"messages": count, "deliveries": f"/api/v1/deliveries?destination={destination_id}"}
    return answer(request, told, status=HTTPStatus.ACCEPTED)


class TestMessageViewSet(AskingDestination):
    """Sends a message that says nothing."""

    custom_actions = {"send": Action.TRANSITION}

    @extend_schema(operation_id="destinations_test_create", request=None, responses={202: QueuedSerializer})
    def send(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Send a message of the type `test`, to see whether it arrives. 409 where the destination is switched off."""
        delivery = send_test(destination=self.asked(), at=timezone.now())
        return _queued(request, 1, delivery.destination_id)


class ReplaySerializer(serializers.Serializer[Any]):
    """From when on to send again."""

    since = AwareDateTimeField(help_text="Messages put in since then. Older ones than the retention are gone.")


class ReplayViewSet(AskingDestination):
    """Sends again."""

    custom_actions = {"replay": Action.TRANSITION}

    @extend_schema(
        operation_id="destinations_replay_create", request=ReplaySerializer, responses={202: QueuedSerializer}
    )
    def replay(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Send everything since a moment again, with the ids that it had, also what the place was never sent.

        409 where the destination is switched off, or where it is too much for once.
        """
        destination = self.asked()
        since = said(ReplaySerializer, request)["since"]
        return _queued(
            request, send_again_since(destination=destination, since=since, at=timezone.now()), destination.pk
        )


# --- messages and deliveries ---


class OutgoingMessageViewSet(ReadOnlyTenantViewSet[OutgoingMessage]):
    """What was told."""

    model = OutgoingMessage
    serializer_class = serializer_for(OutgoingMessage)
    filters = {"type": SET, "project": EXACT, "occurred_at": RANGE}


class DeliverySerializer(TenantModelSerializer[Delivery]):
    """One message on its way to one destination."""

    type = serializers.ChoiceField(choices=EventType.choices, read_only=True, help_text="Of the message.")

    class Meta:
        model = Delivery
        fields = [
            *("id", "message", "type", "destination", "state", "attempts", "next_try_at", "status_code", "error_code"),
            *("sent_at", "log", "created_at"),
        ]


class DeliveryViewSet(ReadOnlyTenantViewSet[Delivery]):
    """How the telling goes."""

    model = Delivery
    serializer_class = DeliverySerializer
    annotations = {"type": F("message__type")}
    filters = {"destination": EXACT, "message": EXACT, "state": SET, "created_at": RANGE}


class SendAgainViewSet(ReadOnlyTenantViewSet[Delivery]):
    """Sends one message again."""

    model = Delivery
    serializer_class = DeliverySerializer
    annotations = {"type": F("message__type")}
    pagination_class = None
    filter_backends = [TenantFilterBackend]
    custom_actions = {"send": Action.TRANSITION}

    def own_parameters(self) -> frozenset[str]:
        return frozenset()

    @extend_schema(operation_id="deliveries_replay_create", request=None, responses={202: DeliverySerializer})
    def send(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Send a message again, with the id that it had. 409 while it is sent, or where its place is switched off."""
        self.filter_queryset(self.get_queryset())
        delivery = send_again(delivery=self.find(), at=timezone.now())
        return answer(request, self.read_row(delivery.pk), status=HTTPStatus.ACCEPTED)


ROUTES: Routes = {
    "destinations": DestinationViewSet,
    "outgoing-messages": OutgoingMessageViewSet,
    "deliveries": DeliveryViewSet,
}

ITEM_VIEWS: dict[str, Callable[..., Any]] = {
    "destinations/<str:pk>/secret": SecretViewSet.as_view({"post": "replace"}),
    "destinations/<str:pk>/test": TestMessageViewSet.as_view({"post": "send"}),
    "destinations/<str:pk>/replay": ReplayViewSet.as_view({"post": "replay"}),
    "deliveries/<str:pk>/replay": SendAgainViewSet.as_view({"post": "send"}),
}
"""Further things to ask of a destination or a delivery, by address."""

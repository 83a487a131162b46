"""The webhook of a connection through the API: how it is doing, making and renewing it, its secret, revoking it."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from integrations.connecting_api import AskingViewSet, StrictSerializer
from integrations.connectors.registry import scheme_of
from integrations.connectors.webhooks import SecretOrigin
from integrations.domain.webhook_addresses import LONGEST_PROOF, enter_proof, make_address, revoke_address
from integrations.models import IncomingWebhook, Integration
from integrations.webhook_words import WebhookState, WebhookWords, describe_webhook
from tenants.api.viewsets import answer, said
from tenants.permissions import Action

COUNTS = ("received_count", "ignored_count", "duplicate_count", "refused_count", "refused_in_a_row")
MOMENTS = ("created_at", "renewed_at", "handshake_until", "last_received_at", "last_refused_at")


class WebhookSerializer(serializers.Serializer[Any]):
    """How the webhook of a connection is doing. Neither address nor secret is in it."""

    state = serializers.ChoiceField(
        choices=[(state.value, state.value) for state in WebhookState],
        help_text="NONE: not made. WAITING: everything is refused until a secret is entered, or sent by the tool. "
        "SILENT: nothing has come yet. REFUSING: the newest messages were refused.",
    )
    headline = serializers.CharField()
    advice = serializers.CharField(help_text="What a person can do; empty where there is nothing.")
    scheme = serializers.CharField(help_text="How the messages of this tool are proved.")
    secret_origin = serializers.ChoiceField(
        choices=[(origin.value, origin.value) for origin in SecretOrigin],
        help_text="OURS: made here, to be entered in the tool. TOOL: shown by the tool, to be entered here. "
        "HANDSHAKE: sent by the tool.",
    )
    proof_label = serializers.CharField(help_text="What the tool calls the secret.")
    setup = serializers.ListField(child=serializers.CharField(), help_text="What to do in the tool.")
    has_secret = serializers.BooleanField()
    takes_unsigned = serializers.BooleanField(help_text="The tool cannot sign: its address alone is proof.")
    created_at = serializers.DateTimeField(allow_null=True)
    renewed_at = serializers.DateTimeField(allow_null=True)
    handshake_until = serializers.DateTimeField(allow_null=True, help_text="How long the tool may send a secret.")
    last_received_at = serializers.DateTimeField(allow_null=True)
    last_refused_at = serializers.DateTimeField(allow_null=True)
    last_refusal = serializers.CharField(help_text="bad_signature, too_old and others; empty where there was none.")
    notice = serializers.CharField(help_text="What the tool says of the webhook itself: subscription_removed.")
    received_count = serializers.IntegerField()
    ignored_count = serializers.IntegerField(help_text="While the connection was switched off.")
    duplicate_count = serializers.IntegerField(help_text="Came more than once; once was enough.")
    refused_count = serializers.IntegerField()
    refused_in_a_row = serializers.IntegerField(help_text="Since the last good one.")


class NewWebhookSerializer(WebhookSerializer):
    """A webhook just made, with what is shown once."""

    url = serializers.CharField(help_text="To be entered in the tool. Shown now and never again.")
    secret = serializers.CharField(help_text="Of ours, to be entered in the tool; empty where the tool has its own.")


class MakeWebhookSerializer(StrictSerializer):
    """What there is to say about a new address."""

    secret = serializers.CharField(
        max_length=LONGEST_PROOF, required=False, help_text="Of the tool; left out: made here, where we make it."
    )
    takes_unsigned = serializers.BooleanField(
        required=False, default=False, help_text="The tool cannot sign (Jira Data Center, a board of monday.com)."
    )


class ProofSerializer(StrictSerializer):
    """The secret of the tool."""

    secret = serializers.CharField(max_length=LONGEST_PROOF)


class WebhookViewSet(AskingViewSet):
    """The secret address at which a tool says that something has changed. The address is shown once."""

    custom_actions = {
        "webhook": Action.VIEW,
        "make": Action.CHANGE,
        "enter": Action.CHANGE,
        "revoke": Action.CHANGE,
    }

    @extend_schema(operation_id="integrations_webhook_retrieve", responses=WebhookSerializer)
    def webhook(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """How it is doing. 404 for a tool that sends no webhooks."""
        return answer(request, _described(self.find_asked()))

    @extend_schema(
        operation_id="integrations_webhook_create",
        request=MakeWebhookSerializer,
        responses={201: NewWebhookSerializer},
    )
    def make(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Make it, or renew its address and a secret of ours: those before stop working. Both are shown now only."""
        integration = self.find_asked()
        wanted = said(MakeWebhookSerializer, request)
        made = make_address(integration=integration, at=timezone.now(), **wanted)
        told = {**_described(integration), "url": made.url, "secret": made.secret}
        response = answer(request, told, status=HTTPStatus.CREATED)
        del response["ETag"]
        response["Cache-Control"] = "no-store"
        return response

    @extend_schema(
        operation_id="integrations_webhook_secret_create",
        request=ProofSerializer,
        responses={200: WebhookSerializer},
    )
    def enter(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Keep the secret that the tool shows, in place of the one before. 409 where there is no webhook yet."""
        integration = self.find_asked()
        enter_proof(integration=integration, **said(ProofSerializer, request))
        return answer(request, _described(integration))

    @extend_schema(operation_id="integrations_webhook_destroy", responses={204: None})
    def revoke(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Its address opens nothing from now on. 404 where there is none."""
        if not revoke_address(integration=self.find_asked()):
            raise NotFound
        return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _described(integration: Integration) -> dict[str, Any]:
    """Raises NotFound for a tool that sends no webhooks."""
    webhook = IncomingWebhook.objects.filter(integration=integration).first()
    words = describe_webhook(integration, webhook, at=timezone.now())
    if words is None:
        raise NotFound
    scheme = scheme_of(integration.type)
    return {
        **_words_of(words),
        "secret_origin": scheme.secret_origin.value,
        "has_secret": webhook is not None and webhook.proofs is not None,
        "takes_unsigned": webhook is not None and webhook.takes_unsigned,
        **{name: getattr(webhook, name, None) for name in MOMENTS},
        **{name: getattr(webhook, name, "") for name in ("last_refusal", "notice")},
        **{name: getattr(webhook, name, 0) for name in COUNTS},
    }


def _words_of(words: WebhookWords) -> dict[str, Any]:
    return {
        "state": words.state.value,
        "headline": words.headline,
        "advice": words.advice,
        "scheme": words.scheme,
        "proof_label": words.proof_label,
        "setup": list(words.steps),
    }


ITEM_VIEWS: dict[str, Callable[..., Any]] = {
    "integrations/<str:pk>/webhook": WebhookViewSet.as_view({"get": "webhook", "post": "make", "delete": "revoke"}),
    "integrations/<str:pk>/webhook/secret": WebhookViewSet.as_view({"post": "enter"}),
}
"""Further things to ask of an integration, by address."""

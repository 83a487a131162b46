"""What the page of a connection shows of its webhook, and what people do with it there."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone

from integrations.domain.webhook_addresses import NewAddress, enter_proof, make_address, revoke_address
from integrations.models import IncomingDelivery, IncomingWebhook, Integration
from integrations.webhook_forms import EnterSecretForm, MakeWebhookForm
from integrations.webhook_words import WebhookWords, describe_webhook
from tenants.admin.acts import DoingPage
from tenants.admin.base import SystemAdmin
from tenants.admin.shown_once import ShownOnce, show_once
from tenants.domain.refusals import Refusal

MAY_SET_UP = "integrations.change_integration"


class WebhookActs(DoingPage):
    """Making, renewing and revoking the secret address of a connection; it is shown once."""

    def webhook_urls(self) -> list[Any]:
        acts = {
            "webhook": self.webhook_view,
            "webhook_secret": self.webhook_secret_view,
            "webhook_revoke": self.webhook_revoke_view,
        }
        return [
            path(f"<uuid:row_id>/{name}/", self.admin_site.admin_view(view), name=f"integrations_integration_{name}")
            for name, view in acts.items()
        ]

    def shown_webhook(self, request: HttpRequest, integration: Integration) -> dict[str, Any]:
        """What the page needs; nothing for a tool that sends no webhooks."""
        words = self._webhook_words(integration)
        if words is None:
            return {}
        shown: dict[str, Any] = {"webhook": words}
        if self.may(request, MAY_SET_UP):
            shown["webhook_form"] = MakeWebhookForm(webhook=words)
            if words.is_made and words.takes_secret:
                shown["webhook_secret_form"] = EnterSecretForm(webhook=words)
        return shown

    def _webhook_words(self, integration: Integration) -> WebhookWords | None:
        webhook = IncomingWebhook.objects.filter(integration=integration).first()
        return describe_webhook(integration, webhook, at=timezone.now())

    def webhook_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        """Make the address, or renew it, as ``POST /integrations/{id}/webhook`` does."""
        return self.do_posted(request, row_id, MAY_SET_UP, self._make_webhook)

    def webhook_secret_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        """Keep the secret that the tool shows."""
        return self.do_posted(request, row_id, MAY_SET_UP, self._enter_webhook_secret)

    def webhook_revoke_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        """Take the address away."""
        return self.do_posted(request, row_id, MAY_SET_UP, self._revoke_webhook)

    def _make_webhook(self, request: HttpRequest, integration: Integration) -> None:
        form = MakeWebhookForm(request.POST, webhook=self._words_or_refusal(integration))
        if not form.is_valid():
            messages.error(request, "Nothing was changed. What was entered cannot be a secret.")
            return
        self._show_once(request, make_address(integration=integration, at=timezone.now(), **form.cleaned_data))

    def _show_once(self, request: HttpRequest, made: NewAddress) -> None:
        show_once(request, ShownOnce("Copy the address now, it is not shown again", made.url))
        if made.secret:
            show_once(request, ShownOnce("And the secret, which is not shown again either", made.secret))

    def _enter_webhook_secret(self, request: HttpRequest, integration: Integration) -> None:
        form = EnterSecretForm(request.POST, webhook=self._words_or_refusal(integration))
        if not form.is_valid():
            messages.error(request, "Nothing was changed. What was entered cannot be a secret.")
            return
        enter_proof(integration=integration, secret=form.cleaned_data["secret"])
        messages.success(request, "The secret is kept. The next message is checked with it.")

    def _revoke_webhook(self, request: HttpRequest, integration: Integration) -> None:
        if revoke_address(integration=integration):
            messages.success(request, "The address opens nothing any more. Remove the webhook in the tool, too.")

    def _words_or_refusal(self, integration: Integration) -> WebhookWords:
        words = self._webhook_words(integration)
        if words is None:
            raise Refusal("This kind of tool sends no webhooks.")
        return words


@admin.register(IncomingWebhook)
class IncomingWebhookPage(SystemAdmin):
    """Secret addresses of connections, and what came in; they are made on the page of the connection."""

    list_display = ("integration", "last_received_at", "received_count", "duplicate_count", "refused_count")
    list_select_related = ("integration",)


@admin.register(IncomingDelivery)
class IncomingDeliveryPage(SystemAdmin):
    """Messages of tools that were proved and hinted at a change."""

    list_display = ("integration", "received_at", "claimed_id")
    list_select_related = ("integration",)

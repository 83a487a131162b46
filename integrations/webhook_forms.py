"""What people enter about the webhook of a connection."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms

from integrations.domain.webhook_addresses import LONGEST_PROOF
from integrations.webhook_words import WebhookWords
from tenants.admin.acts import ActForm


def _secret_field(label: str, *, required: bool, help_text: str = "") -> forms.CharField:
    hidden = forms.PasswordInput(attrs={"autocomplete": "off", "size": 50})
    return forms.CharField(label=label, max_length=LONGEST_PROOF, required=required, widget=hidden, help_text=help_text)


class MakeWebhookForm(ActForm):
    """Make the address, or renew it."""

    verb: ClassVar[str] = "Make the webhook"

    def __init__(self, data: Any = None, *, webhook: WebhookWords) -> None:
        super().__init__(data)
        self.prefix = "made"
        if webhook.takes_secret:
            self.fields["secret"] = _secret_field(f"{webhook.proof_label}, if the tool shows one", required=False)
        if webhook.may_be_unsigned:
            self.fields["takes_unsigned"] = forms.BooleanField(label="The tool cannot sign", required=False)


class EnterSecretForm(ActForm):
    """Keep the secret that the tool shows."""

    verb: ClassVar[str] = "Enter the secret"

    def __init__(self, data: Any = None, *, webhook: WebhookWords) -> None:
        super().__init__(data)
        self.prefix = "entered"  # the other form of the page has a secret, too
        self.fields["secret"] = _secret_field(webhook.proof_label, required=True)

"""The secret addresses of webhooks: made, found by their token, renewed, revoked.

    sbh_<base64url of 16 bytes of the tenant, 16 of the row, 32 random ones>

Tenant and row find the row in its primary key, without looking at any other's; only the keyed digest of the whole token
is kept (`tenants.domain.peppers`), so it fits no other row. What opens nothing takes as long as what does.
"""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings

from integrations.connectors.registry import scheme_of
from integrations.connectors.webhooks import SecretOrigin, WebhookScheme
from integrations.models import IncomingWebhook, Integration
from tenants.domain.invitation_mail import public_url_problem
from tenants.domain.peppers import keyed_digest, newest_pepper_version, secret_fits
from tenants.domain.refusals import Refusal
from tenants.encryption.secret import Secret
from tenants.isolation.context import require_tenant_id
from tenants.isolation.transaction import auth_context

PREFIX: Final = "sbh_"
SECRET_BYTES: Final = 32
HANDSHAKE_WINDOW: Final = timedelta(hours=24)
"""How long after it was made or renewed an address takes the tool's own secrets: there may be many to set up."""
MOST_HANDSHAKES: Final = 50
LONGEST_PROOF: Final = 512
_ID_BYTES: Final = 16
_TOKEN: Final = re.compile(r"sbh_([A-Za-z0-9_-]{86})", re.ASCII)
_PROOF: Final = re.compile(r"[!-~]+", re.ASCII)


class WebhookRefusal(Refusal):
    """A webhook cannot be made or changed like this."""


@dataclass(frozen=True, slots=True)
class NewAddress:
    """An address just made. url and secret are shown once; secret: "" where we make none"""

    webhook: IncomingWebhook
    url: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FoundAddress:
    """Where a token leads. digest: of the token, as it was when it was found"""

    tenant_id: UUID
    webhook_id: UUID
    digest: str


def make_address(
    *, integration: Integration, at: datetime, secret: str = "", takes_unsigned: bool = False
) -> NewAddress:
    """Make the webhook of an integration, or renew its address: the one before opens nothing more.

    Secrets are renewed with it, but one that is the tool's own stays until another is entered.
    secret: where the tool shows one, or to use instead of one that we make;  takes_unsigned: the tool cannot sign
    Raises WebhookRefusal: the tool has no webhooks or always signs, the secret cannot be one, PUBLIC_URL is missing.
    """
    scheme = _scheme_of(integration)
    if public_url_problem(settings.PUBLIC_URL):
        raise WebhookRefusal("There is no address to give: whoever runs the installation sets PUBLIC_URL first.")
    if takes_unsigned and not scheme.may_be_unsigned:
        raise WebhookRefusal("This tool always signs.", field="takes_unsigned")
    if takes_unsigned and secret:
        raise WebhookRefusal("Either the tool signs with a secret, or it cannot sign.", field="takes_unsigned")
    made = ""
    if secret:
        secret = checked_proof(secret, scheme)
    elif scheme.secret_origin is SecretOrigin.OURS and not takes_unsigned:
        secret = made = secrets.token_urlsafe(SECRET_BYTES)
    # Of two who make it at once, the second renews what the first has made.
    Integration.objects.select_for_update(no_key=True).get(pk=integration.pk)
    webhook = IncomingWebhook.objects.select_for_update().filter(integration=integration).first()
    is_new = webhook is None
    webhook = webhook or IncomingWebhook(integration=integration)
    token = _renew_token(webhook)
    if secret:
        webhook.proofs = Secret.of_json([secret])
    elif takes_unsigned or scheme.secret_origin is not SecretOrigin.TOOL:
        webhook.proofs = None
    webhook.takes_unsigned = takes_unsigned
    webhook.handshake_until = at + HANDSHAKE_WINDOW if scheme.secret_origin is SecretOrigin.HANDSHAKE else None
    webhook.renewed_at = None if is_new else at
    webhook.notice, webhook.last_refusal, webhook.refused_in_a_row = "", "", 0
    webhook.save()
    return NewAddress(webhook, address_of(token), made)


def enter_proof(*, integration: Integration, secret: str) -> IncomingWebhook:
    """Keep the secret that the tool shows, in place of the one before.

    Raises WebhookRefusal: there is no webhook, the tool sends its secret itself, or this cannot be one.
    """
    scheme = _scheme_of(integration)
    webhook = IncomingWebhook.objects.select_for_update().filter(integration=integration).first()
    if webhook is None:
        raise WebhookRefusal("There is no webhook yet: make it first.")
    if scheme.secret_origin is SecretOrigin.HANDSHAKE:
        raise WebhookRefusal("This tool sends its secret by itself.", field="secret")
    webhook.proofs, webhook.takes_unsigned = Secret.of_json([checked_proof(secret, scheme)]), False
    webhook.refused_in_a_row = 0
    webhook.save(update_fields=["proofs", "takes_unsigned", "refused_in_a_row", "updated_at"])
    held: IncomingWebhook = webhook
    return held


def revoke_address(*, integration: Integration) -> bool:
    """Remove the webhook: its address answers as one that never was. Whether there was one."""
    webhook = IncomingWebhook.objects.filter(integration=integration).first()
    if webhook is None:
        return False
    webhook.delete()
    return True


def add_handshake(webhook: IncomingWebhook, secret: str) -> None:
    """Keep a secret that the tool has sent, beside those of its other webhooks."""
    held: IncomingWebhook = IncomingWebhook.objects.select_for_update().get(pk=webhook.pk)
    known = proofs_of(held)
    if secret in known:
        return
    held.proofs = Secret.of_json([*known, secret][-MOST_HANDSHAKES:])
    held.save(update_fields=["proofs", "updated_at"])


def find_address(token: str) -> FoundAddress | None:
    """Where a token leads; None for anything that opens nothing: unknown, revoked, of a closed organisation."""
    found = _TOKEN.fullmatch(token)
    raw = base64.urlsafe_b64decode(f"{found[1]}==") if found else b""
    if not found or _text_of(raw) != token:  # one token has one spelling
        return None
    tenant_id, row_id = UUID(bytes=raw[:_ID_BYTES]), UUID(bytes=raw[_ID_BYTES : 2 * _ID_BYTES])
    with auth_context():
        rows = IncomingWebhook.for_authentication.filter(tenant_id=tenant_id, pk=row_id)
        row = rows.values_list("secret_digest", "pepper_version", "tenant__is_active").first()
    if not secret_fits(_bound(token), row[:2] if row else None) or row is None or not row[2]:
        return None
    return FoundAddress(tenant_id, row_id, row[0])


def address_of(token: str) -> str:
    """The whole address, from PUBLIC_URL and never from a request."""
    return f"{settings.PUBLIC_URL.rstrip('/')}/hooks/{token}/"


def proofs_of(webhook: IncomingWebhook) -> tuple[str, ...]:
    """Opened secrets. Raises EncryptionError."""
    return tuple(webhook.proofs.reveal_json()) if webhook.proofs is not None else ()


def checked_proof(secret: str, scheme: WebhookScheme) -> str:
    """Raises WebhookRefusal for what cannot be a secret of the tool."""
    text = secret.strip()
    if not _PROOF.fullmatch(text) or len(text) > LONGEST_PROOF:
        raise WebhookRefusal(
            f"Enter the {scheme.proof_label.lower()}: up to {LONGEST_PROOF} characters without blanks.", field="secret"
        )
    return text


def _scheme_of(integration: Integration) -> WebhookScheme:
    try:
        return scheme_of(integration.type)
    except KeyError:
        raise WebhookRefusal("This kind of tool sends no webhooks.") from None


def _renew_token(webhook: IncomingWebhook) -> str:
    raw = require_tenant_id().bytes + webhook.pk.bytes + secrets.token_bytes(SECRET_BYTES)
    token, version = _text_of(raw), newest_pepper_version()
    webhook.secret_digest, webhook.pepper_version = keyed_digest(_bound(token), version=version), version
    return token


def _text_of(raw: bytes) -> str:
    return PREFIX + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bound(token: str) -> str:
    """What is digested: nothing that another kind of secret could be."""
    return f"webhook|{token}"

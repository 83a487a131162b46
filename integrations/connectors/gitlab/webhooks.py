"""Webhooks of GitLab: a signing token (Standard Webhooks), or the older secret token, which proves no body.

https://docs.gitlab.com/user/project/integrations/webhooks/
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from integrations.connectors.webhooks import (
    Hint,
    RefusalReason,
    SecretOrigin,
    Sent,
    WebhookRefused,
    WebhookScheme,
    as_bytes,
    body_key,
    check_any,
    check_window,
    from_base64,
    inside,
    place,
    text_key,
)

SIGNING: Final = "whsec_"
MOST_SIGNATURES: Final = 10


class GitLabWebhooks(WebhookScheme):
    """A signature that is there must pass, and a signing token takes nothing without one: there is no way down."""

    secret_origin = SecretOrigin.OURS
    proof_label = "Signing token (whsec_…), or secret token"
    scheme = "Standard Webhooks with a signing token (whsec_…), or the plain token in X-Gitlab-Token"
    setup = (
        "In the project or group open Settings, Webhooks, Add new webhook, and enter the address under “URL”.",
        "Where GitLab offers a signing token, let it make one and enter that here, with “Enter the secret”: "
        "it signs each message. Otherwise enter the secret shown here under “Secret token”.",
        "Choose the triggers Issues events, Comments, Merge request events, Pipeline events and Deployment events.",
    )

    def prove(self, sent: Sent, secrets: Sequence[str], now: datetime) -> str:
        signing = [secret for secret in secrets if secret.startswith(SIGNING)]
        if sent.header("webhook-signature") or signing:
            return _prove_signature(sent, signing, now)
        given = sent.header("x-gitlab-token")
        if not given:
            raise WebhookRefused(RefusalReason.UNSIGNED)
        check_any((as_bytes(secret) for secret in secrets), as_bytes(given))
        return body_key(sent)

    def hints(self, sent: Sent) -> Iterable[Hint]:
        """GitLab sends nothing when an issue is deleted: the census finds it."""
        payload = sent.json()
        return [Hint(place(inside(payload, "project", "id")) or place(payload.get("project_id")))]


def _prove_signature(sent: Sent, signing: Sequence[str], now: datetime) -> str:
    """Of several signatures, which come while a token is being replaced, one must pass. Raises WebhookRefused."""
    given = sent.header("webhook-signature").split()[:MOST_SIGNATURES]
    message_id, timestamp = sent.header("webhook-id"), sent.header("webhook-timestamp")
    if not given or not message_id or not timestamp:
        raise WebhookRefused(RefusalReason.UNSIGNED)
    known = [text.removeprefix("v1,") for text in given if text.startswith("v1,")]
    if not known:
        raise WebhookRefused(RefusalReason.UNKNOWN_SCHEME)
    keys = [key for secret in signing if (key := from_base64(secret.removeprefix(SIGNING)))]
    if not keys:  # a signature that nothing here can prove
        raise WebhookRefused(RefusalReason.NOTHING_ENTERED)
    content = as_bytes(f"{message_id}.{timestamp}.") + sent.body
    macs = [hmac.digest(key, content, "sha256") for key in keys]
    _check_one(macs, [from_base64(text) or b"" for text in known])
    check_window(timestamp, now)
    return text_key(message_id)


def _check_one(macs: Sequence[bytes], given: Sequence[bytes]) -> None:
    matches = [hmac.compare_digest(mac, each) for mac in macs for each in given]
    if not any(matches):
        raise WebhookRefused(RefusalReason.BAD_SIGNATURE)


SCHEME: Final = GitLabWebhooks()

"""Webhooks of GitHub: HMAC-SHA256 over the body in X-Hub-Signature-256, no timestamp.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from integrations.connectors.webhooks import (
    Hint,
    RefusalReason,
    SecretOrigin,
    Sent,
    WebhookRefused,
    WebhookScheme,
    body_key,
    check_hub_signature,
    inside,
    parsed,
    place,
)

LEAVING: Final = ("deleted", "transferred")


class GitHubWebhooks(WebhookScheme):
    """X-GitHub-Delivery is not signed, so a repetition is known by its body, which is the same in a redelivery."""

    secret_origin = SecretOrigin.OURS
    proof_label = "Secret"
    scheme = "HMAC-SHA256 of the body in X-Hub-Signature-256"
    setup = (
        "In the repository or the organisation open Settings, Webhooks, Add webhook.",
        "Enter the address under “Payload URL”, choose application/json, and enter the secret under “Secret”.",
        "Choose the events Issues, Issue comments, Milestones, Pull requests, Pull request reviews, Workflow runs "
        "and Deployment statuses.",
    )

    def prove(self, sent: Sent, secrets: Sequence[str], now: datetime) -> str:
        if not sent.header("x-hub-signature-256") and sent.header("x-hub-signature"):
            raise WebhookRefused(RefusalReason.UNKNOWN_SCHEME)  # SHA-1, for those who cannot do better
        check_hub_signature(sent, "x-hub-signature-256", secrets)
        return body_key(sent)

    def hints(self, sent: Sent) -> Iterable[Hint]:
        payload = _payload(sent)
        if "zen" in payload:  # the ping that a new webhook begins with
            return []
        is_gone = payload.get("action") in LEAVING and isinstance(payload.get("issue"), dict)
        is_comment = isinstance(payload.get("comment"), dict)
        where = place(inside(payload, "repository", "full_name"))
        return [Hint(where, is_deletion=is_gone and not is_comment)]


def _payload(sent: Sent) -> dict[str, Any]:
    """The JSON, or the field “payload” of a form. Raises WebhookRefused."""
    if not sent.header("content-type").startswith("application/x-www-form-urlencoded"):
        return sent.json()
    found = parsed(sent.form().get("payload", "").encode("utf-8", "surrogatepass"))
    if not isinstance(found, dict):
        raise WebhookRefused(RefusalReason.MALFORMED)
    return found


SCHEME: Final = GitHubWebhooks()

"""Webhooks of Asana: a handshake that brings the secret, then hex HMAC-SHA256 over the body; no timestamp.

https://developers.asana.com/docs/webhooks-guide
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from integrations.connectors.webhooks import (
    Greeting,
    Hint,
    Keys,
    RefusalReason,
    SecretOrigin,
    Sent,
    WebhookRefused,
    WebhookScheme,
    body_key,
    check_hex,
    inside,
    objects,
    place,
)

_SECRET: Final = re.compile(r"[!-~]{16,256}", re.ASCII)


class AsanaWebhooks(WebhookScheme):
    """Each project has a webhook with a secret of its own, and all may lead to one address."""

    secret_origin = SecretOrigin.HANDSHAKE
    proof_label = "X-Hook-Secret"
    scheme = "a handshake that brings the secret (X-Hook-Secret), then HMAC-SHA256 of the body in X-Hook-Signature"
    setup = (
        "Asana has no page for it: for each project send POST /api/1.0/webhooks with the project's number as "
        "“resource” and this address as “target”, with the token of the connection.",
        "Asana then sends its secret here by itself. It is taken within a day after the webhook was made or renewed "
        "here; later, renew it first.",
    )

    def greet(self, sent: Sent, keys: Keys, now: datetime) -> Greeting | None:
        secret = sent.header("x-hook-secret")
        if not secret:
            return None
        if not _SECRET.fullmatch(secret):
            raise WebhookRefused(RefusalReason.MALFORMED)
        if not keys.takes_handshake and secret not in keys.secrets:
            raise WebhookRefused(RefusalReason.HANDSHAKE_CLOSED)
        return Greeting(headers={"X-Hook-Secret": secret}, secret=secret)

    def prove(self, sent: Sent, secrets: Sequence[str], now: datetime) -> str:
        given = sent.header("x-hook-signature")
        if not given:
            raise WebhookRefused(RefusalReason.UNSIGNED)
        check_hex(sent, given, secrets)
        return body_key(sent)

    def hints(self, sent: Sent) -> Iterable[Hint]:
        """A heartbeat, every eight hours, has no events."""
        return [_hint(event) for event in objects(sent.json().get("events"))]


def _hint(event: dict[str, Any]) -> Hint:
    """A task that was deleted may have its home in another project than the one that says so; one that was removed from
    a project is looked for there."""
    is_task = inside(event, "resource", "resource_type") == "task"
    is_removal = event.get("action") == "removed" and inside(event, "parent", "resource_type") == "project"
    where = place(inside(event, "parent", "gid")) if is_removal else ""
    return Hint(where, is_deletion=is_task and event.get("action") in ("deleted", "removed"))


SCHEME: Final = AsanaWebhooks()

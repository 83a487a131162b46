"""Change notifications of Microsoft Graph: the token of validation is echoed, clientState proves the rest.

https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks
https://learn.microsoft.com/en-us/graph/change-notifications-lifecycle-events
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from integrations.connectors.webhooks import (
    Greeting,
    Hint,
    Keys,
    RefusalReason,
    SecretOrigin,
    Sent,
    ToolNotice,
    WebhookRefused,
    WebhookScheme,
    as_bytes,
    body_key,
    check_any,
    objects,
)

LONGEST_TOKEN: Final = 2_048
_NOTICES: Final = {
    "subscriptionRemoved": ToolNotice.SUBSCRIPTION_REMOVED,
    "reauthorizationRequired": ToolNotice.REAUTHORIZATION_REQUIRED,
}


class GraphWebhooks(WebhookScheme):
    """clientState is a plain secret in the body: whoever has seen one message can send others, which only hint."""

    secret_origin = SecretOrigin.OURS
    proof_label = "clientState"
    least_gap = timedelta(minutes=5)
    scheme = "clientState in each notification; the validation token is echoed"
    setup = (
        "Send POST /v1.0/subscriptions to Microsoft Graph with this address as “notificationUrl” and as "
        "“lifecycleNotificationUrl”, and the secret as “clientState”.",
        "As “resource” name /teams/{team}/channels/{channel}/messages or /chats/{chat}/messages, as “changeType” "
        "created,updated.",
        "A subscription to messages ends after at most three days: renew it before, with PATCH. Until then and "
        "afterwards the tool is read at its interval.",
    )

    def greet(self, sent: Sent, keys: Keys, now: datetime) -> Greeting | None:
        token = sent.query.get("validationToken")
        if token is None:
            return None
        if not token.isprintable() or not 0 < len(token) <= LONGEST_TOKEN:
            raise WebhookRefused(RefusalReason.MALFORMED)
        return Greeting(token)

    def prove(self, sent: Sent, secrets: Sequence[str], now: datetime) -> str:
        notifications = _notifications(sent)
        if not notifications:
            raise WebhookRefused(RefusalReason.UNSIGNED)
        for each in notifications:
            state = each.get("clientState")
            check_any(map(as_bytes, secrets), as_bytes(state) if isinstance(state, str) else b"")
        return body_key(sent)

    def hints(self, sent: Sent) -> Iterable[Hint]:
        return [Hint()]

    def notice(self, sent: Sent) -> ToolNotice | None:
        events = [each.get("lifecycleEvent") for each in _notifications(sent)]
        found = [_NOTICES[event] for event in events if isinstance(event, str) and event in _NOTICES]
        return found[0] if found else None


def _notifications(sent: Sent) -> list[dict[str, Any]]:
    return list(objects(sent.json().get("value")))


SCHEME: Final = GraphWebhooks()

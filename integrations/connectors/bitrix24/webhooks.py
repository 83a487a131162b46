"""Outgoing webhooks of Bitrix24: a form with the application token in it; nothing is signed.

https://apidocs.bitrix24.com/api-reference/events/safe-event-handlers.html
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
    as_bytes,
    body_key,
    check_any,
    inside,
    parsed,
)

TOKEN_FIELD: Final = "auth[application_token]"  # noqa: S105 - the name of a field
DELETED: Final = "ONTASKDELETE"


class BitrixWebhooks(WebhookScheme):
    """Whoever has seen one message can send others: they hint, and that is all they can do.

    Its moment (“ts”) is not signed either, so a repetition is known by its body alone.
    """

    secret_origin = SecretOrigin.TOOL
    proof_label = "Application token"
    scheme = "the application token in the form (auth[application_token])"
    setup = (
        "In Bitrix24 open Developer resources, Other, Outbound webhook, and enter the address as “Handler URL”.",
        "Choose the events ONTASKADD, ONTASKUPDATE, ONTASKDELETE and ONTASKCOMMENTADD, and save.",
        "Copy the application token that Bitrix24 shows there, and enter it here.",
    )

    def prove(self, sent: Sent, secrets: Sequence[str], now: datetime) -> str:
        _, token = _event_and_token(sent)
        if not token:
            raise WebhookRefused(RefusalReason.UNSIGNED)
        check_any((as_bytes(secret) for secret in secrets), as_bytes(token))
        return body_key(sent)

    def hints(self, sent: Sent) -> Iterable[Hint]:
        """The event of a deletion names the task and not its group."""
        event, _ = _event_and_token(sent)
        return [Hint(is_deletion=event.upper() == DELETED)]


def _event_and_token(sent: Sent) -> tuple[str, str]:
    """Handlers of applications may be sent JSON; everything else is a form. Raises WebhookRefused."""
    if sent.body[:1] == b"{":
        found: Any = parsed(sent.body)
        return _text(inside(found, "event")), _text(inside(found, "auth", "application_token"))
    fields = sent.form()
    return fields.get("event", ""), fields.get(TOKEN_FIELD, "")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


SCHEME: Final = BitrixWebhooks()

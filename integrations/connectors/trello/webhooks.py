"""Webhooks of Trello: base64 HMAC-SHA1 over body and address; no timestamp.

https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from integrations.connectors.trello.mapping import LEAVING
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
    place,
)


class TrelloWebhooks(WebhookScheme):
    """The address is signed with the body, so what another webhook was sent proves nothing here. SHA-1 is Trello's.

    Before it makes a webhook Trello asks with HEAD whether the address answers 200; that is the door's affair.
    """

    secret_origin = SecretOrigin.TOOL
    proof_label = "Secret of the Power-Up"
    scheme = "base64 HMAC-SHA1 of body and address in X-Trello-Webhook"
    setup = (
        "Enter here the secret of your Power-Up, which stands beside its API key at trello.com/power-ups/admin.",
        "For each board send POST /1/webhooks with the board's id as “idModel” and this address as “callbackURL”, "
        "exactly as it stands here, with the key and token of the connection.",
    )

    def prove(self, sent: Sent, secrets: Sequence[str], now: datetime) -> str:
        given = sent.header("x-trello-webhook")
        if not given:
            raise WebhookRefused(RefusalReason.UNSIGNED)
        contents = [sent.body + as_bytes(address) for address in sent.addresses]
        macs = (
            base64.b64encode(hmac.digest(as_bytes(secret), content, "sha1"))
            for secret in secrets
            for content in contents
        )
        check_any(macs, as_bytes(given))
        return body_key(sent)

    def hints(self, sent: Sent) -> Iterable[Hint]:
        payload = sent.json()
        board = inside(payload, "action", "data", "board", "id") or inside(payload, "model", "id")
        return [Hint(place(board), is_deletion=inside(payload, "action", "type") in LEAVING)]


SCHEME: Final = TrelloWebhooks()

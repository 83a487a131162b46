"""Webhooks of monday.com: a challenge, and for apps a JWT (HS256) in Authorization. It does not cover the body.

https://developer.monday.com/api-reference/reference/webhooks
https://developer.monday.com/apps/docs/integration-authorization
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from integrations.connectors.webhooks import (
    WINDOW,
    Greeting,
    Hint,
    Keys,
    RefusalReason,
    SecretOrigin,
    Sent,
    WebhookRefused,
    WebhookScheme,
    as_bytes,
    body_key,
    check_any,
    from_base64,
    inside,
    parsed,
    place,
)

LEAVING: Final = ("delete_pulse", "item_deleted", "archive_pulse", "item_archived")
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_.=+/-]{1,500}", re.ASCII)
_BEARER: Final = re.compile(r"(?i:bearer) +", re.ASCII)
_LONGEST_TOKEN: Final = 8_192
LAST_MOMENT_S: Final = 10**11


class MondayWebhooks(WebhookScheme):
    """The token proves who sent something to this address in these minutes, and not what: a body only hints.

    Webhooks made on a board carry no token: then the secret address is all the proof there is. Runs are ten minutes
    apart, because calls are counted by the day (200 to 25,000).
    """

    secret_origin = SecretOrigin.TOOL
    proof_label = "Signing secret of the app"
    may_be_unsigned = True
    least_gap = timedelta(minutes=10)
    scheme = "a JWT (HS256) of the app in Authorization; from a board none: then the secret address alone"
    setup = (
        "For a webhook of an app of yours, enter its signing secret here and use this address as the webhook's URL.",
        "For one board: open Integrate, choose “webhook”, enter this address and choose an event; such webhooks cannot "
        "sign, so make it here with “The tool cannot sign”. One is needed for each event.",
    )

    def greet(self, sent: Sent, keys: Keys, now: datetime) -> Greeting | None:
        found = parsed(sent.body)
        if not isinstance(found, dict) or set(found) != {"challenge"}:
            return None
        challenge = found["challenge"]
        if not isinstance(challenge, str) or not _CHALLENGE.fullmatch(challenge):
            raise WebhookRefused(RefusalReason.MALFORMED)
        return Greeting(json.dumps({"challenge": challenge}), content_type="application/json")

    def prove(self, sent: Sent, secrets: Sequence[str], now: datetime) -> str:
        token = _BEARER.sub("", sent.header("authorization"), count=1)
        if not token:
            raise WebhookRefused(RefusalReason.UNSIGNED)
        claims = _claims(token[:_LONGEST_TOKEN], secrets)
        _check_times(claims, now)
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        if not any(isinstance(each, str) and each in sent.addresses for each in named):
            raise WebhookRefused(RefusalReason.WRONG_ADDRESS)
        return body_key(sent)

    def hints(self, sent: Sent) -> Iterable[Hint]:
        payload = sent.json()
        return [
            Hint(
                place(inside(payload, "event", "boardId")),
                is_deletion=inside(payload, "event", "type") in LEAVING,
            )
        ]


def _claims(token: str, secrets: Sequence[str]) -> dict[str, Any]:
    """What a token says, once its signature has passed. Raises WebhookRefused."""
    parts = token.split(".")
    decoded = [from_base64(part) for part in parts]
    if len(parts) != 3 or any(part is None for part in decoded):  # noqa: PLR2004 - head, claims, signature
        raise WebhookRefused(RefusalReason.MALFORMED)
    head, claims, signature = (part or b"" for part in decoded)
    if inside(parsed(head), "alg") != "HS256":  # never the token's own choice
        raise WebhookRefused(RefusalReason.UNKNOWN_SCHEME)
    content = as_bytes(f"{parts[0]}.{parts[1]}")
    check_any((hmac.digest(as_bytes(secret), content, "sha256") for secret in secrets), signature)
    found = parsed(claims)
    if not isinstance(found, dict):
        raise WebhookRefused(RefusalReason.MALFORMED)
    return found


def _check_times(claims: dict[str, Any], now: datetime) -> None:
    """It ends, and has not ended; where it says when it was made, that is in the window. Raises WebhookRefused."""
    ends, now_s = _moment(claims.get("exp")), now.timestamp()
    if ends <= now_s:
        raise WebhookRefused(RefusalReason.TOO_OLD)
    if "iat" in claims and abs(_moment(claims["iat"]) - now_s) > WINDOW.total_seconds():
        raise WebhookRefused(RefusalReason.TOO_OLD)


def _moment(value: object) -> float:
    """Seconds since 1970. Raises WebhookRefused."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LAST_MOMENT_S:
        raise WebhookRefused(RefusalReason.MALFORMED)
    return float(value)


SCHEME: Final = MondayWebhooks()

"""Slack's Events API: v0 signatures over version, timestamp and body, at most five minutes old.

https://docs.slack.dev/authentication/verifying-requests-from-slack
https://docs.slack.dev/reference/events/url_verification
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from integrations.connectors.webhooks import (
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
    check_window,
    inside,
    parsed,
    place,
)

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_.=+/-]{1,500}", re.ASCII)


class SlackWebhooks(WebhookScheme):
    """A retry has the same body under a new signature, so a repetition is known by its body.

    Runs are five minutes apart, because a channel may be asked once a minute by apps outside the marketplace.
    """

    secret_origin = SecretOrigin.TOOL
    proof_label = "Signing secret of the app"
    least_gap = timedelta(minutes=5)
    scheme = "v0 signature over v0:timestamp:body in X-Slack-Signature"
    setup = (
        "At api.slack.com/apps open your app, and enter here its “Signing Secret” from Basic Information.",
        "Under Event Subscriptions switch events on, and enter the address as “Request URL”; Slack checks it at once.",
        "Subscribe the bot to message.channels and message.groups, save, and install the app anew.",
    )

    def greet(self, sent: Sent, keys: Keys, now: datetime) -> Greeting | None:
        """Before the secret is entered the answer gives nothing away; afterwards the question must be signed too."""
        found = parsed(sent.body)
        if inside(found, "type") != "url_verification":
            return None
        if keys.secrets:
            self.prove(sent, keys.secrets, now)
        challenge = inside(found, "challenge")
        if not isinstance(challenge, str) or not _CHALLENGE.fullmatch(challenge):
            raise WebhookRefused(RefusalReason.MALFORMED)
        return Greeting(challenge)

    def prove(self, sent: Sent, secrets: Sequence[str], now: datetime) -> str:
        given, timestamp = sent.header("x-slack-signature"), sent.header("x-slack-request-timestamp")
        if not given or not timestamp:
            raise WebhookRefused(RefusalReason.UNSIGNED)
        version, _, digits = given.partition("=")
        if version != "v0":
            raise WebhookRefused(RefusalReason.UNKNOWN_SCHEME)
        content = as_bytes(f"v0:{timestamp}:") + sent.body
        macs = (hmac.digest(as_bytes(secret), content, "sha256").hex().encode() for secret in secrets)
        check_any(macs, as_bytes(digits))
        check_window(timestamp, now)
        return body_key(sent)

    def hints(self, sent: Sent) -> Iterable[Hint]:
        payload = sent.json()
        if payload.get("type") != "event_callback":  # such as app_rate_limited
            return []
        return [Hint(place(inside(payload, "event", "channel")))]


SCHEME: Final = SlackWebhooks()

"""How a webhook is doing, in words, with what a person can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from integrations.connectors.registry import hinting_types, scheme_of
from integrations.connectors.webhooks import RefusalReason, SecretOrigin, ToolNotice, WebhookScheme
from integrations.domain.hints import waits_for_a_run
from integrations.domain.webhook_addresses import HANDSHAKE_WINDOW
from integrations.health import Standing, moment_in_words
from integrations.models import IncomingWebhook, Integration

REFUSED: Final[Mapping[RefusalReason, tuple[str, str]]] = {
    RefusalReason.NOTHING_ENTERED: (
        "there is no secret here to check it with",
        "Enter the secret: see below where the tool shows it.",
    ),
    RefusalReason.UNSIGNED: (
        "it was not signed",
        "Enter the secret in the tool as well, or send the messages from there again.",
    ),
    RefusalReason.UNKNOWN_SCHEME: (
        "it was signed in a way that is not accepted",
        "Compare what the tool is set to with the steps below.",
    ),
    RefusalReason.BAD_SIGNATURE: (
        "the signature does not match",
        "Enter the same secret on both sides. If nobody changed it, somebody else may know the address: renew it.",
    ),
    RefusalReason.WRONG_ADDRESS: (
        "it was made for another address",
        "Compare the address in the tool with the one that was shown here, to the last slash.",
    ),
    RefusalReason.TOO_OLD: (
        "it was more than five minutes old, or from the future",
        "Check the clock of a server of your own. If it is right, somebody repeats old messages: renew the address.",
    ),
    RefusalReason.MALFORMED: ("it could not be read", "Compare the format that the tool sends with the steps below."),
    RefusalReason.TOO_LARGE: ("it was larger than 1 MiB", "Choose fewer events in the tool."),
    RefusalReason.HANDSHAKE_CLOSED: (
        "a new secret was offered too late",
        "Renew the address, and make the webhooks in the tool within a day.",
    ),
}
"""Why a message was refused, and what a person can do about it."""
NOTICES: Final[Mapping[ToolNotice, str]] = {
    ToolNotice.SUBSCRIPTION_REMOVED: "The tool has ended the subscription. Make it anew in the tool.",
    ToolNotice.REAUTHORIZATION_REQUIRED: "The tool asks for the subscription to be authorised anew, or it will end.",
}


class WebhookState(StrEnum):
    """NONE: not made;  WAITING: a secret is missing;  SILENT: nothing has come yet;  REFUSING: the last was refused"""

    NONE = "NONE"
    WAITING = "WAITING"
    SILENT = "SILENT"
    RECEIVING = "RECEIVING"
    REFUSING = "REFUSING"


@dataclass(frozen=True, slots=True)
class WebhookWords:
    """steps: what to do in the tool;  scheme: how messages are proved;  proof_label: what the tool calls the secret

    is_made: there is an address;  takes_secret: people may enter one;  may_be_unsigned: the tool may have none
    keeps_secret: renewing the address leaves it
    """

    state: WebhookState
    standing: Standing
    standing_words: str
    headline: str
    sentences: tuple[str, ...]
    advice: str
    scheme: str
    proof_label: str
    steps: tuple[str, ...]
    is_made: bool
    takes_secret: bool
    may_be_unsigned: bool
    keeps_secret: bool


def describe_webhook(integration: Integration, webhook: IncomingWebhook | None, *, at: datetime) -> WebhookWords | None:
    """None for a tool that sends no webhooks."""
    if integration.type not in hinting_types():
        return None
    scheme = scheme_of(integration.type)
    state = webhook_state(webhook)
    standing, words = _STANDINGS[state]
    return WebhookWords(
        state=state,
        standing=standing,
        standing_words=words,
        headline=_headline(state, webhook, at),
        sentences=tuple(_sentences(scheme, webhook, at)),
        advice=_advice(state, scheme, webhook),
        scheme=scheme.scheme,
        proof_label=scheme.proof_label,
        steps=scheme.setup,
        is_made=webhook is not None,
        takes_secret=scheme.secret_origin is not SecretOrigin.HANDSHAKE,
        may_be_unsigned=scheme.may_be_unsigned,
        keeps_secret=scheme.secret_origin is SecretOrigin.TOOL,
    )


def webhook_state(webhook: IncomingWebhook | None) -> WebhookState:
    if webhook is None:
        return WebhookState.NONE
    if webhook.refused_in_a_row:
        return WebhookState.REFUSING
    if webhook.proofs is None and not webhook.takes_unsigned:
        return WebhookState.WAITING
    return WebhookState.SILENT if webhook.last_received_at is None else WebhookState.RECEIVING


_STANDINGS: Final = {
    WebhookState.NONE: (Standing.UNKNOWN, "None"),
    WebhookState.WAITING: (Standing.UNKNOWN, "Waiting for its secret"),
    WebhookState.SILENT: (Standing.UNKNOWN, "Nothing yet"),
    WebhookState.RECEIVING: (Standing.GOOD, "Receiving"),
    WebhookState.REFUSING: (Standing.BAD, "Refusing"),
}


def _headline(state: WebhookState, webhook: IncomingWebhook | None, at: datetime) -> str:
    if webhook is None:
        return "Changes are found at the interval. With a webhook the tool says at once that something has changed."
    if state is WebhookState.REFUSING:
        times = webhook.refused_in_a_row
        last = "" if webhook.last_refused_at is None else f", last {moment_in_words(webhook.last_refused_at, at)}"
        reason, _ = REFUSED[RefusalReason(webhook.last_refusal)]
        messages = "The last message was" if times == 1 else f"The last {times:,} messages were"
        return f"{messages} refused{last}: {reason}."
    if state is WebhookState.WAITING:
        return "The address is made; until there is a secret to check with, everything is refused."
    if webhook.last_received_at is None:
        return "The address is made, and the tool has sent nothing to it yet."
    return f"The last message came {moment_in_words(webhook.last_received_at, at)}."


def _sentences(scheme: WebhookScheme, webhook: IncomingWebhook | None, at: datetime) -> list[str]:
    if webhook is None:
        return []
    said = []
    if webhook.notice:
        said.append(NOTICES[ToolNotice(webhook.notice)])
    if waits_for_a_run(webhook):
        said.append(_when_read(webhook, at))
    if webhook.takes_unsigned:
        said.append("The tool does not sign: whoever knows the address can have the tool read, and nothing more.")
    if webhook.handshake_until is not None and webhook.handshake_until > at:
        said.append(f"The tool's own secret is taken until {webhook.handshake_until:%-d %B, %H:%M} UTC.")
    counts = [
        (webhook.received_count, "taken"),
        (webhook.duplicate_count, "sent more than once"),
        (webhook.ignored_count, "ignored while it was switched off"),
        (webhook.refused_count, "refused"),
    ]
    if any(count for count, _ in counts):
        said.append(f"Messages so far: {', '.join(f'{count:,} {what}' for count, what in counts if count)}.")
    minutes = round(scheme.least_gap.total_seconds() / 60)
    gap = "a minute" if minutes == 1 else f"{minutes} minutes"
    said.append(f"A message has the tool read soon; such runs begin at least {gap} apart, however many come.")
    return said


def _when_read(webhook: IncomingWebhook, at: datetime) -> str:
    if webhook.held_until is not None and webhook.held_until > at:
        return (
            f"The tool is read {moment_in_words(webhook.held_until, at)}: it asked for a pause, or the last run failed."
        )
    return "The tool is read again in a moment, because of a message."


def _advice(state: WebhookState, scheme: WebhookScheme, webhook: IncomingWebhook | None) -> str:
    if webhook is not None and state is WebhookState.REFUSING:
        return REFUSED[RefusalReason(webhook.last_refusal)][1]
    if state is WebhookState.WAITING and scheme.secret_origin is SecretOrigin.HANDSHAKE:
        hours = round(HANDSHAKE_WINDOW.total_seconds() / 3600)
        return f"Make the webhooks in the tool within {hours} hours: it sends its secret by itself."
    if state is WebhookState.WAITING:
        return f"Enter the secret of the tool ({scheme.proof_label})."
    return ""

"""How a destination is doing, in the words of whoever looks after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from integrations.destinations.email import REFUSED
from integrations.enums import DisabledBecause
from integrations.health import Standing
from integrations.models import Delivery, Destination

_IF_SHORT: Final = "Nothing to do, if it stays short: it is tried again by itself."
REASONS: Final[Mapping[str, str]] = {
    "address_refused": "The name of the address leads to a place that is not public, and nothing is sent there.",
    "foreign_address": "It redirects, which is not followed.",
    "bad_request": "It did not understand the message (400).",
    "unauthorized": "It does not accept us (401).",
    "forbidden": "It does not let us write there (403).",
    "not_found": "It knows nothing of that address (404).",
    "gone": "It said that it is gone for good (410).",
    "rate_limited": "It asked for a pause (429).",
    "server_error": "It has an error of its own (5xx).",
    "unreachable": "It could not be reached, or did not answer in time.",
    "credentials_missing": "The stored address or secret cannot be used.",
    "internal_error": "An error of ours, which is in the server's log.",
    "refused": "It refused the message.",
    "mail_refused": "The mail server does not accept the mail.",
    "mail_server_busy": "The mail server cannot take the mail now.",
    "mail_server_unreachable": "The mail server could not be reached, or did not answer in time.",
    "mail_login_refused": "The mail server does not accept the installation's login.",
    "nobody_to_tell": "None of the groups has anybody in it who may see this.",
}
"""Why a try failed, by its code."""
ADVICE: Final[Mapping[str, str]] = {
    "address_refused": "Enter a public address below. Private networks need the operator's word.",
    "foreign_address": "Enter the address that it redirects to.",
    "unauthorized": "Make a new address over there and enter it below.",
    "forbidden": "Give us the right to write over there, or enter another address below.",
    "not_found": "Enter the right address below.",
    "gone": "Enter a new address below and switch it on again, or delete it.",
    "credentials_missing": "Enter the address again; for a webhook make a new secret.",
    "internal_error": "Tell whoever runs the installation.",
    "rate_limited": _IF_SHORT,
    "server_error": _IF_SHORT,
    "unreachable": _IF_SHORT,
    "mail_refused": "Check the mail addresses, and enter them again below.",
    "mail_server_busy": _IF_SHORT,
    "mail_server_unreachable": _IF_SHORT,
    "mail_login_refused": "Tell whoever runs the installation.",
    "nobody_to_tell": "Add people to the project, or enter addresses below.",
}
"""What a person can do about each."""
_DEFAULT: Final = "It refused the message."


@dataclass(frozen=True, slots=True)
class DestinationHealth:
    """standing_words: one or two words;  headline: one sentence;  advice: empty where there is nothing to do"""

    standing: Standing
    standing_words: str
    headline: str
    sentences: tuple[str, ...]
    advice: str
    last_sent: str


def describe_destination(destination: Destination, at: datetime) -> DestinationHealth:
    """From the row alone."""
    standing, words, headline = _standing(destination)
    code = destination.last_error_code
    return DestinationHealth(
        standing=standing,
        standing_words=words,
        headline=headline,
        sentences=tuple(_sentences(destination, at)),
        advice=ADVICE.get(code, "Look at the tries of the newest deliveries.") if code else "",
        last_sent="never" if destination.last_sent_at is None else _moment(destination.last_sent_at),
    )


def reason_of(code: str) -> str:
    """Why a try failed; empty where it did not."""
    return REASONS.get(code, _DEFAULT) if code else ""


def problem_of(delivery: Delivery) -> str:
    """What went wrong at the last try; empty where nothing did."""
    refused = delivery.memory.get(REFUSED)
    if not delivery.error_code and refused:
        return f"{refused} of the addresses {'does' if refused == 1 else 'do'} not accept mail; the others have it."
    return reason_of(delivery.error_code)


def _standing(destination: Destination) -> tuple[Standing, str, str]:
    if destination.disabled_because == DisabledBecause.GONE:
        return Standing.BAD, "Switched off", "It said that it is gone for good, so that nothing is sent any more."
    if destination.disabled_because == DisabledBecause.FAILING:
        return Standing.BAD, "Switched off", "It has taken nothing for five days, so that nothing is sent any more."
    if not destination.is_active:
        return Standing.UNKNOWN, "Switched off", "Nothing is sent to it."
    if destination.failing_since is not None:
        return Standing.BAD, "Failing", f"It has taken nothing since {_moment(destination.failing_since)}."
    if destination.last_sent_at is None:
        return (
            Standing.UNKNOWN,
            "Not tried yet",
            "Nothing has been sent to it yet. A test message shows whether it works.",
        )
    return Standing.GOOD, "In order", "What was sent last has arrived."


def _sentences(destination: Destination, at: datetime) -> list[str]:
    said = [reason_of(destination.last_error_code)]
    if destination.disabled_at is not None:
        said.append(f"Switched off by the system on {_moment(destination.disabled_at)}. What waited was cancelled.")
    elif destination.held_until is not None and destination.held_until > at:
        said.append(f"The next try is not before {_moment(destination.held_until)}.")
    return [each for each in said if each]


def _moment(moment: datetime) -> str:
    return f"{moment:%-d %B %Y, %H:%M} UTC"

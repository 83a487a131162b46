"""What tools send by themselves: a proof of who sent it, and the hint that something has changed.

    sent → greeted (the tool asks whether we are there) | proved → hints | refused, with a reason

Nothing of what is sent is a fact: a hint makes a run read the tool, which is asked as always. Pure: secrets, addresses
and the moment are given. All comparisons of secrets take the same time, however much of them is right.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl

WINDOW: Final = timedelta(minutes=5)
"""How far the moment of a message may lie from ours, before or after, where the tool signs one."""
USUAL_GAP: Final = timedelta(minutes=1)
MOST_HINTS: Final = 20
"""A message that names more places than this means all of them."""
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_PLACE: Final = re.compile(r"[A-Za-z0-9_./:@+-]{1,255}", re.ASCII)
_MOST_FORM_FIELDS: Final = 1_000


class SecretOrigin(StrEnum):
    """Who makes the secret that messages are proved with.

    OURS: made here, shown once, entered in the tool;  TOOL: shown by the tool, entered here
    HANDSHAKE: sent by the tool when the webhook is made there
    """

    OURS = "OURS"
    TOOL = "TOOL"
    HANDSHAKE = "HANDSHAKE"


class RefusalReason(StrEnum):
    """Why a message was not taken. NOTHING_ENTERED: there is no secret yet to prove it with"""

    NOTHING_ENTERED = "nothing_entered"
    UNSIGNED = "unsigned"
    UNKNOWN_SCHEME = "unknown_scheme"
    BAD_SIGNATURE = "bad_signature"
    WRONG_ADDRESS = "wrong_address"
    TOO_OLD = "too_old"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    HANDSHAKE_CLOSED = "handshake_closed"


class ToolNotice(StrEnum):
    """What a tool says about the webhook itself."""

    SUBSCRIPTION_REMOVED = "subscription_removed"
    REAUTHORIZATION_REQUIRED = "reauthorization_required"


class WebhookRefused(Exception):  # a refusal, not a failure
    """The message proves nothing, or not enough."""

    def __init__(self, reason: RefusalReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Sent:
    """One request of a tool.

    body: as it came;  headers: names in lower case;  query: of the address
    addresses: those that this webhook may have been registered under, some tools sign them
    """

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    addresses: tuple[str, ...] = field(default=(), repr=False)

    def header(self, name: str) -> str:
        """name: in lower case. "" where there is none"""
        return self.headers.get(name, "").strip()

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises WebhookRefused."""
        found = parsed(self.body)
        if not isinstance(found, dict):
            raise WebhookRefused(RefusalReason.MALFORMED)
        return found

    def form(self) -> dict[str, str]:
        """The body as a form, the first of each name. Raises WebhookRefused."""
        try:
            pairs = parse_qsl(self.body.decode(), keep_blank_values=True, max_num_fields=_MOST_FORM_FIELDS)
        except ValueError:
            raise WebhookRefused(RefusalReason.MALFORMED) from None
        return dict(reversed(pairs))


@dataclass(frozen=True, slots=True)
class Keys:
    """What messages are proved with.

    secrets: any of them will do;  takes_unsigned: the address alone is proof, as long as there is no secret
    takes_handshake: the tool may still send a secret
    """

    secrets: tuple[str, ...] = field(default=(), repr=False)
    takes_unsigned: bool = False
    takes_handshake: bool = False


@dataclass(frozen=True, slots=True)
class Hint:
    """Something has changed. partition: where, as the connector names it, "" where the message does not say"""

    partition: str = ""
    is_deletion: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that is what it claims to be.

    key: 64 hexadecimal digits, the same for every repetition;  hints: empty where nothing has changed (a ping)
    """

    key: str
    hints: tuple[Hint, ...]
    notice: ToolNotice | None = None


@dataclass(frozen=True, slots=True)
class Greeting:
    """The answer by which a tool knows that we are there. secret: to be kept beside the others, None: there is none"""

    body: str = ""
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret: str | None = field(default=None, repr=False)


class WebhookScheme(ABC):
    """How one tool greets, proves and hints.

    proof_label: what the tool calls the secret;  may_be_unsigned: whether it can send without any
    least_gap: the least time between the beginnings of two runs that hints ask for; longer where the tool counts calls
    setup: what to do in the tool, one sentence each;  scheme: how messages are proved, in a few words
    """

    secret_origin: ClassVar[SecretOrigin]
    proof_label: ClassVar[str] = "Secret"
    may_be_unsigned: ClassVar[bool] = False
    least_gap: ClassVar[timedelta] = USUAL_GAP
    scheme: ClassVar[str]
    setup: ClassVar[tuple[str, ...]]

    def receive(self, sent: Sent, keys: Keys, now: datetime) -> Accepted | Greeting:
        """Raises WebhookRefused, and nothing else, whatever is sent."""
        greeting = self.greet(sent, keys, now)
        if greeting is not None:
            return greeting
        if keys.secrets:
            key = self.prove(sent, keys.secrets, now)
        elif keys.takes_unsigned and self.may_be_unsigned:
            key = body_key(sent)
        else:
            raise WebhookRefused(RefusalReason.NOTHING_ENTERED)
        hints = tuple(dict.fromkeys(self.hints(sent)))
        return Accepted(key, hints if len(hints) <= MOST_HINTS else _everywhere(hints), self.notice(sent))

    def greet(self, sent: Sent, keys: Keys, now: datetime) -> Greeting | None:
        """The answer to a greeting, None where it is none. Raises WebhookRefused."""
        return None

    @abstractmethod
    def prove(self, sent: Sent, secrets: Sequence[str], now: datetime) -> str:
        """The key of a message that was made with one of the secrets. Raises WebhookRefused."""

    @abstractmethod
    def hints(self, sent: Sent) -> Iterable[Hint]:
        """What has changed, by a message that is proved. Raises WebhookRefused for one that cannot be read."""

    def notice(self, sent: Sent) -> ToolNotice | None:
        """What the tool says about the webhook itself."""
        return None


def _everywhere(hints: Sequence[Hint]) -> tuple[Hint, ...]:
    return tuple(Hint(is_deletion=deleted) for deleted in sorted({hint.is_deletion for hint in hints}))


# --- what schemes are made of ---


def body_key(sent: Sent) -> str:
    """The key of a message whose body is all that is signed: names in headers could be changed on the way."""
    return hashlib.sha256(sent.body).hexdigest()


def text_key(text: str) -> str:
    """The key of a message that is signed with an id of its own."""
    return hashlib.sha256(b"id\n" + as_bytes(text)).hexdigest()


def check_any(expected: Iterable[bytes], given: bytes) -> None:
    """Raises WebhookRefused unless one of the expected proofs was given. Every one is compared, in constant time."""
    matches = [hmac.compare_digest(each, given) for each in expected]
    if not any(matches):
        raise WebhookRefused(RefusalReason.BAD_SIGNATURE)


def check_hex(sent: Sent, given: str, secrets: Sequence[str]) -> None:
    """Raises WebhookRefused unless the body has this HMAC-SHA256, in hexadecimal digits."""
    macs = (hmac.digest(as_bytes(secret), sent.body, "sha256").hex().encode() for secret in secrets)
    check_any(macs, as_bytes(given.lower()))


def check_hub_signature(sent: Sent, header: str, secrets: Sequence[str]) -> None:
    """Raises WebhookRefused unless a header says "sha256=" and the body's HMAC-SHA256 in hexadecimal digits."""
    given = sent.header(header)
    if not given:
        raise WebhookRefused(RefusalReason.UNSIGNED)
    method, _, digits = given.partition("=")
    if method.lower() != "sha256":
        raise WebhookRefused(RefusalReason.UNKNOWN_SCHEME)
    check_hex(sent, digits, secrets)


def check_window(timestamp: str, now: datetime) -> None:
    """timestamp: seconds since 1970. Raises WebhookRefused when it is no such number, or too far from now."""
    if not _TIMESTAMP.fullmatch(timestamp):
        raise WebhookRefused(RefusalReason.MALFORMED)
    if abs(int(timestamp) - now.timestamp()) > WINDOW.total_seconds():
        raise WebhookRefused(RefusalReason.TOO_OLD)


def as_bytes(text: str) -> bytes:
    """Headers and secrets as bytes, whatever characters they hold."""
    return text.encode("utf-8", "surrogatepass")


def from_base64(text: str) -> bytes | None:
    """The bytes, None where it is no base64 of either alphabet."""
    padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
    try:
        return base64.b64decode(padded.translate(str.maketrans("-_", "+/")), validate=True)
    except (ValueError, binascii.Error):
        return None


def parsed(body: bytes) -> Any:
    """JSON, None where it is none: not UTF-8, cut off, nested without end, with numbers of a million digits."""
    try:
        return json.loads(body.decode())
    except (ValueError, RecursionError):
        return None


def inside(value: Any, *names: str) -> Any:
    """A member of members, None where one of them is missing or is no object."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Those members of a list that are objects; nothing of what is no list."""
    return (each for each in (value if isinstance(value, list) else ()) if isinstance(each, dict))


def place(value: Any) -> str:
    """A partition as a message names it, "" where that is no name: an identifier or a number."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value)
    return text if _PLACE.fullmatch(text) else ""

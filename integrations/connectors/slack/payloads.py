"""The fields of Slack's answers that are used, by name and type. Whatever is odd about one is refused by name.

Source: https://docs.slack.dev/reference/methods/conversations.history, /reference/events/message, recorded traffic.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from projects.imports.errors import FieldRefused
from projects.imports.json_access import JsonObject, number_in, object_in, string_in
from projects.imports.values import identifier

_TIMESTAMP: Final = re.compile(r"(\d{1,10})(?:\.(\d{1,6}))?")
_1970: Final = datetime(1970, 1, 1, tzinfo=UTC)
SLACKBOT: Final = "USLACKBOT"


@dataclass(frozen=True, slots=True)
class Channel:
    """is_direct: of two or a few people, which is nobody else's affair"""

    id: str
    name: str
    is_member: bool
    is_direct: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is used of a message; what it says is not.

    ts: its identifier within the channel, a moment as text;  subtype: "" for what people write
    latest_reply: of the thread that it begins
    """

    ts: str
    at: datetime
    user: str
    subtype: str
    is_from_bot: bool
    latest_reply: str
    huddle: Huddle | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Huddle:
    started_by: str | None
    people: int
    has_ended: bool


def parse_channels(sent: Sequence[JsonObject]) -> list[Channel]:
    """Those that have an identifier; there is nothing to be done with the others."""
    return [_channel(each, each["id"]) for each in sent if isinstance(each.get("id"), str) and each["id"]]


def parse_message(sent: JsonObject) -> Message:
    """Raises FieldRefused, naming the member that cannot be read."""
    ts = identifier(string_in(sent, "ts", path="message") or "", field="ts")
    subtype = string_in(sent, "subtype", path="message") or ""
    user = string_in(sent, "user", path="message") or ""
    return Message(
        ts=ts,
        at=moment_of(ts),
        user=user,
        subtype=subtype,
        is_from_bot=subtype == "bot_message" or user == SLACKBOT or bool(sent.get("bot_id")),
        latest_reply=_latest_reply(sent, ts),
        huddle=_huddle(object_in(sent, "room", path="message")),
    )


def moment_of(ts: str) -> datetime:
    """The moment in a timestamp, exactly: as a float it would lose its last digits.

    "1773301231.714899" -> 2026-03-12 07:40:31.714899 UTC
    """
    found = _TIMESTAMP.fullmatch(ts)
    if found is None:
        raise FieldRefused("ts", "is not a timestamp such as 1773301231.714899")
    return _1970 + timedelta(seconds=int(found[1]), microseconds=int((found[2] or "").ljust(6, "0")))


def timestamp_of(moment: datetime) -> str:
    since = moment - _1970
    return f"{since.days * 86_400 + since.seconds}.{since.microseconds:06}"


def nobody(sent: JsonObject) -> str:
    """Why nobody sits behind an account, "" for one that is a person's. Slackbot does not say so of itself."""
    if sent.get("is_bot") is True or sent.get("id") == SLACKBOT:
        return "bot"
    return "has_left" if sent.get("deleted") is True else ""


def _channel(sent: JsonObject, channel_id: str) -> Channel:
    is_direct = sent.get("is_im") is True or sent.get("is_mpim") is True or channel_id.startswith("D")
    name = sent.get("name")
    return Channel(
        id=channel_id,
        name=name if isinstance(name, str) and name else channel_id,
        is_member=sent.get("is_member") is True,
        is_direct=is_direct,
    )


def _latest_reply(sent: JsonObject, ts: str) -> str:
    """ "" for a message that has no replies, and for a reply that is shown in the channel, too."""
    begins_thread = string_in(sent, "thread_ts", path="message") in (ts, None)
    has_replies = bool(number_in(sent, "reply_count", path="message"))
    return (string_in(sent, "latest_reply", path="message") or ts) if begins_thread and has_replies else ""


def _huddle(room: JsonObject | None) -> Huddle | None:
    if room is None:
        return None
    people = room.get("participant_history")
    return Huddle(
        started_by=string_in(room, "created_by", path="room"),
        people=len(people) if isinstance(people, list) else 0,
        has_ended=bool(number_in(room, "date_end", path="room")),
    )

"""The fields of Microsoft Graph's answers that are used, by name and type. Whatever is odd is refused by name.

Source: https://learn.microsoft.com/graph/api/resources/chatmessage, and recorded traffic.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from projects.imports.json_access import EMPTY, JsonObject, object_in, string_in
from projects.imports.values import identifier, instant

_CALL_ENDED: Final = "#microsoft.graph.callEndedEventMessageDetail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is used of a message; what it says is not.

    kind: "message" for what somebody or something writes;  user: None for an app, a connector, a bot
    call_people: how many took part in the call or meeting whose end the message tells of; None for another one
    """

    id: str
    at: datetime
    kind: str
    user: str | None
    call_people: int | None


def parse_message(sent: JsonObject) -> Message:
    """Raises FieldRefused, naming the member that cannot be read."""
    event = object_in(sent, "eventDetail", path="message") or EMPTY
    is_call = event.get("@odata.type") == _CALL_ENDED
    people = event.get("callParticipants")
    return Message(
        id=identifier(string_in(sent, "id", path="message") or "", field="id"),
        at=instant(string_in(sent, "createdDateTime", path="message") or "", field="createdDateTime"),
        kind=string_in(sent, "messageType", path="message") or "",
        user=_user(
            object_in(event, "initiator", path="eventDetail") if is_call else object_in(sent, "from", path="message")
        ),
        call_people=(len(people) if isinstance(people, list) else 0) if is_call else None,
    )


def _user(identities: JsonObject | None) -> str | None:
    user = object_in(identities or EMPTY, "user", path="from") or EMPTY
    user_id = string_in(user, "id", path="from.user")
    return identifier(user_id, field="from.user.id") if user_id else None

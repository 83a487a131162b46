"""From Slack's messages to our facts. Pure: the same answers give the same facts."""

from __future__ import annotations

from typing import Final

from integrations.connectors.slack.payloads import Message
from projects.enums import ActivityKind
from projects.observations import ActivityObservation, ObservationBatch

WRITTEN: Final = frozenset({"", "file_share", "me_message", "thread_broadcast"})
"""What people write. The other kinds tell of channels, members and settings."""
BOT, SYSTEM, ALONE = "bot_message", "system_message", "huddle_alone"


def skipped_as(message: Message) -> str:
    """Why the message is no fact of ours; "" for one that is."""
    if message.huddle is not None:
        return ALONE if message.huddle.has_ended and message.huddle.people == 1 else ""
    if message.is_from_bot:
        return BOT
    return "" if message.subtype in WRITTEN else SYSTEM


def message_facts(message: Message, *, channel: str) -> ObservationBatch:
    """That somebody wrote, or that people met in a huddle: when and who, never what."""
    huddle = message.huddle
    activity = ActivityObservation(
        external_id=f"{channel} {message.ts}",
        kind=ActivityKind.COMMENT if huddle is None else ActivityKind.TOUCHPOINT,
        occurred_at=message.at,
        actor_id=(message.user if huddle is None else huddle.started_by) or None,
    )
    return ObservationBatch(activities=(activity,))

"""From messages in Microsoft Teams to our facts. Pure: the same answers give the same facts."""

from __future__ import annotations

from integrations.connectors.teams.payloads import Message
from projects.enums import ActivityKind
from projects.imports.values import identifier
from projects.observations import ActivityObservation, ObservationBatch

WRITTEN = "message"
APPLICATION, SYSTEM, ALONE = "application_message", "system_message", "call_alone"


def skipped_as(message: Message) -> str:
    """Why the message is no fact of ours; "" for one that is."""
    if message.call_people is not None:
        return "" if message.call_people > 1 else ALONE
    if message.kind != WRITTEN:
        return SYSTEM
    return "" if message.user else APPLICATION


def message_facts(message: Message, *, container: str) -> ObservationBatch:
    """That somebody wrote, or that people met: when and who, never what. container: channel or chat"""
    is_meeting = message.call_people is not None
    activity = ActivityObservation(
        external_id=identifier(f"{container} {message.id}", field="id"),
        kind=ActivityKind.TOUCHPOINT if is_meeting else ActivityKind.COMMENT,
        occurred_at=message.at,
        actor_id=message.user,
    )
    return ObservationBatch(activities=(activity,))

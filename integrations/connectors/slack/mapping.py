"""From Slack's messages to our facts. Pure: the same answers give the same facts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from integrations.connectors.facts import addresses_of
from integrations.connectors.slack.payloads import Message, nobody
from projects.enums import ActivityKind
from projects.imports.json_access import JsonObject
from projects.imports.values import identifier
from projects.observations import AccountObservation, ActivityObservation, ObservationBatch

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
        external_id=identifier(f"{channel} {message.ts}", field="ts"),
        kind=ActivityKind.COMMENT if huddle is None else ActivityKind.TOUCHPOINT,
        occurred_at=message.at,
        actor_id=(message.user if huddle is None else huddle.started_by) or None,
    )
    return ObservationBatch(activities=(activity,))


def people_facts(sent: Iterable[JsonObject]) -> ObservationBatch:
    """Addresses that Slack has seen confirmed, of people who are there."""
    return ObservationBatch(accounts=tuple(account for each in sent for account in _address(each)))


def _address(sent: JsonObject) -> tuple[AccountObservation, ...]:
    profile, account = sent.get("profile"), sent.get("id")
    if nobody(sent) or sent.get("is_email_confirmed") is not True or not isinstance(profile, dict):
        return ()
    return addresses_of([{**profile, "id": account}], ids_in=("id",), email_in="email")

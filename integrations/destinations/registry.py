"""Which sender a kind of destination has."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from integrations.destinations.base import AddressUnfit, Sender
from integrations.destinations.email import EmailSender
from integrations.destinations.slack import SlackSender
from integrations.destinations.teams import TeamsSender
from integrations.destinations.webhook import WebhookSender
from integrations.enums import DestinationKind

SENDERS: Mapping[str, Sender] = MappingProxyType(
    {
        DestinationKind.WEBHOOK: WebhookSender(),
        DestinationKind.SLACK: SlackSender(),
        DestinationKind.TEAMS: TeamsSender(),
        DestinationKind.EMAIL: EmailSender(),
    }
)


def sender_of(kind: str) -> Sender:
    """Raises AddressUnfit for a kind that nothing can be sent to."""
    sender = SENDERS.get(kind)
    if sender is None:
        raise AddressUnfit("Nothing can be sent to this kind of destination.")
    return sender

"""Which sender a kind of destination has."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from integrations.destinations.base import AddressUnfit, Sender
from integrations.destinations.webhook import WebhookSender
from integrations.enums import DestinationKind

SENDERS: Mapping[str, Sender] = MappingProxyType({DestinationKind.WEBHOOK: WebhookSender()})


def sender_of(kind: str) -> Sender:
    """Raises AddressUnfit for a kind that nothing can be sent to."""
    sender = SENDERS.get(kind)
    if sender is None:
        raise AddressUnfit("Nothing can be sent to this kind of destination.")
    return sender

"""Rows of the integrations app."""

from integrations.models.delivery import Delivery
from integrations.models.destination import Destination
from integrations.models.field_mapping import FieldMapping
from integrations.models.incoming_delivery import IncomingDelivery
from integrations.models.incoming_webhook import IncomingWebhook
from integrations.models.integration import Integration
from integrations.models.outgoing_message import OutgoingMessage
from integrations.models.raw_payload import RawPayload
from integrations.models.stream_state import StreamState
from integrations.models.sync_progress import SyncProgress
from integrations.models.sync_result import SyncResult

__all__ = [
    "Delivery",
    "Destination",
    "FieldMapping",
    "IncomingDelivery",
    "IncomingWebhook",
    "Integration",
    "OutgoingMessage",
    "RawPayload",
    "StreamState",
    "SyncProgress",
    "SyncResult",
]

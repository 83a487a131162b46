"""Rows of the integrations app."""

from integrations.models.field_mapping import FieldMapping
from integrations.models.incoming_delivery import IncomingDelivery
from integrations.models.incoming_webhook import IncomingWebhook
from integrations.models.integration import Integration
from integrations.models.raw_payload import RawPayload
from integrations.models.stream_state import StreamState
from integrations.models.sync_progress import SyncProgress
from integrations.models.sync_result import SyncResult

__all__ = [
    "FieldMapping",
    "IncomingDelivery",
    "IncomingWebhook",
    "Integration",
    "RawPayload",
    "StreamState",
    "SyncProgress",
    "SyncResult",
]

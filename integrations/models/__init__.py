"""Rows of the integrations app."""

from integrations.models.field_mapping import FieldMapping
from integrations.models.integration import Integration
from integrations.models.sync_result import SyncResult

__all__ = ["FieldMapping", "Integration", "SyncResult"]

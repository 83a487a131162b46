"""Reading a tool into the record of a project: resumable, idempotent, polite."""

from integrations.domain.syncing.due import SWITCHED_ON, due_integrations
from integrations.domain.syncing.run import sync_integration

__all__ = ["SWITCHED_ON", "due_integrations", "sync_integration"]

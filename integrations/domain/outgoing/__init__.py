"""Telling an organisation what happened: messages in, deliveries out, at least once."""

from integrations.domain.outgoing.announcing import announce

__all__ = ["announce"]

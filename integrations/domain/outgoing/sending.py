"""Sending what waits for one destination, message by message, until there is no more or others have their turn.

    claim (transaction) → send (no transaction) → keep what became of it (transaction) → the next one

One job for a destination, so that a place that is slow holds up nobody but itself. After so long the job ends, and a
new one goes to the end of the queue.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from integrations.destinations.registry import sender_of
from integrations.domain.environment import Environment, RunNetwork
from integrations.domain.outgoing.announcing import DELIVER_TASK
from integrations.domain.outgoing.claiming import (
    Claim,
    Outcome,
    claim_next,
    due_destinations,
    keep_outcome,
    parcel_of,
)
from integrations.http.door import DoorLimits
from integrations.http.errors import InternalError, ToolError
from integrations.models import Destination
from tenants.audit.enums import AuditAction
from tenants.domain import auditing
from tenants.isolation.queue import defer_job
from tenants.isolation.transaction import tenant_context

logger = logging.getLogger(__name__)

REASON: Final = "messages"
LIMITS: Final = DoorLimits(connect_timeout_s=5.0, read_timeout_s=15.0, whole_request_s=20.0, most_bytes=16 * 1024)
TURN_S: Final = 30.0
"""So long one destination is sent to before others have their turn."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What became of the messages of one turn."""

    sent: int = 0
    failed: int = 0

    def __str__(self) -> str:
        return f"{self.sent} sent, {self.failed} failed"


def send_waiting(*, tenant_id: UUID, destination_id: UUID, environment: Environment) -> Turn:
    """Send what is due for a destination. What goes wrong is kept with the deliveries, and never raised.

    Call it without a transaction and without a context: it opens its own.
    """
    waiting = environment.waiting
    began_s, turn = waiting.monotonic(), Turn()
    while True:
        with tenant_context(tenant_id, reason=REASON):
            claim = claim_next(destination_id, at=waiting.now())
            if claim is not None and turn == Turn():
                _audit(destination_id)
        if claim is None:
            return turn
        outcome = _try(claim, environment)
        with tenant_context(tenant_id, reason=REASON):
            keep_outcome(claim, outcome, waiting)
            turn = _counted(turn, outcome)
            if waiting.monotonic() - began_s > TURN_S:
                if destination_id in due_destinations(waiting.now()):
                    defer_job(DELIVER_TASK, subject=destination_id)
                return turn


def _try(claim: Claim, environment: Environment) -> Outcome:
    waiting = environment.waiting
    began_s = waiting.monotonic()
    network = RunNetwork(replace(environment, limits=LIMITS))
    status: int | None = None
    error: ToolError | None = None
    try:
        status = sender_of(claim.kind).send(parcel_of(claim), network)
    except ToolError as met:
        error, status = met, met.status
    except Exception as bug:
        # Its words and its traceback may hold the address.
        logger.error("delivery %s: the sender raised %s", claim.delivery_id, type(bug).__name__)
        error = InternalError()
    finally:
        network.close()
    duration_ms = round((waiting.monotonic() - began_s) * 1000)
    return Outcome(waiting.now(), duration_ms, status_code=status, error=error)


def _counted(turn: Turn, outcome: Outcome) -> Turn:
    if outcome.error is None:
        return replace(turn, sent=turn.sent + 1)
    return replace(turn, failed=turn.failed + 1)


def _audit(destination_id: UUID) -> None:
    """That the address was opened, once a turn: an entry for each message would drown the others."""
    auditing.record(action=AuditAction.CREDENTIAL_READ, resource=(Destination._meta.label_lower, destination_id))

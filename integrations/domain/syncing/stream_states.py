"""How far each stream of each partition is read, as one run finds and leaves it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from integrations.connectors.base import Partition, Stream
from integrations.models import Integration, StreamState

CHECKPOINT_LIFETIME: Final = timedelta(hours=24)
"""Page tokens live for an hour to a week; what is older begins anew from its cursor."""
Key = tuple[str, str]
"""Names of a stream and of a partition."""


def key_of(stream: Stream[Any], partition: Partition) -> Key:
    return stream.name, partition.id


class StreamStates:
    """The states of an integration.  run_id: of the run that asks"""

    def __init__(self, integration: Integration, *, run_id: UUID, at: datetime) -> None:
        self._integration = integration
        self._run_id = run_id
        rows = StreamState.objects.filter(integration=integration)
        self._states: dict[Key, StreamState] = {(row.stream, row.partition): _fresh(row, at) for row in rows}

    def of(self, stream: Stream[Any], partition: Partition) -> StreamState:
        """The state, a new one where nothing was read yet."""
        key = key_of(stream, partition)
        if key not in self._states:
            self._states[key] = StreamState(
                tenant_id=self._integration.tenant_id,
                integration=self._integration,
                stream=stream.name,
                partition=partition.id,
            )
        return self._states[key]

    def is_settled(self, key: Key) -> bool:
        """Whether this run has read it to the end, details and all."""
        return self.is_listed(key) and not self._states[key].deferred

    def is_listed(self, key: Key) -> bool:
        """Whether this run has read it to the end, though details may be owed."""
        state = self._states.get(key)
        return state is not None and state.done_in_run == self._run_id

    def unlisted_in(self, partition_id: str) -> set[str]:
        """Items of a partition that are there though no list shows them."""
        states = [state for (_, partition), state in self._states.items() if partition == partition_id]
        return {item for state in states for item in state.unlisted}

    def partitions_of(self, stream: Stream[Any]) -> set[str]:
        """Those that were ever read."""
        return {partition for name, partition in self._states if name == stream.name}


def forget_checkpoint(state: StreamState) -> None:
    """Begin anew from the cursor."""
    state.checkpoint, state.checkpoint_at, state.newest = None, None, ""


def _fresh(state: StreamState, at: datetime) -> StreamState:
    """Without a checkpoint that the tool has forgotten by now."""
    if state.checkpoint_at is not None and at - state.checkpoint_at > CHECKPOINT_LIFETIME:
        forget_checkpoint(state)
    return state

"""The run under way, stream by stream."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from integrations.connectors.registry import connector_of, readable_types
from integrations.domain.starting import is_running
from integrations.models import Integration, StreamState, SyncProgress


class RunState(StrEnum):
    """RUNNING: a worker is at it. INTERRUPTED: its worker is gone, and the next run carries it on."""

    RUNNING = "RUNNING"
    INTERRUPTED = "INTERRUPTED"


@dataclass(frozen=True, slots=True)
class StreamProgress:
    """done, total: partitions (repositories, boards, projects) of the stream; total is None until the tool told them

    counts: as in `SyncResult.streams`
    """

    name: str
    done: int
    total: int | None
    counts: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return self.name.replace("_", " ").capitalize().replace("Ci ", "CI ")


@dataclass(frozen=True, slots=True)
class RunUnderWay:
    """How far a run has come. waited_ms: for the tool's sake"""

    run_id: UUID
    state: RunState
    started_at: datetime
    seen_at: datetime
    pass_number: int
    requests: int
    waited_ms: int
    streams: tuple[StreamProgress, ...]


def run_under_way(integration: Integration) -> RunUnderWay | None:
    """The run that is going on or was interrupted, in two or three queries; None when there is none."""
    progress = SyncProgress.objects.filter(integration=integration).first()
    if progress is None:
        return None
    return RunUnderWay(
        run_id=progress.run_id,
        state=RunState.RUNNING if is_running(integration) else RunState.INTERRUPTED,
        started_at=progress.started_at,
        seen_at=progress.seen_at,
        pass_number=progress.pass_number,
        requests=progress.request_count,
        waited_ms=progress.waited_ms,
        streams=tuple(_streams(integration, progress)),
    )


def _streams(integration: Integration, progress: SyncProgress) -> list[StreamProgress]:
    done = Counter(
        StreamState.objects.filter(integration=integration, done_in_run=progress.run_id).values_list(
            "stream", flat=True
        )
    )
    partitions = progress.partitions
    visible = None if partitions is None else sum(1 for each in partitions if each["error"] is None)
    totals: dict[str, int | None] = dict.fromkeys(progress.streams)
    if integration.type in readable_types():
        streams = connector_of(integration.type).streams
        totals = {stream.name: visible if stream.has_partitions else 1 for stream in streams} | {
            name: None for name in progress.streams if name not in {stream.name for stream in streams}
        }
    return [StreamProgress(name, done[name], total, progress.streams.get(name, {})) for name, total in totals.items()]

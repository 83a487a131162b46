"""Which items are still there: those of partitions that we no longer see are hidden; of those we see, what is not
listed is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from integrations.connectors.base import ItemStream, Partition, odd_answers_named
from integrations.domain.hints import deletions_hinted
from integrations.domain.syncing import counts
from integrations.domain.syncing.run_record import RunRecord
from integrations.domain.syncing.stream_states import Key, StreamStates, key_of
from integrations.http.errors import ToolError
from integrations.models import StreamState
from projects.domain.recording import record_census, record_lost_containers, recorded_containers

SMALL_CONTAINER: Final = 2_000
CENSUS_INTERVAL: Final = timedelta(hours=24)
"""A census of up to 20 requests is taken in every run, a larger one once a day, and when a deletion was hinted at."""


class PresenceCheck:
    """Looks for one run.

    visible: partitions that the tool shows;  errors: of the run, to which those of a census are added
    """

    def __init__(
        self,
        record: RunRecord,
        states: StreamStates,
        client: Any,
        *,
        visible: Sequence[Partition],
        errors: dict[Key, ToolError],
    ) -> None:
        self._record = record
        self._states = states
        self._client = client
        self._visible = visible
        self._errors = errors

    def look(self, stream: ItemStream[Any]) -> None:
        """Raises ToolError for one that ends the run."""
        self._mark_lost(stream)
        for partition in self._visible:
            self._take_census(stream, partition)

    def _mark_lost(self, stream: ItemStream[Any]) -> None:
        record = self._record
        lost = sorted(self._states.partitions_of(stream) - {partition.id for partition in self._visible})
        if not lost:
            return
        with record.step():
            changes = record_lost_containers(
                project=record.integration.project, source=record.source, containers=lost, at=record.now()
            )
            counts.add_presence(record.progress.streams, stream.name, changes)

    def _take_census(self, stream: ItemStream[Any], partition: Partition) -> None:
        record, key = self._record, key_of(stream, partition)
        if not self._states.is_settled(key):
            return
        state = self._states.of(stream, partition)
        if not self._is_due(state):
            return
        began_at = record.now()
        try:
            with odd_answers_named():
                shown = record.in_passes(lambda: self._shown_ids(stream, partition))
        except ToolError as error:
            self._errors[key] = error
            if error.ends_run:
                raise
            return
        at = record.now()
        with record.step():
            changes = record_census(
                project=record.integration.project,
                source=record.source,
                container=partition.id,
                shown_ids={*shown, *self._states.unlisted_in(partition.id)},
                at=at,
            )
            counts.add_presence(record.progress.streams, stream.name, changes)
            state.census_in_run, state.census_at = record.progress.run_id, began_at
            state.save()

    def _shown_ids(self, stream: ItemStream[Any], partition: Partition) -> list[str]:
        return [external_id for ids in stream.census(self._client, partition) for external_id in ids]

    def _is_due(self, state: StreamState) -> bool:
        """Not in the run that has just read everything, nor twice in one run; else by the size of the container."""
        record = self._record
        if state.census_in_run == record.progress.run_id:
            return False
        with record.transaction():
            known = recorded_containers(project=record.integration.project, source=record.source)
            if known.get(state.partition, 0) <= SMALL_CONTAINER or state.census_at is None:
                return True
            hinted = deletions_hinted(record.integration, since=state.census_at)
        return bool(hinted & {"", state.partition.lower()}) or record.now() - state.census_at >= CENSUS_INTERVAL

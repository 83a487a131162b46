"""One run of one integration.

1. Take the lock: of two workers one runs. Go on with the run that a kill has left, or begin a new one.
2. Ask the tool what there is to read (partitions), once for the run.
3. Up to three passes over streams and partitions: what is through is not read again, what has met a passing error
   goes on from its checkpoint, what is refused is named and left.
4. Each step of a stream (facts, counts, checkpoint, raw answers) is one short transaction in the tenant's context. No
   request is made inside of one.
5. A census of what is shown now tells deleted items from hidden ones.
6. Keep the result, set the next time.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from integrations.connectors.base import (
    Connector,
    DetailedStream,
    ItemStream,
    Partition,
    Reading,
    Stream,
    odd_answers_named,
)
from integrations.connectors.options import Account
from integrations.connectors.registry import connector_of, readable_types
from integrations.domain.connecting import account_of
from integrations.domain.environment import Environment
from integrations.domain.hints import note_run_begun
from integrations.domain.syncing import counts
from integrations.domain.syncing.adjusting import Adjustments
from integrations.domain.syncing.finishing import RunEnd, finish_run
from integrations.domain.syncing.lock import run_lock
from integrations.domain.syncing.partitions import fit_to_keep, partition_of, partition_row
from integrations.domain.syncing.presence import PresenceCheck
from integrations.domain.syncing.run_record import MOST_PASSES, REASON, RunRecord
from integrations.domain.syncing.stream_states import (
    CHECKPOINT_LIFETIME,
    Key,
    StreamStates,
    forget_checkpoint,
    key_of,
)
from integrations.domain.syncing.stream_writing import StreamWriter
from integrations.enums import IntegrationStatus
from integrations.http.errors import (
    CheckpointExpired,
    CredentialsMissing,
    Forbidden,
    Gone,
    InternalError,
    NotFound,
    ToolError,
)
from integrations.models import FieldMapping, Integration, StreamState, SyncProgress, SyncResult
from projects.domain.recording import load_pseudonyms, unrecorded_items
from tenants.encryption.errors import EncryptionError
from tenants.isolation.transaction import tenant_context

logger = logging.getLogger(__name__)

PATIENCE: Final = 5
"""So many readings in a row without an answer, and the pass is over: the tool is down."""
WHOLE_TOOL: Final = Partition(id="")
_NOT_OFFERED: Final = (NotFound, Forbidden, Gone)


def sync_integration(*, tenant_id: UUID, integration_id: UUID, environment: Environment) -> SyncResult | None:
    """Read an integration and return how it went; None when another worker is at it, or it is gone.

    What the tool does wrong is in the result and on the integration, never raised. Call it without a transaction and
    without a context: it opens its own.
    """
    with run_lock(tenant_id, integration_id) as is_taken:
        if not is_taken:
            return None
        run = _begin(tenant_id, integration_id, environment)
        try:
            return None if run is None else run.carry_out()
        except Integration.DoesNotExist:  # removed by somebody while it was read
            return None


def _begin(tenant_id: UUID, integration_id: UUID, environment: Environment) -> _Run | None:
    at = environment.waiting.now()
    with tenant_context(tenant_id, reason=REASON):
        integration = Integration.objects.select_related("project").filter(pk=integration_id).first()
        if integration is None:
            return None
        progress = _progress_of(integration, at)
        if integration.status != IntegrationStatus.INACTIVE:
            Integration.objects.filter(pk=integration.pk).update(status=IntegrationStatus.SYNCING)
        connector = connector_of(integration.type) if integration.type in readable_types() else None
        source = connector.source if connector else integration.type.lower()
        record = RunRecord(tenant_id, integration, progress, environment, source=source)
        adjustments = Adjustments.of(integration.config, FieldMapping.objects.filter(integration=integration))
        return _Run(
            record,
            connector,
            account=_account_or_error(integration, environment),
            states=StreamStates(integration, run_id=progress.run_id, at=at),
            writer=StreamWriter(record, adjustments, load_pseudonyms()),
            since=adjustments.since,
        )


def _progress_of(integration: Integration, at: datetime) -> SyncProgress:
    """The run that a kill has left, unless it is too old to be carried on, or a new one."""
    progress: SyncProgress | None = SyncProgress.objects.filter(integration=integration).first()
    if progress is not None and at - progress.seen_at <= CHECKPOINT_LIFETIME:
        return progress
    SyncProgress.objects.filter(integration=integration).delete()
    made: SyncProgress = SyncProgress.objects.create(integration=integration, started_at=at, seen_at=at)
    return made


def _account_or_error(integration: Integration, environment: Environment) -> Account | ToolError:
    try:
        return account_of(integration, environment.gateways, purpose=REASON, apps=environment.apps)
    except EncryptionError:
        return CredentialsMissing("The stored ones cannot be opened; enter them again.")


class _Run:
    """The course of one run: what is read, in which order, and what is made of errors."""

    def __init__(
        self,
        record: RunRecord,
        connector: Connector[Any] | None,
        *,
        account: Account | ToolError,
        states: StreamStates,
        writer: StreamWriter,
        since: datetime | None,
    ) -> None:
        self._record = record
        self._connector = connector
        self._account = account
        self._states = states
        self._writer = writer
        self._since = since
        self._errors: dict[Key, ToolError] = {}
        self._refused: set[Key] = set()
        self._partitions: list[Partition] = []
        self._client: Any = None

    # --- the whole ---

    def carry_out(self) -> SyncResult:
        with self._record.transaction():  # for a moment only: messages that come in write the same row
            note_run_begun(self._record.integration, self._record.progress.started_at)
        fatal: ToolError | None = None
        try:
            self._read_everything()
        except ToolError as error:
            fatal = error
        except Exception:
            logger.exception("sync of integration %s failed", self._record.integration.pk)
            fatal = InternalError()
        finally:
            self._record.network.close()
        return self._finish(fatal)

    def _read_everything(self) -> None:
        if self._connector is None:
            raise ToolError("This kind of tool cannot be read yet.")
        if isinstance(self._account, ToolError):
            raise self._account
        self._client = self._connector.open(self._account, self._record.network)
        self._find_partitions(self._connector)
        for number in range(1, MOST_PASSES + 1):
            self._record.progress.pass_number = number
            if number > 1:
                self._record.pause_before(number)
            self._pass()
            if not self._open_work():
                break
        for stream, partition in self._work():
            if self._waits_for_items(stream, partition):
                self._errors[key_of(stream, partition)] = _ItemsMissing()
        self._look_who_is_there()

    def _finish(self, fatal: ToolError | None) -> SyncResult:
        record = self._record
        for (stream, partition), error in self._errors.items():
            counts.add_error(record.progress.streams, stream, error, where=self._name_of(partition))
        named = tuple((self._place(key), error) for key, error in self._errors.items())
        unfinished = bool(self._open_work()) or (fatal is not None and fatal.is_transient)
        with record.transaction():
            record.measure()
            return finish_run(
                record.integration,
                record.progress,
                RunEnd(fatal, named, unfinished),
                source=record.source,
                retention_days=record.environment.retention_days,
                at=record.now(),
            )

    # --- partitions ---

    def _find_partitions(self, connector: Connector[Any]) -> None:
        """Ask what there is to read; a run that goes on has asked already."""
        progress = self._record.progress
        if progress.partitions is None:
            with odd_answers_named():
                found = self._record.in_passes(lambda: connector.partitions(self._client))
            with self._record.step():
                progress.partitions = [partition_row(partition) for partition in fit_to_keep(found)]
                progress.save(update_fields=["partitions"])
        self._partitions = [partition_of(row) for row in progress.partitions]
        for partition in self._partitions:
            if partition.error is not None:
                self._errors["partitions", partition.id] = partition.error

    @property
    def _visible(self) -> list[Partition]:
        return [partition for partition in self._partitions if partition.error is None]

    def _work(self) -> Iterator[tuple[Stream[Any], Partition]]:
        for stream in self._connector.streams if self._connector else ():
            for partition in self._visible if stream.has_partitions else [WHOLE_TOOL]:
                yield stream, partition

    @property
    def _item_streams(self) -> list[ItemStream[Any]]:
        streams = self._connector.streams if self._connector else ()
        return [stream for stream in streams if isinstance(stream, ItemStream)]

    def _open_work(self) -> list[Key]:
        """What this run has not finished and may still finish, in a further pass or by the next run."""
        keys = [key_of(stream, partition) for stream, partition in self._work()]
        return [key for key in keys if not self._is_through(key)]

    def _is_through(self, key: Key) -> bool:
        return key in self._refused or self._states.is_settled(key)

    # --- reading ---

    def _pass(self) -> None:
        failures = 0
        for stream, partition in self._work():
            if self._is_through(key_of(stream, partition)) or self._waits_for_items(stream, partition):
                continue
            failures = 0 if self._read(stream, partition) else failures + 1
            if failures >= PATIENCE:
                return

    def _waits_for_items(self, stream: Stream[Any], partition: Partition) -> bool:
        """For refused ones it does not. In the last pass it is enough that all are listed, for details owed are few."""
        if not stream.needs_items:
            return False
        is_last = self._record.progress.pass_number == MOST_PASSES
        are_there = self._states.is_listed if is_last else self._states.is_settled
        places = [partition] if stream.has_partitions else self._visible
        needed = [key_of(each, place) for each in self._item_streams for place in places]
        return not all(key in self._refused or are_there(key) for key in needed)

    def _read(self, stream: Stream[Any], partition: Partition) -> bool:
        """Read one stream of one partition as far as it goes; whether the tool answered, or refused for good."""
        key = key_of(stream, partition)
        self._errors.pop(key, None)
        try:
            self._read_through(stream, partition)
        except ToolError as error:
            if stream.is_optional and isinstance(error, _NOT_OFFERED):
                self._note_not_offered(stream, partition, error)
                return True
            self._errors[key] = error
            if error.ends_run:
                raise
            if not error.is_transient:
                self._refused.add(key)
            return not error.is_transient or isinstance(error, _Deferred)
        except Exception:
            logger.exception("stream %s of integration %s failed", stream.name, self._record.integration.pk)
            self._errors[key] = InternalError()
            self._refused.add(key)
            return True
        return True

    def _note_not_offered(self, stream: Stream[Any], partition: Partition, error: ToolError) -> None:
        """Nothing is missing where a tool does not have the thing; the run says so and goes on."""
        self._refused.add(key_of(stream, partition))
        where = partition.name or partition.id
        counts.add_not_offered(self._record.progress.streams, stream.name, error, where=where)

    def _read_through(self, stream: Stream[Any], partition: Partition) -> None:
        state = self._states.of(stream, partition)
        owed = list(state.deferred)
        if state.done_in_run != self._record.progress.run_id:
            try:
                self._read_pages(stream, state, partition)
            except CheckpointExpired:
                forget_checkpoint(state)
                with self._record.transaction():
                    state.save()
                self._read_pages(stream, state, partition)
        if owed and isinstance(stream, DetailedStream):
            pages = stream.retry(self._client, self._reading(state, partition), owed)
            self._writer.take(stream, state, partition, pages, is_retry=True)
        if state.deferred:
            raise _Deferred(f"{len(state.deferred):,} details are missing.")

    def _read_pages(self, stream: Stream[Any], state: StreamState, partition: Partition) -> None:
        pages = stream.pages(self._client, self._reading(state, partition))
        self._writer.take(stream, state, partition, pages)

    def _reading(self, state: StreamState, partition: Partition) -> Reading:
        return Reading(
            partition=partition,
            cursor=state.cursor or None,
            checkpoint=state.checkpoint,
            since=self._since,
            unlisted=frozenset(state.unlisted),
            unrecorded=partial(self._unrecorded, partition),
        )

    def _unrecorded(self, partition: Partition, external_ids: Collection[str]) -> frozenset[str]:
        """None while the partition's own items have not been listed: what is not recorded may be among them."""
        if not all(self._states.is_listed(key_of(stream, partition)) for stream in self._item_streams):
            return frozenset()
        record = self._record
        with record.transaction():
            return unrecorded_items(project=record.integration.project, source=record.source, external_ids=external_ids)

    # --- presence ---

    def _look_who_is_there(self) -> None:
        check = PresenceCheck(self._record, self._states, self._client, visible=self._visible, errors=self._errors)
        for stream in self._item_streams:
            check.look(stream)

    # --- words ---

    def _name_of(self, partition_id: str) -> str:
        names = {partition.id: partition.name for partition in self._partitions}
        return names.get(partition_id) or partition_id

    def _place(self, key: Key) -> str:
        stream, partition = key
        return f"{stream} of {self._name_of(partition)}" if partition else stream


class _ItemsMissing(ToolError):
    """What belongs to items that have not come would have been lost."""

    code = "items_missing"
    sentence = "It was not read, because the items that it belongs to are missing; the next run reads it."
    is_transient = True


class _Deferred(ToolError):
    """Details that the tool would not give in this pass."""

    code = "details_missing"
    sentence = "The tool did not give everything it has; the next run asks for the rest."
    is_transient = True

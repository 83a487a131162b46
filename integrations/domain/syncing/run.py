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
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from integrations.connectors.base import Connector, Json, Page, Partition, Reading, Stream
from integrations.connectors.options import Account
from integrations.connectors.registry import connector_of, readable_types
from integrations.domain.connecting import account_of
from integrations.domain.environment import Environment, RunNetwork, SyncStep
from integrations.domain.syncing import counts
from integrations.domain.syncing.adjusting import Adjustments
from integrations.domain.syncing.finishing import RunEnd, finish_run
from integrations.domain.syncing.lock import run_lock
from integrations.domain.syncing.payloads import keep_payloads
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
from projects.domain.recording import (
    Pseudonyms,
    load_pseudonyms,
    record_census,
    record_lost_containers,
    record_observations,
    recorded_containers,
)
from projects.observations import ObservationBatch
from tenants.encryption.errors import EncryptionError
from tenants.isolation.transaction import tenant_context

logger = logging.getLogger(__name__)

MOST_PASSES: Final = 3
REASON: Final = "sync"
COMMIT_FACTS: Final = 5_000
COMMIT_SHARE: Final = 20
"""A step is committed at the latest when it has cost a twentieth of the run's requests: what a kill can lose."""
PATIENCE: Final = 5
"""So many readings in a row without an answer, and the pass is over: the tool is down."""
SMALL_CONTAINER: Final = 2_000
CENSUS_INTERVAL: Final = timedelta(hours=24)
"""A census of up to 20 requests is taken in every run, a larger one once a day."""
CHECKPOINT_LIFETIME: Final = timedelta(hours=24)
"""Page tokens live for an hour to a week; what is older begins anew from its cursor."""
WHOLE_TOOL: Final = Partition(id="")
_NOT_OFFERED: Final = (NotFound, Forbidden, Gone)
Key = tuple[str, str]


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
        account = _account_or_error(integration, environment)
        adjustments = Adjustments.of(integration.config, FieldMapping.objects.filter(integration=integration))
        states = {(s.stream, s.partition): _fresh(s, at) for s in StreamState.objects.filter(integration=integration)}
        return _Run(
            tenant_id=tenant_id,
            integration=integration,
            progress=progress,
            account=account,
            adjustments=adjustments,
            states=states,
            pseudonyms=load_pseudonyms(),
            environment=environment,
        )


def _progress_of(integration: Integration, at: datetime) -> SyncProgress:
    """The run that a kill has left, unless it is too old to be carried on, or a new one."""
    progress: SyncProgress | None = SyncProgress.objects.filter(integration=integration).first()
    if progress is not None and at - progress.seen_at <= CHECKPOINT_LIFETIME:
        return progress
    SyncProgress.objects.filter(integration=integration).delete()
    made: SyncProgress = SyncProgress.objects.create(integration=integration, started_at=at, seen_at=at)
    return made


def _fresh(state: StreamState, at: datetime) -> StreamState:
    """Without a checkpoint that the tool has forgotten by now."""
    if state.checkpoint_at is not None and at - state.checkpoint_at > CHECKPOINT_LIFETIME:
        state.checkpoint, state.checkpoint_at, state.newest = None, None, ""
    return state


def _account_or_error(integration: Integration, environment: Environment) -> Account | ToolError:
    try:
        return account_of(integration, environment.gateways, purpose=REASON)
    except EncryptionError:
        return CredentialsMissing("The stored ones cannot be opened; enter them again.")


class _Run:
    """What one run knows. Every write is in a transaction of `self._transaction()`."""

    def __init__(
        self,
        *,
        tenant_id: UUID,
        integration: Integration,
        progress: SyncProgress,
        account: Account | ToolError,
        adjustments: Adjustments,
        states: dict[Key, StreamState],
        pseudonyms: Pseudonyms,
        environment: Environment,
    ) -> None:
        self._tenant_id = tenant_id
        self._integration = integration
        self._progress = progress
        self._account = account
        self._adjustments = adjustments
        self._states = states
        self._pseudonyms = pseudonyms
        self._environment = environment
        self._network = RunNetwork(environment)
        self._bodies: list[bytes] = []
        if environment.retention_days:
            self._network.meter.on_body = self._bodies.append
        self._began_s = environment.waiting.monotonic()
        self._spent = (progress.request_count, progress.waited_ms, progress.worked_ms)
        self._committed_requests = 0
        self._errors: dict[Key, ToolError] = {}
        self._refused: set[Key] = set()
        self._partitions: list[Partition] = []
        self._client: Any = None
        self._connector: Connector[Any] | None = None

    # --- the whole ---

    def carry_out(self) -> SyncResult:
        fatal: ToolError | None = None
        try:
            self._read_everything()
        except ToolError as error:
            fatal = error
        except Exception:
            logger.exception("sync of integration %s failed", self._integration.pk)
            fatal = InternalError()
        finally:
            self._network.close()
        return self._finish(fatal)

    def _read_everything(self) -> None:
        if self._integration.type not in readable_types():
            raise ToolError("This kind of tool cannot be read yet.")
        self._connector = connector_of(self._integration.type)
        if isinstance(self._account, ToolError):
            raise self._account
        self._client = self._connector.open(self._account, self._network)
        self._find_partitions()
        for number in range(1, MOST_PASSES + 1):
            self._progress.pass_number = number
            if number > 1:
                self._network_pause(number)
            self._pass()
            if not self._open_work():
                break
        self._look_who_is_there()

    def _finish(self, fatal: ToolError | None) -> SyncResult:
        for (stream, partition), error in self._errors.items():
            counts.add_error(self._progress.streams, stream, error, where=self._name_of(partition))
        named = tuple((self._place(key), error) for key, error in self._errors.items())
        unfinished = bool(self._open_work()) or (fatal is not None and fatal.is_transient)
        with self._transaction():
            self._measure()
            return finish_run(
                self._integration,
                self._progress,
                RunEnd(fatal, named, unfinished),
                source=self._source,
                retention_days=self._environment.retention_days,
                at=self._now(),
            )

    # --- partitions ---

    def _find_partitions(self) -> None:
        """Ask what there is to read; a run that goes on has asked already."""
        connector = self._the_connector
        if self._progress.partitions is None:
            found = self._ask_partitions(connector)
            self._progress.partitions = [_partition_json(partition) for partition in found]
            self._bodies.clear()
            with self._transaction():
                self._measure()
                self._progress.save()
            self._committed_requests = self._network.meter.requests
        self._partitions = [_partition_of(row) for row in self._progress.partitions]
        for partition in self._partitions:
            if partition.error is not None:
                self._errors["partitions", partition.id] = partition.error

    def _ask_partitions(self, connector: Connector[Any]) -> list[Partition]:
        for number in range(1, MOST_PASSES + 1):
            try:
                return connector.partitions(self._client)
            except ToolError as error:
                if not error.is_transient or error.ends_run or number == MOST_PASSES:
                    raise
                self._network_pause(number + 1)
        raise AssertionError("unreachable")

    @property
    def _visible(self) -> list[Partition]:
        return [partition for partition in self._partitions if partition.error is None]

    def _work(self) -> Iterator[tuple[Stream[Any], Partition]]:
        for stream in self._the_connector.streams:
            for partition in self._visible if stream.has_partitions else [WHOLE_TOOL]:
                yield stream, partition

    def _open_work(self) -> list[Key]:
        """What this run has not finished and may still finish, in a further pass or by the next run."""
        if self._connector is None:
            return []
        keys = [(stream.name, partition.id) for stream, partition in self._work()]
        return [key for key in keys if key not in self._refused and not self._is_settled(key)]

    def _is_settled(self, key: Key) -> bool:
        state = self._states.get(key)
        return state is not None and state.done_in_run == self._progress.run_id and not state.deferred

    # --- reading ---

    def _pass(self) -> None:
        failures = 0
        for stream, partition in self._work():
            key = (stream.name, partition.id)
            if key in self._refused or self._is_settled(key):
                continue
            failures = 0 if self._read(stream, partition) else failures + 1
            if failures >= PATIENCE:
                return

    def _read(self, stream: Stream[Any], partition: Partition) -> bool:
        """Read one stream of one partition as far as it goes; whether it met no passing error."""
        key = (stream.name, partition.id)
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
            return not error.is_transient
        except Exception:
            logger.exception("stream %s of integration %s failed", stream.name, self._integration.pk)
            self._errors[key] = InternalError()
            self._refused.add(key)
            return True
        return True

    def _note_not_offered(self, stream: Stream[Any], partition: Partition, error: ToolError) -> None:
        """Nothing is missing where a tool does not have the thing; the run says so and goes on."""
        self._refused.add((stream.name, partition.id))
        counts.add_not_offered(self._progress.streams, stream.name, error, where=partition.name or partition.id)

    def _read_through(self, stream: Stream[Any], partition: Partition) -> None:
        state = self._state(stream, partition)
        owed = list(state.deferred)
        if state.done_in_run != self._progress.run_id:
            try:
                self._take(stream, state, partition, stream.pages(self._client, self._reading(state, partition)))
            except CheckpointExpired:
                self._forget_checkpoint(state)
                self._take(stream, state, partition, stream.pages(self._client, self._reading(state, partition)))
        if owed:
            pages = stream.retry(self._client, self._reading(state, partition), owed)
            self._take(stream, state, partition, pages, is_retry=True)
        if state.deferred:
            raise _Deferred(f"{len(state.deferred):,} details are missing.")

    def _reading(self, state: StreamState, partition: Partition) -> Reading:
        return Reading(
            partition=partition,
            cursor=state.cursor or None,
            checkpoint=state.checkpoint,
            since=self._adjustments.since,
        )

    def _take(
        self,
        stream: Stream[Any],
        state: StreamState,
        partition: Partition,
        pages: Iterable[Page],
        *,
        is_retry: bool = False,
    ) -> None:
        """Commit pages in steps. What came before an error is kept, and the error goes on."""
        waiting: list[Page] = []
        try:
            for page in pages:
                waiting.append(page)
                if self._is_step(waiting):
                    self._commit(stream, state, partition, waiting)
                    waiting = []
        except ToolError:
            self._commit(stream, state, partition, waiting)
            raise
        self._commit(stream, state, partition, waiting, is_last=not is_retry)

    def _is_step(self, waiting: Sequence[Page]) -> bool:
        requests = self._network.meter.requests
        if (requests - self._committed_requests) * COMMIT_SHARE >= self._spent[0] + requests:
            return True
        return sum(len(page.batch.items) + len(page.batch.changes) for page in waiting) >= COMMIT_FACTS

    def _commit(
        self,
        stream: Stream[Any],
        state: StreamState,
        partition: Partition,
        pages: Sequence[Page],
        *,
        is_last: bool = False,
    ) -> None:
        if not pages and not is_last:
            return
        adjusted = self._adjustments.adjust(ObservationBatch.merged(page.batch for page in pages), pages)
        at = self._now()
        with self._transaction():
            result = record_observations(
                project=self._integration.project,
                source=self._source,
                observations=adjusted.batch,
                at=at,
                pseudonyms=self._pseudonyms,
            )
            counts.add_pages(self._progress.streams, stream.name, pages, result)
            counts.add_adjusted(self._progress.streams, stream.name, adjusted.refused, adjusted.odd)
            self._move(state, pages, is_last=is_last, at=at)
            state.save()
            keep_payloads(self._integration, self._bodies, stream=stream.name, partition=partition.id, at=at)
            self._measure()
            self._progress.save()
        self._bodies.clear()
        self._committed_requests = self._network.meter.requests
        self._environment.on_step(
            SyncStep(
                stream.name,
                partition.name or partition.id,
                counts.total(self._progress.streams, "read"),
                self._progress.request_count,
            )
        )

    def _move(self, state: StreamState, pages: Sequence[Page], *, is_last: bool, at: datetime) -> None:
        """Bring the state behind the pages."""
        for page in pages:
            state.newest = _greater(state.newest, page.cursor or "")
            if page.checkpoint is not None:
                state.checkpoint, state.checkpoint_at = page.checkpoint, at
            state.deferred = _without(state.deferred, page.settled) + _new(state.deferred, page.deferred)
        if is_last:
            if not state.cursor:  # everything has just been listed
                state.census_in_run, state.census_at = self._progress.run_id, at
            state.cursor = _greater(state.cursor, _not_after(state.newest, self._progress.started_at))
            state.newest, state.checkpoint, state.checkpoint_at = "", None, None
            state.done_in_run = self._progress.run_id

    def _forget_checkpoint(self, state: StreamState) -> None:
        state.checkpoint, state.checkpoint_at, state.newest = None, None, ""
        with self._transaction():
            state.save()

    def _state(self, stream: Stream[Any], partition: Partition) -> StreamState:
        key = (stream.name, partition.id)
        if key not in self._states:
            self._states[key] = StreamState(
                tenant_id=self._tenant_id, integration=self._integration, stream=stream.name, partition=partition.id
            )
        return self._states[key]

    # --- presence ---

    def _look_who_is_there(self) -> None:
        """Items of partitions that we no longer see are hidden; of those we see, what is not listed is gone."""
        for stream in self._the_connector.streams:
            if stream.finds_items:
                self._mark_lost(stream)
                for partition in self._visible:
                    self._take_census(stream, partition)

    def _mark_lost(self, stream: Stream[Any]) -> None:
        visible = {partition.id for partition in self._visible}
        lost = sorted(partition for name, partition in self._states if name == stream.name and partition not in visible)
        if not lost:
            return
        with self._transaction():
            changes = record_lost_containers(
                project=self._integration.project, source=self._source, containers=lost, at=self._now()
            )
            counts.add_presence(self._progress.streams, stream.name, changes)
            self._progress.save()

    def _take_census(self, stream: Stream[Any], partition: Partition) -> None:
        key = (stream.name, partition.id)
        state = self._states.get(key)
        if state is None or not self._is_settled(key) or not self._is_census_due(state):
            return
        try:
            shown = self._shown_ids(stream, partition)
        except ToolError as error:
            self._errors[key] = error
            if error.ends_run:
                raise
            return
        at = self._now()
        with self._transaction():
            changes = record_census(
                project=self._integration.project,
                source=self._source,
                container=partition.id,
                shown_ids=shown,
                at=at,
            )
            counts.add_presence(self._progress.streams, stream.name, changes)
            state.census_in_run, state.census_at = self._progress.run_id, at
            state.save()
            self._measure()
            self._progress.save()
        self._bodies.clear()

    def _shown_ids(self, stream: Stream[Any], partition: Partition) -> list[str]:
        """All ids of a census, which is asked for in up to three passes like everything else."""
        for number in range(1, MOST_PASSES + 1):
            try:
                return [external_id for ids in stream.census(self._client, partition) for external_id in ids]
            except ToolError as error:
                if not error.is_transient or error.ends_run or number == MOST_PASSES:
                    raise
                self._network_pause(number + 1)
        raise AssertionError("unreachable")

    def _is_census_due(self, state: StreamState) -> bool:
        """Not in the run that has just read everything, nor twice in one run; else by the size of the container."""
        if state.census_in_run == self._progress.run_id:
            return False
        with self._transaction():
            known = recorded_containers(project=self._integration.project, source=self._source)
        is_small = known.get(state.partition, 0) <= SMALL_CONTAINER
        return is_small or state.census_at is None or self._now() - state.census_at >= CENSUS_INTERVAL

    # --- small things ---

    @property
    def _the_connector(self) -> Connector[Any]:
        if self._connector is None:
            raise InternalError
        return self._connector

    @property
    def _source(self) -> str:
        return self._connector.source if self._connector else self._integration.type.lower()

    def _transaction(self) -> AbstractContextManager[object]:
        return tenant_context(self._tenant_id, reason=REASON)

    def _now(self) -> datetime:
        return self._environment.waiting.now()

    def _measure(self) -> None:
        """Bring requests, waits and time of the whole run, of its earlier parts too, onto the progress."""
        meter = self._network.meter
        requests, waited_ms, worked_ms = self._spent
        self._progress.request_count = requests + meter.requests
        self._progress.waited_ms = waited_ms + round(meter.waited_s * 1000)
        elapsed_s = self._environment.waiting.monotonic() - self._began_s
        self._progress.worked_ms = worked_ms + max(0, round(elapsed_s * 1000))
        self._progress.seen_at = max(self._now(), self._progress.started_at)

    def _network_pause(self, number: int) -> None:
        wait_s = self._environment.waiting.backoff_s(number)
        self._environment.waiting.sleep(wait_s)
        self._network.meter.waited_s += wait_s

    def _name_of(self, partition_id: str) -> str:
        names = {partition.id: partition.name for partition in self._partitions}
        return names.get(partition_id) or partition_id

    def _place(self, key: Key) -> str:
        stream, partition = key
        return f"{stream} of {self._name_of(partition)}" if partition else stream


class _Deferred(ToolError):
    """Details that the tool would not give in this pass."""

    code = "details_missing"
    sentence = "The tool did not give everything it has; the next run asks for the rest."
    is_transient = True


def _partition_json(partition: Partition) -> dict[str, Json]:
    error = partition.error
    kept = None if error is None else {"code": error.code, "detail": error.detail}
    return {"id": partition.id, "name": partition.name[:255], "facts": partition.facts, "error": kept}


def _partition_of(row: dict[str, Json]) -> Partition:
    kept = row["error"]
    error = None if kept is None else _ERRORS.get(kept["code"], ToolError)(kept["detail"])
    return Partition(id=row["id"], name=row["name"], facts=row["facts"], error=error)


def _all_errors(kind: type[ToolError] = ToolError) -> dict[str, type[ToolError]]:
    found = {kind.code: kind}
    for each in kind.__subclasses__():
        found |= _all_errors(each)
    return found


_ERRORS: Final = _all_errors()


def _greater(one: str, other: str) -> str:
    """The greater of two cursors: numbers as numbers, everything else as text, in which ISO instants sort by time."""
    try:
        return max(one, other, key=float)
    except ValueError:
        return max(one, other)


def _not_after(cursor: str, moment: datetime) -> str:
    """A cursor that is an instant, but none of the future: a clock that is wrong once would hide all later edits."""
    try:
        is_later = datetime.fromisoformat(cursor) > moment
    except (ValueError, TypeError):  # no instant, or one without offset
        return cursor
    return moment.isoformat() if is_later else cursor


def _without(deferred: list[Json], settled: Sequence[Json]) -> list[Json]:
    return [detail for detail in deferred if detail not in settled]


def _new(deferred: list[Json], more: Sequence[Json]) -> list[Json]:
    return [detail for detail in more if detail not in deferred]

"""What a sync would bring: the first page of each stream, mapped and counted. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, Final

from integrations.connectors.base import Connector, Page, Partition, Reading, Stream, odd_answers_named
from integrations.connectors.options import Account
from integrations.connectors.registry import connector_of, readable_types
from integrations.domain.connecting import IMPATIENT, opened_account, record_tool_failure
from integrations.domain.environment import Environment, RunNetwork
from integrations.domain.syncing.adjusting import Adjusted, Adjustments
from integrations.domain.syncing.counts import NOT_OFFERED
from integrations.http.errors import NOT_SHOWN, ToolError
from integrations.models import FieldMapping, Integration
from projects.observations import ObservationBatch

PURPOSE: Final = "preview"
MOST_REQUESTS: Final = 100
LONGEST_S: Final = 20.0
"""Streams that are not reached by then are named and not asked."""
SAMPLE_RECORDS: Final = 20
SAMPLE_STEPS: Final = 10
"""A stream that asks for details gives one record at a time, so that its first page is more than one step."""
SHOWN_ITEMS: Final = 5
SHOWN_NAMES: Final = 200
WHOLE_TOOL: Final = Partition(id="")
_KINDS: Final = tuple(each.name for each in fields(ObservationBatch) if not each.name.startswith("whole_"))


class NoTimeLeft(ToolError):
    """The preview has taken as long as somebody waits."""

    code = "no_time_left"
    sentence = "The tool is slow, so this was not asked for in the preview; a sync reads it."


@dataclass(frozen=True, slots=True)
class PreviewedStream:
    """The first page of one stream, of the first partition that the tool shows.

    counts: facts by kind;  failed: records that could not be read, and why
    error: why it could not be read, or no further, None where it could
    """

    name: str
    partition: str = ""
    read: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    failed: tuple[Mapping[str, str], ...] = ()
    error: ToolError | None = None


@dataclass(frozen=True, slots=True)
class PreviewedStatus:
    """A status that nobody has said the category of: it was guessed from its name."""

    status_id: str
    name: str
    category: str


@dataclass(frozen=True, slots=True)
class Preview:
    """partitions: what the tool shows to read, by name;  hidden: what the settings name and the tool does not show

    items: the first few, as they would be recorded;  unmapped_fields: the tool's own fields that fill none of ours
    """

    partitions: tuple[str, ...] = ()
    hidden: tuple[tuple[str, ToolError], ...] = ()
    streams: tuple[PreviewedStream, ...] = ()
    items: tuple[Mapping[str, Any], ...] = ()
    unmapped_statuses: tuple[PreviewedStatus, ...] = ()
    unmapped_fields: tuple[str, ...] = ()


def preview_sync(integration: Integration, environment: Environment) -> Preview:
    """Ask the tool for the first page of everything.

    Raises ToolError where nothing at all can be read; what one stream lacks is told with the stream.
    """
    try:
        return begin_preview(integration, environment)()
    except ToolError as error:
        end_preview(integration, error)
        raise


def begin_preview(integration: Integration, environment: Environment) -> Callable[[], Preview]:
    """Open the credentials, which is audited. What is returned asks the tool, without context and transaction.

    Raises ToolError where it cannot be asked.
    """
    if integration.type not in readable_types():
        raise ToolError("This kind of tool cannot be read yet.")
    account = opened_account(integration, environment, purpose=PURPOSE)
    adjustments = Adjustments.of(integration.config, FieldMapping.objects.filter(integration=integration))
    return partial(_previewed, integration.type, account, adjustments, environment)


def end_preview(integration: Integration, error: ToolError) -> None:
    """Keep that the tool was asked in vain, in the tenant's context."""
    record_tool_failure(integration, error, purpose=PURPOSE)


def _previewed(tool: str, account: Account, adjustments: Adjustments, environment: Environment) -> Preview:
    connector = connector_of(tool)
    network = RunNetwork(replace(environment, limits=replace(IMPATIENT, most_requests=MOST_REQUESTS)))
    try:
        return _read(connector, connector.open(account, network), adjustments, environment)
    finally:
        network.close()


def _read(connector: Connector[Any], client: Any, adjustments: Adjustments, environment: Environment) -> Preview:
    began_s = environment.waiting.monotonic()
    with odd_answers_named():
        partitions = connector.partitions(client)
    visible = [partition for partition in partitions if partition.error is None]
    streams: list[PreviewedStream] = []
    read: list[tuple[Page, Adjusted]] = []
    for stream in connector.streams:
        partition = next(iter(visible), None) if stream.has_partitions else WHOLE_TOOL
        if partition is None:
            continue
        place = partition.name or partition.id
        if environment.waiting.monotonic() - began_s > LONGEST_S:
            streams.append(PreviewedStream(stream.name, place, error=NoTimeLeft()))
            continue
        page, error = _first_page(stream, client, partition, adjustments)
        adjusted = adjustments.adjust(page.batch, [page])
        streams.append(_told(stream, place, page, adjusted, error))
        read.append((page, adjusted))
    return Preview(
        partitions=tuple(partition.name or partition.id for partition in visible)[:SHOWN_NAMES],
        hidden=tuple((each.name or each.id, each.error) for each in partitions if each.error is not None),
        streams=tuple(streams),
        items=tuple(_items(adjusted for _, adjusted in read)),
        unmapped_statuses=tuple(unmapped_statuses((adjusted for _, adjusted in read), adjustments)),
        unmapped_fields=tuple(_unmapped_fields((page for page, _ in read), adjustments)),
    )


def _first_page(
    stream: Stream[Any], client: Any, partition: Partition, adjustments: Adjustments
) -> tuple[Page, ToolError | None]:
    """What a page holds of a stream, in one, and the error that ended it early."""
    pages: list[Page] = []
    try:
        with odd_answers_named():
            for page in stream.pages(client, Reading(partition=partition, since=adjustments.since)):
                pages.append(page)
                if len(pages) == SAMPLE_STEPS or sum(each.read for each in pages) >= SAMPLE_RECORDS:
                    break
    except ToolError as error:
        return Page.merged(pages), error
    return Page.merged(pages), None


def _told(stream: Stream[Any], place: str, page: Page, adjusted: Adjusted, error: ToolError | None) -> PreviewedStream:
    counts = {kind: len(getattr(adjusted.batch, kind)) for kind in _KINDS}
    failed = [*page.failed, *adjusted.refused, *adjusted.odd]
    skipped = {name: number for name, number in page.skipped.items() if number}
    is_not_offered = stream.is_optional and isinstance(error, NOT_SHOWN)
    return PreviewedStream(
        name=stream.name,
        partition=place,
        read=page.read,
        counts={kind: number for kind, number in counts.items() if number},
        skipped={**skipped, NOT_OFFERED: 1} if is_not_offered else skipped,
        failed=tuple({"where": each.external_id, "field": each.field, "reason": each.reason} for each in failed),
        error=None if is_not_offered else error,
    )


def _items(adjusted: Iterable[Adjusted]) -> list[Mapping[str, Any]]:
    items = [item for each in adjusted for item in each.batch.items][:SHOWN_ITEMS]
    names = ("external_id", "key", "title", "item_type", "status_name", "due_date", "estimate_points", "estimate_s")
    return [
        {**{name: getattr(item, name) for name in names}, "status_category": item.status_category} for item in items
    ]


def unmapped_statuses(adjusted: Iterable[Adjusted], adjustments: Adjustments) -> list[PreviewedStatus]:
    """Statuses whose category neither the tool nor a person has said, by their ids."""
    batches = [each.batch for each in adjusted]
    told = {status.external_id for batch in batches for status in batch.statuses if not status.is_guessed}
    found = {
        status.external_id: PreviewedStatus(status.external_id, status.name, status.category)
        for batch in batches
        for status in batch.statuses
    }
    for item in (item for batch in batches for item in batch.items if item.status_id):
        found.setdefault(item.status_id, PreviewedStatus(item.status_id, item.status_name, item.status_category))
    chosen = adjustments.categories
    return [found[key] for key in sorted(found) if key not in told and key not in chosen][:SHOWN_NAMES]


def _unmapped_fields(pages: Iterable[Page], adjustments: Adjustments) -> list[str]:
    mapped = {rule.external_field.partition(".")[0] for rule in adjustments.rules}
    mapped |= {rule.external_field for rule in adjustments.rules}
    names = {name for page in pages for record in page.fields.values() for name in record}
    return sorted(names - mapped)[:SHOWN_NAMES]

"""Slack: the export of a workspace, a ZIP with a folder for each channel and a file for each day.

As through the interface: when somebody wrote and who, never what. Direct messages are nobody else's affair.
Source: https://slack.com/help/articles/201658943-Export-your-workspace-data, /220556107-How-to-read-Slack-data-exports
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from integrations.connectors.slack.client import CONNECTOR
from integrations.connectors.slack.mapping import message_facts, skipped_as
from integrations.connectors.slack.payloads import parse_channels, parse_message
from integrations.exports.records import record_of
from projects.imports.errors import LineError
from projects.imports.formats import Archive, ArchiveFormat
from projects.imports.json_access import JsonObject
from projects.imports.records import ParsedRecord
from projects.observations import ObservationBatch

CHANNELS: Final = ("channels.json", "groups.json")


def is_workspace(names: tuple[str, ...]) -> bool:
    return {"channels.json", "users.json"} <= set(names)


def workspace_records(archive: Archive) -> Iterator[ParsedRecord]:
    channels: dict[str, str] = {}
    for name in CHANNELS:
        for part in archive.parts(name) if name in archive.names else ():
            if isinstance(part, LineError):
                yield _failed(name, part)
            elif isinstance(part.value, dict):
                channels |= {each.name: each.id for each in parse_channels([part.value]) if not each.is_direct}
    for name in sorted(archive.names):
        folder, _, day = name.rpartition("/")
        if folder in channels and day.endswith(".json"):
            yield from _day_records(archive, name, channels[folder])


def _day_records(archive: Archive, name: str, channel: str) -> Iterator[ParsedRecord]:
    def facts(sent: JsonObject) -> ObservationBatch | None:
        message = parse_message(sent)
        return None if skipped_as(message) else message_facts(message, channel=channel)

    for part in archive.parts(name):
        yield _failed(name, part) if isinstance(part, LineError) else record_of(part, facts, place=name)


def _failed(name: str, error: LineError) -> ParsedRecord:
    named = LineError(error.line_number, error.reason, field=name)
    return ParsedRecord(error.line_number, error.line_number, errors=(named,))


FORMATS: Final[tuple[Any, ...]] = (
    ArchiveFormat(
        "slack-export", "Export of a Slack workspace (ZIP)", CONNECTOR.source, is_workspace, workspace_records
    ),
)

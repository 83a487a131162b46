"""Partitions as a run keeps them, so that one that goes on after a kill asks for none again."""

from __future__ import annotations

from typing import Final

from integrations.connectors.base import Json, Partition
from integrations.http.errors import ToolError

MOST_NAME_CHARACTERS: Final = 255


def partition_row(partition: Partition) -> dict[str, Json]:
    """A partition as JSON, with the kind and detail of its error."""
    error = partition.error
    kept = None if error is None else {"code": error.code, "detail": error.detail}
    return {
        "id": partition.id,
        "name": partition.name[:MOST_NAME_CHARACTERS],
        "facts": partition.facts,
        "error": kept,
    }


def partition_of(row: dict[str, Json]) -> Partition:
    """The partition that was kept."""
    kept = row["error"]
    error = None if kept is None else _ERRORS.get(kept["code"], ToolError)(kept["detail"])
    return Partition(id=row["id"], name=row["name"], facts=row["facts"], error=error)


def _all_errors(kind: type[ToolError] = ToolError) -> dict[str, type[ToolError]]:
    found = {kind.code: kind}
    for each in kind.__subclasses__():
        found |= _all_errors(each)
    return found


_ERRORS: Final = _all_errors()

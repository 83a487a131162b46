"""Partitions as a run keeps them, so that one that goes on after a kill asks for none again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from integrations.connectors.base import Json, Partition
from integrations.http.errors import ToolError, UnexpectedAnswer

MOST_NAME_CHARACTERS: Final = 255


def fit_to_keep(partitions: Iterable[Partition]) -> Iterator[Partition]:
    """Each partition once; one whose identifier cannot be kept is an error of its own and stops no other."""
    for each in {partition.id: partition for partition in partitions}.values():
        if 0 < len(each.id) <= MOST_NAME_CHARACTERS:
            yield each
        else:
            yield replace(each, id=each.id[:MOST_NAME_CHARACTERS], facts=None, error=UnexpectedAnswer())


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

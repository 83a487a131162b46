"""The tables inside answers about a project's record, as columns of files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tenants.api.tables import Row, TableOf, Told, alone, under

RUN = ("project", "as_of", "computed_at", "readiness", "model.id", "model.version", "model.inputs_hash")
"""What an answer says of the run that it comes from."""
REASONS = TableOf("readiness_reasons", ("code", "message", "unlock"), under("readiness_reasons"))
"""Why an answer lacks something; a file without it would look like one that lacks nothing."""


def _examples(told: Told) -> Iterator[Row]:
    for issue in told["issues"] or ():
        for example in issue["examples"]:
            yield {"rule": issue["rule"], **example}


DATA_QUALITY = (
    TableOf("issues", ("rule", "severity", "count", "fix"), under("issues")),
    TableOf("examples", ("rule", "id", "key", "url"), _examples),
    TableOf("about", ("project", "as_of", "readiness", "analysis"), alone),
    REASONS,
)


def with_place(rows: Any, column: str = "rank") -> Iterator[dict[str, Any]]:
    """Rows with their place, from 1 on."""
    return ({column: place, **row} for place, row in enumerate(rows or (), start=1))

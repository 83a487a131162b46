"""Whatever a file holds, reading it gives records and line errors, or refuses the file: nothing else is ever raised."""

from __future__ import annotations

import gzip
import io
import json
from datetime import UTC
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from projects.imports.errors import ImportFileRefused, LineError
from projects.imports.reading import profile_names, read_file
from tests.projects.imports.jira_payloads import change, done_status, history, issue, replaced

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["2026-01-01", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FULL_ISSUE = issue(
    status=done_status(),
    resolutiondate="2026-01-09T12:30:00.000+0000",
    fixVersions=[{"id": "1", "name": "1.0", "released": True, "releaseDate": "2026-01-02", "startDate": "2026-01-01"}],
    issuelinks=[
        {"id": "1", "type": {"name": "Blocks", "outward": "blocks"}, "outwardIssue": {"id": "2", "key": "ABC-2"}}
    ],
    customfield_10020=[{"id": 7, "name": "S", "state": "active", "goal": "", "startDate": "2026-01-05T08:00:00.000Z"}],
    assignee={"accountId": "a"},
    parent={"key": "ABC-0"},
    labels=["x"],
    comment={"total": 1},
    histories=[history("5", "2026-01-06T08:00:00.000+0000", change("Sprint", "6", "S6", "7", "S7"))],
)
FULL_ROW = {
    "key": "X-1", "created": "2026-01-01T00:00Z", "status": "Closed", "resolved": "2026-01-02T00:00Z",
    "due": "2026-01-03", "points": "1", "estimate": "60", "labels": "a|b", "fix version": "1.0",
    "milestone released": "2026-01-04", "sprint": "7", "comments": "1", "url": "https://example.org",
}  # fmt: skip


def read_all(content: bytes, profile: str | None) -> None:
    try:
        found = read_file(io.BytesIO(content), profile=profile, zone=UTC)
    except ImportFileRefused:
        return
    for record in found.records:
        assert all(isinstance(error, LineError) for error in record.errors)
        assert record.batches or record.errors or content
        for batch in record.batches:
            assert len(batch.items) == 1


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every member of a JSON document is."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for name, inner in members for found in ((*prefix, name), *paths(inner, (*prefix, name)))]


@given(content=st.binary(max_size=300), profile=st.sampled_from([None, *profile_names()]), packed=st.booleans())
@example(content=b"\x1f\x8b", profile=None, packed=False)
def test_any_bytes(content: bytes, profile: str | None, packed: bool) -> None:
    read_all(gzip.compress(content) if packed else content, profile)


@given(cut=st.integers(0, 120), flipped=st.integers(0, 255))
def test_any_damage_of_a_compressed_file(cut: int, flipped: int) -> None:
    content = bytearray(gzip.compress(b"key,created,status\nX-1,2026-01-01T00:00Z,Open\n" * 3))
    place = cut % len(content)
    content[place] ^= flipped

    read_all(bytes(content), None)
    read_all(bytes(content[:place]), None)


@given(document=JSON)
def test_any_json(document: Any) -> None:
    read_all(json.dumps(document).encode(), "jira-rest")


@given(place=st.sampled_from(paths(FULL_ISSUE)), value=JSON, is_page=st.booleans())
def test_any_value_anywhere_in_an_issue(place: tuple[Any, ...], value: Any, is_page: bool) -> None:
    document = replaced(FULL_ISSUE, place, value)

    read_all(json.dumps({"issues": [document]} if is_page else document).encode(), None)


@given(text=st.text(alphabet=st.sampled_from('",;\t\n\rkeycratdsu01\x00|ä'), max_size=200))
def test_any_table(text: str) -> None:
    read_all(b"key,created,status\n" + text.encode(), "generic")


@given(column=st.sampled_from(sorted(FULL_ROW)), value=st.text(max_size=12))
def test_any_value_in_any_column(column: str, value: str) -> None:
    row = {**FULL_ROW, column: value}
    cells = ('"' + cell.replace('"', '""') + '"' for cell in row.values())

    read_all((",".join(row) + "\n" + ",".join(cells) + "\n").encode("utf-8", "surrogatepass"), "generic")

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projects.imports import json_stream
from projects.imports.errors import LineError
from projects.imports.json_stream import JsonPart, json_parts

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(st.text(max_size=5), JSON, max_size=5) | st.lists(JSON, max_size=5)


@pytest.fixture(autouse=True, params=[1, 7, 256 * 1024])
def _pieces(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever piece of the file is read at once."""
    kept, json_stream.READ_BYTES = json_stream.READ_BYTES, request.param  # type: ignore[misc]  # a constant elsewhere
    yield
    json_stream.READ_BYTES = kept  # type: ignore[misc]  # as above


def parts(text: str, *, file_bytes: int = 10**6) -> list[JsonPart | LineError]:
    return list(json_parts(io.BytesIO(text.encode()), file_bytes=file_bytes))


@settings(deadline=None)
@given(document=DOCUMENTS, indent=st.sampled_from([None, 1]))
def test_parts_are_those_of_the_whole_document(document: Any, indent: int | None) -> None:
    expected: list[tuple[str, Any]] = []
    for member, value in document.items() if isinstance(document, dict) else [("", document)]:
        expected += [(member, each) for each in value] if isinstance(value, list) else [(member, value)]

    found = parts(json.dumps(document, indent=indent))

    assert [(part.member, part.value) for part in found if isinstance(part, JsonPart)] == expected
    assert len(found) == len(expected)


def test_parts_know_their_place_and_line() -> None:
    first, second, third = parts('{\n "cards": [\n  {"a": 1},\n  {"a": 2}\n ],\n "id": "b"}\n')

    assert first == JsonPart("cards", {"a": 1}, 0, 3)
    assert second == JsonPart("cards", {"a": 2}, 1, 4)
    assert third == JsonPart("id", "b", 0, 6)


@pytest.mark.parametrize(
    "text",
    ['{"a": [1, 2', '{"a": 1 "b": 2}', '{"a": 1,}', "[1 2]", '{"a": NaN}', "{1: 2}", "[1], 2", '{"a": [1}', '["a', "{"],
)
def test_document_that_is_broken_ends_with_one_error(text: str) -> None:
    found = parts(text)

    assert isinstance(found[-1], LineError)
    assert not [each for each in found[:-1] if isinstance(each, LineError)]


def test_no_more_is_read_than_may_be() -> None:
    found = parts("[" + "1," * 1_000_000 + "1]", file_bytes=1_000)

    assert isinstance(found[-1], LineError)
    assert "longer than may be read" in found[-1].reason


@settings(deadline=None)
@given(text=st.text(alphabet='{}[]",:0ae \n\\', max_size=40))
def test_any_text_is_parts_or_one_error_at_the_end(text: str) -> None:
    found = parts(text)

    assert not [each for each in found[:-1] if isinstance(each, LineError)]

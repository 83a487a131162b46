from __future__ import annotations

import gzip
import io
import secrets
import tracemalloc

from projects.imports.errors import LineError
from projects.imports.lines import (
    FILE_BYTES,
    UNPACKED_FREE_BYTES,
    UNPACKED_RATIO,
    TextLine,
    most_bytes,
    open_unpacked,
    read_lines,
)


def test_overlong_line_is_one_error_and_the_next_line_is_read() -> None:
    stream = io.BytesIO(b"a" * 25 + b"\nshort\n")

    assert list(read_lines(stream, line_bytes=10)) == [LineError(1, "is longer than 10 bytes"), TextLine(2, "short\n")]


def test_line_of_exactly_the_longest_length_is_read() -> None:
    stream = io.BytesIO(b"123456789\n123456789\n")

    assert list(read_lines(stream, line_bytes=10)) == [TextLine(1, "123456789\n"), TextLine(2, "123456789\n")]


def test_file_stops_at_its_limit() -> None:
    stream = io.BytesIO(b"12345\n" * 5)

    found = list(read_lines(stream, file_bytes=14))

    assert found == [
        TextLine(1, "12345\n"),
        TextLine(2, "12345\n"),
        LineError(3, "the file is longer than 14 bytes; what follows was not read"),
    ]


def test_small_file_that_unpacks_to_a_huge_line_stays_small_in_memory() -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    tracemalloc.start()
    try:
        found = list(read_lines(open_unpacked(io.BytesIO(bomb)), line_bytes=100_000, file_bytes=10_000_000))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert [type(line) for line in found] == [LineError]
    assert peak_bytes < 2_000_000


def test_what_a_small_compressed_file_may_unpack_to_follows_from_its_size() -> None:
    small, large = gzip.compress(b"x\n" * 1_000_000), gzip.compress(secrets.token_bytes(2_000_000))

    assert most_bytes(io.BytesIO(small)) == UNPACKED_FREE_BYTES
    assert most_bytes(io.BytesIO(large)) == UNPACKED_RATIO * len(large)
    assert most_bytes(io.BytesIO(b"plain")) == FILE_BYTES

"""The lines of an uploaded file, one at a time: gzip undone, mark removed, length capped.

Memory stays at one line whatever the file holds, and a small compressed file cannot unfold without end.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final, cast

from projects.imports.encodings import as_utf8
from projects.imports.errors import LineError

GZIP_MAGIC: Final = b"\x1f\x8b"
LINE_BYTES: Final = 32 * 1024 * 1024  # a page of 100 Jira issues with long histories has about 4 MiB
FILE_BYTES: Final = 4 * 1024 * 1024 * 1024
UNPACKED_RATIO: Final = 100  # a Jira export packs to a tenth, a table of much the same to a thirtieth
UNPACKED_FREE_BYTES: Final = 8 * 1024 * 1024  # whatever the ratio: a sheet of that size is parsed in a second


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line with its line ending, which a quoted CSV field may need."""

    number: int
    text: str


def most_bytes(stream: IO[bytes]) -> int:
    """How much of the file is read at most, unpacked: what a small compressed file may cost is bounded by its size."""
    return most_bytes_of(stream) if is_gzip(stream) else FILE_BYTES


def most_bytes_of(packed: IO[bytes]) -> int:
    """How much a packed file may unpack to."""
    packed_bytes = packed.seek(0, io.SEEK_END)
    packed.seek(0)
    return min(FILE_BYTES, max(UNPACKED_FREE_BYTES, UNPACKED_RATIO * packed_bytes))


def unpacked(stream: IO[bytes]) -> IO[bytes]:
    """The stream itself, or what it unpacks to if its first bytes say gzip; a file's name says nothing."""
    return cast(IO[bytes], gzip.GzipFile(fileobj=stream)) if is_gzip(stream) else stream


def open_unpacked(stream: IO[bytes], encoding: str = "") -> IO[bytes]:
    """A plain or gzipped file of text, in UTF-8.

    Raises ImportFileRefused for an empty or a damaged file.
    """
    return as_utf8(unpacked(stream), encoding)


def read_lines(
    stream: IO[bytes], *, line_bytes: int = LINE_BYTES, file_bytes: int = FILE_BYTES
) -> Iterator[TextLine | LineError]:
    """Every line of an unpacked stream, or the error that stands in its place.

    After an error that ends the stream (damaged compression, too many bytes) nothing more comes.
    """
    number, read_bytes = 0, 0
    while True:
        number += 1
        try:
            raw = stream.readline(line_bytes)
            overlong = len(raw) == line_bytes and not raw.endswith(b"\n")
            read_bytes += len(raw) + (_skip_rest_of_line(stream, line_bytes, file_bytes) if overlong else 0)
        except (OSError, EOFError, zlib.error):
            yield LineError(number, "the compressed file is damaged here; what follows is lost")
            return
        if not raw:
            return
        if read_bytes > file_bytes:
            yield LineError(number, f"the file is longer than {file_bytes} bytes; what follows was not read")
            return
        yield LineError(number, f"is longer than {line_bytes} bytes") if overlong else _decoded(number, raw)


def is_gzip(stream: IO[bytes]) -> bool:
    head = stream.read(len(GZIP_MAGIC))
    stream.seek(0)
    return head == GZIP_MAGIC


def _skip_rest_of_line(stream: IO[bytes], chunk_bytes: int, most_bytes: int) -> int:
    skipped = 0
    while skipped <= most_bytes and (chunk := stream.readline(chunk_bytes)):
        skipped += len(chunk)
        if chunk.endswith(b"\n"):
            break
    return skipped


def _decoded(number: int, raw: bytes) -> TextLine | LineError:
    try:
        return TextLine(number, raw.decode())
    except UnicodeDecodeError:
        return LineError(number, "is not UTF-8; save the file as UTF-8, or say which encoding it has")

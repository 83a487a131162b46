"""Packed files: what is in them, and never more of it than a file of that size may cost.

A few bytes may claim to unpack to any number. So what is read of all files in an archive together is bounded by the
archive's own size. A zip that announces more is refused before anything of it is unpacked; because that may be a lie,
what is unpacked is counted, too.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import IO, Final, cast

from projects.imports.encodings import UTF8_MARK
from projects.imports.errors import ImportFileRefused, LineError
from projects.imports.formats import Archive
from projects.imports.json_stream import JsonPart, json_parts
from projects.imports.lines import TextLine, most_bytes_of, read_lines

ZIP_MAGIC: Final = b"PK\x03\x04"
TAR_MAGIC: Final = b"ustar"
TAR_MAGIC_AT: Final = 257
MOST_FILES: Final = 100_000
TOO_MANY: Final = f"The file holds more than {MOST_FILES} files."
ENTRY_MAGIC: Final = b"PK\x01\x02"
READ_BYTES: Final = 1024 * 1024
HEADER_BYTES: Final = 1024 * 1024
"""What tar reads at once beside the content of files: a longer header is none that a tool writes."""
DAMAGED: Final = "The packed file is damaged."
TOO_MUCH: Final = (
    "The file unpacks to more than one of its size may. Import its parts by themselves; save a sheet as CSV."
)
_UNREADABLE: Final = (
    OSError,
    EOFError,
    zlib.error,
    zipfile.BadZipFile,
    tarfile.TarError,
    NotImplementedError,
    RuntimeError,
)


class TooMuchUnpacked(ImportFileRefused):
    """The archive unpacks to more than one of its size may."""


class _Bounded(io.RawIOBase):
    """A file of an archive. spend: told how many bytes were read; raises when there were too many"""

    def __init__(self, stream: IO[bytes], spend: Callable[[int], None]) -> None:
        self._stream = stream
        self._spend = spend

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # as io.RawIOBase is called
        try:
            raw = self._stream.read(len(buffer))
        except _UNREADABLE:
            raise ImportFileRefused(DAMAGED) from None
        self._spend(len(raw))
        buffer[: len(raw)] = raw
        return len(raw)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Budget:
    def __init__(self, most: int) -> None:
        self.left = most

    def spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise TooMuchUnpacked(TOO_MUCH)


def open_zip(stream: IO[bytes]) -> Archive:
    """Raises ImportFileRefused for one that is damaged or has too many files."""
    _check_few_entries(stream)
    try:
        packed = zipfile.ZipFile(stream)
        entries = [each for each in packed.infolist() if not each.is_dir()]
    except _UNREADABLE:
        raise ImportFileRefused(DAMAGED) from None
    budget = _Budget(most_bytes_of(stream))
    if sum(each.file_size for each in entries) > budget.left:
        raise TooMuchUnpacked(TOO_MUCH)

    def opened(name: str) -> IO[bytes]:
        try:
            return packed.open(name)
        except (*_UNREADABLE, KeyError):
            raise ImportFileRefused(DAMAGED) from None

    return _archive([each.filename for each in entries], opened, budget)


def _check_few_entries(stream: IO[bytes]) -> None:
    """Each entry of the directory becomes an object, whatever number the directory announces: count them first."""
    count, tail = 0, b""
    while block := stream.read(READ_BYTES):
        count += (tail + block).count(ENTRY_MAGIC)
        tail = block[-len(ENTRY_MAGIC) + 1 :]
    stream.seek(0)
    if count > MOST_FILES:
        raise ImportFileRefused(TOO_MANY)


def open_tar(stream: IO[bytes], unpacked: IO[bytes]) -> Archive:
    """stream: as it was given, for its size;  unpacked: its content, seekable"""
    budget = _Budget(most_bytes_of(stream))
    try:
        counted = cast(IO[bytes], _SeekableBounded(unpacked, budget.spend))
        packed = tarfile.open(fileobj=counted, mode="r:")  # noqa: SIM115 - read as long as the import goes on
        members = {each.name: each for each in islice(packed, MOST_FILES + 1) if each.isfile()}
    except _UNREADABLE:
        raise ImportFileRefused(DAMAGED) from None

    def opened(name: str) -> IO[bytes]:
        found = packed.extractfile(members[name])
        if found is None:
            raise ImportFileRefused(DAMAGED)
        return found

    return _archive(list(members), opened, budget)


class _SeekableBounded:
    """Where tar itself reads; skipping what it does not need unpacks it all the same, so skipping counts, too."""

    def __init__(self, stream: IO[bytes], spend: Callable[[int], None]) -> None:
        self._stream = stream
        self._spend = spend

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= HEADER_BYTES:
            raise ImportFileRefused(DAMAGED)
        raw = self._stream.read(size)
        self._spend(len(raw))
        return raw

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        before = self._stream.tell()
        after = self._stream.seek(offset, whence)
        self._spend(abs(after - before))
        return after

    def tell(self) -> int:
        return self._stream.tell()


def _archive(names: list[str], opened: Callable[[str], IO[bytes]], budget: _Budget) -> Archive:
    if len(names) > MOST_FILES:
        raise ImportFileRefused(TOO_MANY)

    def bounded(name: str) -> IO[bytes]:
        return cast(IO[bytes], io.BufferedReader(_Bounded(opened(name), budget.spend)))

    def without_mark(name: str) -> IO[bytes]:
        stream = bounded(name)
        if cast(io.BufferedReader, stream).peek(len(UTF8_MARK)).startswith(UTF8_MARK):
            stream.read(len(UTF8_MARK))
        return stream

    def parts(name: str) -> Iterator[JsonPart | LineError]:
        return json_parts(without_mark(name), file_bytes=max(budget.left, 0))

    def lines(name: str) -> Iterator[TextLine | LineError]:
        return read_lines(without_mark(name), file_bytes=max(budget.left, 0))

    return Archive(names=tuple(names), open=bounded, parts=parts, lines=lines)

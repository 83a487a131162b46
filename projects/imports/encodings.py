"""Text that is not UTF-8, as UTF-8: told by its mark, or by the person who brings it, and never guessed."""

from __future__ import annotations

import codecs
import io
import zlib
from typing import IO, Final, cast

from projects.imports.errors import ImportFileRefused

UTF8_MARK: Final = b"\xef\xbb\xbf"
UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
ENCODINGS: Final = ("utf-8", "utf-16", "windows-1252", "windows-1251")
"""What may be said of a file without a mark. Spreadsheets of Western and Eastern Europe save the last two as "CSV"."""
READ_BYTES: Final = 64 * 1024


class _Transcoded(io.RawIOBase):
    """What a stream of another encoding would be in UTF-8. A character that does not exist there becomes U+FFFD."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._waiting = b""
        self._has_ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # as io.RawIOBase is called
        while not self._waiting and not self._has_ended:
            raw = self._stream.read(READ_BYTES)
            self._has_ended = not raw
            self._waiting = self._decoder.decode(raw, final=not raw).encode()
        given = self._waiting[: len(buffer)]
        self._waiting = self._waiting[len(given) :]
        buffer[: len(given)] = given
        return len(given)


def as_utf8(stream: IO[bytes], encoding: str = "") -> IO[bytes]:
    """The stream in UTF-8, behind its mark.

    stream: seekable, at its start, unpacked;  encoding: of ENCODINGS, "" for what the mark says, else UTF-8
    Raises ImportFileRefused for an empty file, a damaged one, and an encoding that is none of them.
    """
    if encoding and encoding not in ENCODINGS:
        raise ImportFileRefused(f"There is no encoding of that name; there are {', '.join(ENCODINGS)}.")
    try:
        head = stream.read(len(UTF8_MARK))
        stream.seek(0)
    except (OSError, EOFError, zlib.error):
        raise ImportFileRefused("The compressed file is damaged at its start.") from None
    if not head:
        raise ImportFileRefused("The file is empty.")
    if head.startswith(UTF16_MARKS) or encoding == "utf-16":
        return _transcoded(stream, "utf-16")
    if head == UTF8_MARK:
        stream.read(len(UTF8_MARK))
        return stream
    return stream if encoding in ("", "utf-8") else _transcoded(stream, encoding)


def _transcoded(stream: IO[bytes], encoding: str) -> IO[bytes]:
    return cast(IO[bytes], io.BufferedReader(_Transcoded(stream, encoding)))

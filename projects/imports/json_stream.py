"""A large JSON document, one part at a time: memory stays at the greatest part, whatever the file holds.

    {"id": "b1", "lists": [{…}, {…}], "cards": [{…}]}   gives   ("id", "b1"), ("lists", {…}), ("lists", {…}), …
    [{…}, {…}]                                          gives   ("", {…}), ("", {…})
    {…} {…}                                             gives   the members of each, one object after the other

Unlike lines, a document has no place where one can go on behind an error: what follows is lost, and the error says so.
"""

from __future__ import annotations

import codecs
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

from projects.imports.errors import LineError
from projects.imports.json_access import refuse_constant

READ_BYTES: Final = 256 * 1024
PART_CHARACTERS: Final = 32 * 1024 * 1024
_SPACES: Final = re.compile(r"[ \t\r\n]*")
_CLOSED: Final = (dict, list, str)  # a number at the end of what was read may go on
EXPONENT: Final = len(".0e+")
CUT: Final = "is not JSON here, or ends in the middle; what follows was not read"
_DECODER: Final = json.JSONDecoder(parse_constant=refuse_constant)


@dataclass(frozen=True, slots=True)
class JsonPart:
    """A member of the outermost object, or an element of the list in it; of a list at the outermost, member is "".

    index: of the element in its list;  line: where the part begins
    """

    member: str
    value: Any
    index: int
    line: int


def json_parts(stream: IO[bytes], *, file_bytes: int) -> Iterator[JsonPart | LineError]:
    """Every part in the order of the file; an error is the last thing that comes.

    stream: unpacked, UTF-8, behind a byte order mark;  file_bytes: no more are read
    """
    text = _Text(stream, file_bytes)
    try:
        while opening := text.peek():
            if opening == "{":
                yield from _members(text)
            elif opening == "[":
                yield from _elements(text, "")
            else:
                raise _Broken("is neither an object nor a list")
    except _Broken as broken:
        yield LineError(text.line, str(broken))


class _Broken(Exception):
    """The document cannot be read further; the message says why."""


class _Text:
    """The text of a stream as far as it is needed: what has been taken is dropped."""

    def __init__(self, stream: IO[bytes], file_bytes: int) -> None:
        self._stream = stream
        self._left = file_bytes
        self._decode = codecs.getincrementaldecoder("utf-8")()
        self._buffer = ""
        self._at = 0
        self._has_ended = False
        self.line = 1

    def peek(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            start, self._at = self._at, _SPACES.match(self._buffer, self._at).end()  # type: ignore[union-attr]  # * fits
            self.line += self._buffer.count("\n", start, self._at)
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if self._has_ended:
                return ""
            self._fill(READ_BYTES)

    def take(self, expected: str) -> None:
        if self.peek() != expected:
            raise _Broken(CUT)
        self._at += 1

    def value(self) -> Any:
        """The next value, whole."""
        self.peek()
        while True:
            found, end = self._decoded()
            if end > self._at and (self._has_ended or isinstance(found, _CLOSED) or self._is_end(end)):
                self.line += self._buffer.count("\n", self._at, end)
                self._at = end
                return found
            waiting = len(self._buffer) - self._at
            if self._has_ended:
                raise _Broken(CUT)
            if waiting > PART_CHARACTERS:
                raise _Broken(f"has a part of more than {PART_CHARACTERS} characters; what follows was not read")
            self._fill(max(READ_BYTES, waiting))  # twice as much each time: a long part is tried a few times only

    def _is_end(self, end: int) -> bool:
        """Whether a number ends here, and is not cut off behind its first digits: of 1.5e3, 1 is one, too."""
        return end < len(self._buffer) and (self._buffer[end] not in ".eE" or len(self._buffer) - end > EXPONENT)

    def _decoded(self) -> tuple[Any, int]:
        """A value and where it ends; where we are if what was read so far holds none."""
        try:
            return _DECODER.raw_decode(self._buffer, self._at)
        except json.JSONDecodeError:
            return None, self._at
        except (ValueError, RecursionError):
            raise _Broken("is not JSON, or nested too deeply; what follows was not read") from None

    def _fill(self, size: int) -> None:
        try:
            raw = self._stream.read(min(size, self._left + 1))
            text = self._decode.decode(raw, final=not raw)
        except (OSError, EOFError, zlib.error):
            raise _Broken("the compressed file is damaged here; what follows is lost") from None
        except UnicodeDecodeError:
            raise _Broken("is not UTF-8 from here on; save the file as UTF-8") from None
        self._left -= len(raw)
        if self._left < 0:
            raise _Broken("the file is longer than may be read; what follows was not read")
        self._has_ended = not raw
        self._buffer = self._buffer[self._at :] + text
        self._at = 0


def _members(text: _Text) -> Iterator[JsonPart]:
    text.take("{")
    while text.peek() != "}":
        name = text.value()
        if not isinstance(name, str):
            raise _Broken(CUT)
        text.take(":")
        if text.peek() == "[":
            yield from _elements(text, name)
        else:
            line = text.line
            yield JsonPart(name, text.value(), 0, line)
        if text.peek() == ",":
            text.take(",")
            if text.peek() != '"':
                raise _Broken(CUT)
        elif text.peek() != "}":
            raise _Broken(CUT)
    text.take("}")


def _elements(text: _Text, member: str) -> Iterator[JsonPart]:
    text.take("[")
    index = 0
    while text.peek() != "]":
        line = text.line
        yield JsonPart(member, text.value(), index, line)
        index += 1
        if text.peek() == ",":
            text.take(",")
        elif text.peek() != "]":
            raise _Broken(CUT)
    text.take("]")

"""Rows as CSV (RFC 4180) that a spreadsheet opens as what it is.

- UTF-8 with a byte order mark: without one, spreadsheets read umlauts as something else. Whoever reads the file with a
  program says "utf-8-sig", or asks the list for JSON.
- Text is quoted, an empty text is `""` and a missing value nothing at all, as PostgreSQL's COPY tells them apart.
- Values are spelled as in JSON; a JSON column is its JSON text.
- Text that a spreadsheet would take for a formula gets an apostrophe in front. That is so wherever a cell could begin,
  also after a semicolon or a line break inside a text: where a comma is the decimal sign, spreadsheets split a file of
  commas there, quotes or not. The exact text is in the JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tenants.api.encoding import encode, spell

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LINE_END = "\r\n"
CHUNK_CHARS = 32_768
"""How much is gathered before it is sent: a system call a row would cost more than the row."""

# Also the full-width signs, which spreadsheets turn into the plain ones.
_FORMULA = re.compile(r"""(^|[;\t\r\n])([\x00-\x20"\u00a0\u3000\ufeff]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])""")


class CsvFormat:
    """Comma-separated values, with the names of the columns in the first line."""

    media_type = "text/csv"
    content_type = "text/csv; charset=utf-8; header=present"
    extension = "csv"

    def chunks(self, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
        """The file in pieces of some 32 KiB; as long as one is being sent, no further row is read."""
        yield BYTE_ORDER_MARK + _line(columns).encode()
        waiting: list[str] = []
        size = 0
        for row in rows:
            line = _line([row[name] for name in columns])
            waiting.append(line)
            size += len(line)
            if size >= CHUNK_CHARS:
                yield "".join(waiting).encode()
                waiting, size = [], 0
        if waiting:
            yield "".join(waiting).encode()

    def broken_off(self) -> bytes:
        """A last line that no row could be; the pieces before it end with whole lines."""
        return f'"INCOMPLETE: the export broke off here. Export again."{LINE_END}'.encode()


def guarded(text: str) -> str:
    """The text with an apostrophe wherever a spreadsheet would begin to calculate."""
    return _FORMULA.sub(r"\1\2'", text)


def _line(values: Sequence[Any]) -> str:
    return ",".join(map(_field, values)) + LINE_END


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return _quoted(guarded(value))
    if isinstance(value, dict | list):
        return _quoted(guarded(encode(value).decode()))
    # Identifiers, instants, days and amounts: spelled by us, so nothing in them calculates, "-5.00" included.
    spelled = spell(value)
    return _quoted(spelled) if isinstance(spelled, str) else _field(spelled)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'

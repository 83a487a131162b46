"""What came back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NoReturn

from integrations.http.errors import NotJson

_NEXT: Final = re.compile(r'<([^<>]+)>\s*;[^,]*\brel="?next"?')
# The escapes that such characters are written by. A whole pair is one character.
_ODD_CHARACTER: Final = re.compile(r"\\u(0000|[dD][89a-fA-F])")
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Answer:
    """One answer. headers: names in lower case;  body: at most as large as the door reads"""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_json(self) -> bool:
        kind = self.headers.get("content-type", "").partition(";")[0].strip().casefold()
        return kind.endswith(("/json", "+json"))

    def json(self) -> Any:
        """Raises NotJson for everything else, among it NaN and nesting that is too deep to read.

        Characters that no database keeps (NUL, halves of surrogate pairs, which tools make by cutting) are replaced.
        """
        return self._content

    @cached_property
    def _content(self) -> Any:
        try:
            text, has_halves = _text_of(self.body)
            content = json.loads(text, parse_constant=_refuse_constant)
            return _storable(content) if has_halves or _ODD_CHARACTER.search(text) else content
        except (ValueError, RecursionError):
            raise NotJson from None

    def json_or_none(self) -> Any:
        try:
            return self.json()
        except NotJson:
            return None

    @property
    def next_link(self) -> str | None:
        """The address of the next page in the Link header (RFC 8288)."""
        found = _NEXT.search(self.headers.get("link", ""))
        return found[1] if found else None


def _text_of(body: bytes) -> tuple[str, bool]:
    """A body in whichever of Unicode's encodings, and whether it holds halves of pairs. Raises ValueError."""
    encoding = json.detect_encoding(body)
    try:
        return body.decode(encoding), False
    except UnicodeDecodeError:
        return body.decode(encoding, "surrogatepass"), True


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(each) for name, each in value.items()}
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")

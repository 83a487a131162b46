"""Which items of other tools a text names: keys such as PROJ-12, and addresses of items. Pure, and linear in the text.

1. Only the beginning of a text is read, and so many different mentions are kept; the rest says nothing more.
2. A key is a word of the form PROJ-12 or group/project#12. Whether it is one (and not UTF-8) is known once an item with
   that key is: `domain.recording.mentions` looks for it among the items of the same project.
3. An address counts where its form is that of an item's page in a tool that is read here. Of it host and item are kept,
   in one form for all spellings; what follows (queries, fragments) may hold secrets, and is dropped.
4. An address behind the words by which tools that keep copies in step mark them ("synchronized with …", "synced
   from …", "mirrored from …") is marked: the item says that it is the same work.

Example: "PROJ-12: fix, see https://acme.example/browse/OPS-3?token=x" -> PROJ-12 and //acme.example/browse/OPS-3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MOST_MENTIONS: Final = 20
TEXT_READ: Final = 20_000
"""Descriptions are longer only where logs are pasted into them."""
LONGEST_MENTION: Final = 255
SAME_WORK: Final = "="
"""In front of an address that the item calls the original of itself, or its copy."""

_KEY: Final = re.compile(r"(?<![A-Za-z0-9_-])[A-Z][A-Z0-9_]{1,31}-[1-9][0-9]{0,9}(?![A-Za-z0-9_])", re.ASCII)
_PATH_KEY: Final = re.compile(r"(?<![\w./-])[\w.-]{1,100}(?:/[\w.-]{1,100}){1,10}#[1-9][0-9]{0,9}(?!\w)", re.ASCII)
_ADDRESS: Final = re.compile(r"""https?://[^\s<>"'`\\^{|}()\[\]]{1,1000}""", re.ASCII)
_SYNCED: Final = re.compile(r"\b(?:synchroni[sz]ed|synced|mirrored) (?:with|from)\b", re.IGNORECASE)
_WORDS_BEFORE: Final = 120


@dataclass(frozen=True, slots=True)
class ItemAddress:
    """The page of an item.  name: in one form for all spellings of the address

    token: what the record may call the item by: its key, or its external id
    """

    name: str
    token: str


def mentions_in(text: str, *, with_keys: bool = True) -> tuple[str, ...]:
    """The addresses and keys that a text names, each once. with_keys: False where only addresses count

    A description names keys in passing; a title or a branch says by them what it is about.
    """
    read = text[:TEXT_READ]
    found = [*_addresses(read)]
    if with_keys:
        words = _ADDRESS.sub(" ", read) if "//" in read else read
        # Most texts have neither sign, and to look for it is twenty times quicker than the form around it.
        found += _KEY.findall(words) if "-" in words else ()
        found += _PATH_KEY.findall(words) if "#" in words else ()
    return merged(*found)


def merged(*mentions: str) -> tuple[str, ...]:
    """As many as are kept, each once."""
    return tuple(dict.fromkeys(each for each in mentions if len(each) <= LONGEST_MENTION))[:MOST_MENTIONS]


def item_address(address: str) -> ItemAddress | None:
    """What item's page an address is that of; None where its form is none that is known.

    The name of an address, given with a scheme, has the same name again.
    """
    host, _, path = _without_scheme(address).partition("/")
    path = re.split(r"[?#]", path, maxsplit=1)[0].rstrip("/")
    for form, name, token in _FORMS:
        if found := form.fullmatch(f"{host.lower()}/{path}"):
            return ItemAddress(found.expand(name), found.expand(token))
    return None


def token_of(mention: str) -> str:
    """What the record may call the item by that is mentioned."""
    if not is_address(mention):
        return mention
    found = item_address(mention.removeprefix(SAME_WORK))
    return found.token if found else ""


def is_address(mention: str) -> bool:
    return mention.removeprefix(SAME_WORK).startswith("//")


def _addresses(text: str) -> Iterator[str]:
    for found in _ADDRESS.finditer(text):
        known = item_address(found[0].rstrip(".,;:!?"))
        if known is not None:
            line = text[max(0, found.start() - _WORDS_BEFORE) : found.start()].rpartition("\n")[2]
            yield f"{SAME_WORK}{known.name}" if _SYNCED.search(line) else known.name


def _without_scheme(address: str) -> str:
    return address.partition("//")[2]


_HOST: Final = r"(?P<host>[\w.-]+(?::\d+)?)"
_PLACES: Final = r"[\w.-]{1,100}(?:/[\w.-]{1,100}){0,10}"
_FORMS: Final = tuple(
    (re.compile(form, re.ASCII), name, token)
    for form, name, token in (
        # Jira, also below a path of its own
        (
            rf"(?P<place>{_HOST}(?:/[\w.-]{{1,100}}){{0,3}})/browse/(?P<key>[A-Z][A-Z0-9_]{{1,31}}-\d{{1,10}})",
            r"//\g<place>/browse/\g<key>",
            r"\g<key>",
        ),
        (r"trello\.com/c/(?P<id>\w{4,24})(?:/.*)?", r"//trello.com/c/\g<id>", r"\g<id>"),
        (
            r"app\.asana\.com/(?:0/\d+|1/\d+(?:/project/\d+)?/task|task)/(?P<id>\d{1,20})(?:/.*)?",
            r"//app.asana.com/task/\g<id>",
            r"\g<id>",
        ),
        (
            r"(?P<host>[\w-]+\.monday\.com)/(?:boards/\d+/(?:views/\d+/)?)?pulses/(?P<id>\d{1,20})",
            r"//\g<host>/pulses/\g<id>",
            r"\g<id>",
        ),
        (
            rf"{_HOST}/(?:(?:company/personal/user|workgroups/group)/\d+/)?tasks/task/view/(?P<id>\d{{1,20}})",
            r"//\g<host>/tasks/task/view/\g<id>",
            r"\g<id>",
        ),
        # GitLab before GitHub: the path of the one may look like that of the other
        (
            rf"{_HOST}/(?P<path>{_PLACES})/-/(?:issues|work_items|incidents)/(?P<id>\d{{1,10}})",
            r"//\g<host>/\g<path>/-/issues/\g<id>",
            r"\g<path>#\g<id>",
        ),
        (
            rf"{_HOST}/(?P<path>[\w.-]{{1,100}}/[\w.-]{{1,100}})/issues/(?P<id>\d{{1,10}})",
            r"//\g<host>/\g<path>/issues/\g<id>",
            r"\g<path>#\g<id>",
        ),
    )
)

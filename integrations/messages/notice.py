"""One message in our words, before it is known where it goes.

A notice says at the top what will break, then how sure that is, until when something helps and what, and at its end
why it is said now. Slack, Teams and mail are ways to write it (`slack.py`, `teams.py`, `mail.py`); none adds a word.

Names of projects, items and actions come from tools and people, so a notice holds every text as one printable line:
nothing in it can begin a line, a header or a paragraph of its own. What else a place could take for its own marks is
escaped there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

TITLE_MAX_CHARACTERS: Final = 140
TEXT_MAX_CHARACTERS: Final = 300
MOST_LINES: Final = 20
"""Of one section; what is left out is counted, and stands on the page."""
MOST_SECTIONS: Final = 12
FEWER_LINES: Final = (MOST_LINES, 10, 5, 2, 0)
"""How many lines of a section are tried, one number after the other, until a message fits its place."""
CUT: Final = "…"


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that is said, with what it is: "Chance", "72 %, where 40 % is usual"."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """Several things of one kind.  left_out: how many more there are than lines"""

    heading: str
    lines: tuple[str, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """See the module. Made by `notice`.

    organisation: whose matter it is;  said: in the order in which a reader needs it;  reason: why it is said now
    link: http or https, empty where there is no page;  thread: what messages about the same thing have in common,
    empty for one that stands alone
    """

    organisation: str
    title: str
    said: tuple[Said, ...] = ()
    sections: tuple[Section, ...] = ()
    reason: str = ""
    link: str = ""
    link_text: str = ""
    thread: str = ""

    def with_lines(self, most: int) -> Notice:
        """The same with at most so many lines in a section; the others are counted."""
        cut = (
            replace(part, lines=part.lines[:most], left_out=part.left_out + max(0, len(part.lines) - most))
            for part in self.sections
        )
        return replace(self, sections=tuple(cut))

    def as_json(self) -> dict[str, Any]:
        """As JSON values, for keeping."""
        return {
            "organisation": self.organisation,
            "title": self.title,
            "said": [[each.label, each.text] for each in self.said],
            "sections": [[part.heading, list(part.lines), part.left_out] for part in self.sections],
            "reason": self.reason,
            "link": self.link,
            "link_text": self.link_text,
            "thread": self.thread,
        }


def notice(
    *,
    organisation: str,
    title: str,
    said: Mapping[str, str] | None = None,
    sections: Mapping[str, list[str]] | None = None,
    reason: str = "",
    link: str = "",
    link_text: str = "",
    thread: str = "",
) -> Notice:
    """A notice of any texts, each made one printable line of a length that all places take.

    said: label -> text, those with an empty text are left out;  sections: heading -> lines, empty ones are left out
    link: left out unless it is an http or https address
    """
    return Notice(
        organisation=one_line(organisation, TITLE_MAX_CHARACTERS),
        title=one_line(title, TITLE_MAX_CHARACTERS) or "(no words)",
        said=tuple(Said(label, one_line(text)) for label, text in (said or {}).items() if one_line(text)),
        sections=tuple(_section(heading, lines) for heading, lines in (sections or {}).items() if lines)[
            :MOST_SECTIONS
        ],
        reason=one_line(reason),
        link=safe_link(link),
        link_text=one_line(link_text, TITLE_MAX_CHARACTERS),
        thread=one_line(thread, TITLE_MAX_CHARACTERS),
    )


def notice_of_json(kept: Mapping[str, Any]) -> Notice:
    """The notice that `as_json` wrote. Raises KeyError, TypeError or ValueError for anything else."""
    return Notice(
        organisation=str(kept["organisation"]),
        title=str(kept["title"]),
        said=tuple(Said(str(label), str(text)) for label, text in kept["said"]),
        sections=tuple(
            Section(str(heading), tuple(str(line) for line in lines), int(left_out))
            for heading, lines, left_out in kept["sections"]
        ),
        reason=str(kept["reason"]),
        link=safe_link(str(kept["link"])),
        link_text=str(kept["link_text"]),
        thread=str(kept["thread"]),
    )


def _section(heading: str, lines: list[str]) -> Section:
    shown = tuple(one_line(line) for line in lines[:MOST_LINES])
    return Section(heading, shown, len(lines) - len(shown))


def one_line(text: str, most: int = TEXT_MAX_CHARACTERS) -> str:
    """A text as one line without control, format and private characters, cut at so many characters.

    Format characters (direction marks, zero-width ones) go because they can make a line read as another one.
    """
    kept = "".join(each if each.isprintable() else " " for each in text)
    line = " ".join(kept.split())
    return line if len(line) <= most else line[: most - len(CUT)].rstrip() + CUT


def safe_link(address: str) -> str:
    """The address if it is a plain http or https one, else nothing."""
    if not address.isascii() or not address.isprintable() or any(each in address for each in " <>|\"'\\"):
        return ""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return address if parts.scheme in ("http", "https") and parts.netloc and "@" not in parts.netloc else ""


def left_out_line(section: Section) -> str:
    """What is said of the lines that are not shown, empty where all are."""
    return f"{CUT} and {section.left_out} more" if section.left_out else ""

"""A notice as a Slack message: Block Kit, with plain text for notifications and readers of the screen.

Of texts in mrkdwn Slack reads `&`, `<` and `>` as marks: mentions, channels and links all begin with `<`. Those three
are escaped, so a title that says `<!channel>` calls nobody; `verbatim` and `parse: none` keep Slack from making
mentions out of names by itself.

https://docs.slack.dev/messaging/formatting-message-text
https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from integrations.messages.notice import CUT, FEWER_LINES, Notice, left_out_line
from integrations.messages.plain import sender_line

MOST_BLOCKS: Final = 50
SECTION_MAX_CHARACTERS: Final = 3_000
HEADER_MAX_CHARACTERS: Final = 150
TEXT_MAX_CHARACTERS: Final = 4_000
"""Slack takes more, and advises no more than this."""


def slack_message(notice: Notice) -> dict[str, Any]:
    """The body of a message for an incoming webhook; for chat.postMessage a channel joins it."""
    return {
        "text": _fallback(notice),
        "blocks": _blocks(notice),
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def escaped(text: str) -> str:
    """A text in which Slack finds no mark of its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _fallback(notice: Notice) -> str:
    said = (f"{each.label}: {each.text}" for each in notice.said)
    return _within(" · ".join([notice.title, *said]), TEXT_MAX_CHARACTERS)


def _within(text: str, most: int) -> str:
    """The text, escaped, cut between characters so that no escape is cut into two."""
    parts: list[str] = []
    size = 0
    for each in text:
        mark = escaped(each)
        if size + len(mark) > most - len(CUT):
            return "".join(parts) + CUT
        parts.append(mark)
        size += len(mark)
    return "".join(parts)


def _blocks(notice: Notice) -> list[dict[str, Any]]:
    header = {"type": "plain_text", "text": notice.title[:HEADER_MAX_CHARACTERS], "emoji": False}
    blocks: list[dict[str, Any]] = [{"type": "header", "text": header}]
    blocks += [
        _mrkdwn(text) for text in _filled(f"*{escaped(each.label)}*: {escaped(each.text)}" for each in notice.said)
    ]
    shown = notice.with_lines(FEWER_LINES[0])
    for section in shown.sections:
        lines = [*section.lines, left_out_line(section)]
        texts = _filled([f"*{escaped(section.heading)}*", *(f"• {escaped(line)}" for line in lines if line)])
        blocks += [_mrkdwn(text) for text in texts]
    end = [_mrkdwn(f"<{escaped(notice.link)}|{escaped(notice.link_text or notice.link)}>")] if notice.link else []
    footer = [escaped(text) for text in (notice.reason, sender_line(notice)) if text]
    end.append({"type": "context", "elements": [{"type": "mrkdwn", "text": text, "verbatim": True} for text in footer]})
    return [*blocks[: MOST_BLOCKS - len(end)], *end]


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _filled(lines: Iterable[str]) -> Iterator[str]:
    """Lines put together into as few texts as a section's limit allows."""
    kept: list[str] = []
    for line in lines:
        if kept and len("\n".join([*kept, line])) > SECTION_MAX_CHARACTERS:
            yield "\n".join(kept)
            kept = []
        kept.append(line)
    if kept:
        yield "\n".join(kept)

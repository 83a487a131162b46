"""A notice as an Adaptive Card, in the envelope that a Teams workflow waits for.

A TextBlock reads Markdown and `{{DATE(…)}}`; a TextRun reads nothing. So whatever comes from people or tools stands in
TextRuns, and a title that says `[here](https://…)` stays a title.

https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
https://adaptivecards.io/explorer/RichTextBlock.html
"""

from __future__ import annotations

import json
from typing import Any, Final

from integrations.messages.notice import FEWER_LINES, Notice, left_out_line
from integrations.messages.plain import sender_line

MESSAGE_MAX_BYTES: Final = 28 * 1024
CONTENT_TYPE: Final = "application/vnd.microsoft.card.adaptive"
CARD_VERSION: Final = "1.4"


def teams_message(notice: Notice) -> dict[str, Any]:
    """The body for a workflow's address, with as many lines as fit."""
    message: dict[str, Any] = {}
    for most in FEWER_LINES:
        message = _message(notice.with_lines(most))
        if len(json.dumps(message)) <= MESSAGE_MAX_BYTES:
            return message
    return _message(notice_of_title(notice))


def notice_of_title(notice: Notice) -> Notice:
    """What is left of a notice that fits nowhere: what it is about, and where to read it."""
    return Notice(organisation=notice.organisation, title=notice.title, link=notice.link, link_text=notice.link_text)


def _message(notice: Notice) -> dict[str, Any]:
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": CARD_VERSION,
        "msteams": {"width": "Full"},
        "body": _body(notice),
    }
    if notice.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": notice.link_text or "Open the page", "url": notice.link}]
    return {
        "type": "message",
        "attachments": [{"contentType": CONTENT_TYPE, "contentUrl": None, "content": card}],
    }


def _body(notice: Notice) -> list[dict[str, Any]]:
    body = [_text(_run(notice.title, size="Large", weight="Bolder"))]
    body += [_text(_run(f"{each.label}: ", weight="Bolder"), _run(each.text)) for each in notice.said]
    for section in notice.sections:
        body.append(_text(_run(section.heading, weight="Bolder"), spacing="Medium"))
        lines = [*section.lines, left_out_line(section)]
        body += [_text(_run(f"• {line}"), spacing="None") for line in lines if line]
    footer = [text for text in (notice.reason, sender_line(notice)) if text]
    body += [_text(_run(text, size="Small", isSubtle=True), spacing="Small") for text in footer]
    return body


def _text(*runs: dict[str, Any], **layout: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs), **layout}


def _run(text: str, **look: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **look}

"""A notice as a mail: a subject, plain text, and the same in HTML that loads nothing from anywhere.

Mails about one thing name the same ancestor in References and In-Reply-To (RFC 5322, 3.6.4). Nobody ever gets a mail of
that name: it only keeps them together, so no first mail has to be remembered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Final

from integrations.messages.notice import Notice, left_out_line, one_line
from integrations.messages.plain import plain_text, sender_line

SUBJECT_MAX_CHARACTERS: Final = 150
_PAGE: Final = (
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
    '<body style="font-family: sans-serif; max-width: 40em">\n{body}\n</body></html>\n'
)


@dataclass(frozen=True, slots=True)
class Mail:
    """subject: one line;  headers: beside those of every mail"""

    subject: str
    text: str
    html: str
    headers: Mapping[str, str]


def mail_of(notice: Notice, *, message_name: str, domain: str) -> Mail:
    """A mail.

    message_name: what this message is known by, the same at every try to send it, of [0-9A-Za-z.-]
    domain: what our mails are sent from, such as "stratibreak.example"
    """
    headers = {"Message-ID": f"<{message_name}@{domain}>", "Auto-Submitted": "auto-generated"}
    if notice.thread:
        ancestor = f"<{thread_name(notice.thread)}@{domain}>"
        headers |= {"In-Reply-To": ancestor, "References": ancestor}
    subject = one_line(notice.title, SUBJECT_MAX_CHARACTERS)
    return Mail(subject, plain_text(notice), _html(notice), headers)


def thread_name(thread: str) -> str:
    """The name that the mails of a thread refer to: it tells nothing of what it was made of."""
    return f"thread.{hashlib.sha256(thread.encode()).hexdigest()[:32]}"


def _html(notice: Notice) -> str:
    parts = [f'<h1 style="font-size: 1.2em">{escape(notice.title)}</h1>']
    if notice.said:
        rows = "\n".join(
            f'<tr><th scope="row" style="text-align: left; vertical-align: top; padding-right: 1em">'
            f"{escape(each.label)}</th><td>{escape(each.text)}</td></tr>"
            for each in notice.said
        )
        parts.append(f"<table>\n{rows}\n</table>")
    for section in notice.sections:
        lines = [*section.lines, left_out_line(section)]
        items = "\n".join(f"<li>{escape(line)}</li>" for line in lines if line)
        parts.append(f'<h2 style="font-size: 1em">{escape(section.heading)}</h2>\n<ul>\n{items}\n</ul>')
    if notice.link:
        parts.append(f'<p><a href="{escape(notice.link)}">{escape(notice.link_text or notice.link)}</a></p>')
    footer = "<br>".join(escape(text) for text in (notice.reason, sender_line(notice)) if text)
    parts.append(f'<p style="font-size: 0.9em">{footer}</p>')
    return _PAGE.format(title=escape(notice.title), body="\n".join(parts))

"""A notice as plain text: for mail, for the page that shows what would be sent, and for places that know no layout."""

from __future__ import annotations

from integrations.messages.notice import Notice, left_out_line


def plain_text(notice: Notice) -> str:
    """Lines of text that end with a line break.

    Example: "Title", an empty line, "Chance: 72 %", an empty line, the address, an empty line, the reason.
    """
    blocks = [[notice.title], [f"{each.label}: {each.text}" for each in notice.said]]
    for section in notice.sections:
        shown = [*section.lines, left_out_line(section)]
        blocks.append([section.heading, *(f"- {line}" for line in shown if line)])
    blocks.append([f"{notice.link_text}: {notice.link}" if notice.link_text else notice.link] if notice.link else [])
    blocks.append([line for line in (notice.reason, sender_line(notice)) if line])
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def sender_line(notice: Notice) -> str:
    """Whose message it is: an address can be told to several organisations."""
    return f"Stratibreak, for {notice.organisation}" if notice.organisation else "Stratibreak"

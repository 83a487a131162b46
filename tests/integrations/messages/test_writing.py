"""The same notice for Slack, Teams and mail: whatever stands in a title, it is read as a title."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

from django.core.mail import EmailMultiAlternatives
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.messages.mail import mail_of
from integrations.messages.notice import TEXT_MAX_CHARACTERS, Notice, notice, notice_of_json
from integrations.messages.plain import plain_text
from integrations.messages.slack import MOST_BLOCKS, SECTION_MAX_CHARACTERS, slack_message
from integrations.messages.teams import CONTENT_TYPE, MESSAGE_MAX_BYTES, teams_message
from integrations.messages.words import (
    DigestFacts,
    FailingTool,
    GapCount,
    LeftWarning,
    OverdueAction,
    WarningFacts,
    digest_notice,
    overdue_notice,
    trial_notice,
    warning_notice,
)

BERLIN = ZoneInfo("Europe/Berlin")
HOSTILE = (
    "<!channel> <!everyone|all> <@U1234> <#C1|x> <https://evil.example|your bank>",
    "@channel @here *bold* _x_ ~y~ `z` > quoted & entities &lt;!channel&gt;",
    "[your bank](https://evil.example) **bold** {{DATE(2026-01-01T00:00:00Z)}} ${x} <at>All</at>",
    "<script>alert(1)</script><img src=x onerror=alert(1)> \" ' </td></table></title>",
    "first line\r\nBcc: everybody@evil.example\r\n\r\n<b>body</b>\x00\x0b\x1b[31m",
    "turned \u202eround\u2066 and \u200bhidden\u2028 and \ud800 broken \U0001f600",
    "x" * 5_000,
)
WARNING = WarningFacts(
    project="Checkout",
    kind="Delay risk",
    claim="Not all of the 12 open items are done by the end of 2026-04-30.",
    probability=0.72,
    low=0.6,
    high=0.8,
    base_rate=0.4,
    impact="High",
    predicted_for=datetime(2026, 4, 30, 21, 59, tzinfo=UTC),
    act_by=datetime(2026, 3, 28, 7, tzinfo=UTC),
    action="Leave out a fifth of the open items.",
    is_first=True,
    is_held=False,
    link="https://stratibreak.example/admin/predictions/alert/1/",
    thread="episode 1",
)
hostile_text = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=400))


@st.composite
def hostile_notices(draw: st.DrawFn) -> Notice:
    return notice(
        organisation=draw(hostile_text),
        title=draw(hostile_text),
        said={f"Label {number}": draw(hostile_text) for number in range(draw(st.integers(0, 6)))},
        sections={
            f"Section {number}": draw(st.lists(hostile_text, max_size=60)) for number in range(draw(st.integers(0, 4)))
        },
        reason=draw(hostile_text),
        link=draw(st.one_of(hostile_text, st.just("https://stratibreak.example/admin/"))),
        link_text=draw(hostile_text),
        thread=draw(hostile_text),
    )


def texts_of(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts_of(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts_of(each)]
    return [value] if isinstance(value, str) else []


# --- what is said ---


def test_warning_says_what_how_sure_until_when_and_why_now() -> None:
    told = warning_notice(WARNING, organisation="Demo", zone=BERLIN)

    assert plain_text(told) == (
        "Delay risk in Checkout\n\n"
        "What will break: Not all of the 12 open items are done by the end of 2026-04-30.\n"
        "Chance: 72 % (60 % to 80 %), where 40 % is usual\n"
        "By: 30 Apr 2026, 23:59 (UTC+02:00)\n"
        "Impact: High\n"
        "First: Leave out a fifth of the open items, until 28 Mar 2026, 08:00 (UTC+01:00)\n\n"
        "Open it: https://stratibreak.example/admin/predictions/alert/1/\n\n"
        "This is the first warning of it.\n"
        "Stratibreak, for Demo\n"
    )


def test_what_is_promised_for_a_day_is_told_by_that_day_in_the_readers_zone() -> None:
    over_at = datetime(2026, 4, 30, 22, tzinfo=UTC)  # midnight in Berlin
    facts = replace(WARNING, predicted_for=over_at)

    berlin, utc = (plain_text(warning_notice(facts, organisation="Demo", zone=zone)) for zone in (BERLIN, UTC))

    assert "By: the end of 30 Apr 2026\n" in berlin
    assert "By: 30 Apr 2026, 22:00 (UTC+00:00)\n" in utc


def test_digest_says_what_was_left_and_how_much() -> None:
    facts = DigestFacts(
        until=datetime(2026, 3, 2, 6, tzinfo=UTC),
        warnings=[
            LeftWarning(
                project="Checkout",
                claim="PAY-7 is not done when 2026-03-05 is over.",
                probability=0.8,
                base_rate=None,
                predicted_for=datetime(2026, 3, 5, 23, tzinfo=UTC),
                why="Less than 72 hours ahead",
            )
        ],
        gaps=[GapCount(project="Checkout", opened=2, worsened=1)],
        actions=[OverdueAction(project="Checkout", action="Agree on the cut", due_date=date(2026, 2, 27))],
        tools=[FailingTool(project="Checkout", name="Tracker", since=None)],
    )

    told = digest_notice(facts, organisation="Demo", zone=ZoneInfo("Asia/Kolkata"), link="https://s.example/b")

    assert plain_text(told) == (
        "Digest of 2 Mar 2026: 1 warning, 3 gaps, 1 overdue action, 1 failing tool\n\n"
        "Warnings\n"
        "- Checkout: PAY-7 is not done when 2026-03-05 is over. 80 %, what is usual is not known; "
        "by 6 Mar 2026, 04:30 (UTC+05:30). Not sent at once: Less than 72 hours ahead.\n\n"
        "Gaps\n- Checkout: 2 new, 1 worse\n\n"
        "Overdue actions\n- Checkout: Agree on the cut, due 27 Feb 2026\n\n"
        "Tools that bring nothing\n- Checkout: Tracker, never read\n\n"
        "Open the portfolio: https://s.example/b\n\n"
        "It holds what was not worth a message of its own.\n"
        "Stratibreak, for Demo\n"
    )


def test_digest_of_nothing_is_empty() -> None:
    assert DigestFacts(until=datetime(2026, 3, 2, 6, tzinfo=UTC)).is_empty


def test_overdue_action_and_trial_say_why_they_come() -> None:
    late = OverdueAction(project="Checkout", action="Agree on the cut", due_date=date(2026, 2, 27))

    overdue = plain_text(overdue_notice("Checkout", [late], organisation="Demo", link=""))
    trial = plain_text(trial_notice(organisation="Demo", destination="Our channel", link=""))

    assert overdue == (
        "1 action overdue in Checkout\n\n"
        "Not done, and their day is over\n- Agree on the cut, due 27 Feb 2026\n\n"
        "It is said once of each action, on the first day after it was due.\n"
        "Stratibreak, for Demo\n"
    )
    assert "Sent to: Our channel\n" in trial


# --- how it is written ---


def test_slack_shows_the_marks_of_a_title_and_calls_nobody() -> None:
    message = slack_message(
        notice(organisation="Demo", title="t", said={"Claim": "<!channel> & <https://e.example|x>"})
    )

    claim = message["blocks"][1]["text"]
    assert claim == {
        "type": "mrkdwn",
        "text": "*Claim*: &lt;!channel&gt; &amp; &lt;https://e.example|x&gt;",
        "verbatim": True,
    }
    assert message["text"] == "t · Claim: &lt;!channel&gt; &amp; &lt;https://e.example|x&gt;"


def test_teams_message_is_a_card_in_the_envelope_of_workflows() -> None:
    message = teams_message(warning_notice(WARNING, organisation="Demo", zone=BERLIN))

    [attachment] = message["attachments"]
    card = attachment["content"]
    assert (message["type"], attachment["contentType"]) == ("message", CONTENT_TYPE)
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open it", "url": WARNING.link}]


def test_mails_of_one_thread_name_one_ancestor_and_those_of_another_another() -> None:
    def headers(thread: str, name: str) -> dict[str, str]:
        told = notice(organisation="Demo", title="t", thread=thread)
        return dict(mail_of(told, message_name=name, domain="s.example").headers)

    first, second, other = headers("a", "1"), headers("a", "2"), headers("b", "3")

    assert first["References"] == first["In-Reply-To"] == second["References"] != other["References"]
    assert (first["Message-ID"], second["Message-ID"]) == ("<1@s.example>", "<2@s.example>")
    assert "References" not in headers("", "4")


# --- whatever the words are ---


@settings(deadline=None, max_examples=60)
@given(hostile_notices())
def test_slack_finds_no_mark_that_is_not_ours_and_every_text_within_its_limit(told: Notice) -> None:
    message = slack_message(told)

    blocks = message["blocks"]
    [header, *others] = blocks
    marked = [text for block in others for text in texts_of(block) if text not in ("section", "context", "mrkdwn")]
    # The only mark is the link, and that leads where the notice leads.
    foreign = [text for text in marked if not (told.link and text.startswith(f"<{told.link}|"))]
    assert len(blocks) <= MOST_BLOCKS
    assert header["text"]["type"] == "plain_text"
    assert 0 < len(header["text"]["text"]) <= 150
    assert [text for text in [message["text"], *foreign] if "<" in text or ">" in text] == []
    assert all(0 < len(text) <= SECTION_MAX_CHARACTERS for text in marked)
    assert 0 < len(message["text"]) <= 4_000
    assert message["parse"] == "none"
    json.dumps(message).encode()


@settings(deadline=None, max_examples=60)
@given(hostile_notices())
def test_teams_reads_no_markdown_in_any_of_it_and_the_whole_fits(told: Notice) -> None:
    message = teams_message(told)

    card = message["attachments"][0]["content"]
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert {run["type"] for block in card["body"] for run in block["inlines"]} == {"TextRun"}
    assert [action["url"] for action in card.get("actions", [])] == ([told.link] if told.link else [])
    assert len(json.dumps(message).encode()) <= MESSAGE_MAX_BYTES


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.hrefs: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.hrefs += [value for name, value in attrs if name in ("href", "src", "onerror")]


@settings(deadline=None, max_examples=60)
@given(hostile_notices())
def test_mail_has_our_headers_and_our_tags_only(told: Notice) -> None:
    mail = mail_of(told, message_name="m-1", domain="s.example")

    message = EmailMultiAlternatives(
        mail.subject, mail.text, "Us <us@s.example>", ["a@b.example"], headers=dict(mail.headers)
    )
    message.attach_alternative(mail.html, "text/html")
    sent = message.message()
    tags = _Tags()
    tags.feed(mail.html)
    assert set(sent.keys()) <= {
        *("Content-Type", "MIME-Version", "Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted"),
        *("In-Reply-To", "References"),
    }
    assert sent.as_bytes().lower().count(b"\nbcc:") == 0
    assert tags.found <= {
        *("html", "head", "meta", "title", "body", "h1", "h2", "table", "tr", "th", "td", "ul", "li", "p", "a", "br"),
    }
    assert tags.hrefs == ([told.link] if told.link else [])


@settings(deadline=None, max_examples=60)
@given(hostile_notices())
def test_notice_is_kept_as_it_is_and_every_text_is_one_line(told: Notice) -> None:
    kept = json.loads(json.dumps(told.as_json()))

    assert notice_of_json(kept) == told
    assert all(
        text == " ".join(text.split()) and text.isprintable() and len(text) <= TEXT_MAX_CHARACTERS
        for text in texts_of(kept)
    )


def test_address_that_is_no_plain_one_is_no_link() -> None:
    odd = ("javascript:alert(1)", "https://user@host/", "https://h/a b", "https://h/|x>", "//h/", "https://hé/", "")

    assert [notice(organisation="d", title="t", link=address).link for address in odd] == [""] * len(odd)

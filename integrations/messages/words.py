"""What is said: warnings, overdue actions, digests and tests as notices.

1. The first line names the project and what will break; the rest answers what a reader asks next: how sure, until when,
   what first, why now.
2. Every probability stands beside the one that is usual for such a claim, or says that this is not known.
3. Moments are told in the organisation's own zone with their distance from UTC, so that nobody has to know where a
   server stands.
4. Nothing here names a person: neither who carries an item nor who let an action go overdue. The page says who owns
   it to those who may see that.

Example: "Delay risk in Checkout", "Chance: 72 %, where 40 % is usual", "By: 30 Apr 2026, 23:59 (UTC+02:00)",
"First: Leave out a fifth of the open items, until 2 Apr 2026, 09:00 (UTC+02:00)", "This is the first warning of it."
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from integrations.messages.notice import Notice, notice
from projects.plain_words import day, end_of, percent

OPEN = "Open it"
NOTHING_SUGGESTED = "No step is suggested; its page says what it rests on."


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningFacts:
    """One warning that is told at once.

    kind: "Delay risk";  claim: what is claimed to happen;  probability, low, high, base_rate: in [0, 1]
    impact: "High";  action: what to do first, empty where nothing is suggested;  act_by: its latest start
    is_first: nothing of this thread was told before;  is_held: it waited for the end of the quiet hours
    """

    project: str
    kind: str
    claim: str
    probability: float
    low: float | None
    high: float | None
    base_rate: float | None
    impact: str
    predicted_for: datetime
    act_by: datetime | None
    action: str
    is_first: bool
    is_held: bool
    link: str
    thread: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueAction:
    """One action whose day is over."""

    project: str
    action: str
    due_date: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftWarning:
    """A warning that was left to the digest. why: "Less than 72 hours ahead" """

    project: str
    claim: str
    probability: float
    base_rate: float | None
    predicted_for: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GapCount:
    """Gaps of one project since the digest before."""

    project: str
    opened: int
    worsened: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingTool:
    """An integration that does not bring what it should. since: of its last good run, None where there was none"""

    project: str
    name: str
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestFacts:
    """What happened since the digest before, that was not told at once.  until: when it is written"""

    until: datetime
    warnings: Sequence[LeftWarning] = ()
    gaps: Sequence[GapCount] = ()
    actions: Sequence[OverdueAction] = ()
    tools: Sequence[FailingTool] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say, and so nothing is sent."""
        return not (self.warnings or self.gaps or self.actions or self.tools)


def warning_notice(facts: WarningFacts, *, organisation: str, zone: tzinfo) -> Notice:
    return notice(
        organisation=organisation,
        title=f"{facts.kind} in {facts.project}",
        said={
            "What will break": facts.claim,
            "Chance": chance(facts.probability, facts.base_rate, facts.low, facts.high),
            "By": by_when(facts.predicted_for, zone),
            "Impact": facts.impact,
            "First": _first_step(facts, zone),
        },
        reason=_why_now(facts),
        link=facts.link,
        link_text=OPEN,
        thread=facts.thread,
    )


def overdue_notice(project: str, actions: Sequence[OverdueAction], *, organisation: str, link: str) -> Notice:
    return notice(
        organisation=organisation,
        title=f"{plural(len(actions), 'action')} overdue in {project}",
        sections={"Not done, and their day is over": [_overdue(each) for each in actions]},
        reason="It is said once of each action, on the first day after it was due.",
        link=link,
        link_text="Open the project",
    )


def digest_notice(facts: DigestFacts, *, organisation: str, zone: tzinfo, link: str) -> Notice:
    """The digest. Its first line says how much there is, for whoever reads no further."""
    return notice(
        organisation=organisation,
        title=f"Digest of {day(facts.until.astimezone(zone).date())}: {_counted(facts)}",
        sections={
            "Warnings": [_left_warning(each, zone) for each in facts.warnings],
            "Gaps": [_gap_count(each) for each in facts.gaps],
            "Overdue actions": [f"{each.project}: {_overdue(each)}" for each in facts.actions],
            "Tools that bring nothing": [_failing(each, zone) for each in facts.tools],
        },
        reason="It holds what was not worth a message of its own.",
        link=link,
        link_text="Open the portfolio",
    )


def trial_notice(*, organisation: str, destination: str, link: str) -> Notice:
    return notice(
        organisation=organisation,
        title="A test: messages arrive here",
        said={"Sent to": destination, "What comes": "warnings of what will break, at most three a week for a project"},
        reason="Somebody pressed “Send a test message”.",
        link=link,
        link_text="Open the destination",
    )


# --- words ---


def chance(probability: float, base_rate: float | None, low: float | None = None, high: float | None = None) -> str:
    """Such as "72 % (60 % to 80 %), where 40 % is usual"."""
    interval = "" if low is None or high is None else f" ({percent(low)} to {percent(high)})"
    usual = "what is usual is not known" if base_rate is None else f"where {percent(base_rate)} is usual"
    return f"{percent(probability)}{interval}, {usual}"


def moment(at: datetime, zone: tzinfo) -> str:
    """Such as "30 Apr 2026, 23:59 (UTC+02:00)"."""
    local = at.astimezone(zone)
    return f"{day(local.date())}, {local:%H:%M} (UTC{local.isoformat(timespec='minutes')[-6:]})"


def by_when(at: datetime, zone: tzinfo) -> str:
    """A moment, and of midnight the day that ends with it, which is the one that people agreed on."""
    return end_of(at, zone) or moment(at, zone)


def _first_step(facts: WarningFacts, zone: tzinfo) -> str:
    until = "" if facts.act_by is None else f"until {moment(facts.act_by, zone)}"
    if not facts.action:
        return f"There is time to act {until}." if until else NOTHING_SUGGESTED
    return ", ".join(part for part in (facts.action.rstrip("."), until) if part)


def _why_now(facts: WarningFacts) -> str:
    why = "This is the first warning of it." if facts.is_first else "Its impact is greater than was told before."
    return f"{why} It was held until your quiet hours ended." if facts.is_held else why


def _counted(facts: DigestFacts) -> str:
    counts = (
        (len(facts.warnings), "warning"),
        (sum(each.opened + each.worsened for each in facts.gaps), "gap"),
        (len(facts.actions), "overdue action"),
        (len(facts.tools), "failing tool"),
    )
    return ", ".join(plural(number, noun) for number, noun in counts if number)


def plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _left_warning(each: LeftWarning, zone: tzinfo) -> str:
    said = chance(each.probability, each.base_rate)
    return f"{each.project}: {each.claim} {said}; by {by_when(each.predicted_for, zone)}. Not sent at once: {each.why}."


def _gap_count(each: GapCount) -> str:
    parts = [f"{number} {word}" for number, word in ((each.opened, "new"), (each.worsened, "worse")) if number]
    return f"{each.project}: {', '.join(parts)}"


def _overdue(each: OverdueAction) -> str:
    return f"{each.action}, due {day(each.due_date)}"


def _failing(each: FailingTool, zone: tzinfo) -> str:
    since = "never read" if each.since is None else f"last read {moment(each.since, zone)}"
    return f"{each.project}: {each.name}, {since}"

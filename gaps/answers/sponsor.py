"""One page for a sponsor: the goal, where it stands, where it is heading, three reasons, and the decisions needed.

1. Every sentence names what it rests on: the goal, a forecast, a cause, an action. What has no source is not said.
2. Nobody is named. Names that occur in what people typed, or could have typed into what a finding says, are left out
   word by word; the words around them are ours and hold none, also where somebody is called May or Project.
3. What cannot be known is said so, with what would make it known, and never filled in.

Example: 120 items, 80 done, "done by 18 Sep 2026 with 85 % certainty; promised was 30 Aug 2026", because work came in
later (9 days) and a fifth of the time was spent waiting (4 days); decide by 3 Aug which fifth of the work to leave out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from projects.plain_words import day, days, measure, percent

MOST_REASONS = MOST_DECISIONS = 3
LEAST_NAME = 2
"""Letters of a name that is worth hiding: one letter would blank half a text."""
SOMEBODY = "[somebody]"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One thing said, and what it rests on.  source_type: goal, analysis_record, gap, root_cause, corrective_action"""

    text: str
    source_type: str
    source_id: UUID


@dataclass(frozen=True, slots=True)
class SponsorPage:
    """What a sponsor reads."""

    goal: str
    project: str
    as_of: datetime | None
    readiness: str
    now: tuple[Sentence, ...] = ()
    likely: tuple[Sentence, ...] = ()
    reasons: tuple[Sentence, ...] = ()
    decisions: tuple[Sentence, ...] = ()
    unknown: tuple[str, ...] = ()

    def parts(self) -> tuple[tuple[str, tuple[Sentence, ...], str], ...]:
        """Heading, sentences, and what stands there when there is none."""
        return (
            ("Now", self.now, "Nobody has recorded how far it is."),
            ("Likely", self.likely, "No forecast can be made yet."),
            ("Why", self.reasons, "No reason stands out."),
            ("Decisions needed", self.decisions, "None."),
        )


@dataclass(frozen=True, slots=True)
class GoalFacts:
    """The goal as people wrote it."""

    id: UUID
    title: str
    project: str
    due_date: date | None
    target: Mapping[str, Any]
    current: Mapping[str, Any] | None
    is_achieved: bool


@dataclass(frozen=True, slots=True)
class ForecastFacts:
    """The newest forecast of the project.  dates: (probability, day or None for beyond ten years), ascending"""

    id: UUID
    as_of: datetime
    readiness: str
    target_date: date | None = None
    p_on_time: float | None = None
    remaining_items: int | None = None
    dates: Sequence[tuple[float, date | None]] = ()
    missing: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class CauseFacts:
    """One computed cause of an open gap."""

    id: UUID
    gap_type: str
    description: str
    days: float | None = None
    money: str = ""
    share: float | None = None
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class ActionFacts:
    """One suggested or agreed action."""

    id: UUID
    title: str
    latest_start: date | None
    is_agreed: bool
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class SponsorFacts:
    """Everything a page is made of.  names: of people who may occur in what was typed"""

    goal: GoalFacts
    forecast: ForecastFacts | None
    causes: Sequence[CauseFacts] = ()
    actions: Sequence[ActionFacts] = ()
    names: Iterable[str] = field(default=())


def sponsor_page(facts: SponsorFacts) -> SponsorPage:
    """Put the facts into sentences. The same facts give the same page."""
    hide = NameFilter(facts.names)
    forecast = facts.forecast
    return SponsorPage(
        goal=hide(facts.goal.title),
        project=hide(facts.goal.project),
        as_of=None if forecast is None else forecast.as_of,
        readiness="INSUFFICIENT" if forecast is None else forecast.readiness,
        now=tuple(_now(facts.goal, forecast, hide)),
        likely=() if forecast is None else tuple(_likely(facts.goal, forecast)),
        reasons=tuple(_reasons(facts.causes, hide)),
        decisions=tuple(_decisions(facts.actions, hide)),
        unknown=tuple(forecast.missing if forecast else ("Nothing was analysed yet.",)),
    )


class NameFilter:
    """Leaves people's names out of texts: whole words only where the script parts words, and whatever their case.

    Of two letters a name has to be written as the person writes it, or "Jo" and "An" would take words of any text; what
    is small within a name ("Head of Sales", "Ada van Dam") is no name by itself.
    """

    def __init__(self, names: Iterable[str]) -> None:
        spelled = (unicodedata.normalize("NFC", name).strip() for name in names)
        words = {word for name in spelled for word in _words_of(name) if len(word) >= LEAST_NAME}
        longest_first = sorted(words, key=lambda word: (-len(word), word))
        self._pattern = re.compile("|".join(map(_name_pattern, longest_first))) if words else None

    def __call__(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(SOMEBODY, unicodedata.normalize("NFC", text))


def _words_of(name: str) -> list[str]:
    return [name, *(word for word in name.split() if name.islower() or not word.islower())]


def _name_pattern(name: str) -> str:
    has_case = name.lower() != name.upper()
    name_itself = re.escape(name) if len(name) == LEAST_NAME and has_case else f"(?i:{re.escape(name)})"
    return rf"\b{name_itself}\b" if has_case else name_itself


def _now(goal: GoalFacts, forecast: ForecastFacts | None, hide: NameFilter) -> list[Sentence]:
    said = []
    if goal.is_achieved:
        said.append(Sentence("The goal is reached.", "goal", goal.id))
    elif goal.current is not None:
        text = f"Reached so far: {hide(measure(goal.current))}, of {hide(measure(goal.target))} intended."
        said.append(Sentence(text, "goal", goal.id))
    if forecast is not None and forecast.remaining_items is not None:
        items = "1 item is" if forecast.remaining_items == 1 else f"{forecast.remaining_items} items are"
        said.append(Sentence(f"{items} still open in the project.", "analysis_record", forecast.id))
    return said


def _likely(goal: GoalFacts, forecast: ForecastFacts) -> list[Sentence]:
    said = []
    dates = dict(forecast.dates)
    if 0.85 in dates:  # noqa: PLR2004  # the probability that promises are made with
        certain = dates[0.85]
        by = "in more than ten years" if certain is None else f"by {day(certain)}"
        text = f"With 85 % certainty the open work is done {by}."
        if forecast.target_date is not None:
            text = f"{text} Promised is {day(forecast.target_date)}."
        said.append(Sentence(text, "analysis_record", forecast.id))
    if forecast.p_on_time is not None:
        text = f"The promised date holds with a chance of {percent(forecast.p_on_time)}."
        said.append(Sentence(text, "analysis_record", forecast.id))
    if goal.due_date is not None and goal.due_date != forecast.target_date and forecast.dates:
        low, high = chance_by(goal.due_date, forecast.dates)
        text = f"By {day(goal.due_date)}, the day of this goal, it is done with a chance {_between(low, high)}."
        said.append(Sentence(text, "analysis_record", forecast.id))
    return said


def chance_by(on: date, dates: Sequence[tuple[float, date | None]]) -> tuple[float, float]:
    """Between which chances the work is done by a day, as far as the dates kept say.

    dates: (probability, day by which the work is done with it; None: never within reach), ascending
    Example: 50 % by 1 May, 85 % by 1 June: on 10 May between .5 and .85.
    """
    low = max((p for p, by in dates if by is not None and by <= on), default=0.0)
    high = min((p for p, by in dates if by is None or by > on), default=1.0)
    return low, high


def _between(low: float, high: float) -> str:
    if low == 0:
        return f"below {percent(high)}"
    return f"above {percent(low)}" if high == 1 else f"between {percent(low)} and {percent(high)}"


def _reasons(causes: Sequence[CauseFacts], hide: NameFilter) -> list[Sentence]:
    ordered = sorted(causes, key=lambda cause: (-cause.weight, str(cause.id)))[:MOST_REASONS]
    return [Sentence(_reason(cause, hide), "root_cause", cause.id) for cause in ordered]


def _reason(cause: CauseFacts, hide: NameFilter) -> str:
    text = hide(cause.description).rstrip(". ")
    if cause.days is not None:
        return f"{text}: {days(cause.days)} later."
    if cause.money:
        return f"{text}: {cause.money} more."
    return f"{text}: {percent(cause.share)} of it." if cause.share is not None else f"{text}."


def _decisions(actions: Sequence[ActionFacts], hide: NameFilter) -> list[Sentence]:
    """What would help with several gaps is one decision, and the gap with most to lose names it."""
    open_ones = [action for action in actions if not action.is_agreed]
    ordered = sorted(open_ones, key=lambda action: (-action.weight, str(action.id)))
    once = {action.title: action for action in reversed(ordered)}
    chosen = [action for action in ordered if once[action.title] is action][:MOST_DECISIONS]
    return [Sentence(_decision(action, hide), "corrective_action", action.id) for action in chosen]


def _decision(action: ActionFacts, hide: NameFilter) -> str:
    text = hide(action.title).rstrip(". ")
    return f"{text}?" if action.latest_start is None else f"{text}? Decide by {day(action.latest_start)}."

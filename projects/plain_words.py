"""Answers in the words of the people who plan: chances, dates and facts with their units, for pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from typing import Any
from uuid import UUID

from projects.history.instants import last_day
from projects.history.readiness import UnlockStep

NOT_KNOWN = "not known"
_HOURS_PER_DAY = 24
_DIGITS_FROM = 1_000
"""From here on a number is told to the unit, with its thousands apart: nobody reads 3.8e+05."""
_DAYS_UNTIL = 3
"""Up to three days are told in hours: that is when hours count."""

STEPS: Mapping[str, str] = {
    UnlockStep.CONNECT_A_TOOL: "Connect the tool the work is planned in, or import its history.",
    UnlockStep.ADD_REMAINING_WORK: "Record the work that is still to be done.",
    UnlockStep.FINISH_MORE_ITEMS: "Nothing to set up: it comes as more items are finished.",
    UnlockStep.WAIT_FOR_HISTORY: "Nothing to set up: it comes with a few more weeks of history.",
    UnlockStep.SYNCHRONISE: "Bring the record up to date: synchronise the tool, or import its history again.",
    UnlockStep.EXCLUDE_BULK_CLOSED: "Look at the items that were closed all at once; they say nothing about the pace.",
    UnlockStep.IMPORT_CHANGELOG: "Import the history of the items with its changes.",
    UnlockStep.CORRECT_DATES: "Correct the dates in the tool and import again.",
    UnlockStep.SET_TARGET_DATE: "Enter the end date that is promised now.",
    UnlockStep.APPROVE_BASELINE: "Approve a baseline: the plan that progress is held against.",
    UnlockStep.PLAN_EFFORT: "Plan the effort of the tasks.",
    UnlockStep.RECORD_EFFORT: "Record the effort that the completed tasks took, and correct what cannot be.",
    UnlockStep.RECORD_COSTS: "Connect time tracking or import costs: what has been spent, and when.",
    UnlockStep.APPROVE_BUDGET: "Approve a baseline with a budget above zero, in the currency of the costs.",
    UnlockStep.USE_ONE_CURRENCY: "Record the costs in the currency of the budget; nothing is converted silently.",
    UnlockStep.TELL_SUPPORT: "Tell whoever runs the installation: its log says what failed.",
    UnlockStep.ENTER_CAPACITY: "Enter capacity calendars, or import who carries and changes the items.",
    UnlockStep.MOVE_TARGET_DATE: "The target is too near for this to be forecast; agree on a later one.",
    UnlockStep.ENABLE_TEAM_SIGNALS: "Agree with the team, then switch on team signals for this project.",
    UnlockStep.CONNECT_ACTIVITY: "Import the history of the items with times and accounts, or connect the code host.",
    UnlockStep.NOT_FOR_SMALL_TEAMS: "Nothing to set up: below five people a figure of the team tells of persons.",
    UnlockStep.APPROVE_OR_CUT_SCOPE: "Approve the scope as it is now, or take out what was added.",
    UnlockStep.ENTER_PLANNED_SCOPE: "Record the items that the approved scope holds.",
    UnlockStep.RECORD_ITEM_TYPES: "Give items a type in the tool, and bugs one that says so; import again.",
    UnlockStep.ASSIGN_WORK: "Import who carries each item; contributors stay pseudonymous.",
    UnlockStep.NAME_AREAS: "Give the items a component or a label, so that areas of skill can be told apart.",
    UnlockStep.START_PULSES: "Start an opt-in pulse with at least five respondents, or connect activity.",
    UnlockStep.CONNECT_DELIVERY: "Connect CI runs and deployments.",
    UnlockStep.USE_MORE_STATES: "Give steps between start and done, such as review, a status of their own.",
    UnlockStep.CLOSE_OR_RESUME: "Close what nobody works on, or put it back into the backlog.",
    UnlockStep.ESTIMATE_ITEMS: "Give the items estimates that are numbers.",
    UnlockStep.SET_TOLERANCE: "Set a tolerance above zero in the project.",
}
"""What a person can do about each thing that limits an answer."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that limits an answer, and what would lift it (empty: nobody said)."""

    message: str
    step: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact an answer rests on.  item_id: our work item, empty where it is none."""

    what: str
    value: str
    observed_at: datetime | None
    item_id: str = ""
    url: str = ""


def percent(probability: float | None) -> str:
    """A probability in [0, 1] as whole percent; what is not certain is never shown as 0 % or 100 %."""
    if probability is None:
        return NOT_KNOWN
    if 0 < probability < 0.01:  # noqa: PLR2004 - the smallest whole percent
        return "<1 %"
    if 0.99 < probability < 1:  # noqa: PLR2004 - the largest below certainty
        return ">99 %"
    return f"{_whole(100 * probability)} %"


def end_of(at: datetime, zone: tzinfo) -> str:
    """The day that an aware instant ends, such as "the end of 30 Apr 2026"; empty where it is within a day."""
    return f"the end of {day(last_day(at, zone))}" if at.astimezone(zone).time() == time.min else ""


def day(value: date | None) -> str:
    """A day as people write it: 18 Sep 2026."""
    return NOT_KNOWN if value is None else f"{value.day} {value:%b %Y}"


def days(value: float | None) -> str:
    """A number of days, to the tenth below ten."""
    if value is None:
        return NOT_KNOWN
    text = _whole(value) if abs(value) >= 10 else f"{round(value, 1) or 0.0:.1f}".removesuffix(".0")  # noqa: PLR2004
    return f"{text} day" if text == "1" else f"{text} days"


def _whole(value: float) -> str:
    return f"{round(value)}"  # of an int, which has no minus zero


def duration(hours: float | None) -> str:
    """A time span in hours, told in days when it is long."""
    if hours is None:
        return NOT_KNOWN
    if hours <= _DAYS_UNTIL * _HOURS_PER_DAY:
        return f"{hours:.0f} h"
    return days(hours / _HOURS_PER_DAY)


def limits(reasons: Iterable[Mapping[str, Any]]) -> list[Limit]:
    """What limits an answer, from the stored reasons."""
    return [
        Limit(str(reason.get("message", "")), STEPS.get(step, step))
        for reason in reasons
        for step in [str(reason.get("unlock") or "")]
    ]


def driver(row: Mapping[str, Any], *, more: str, less: str) -> str:
    """A stored driver in words, with how far and which way it moves the probability, to the percentage point.

    row: text, effect in [-1, 1];  more, less: what a higher and a lower probability is called
    Example: "Work that came in later: 20% of capacity (12 points less sure)"
    """
    points = round(100 * abs(float(row.get("effect") or 0.0)))
    if not points:
        return str(row["text"])
    unit = "point" if points == 1 else "points"
    return f"{row['text']} ({points} {unit} {more if row['effect'] > 0 else less})"


def fact(row: Mapping[str, Any]) -> Fact:
    """A stored fact in words.  row: object_type, object_id, object_key, field, value, observed_at, url"""
    name = str(row.get("object_key") or row.get("object_type") or "").replace("_", " ")
    field = str(row["field"]).removesuffix("_at").replace("_", " ")
    seen = row.get("observed_at")
    url = str(row.get("url") or "")
    return Fact(
        what=f"{name}: {field}",
        value=said(row.get("value")),
        observed_at=datetime.fromisoformat(seen) if isinstance(seen, str) else seen,
        item_id=_own_id(row.get("object_id")) if row.get("object_type") == "work_item" else "",
        url=url if url.startswith(("https://", "http://")) else "",
    )


def _own_id(object_id: object) -> str:
    """The id if it is one of our rows'; what a source calls its item leads nowhere here."""
    try:
        return str(UUID(str(object_id)))
    except ValueError:
        return ""


def said(value: Any) -> str:
    """A stored value in words: dates as people write them, nothing as a dash."""
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(said(each) for each in value)
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= _DIGITS_FROM else f"{value:.4g}"
    return _date_or_text(str(value))


def _date_or_text(text: str) -> str:
    if text[4:5] != "-" or text[7:8] != "-":  # fromisoformat would also read plain numbers as dates
        return text
    try:
        return day(datetime.fromisoformat(text).date())
    except ValueError:
        return text


def measure(value: Mapping[str, Any] | None) -> str:
    """A measure with its unit and range, as `gaps.schemas.MEASURE` stores it."""
    if not value:
        return NOT_KNOWN
    leading = value.get("value")
    if leading is None:
        return str(value.get("label") or NOT_KNOWN)
    unit = str(value.get("unit") or "").replace("_", " ")
    text = said(leading) if unit in {"", "date"} else f"{said(leading)} {unit}"
    low, high = value.get("low"), value.get("high")
    return text if low is None or high is None else f"{text} (between {said(low)} and {said(high)})"

"""What in the audit trail of an organisation deserves a look: few, explainable rules, computed when asked.

1. Refusals in a burst: REFUSALS or more refused attempts or failed logins of one person, or of one address where the
   person is unknown, within BURST. Somebody tries doors, or a client is broken.
2. A lockout: a known account used up its bad tries. One line for each account and day.
3. A login from a user agent that the person did not use in the LEARNED time before. The first ever login is no news,
   and a browser's new version is no new agent: digits are not compared.
4. Exports above the usual: more in a day than EXPORTS_AT_LEAST and than EXPORTS_TIMES the person's daily mean in the
   four weeks before.

The thresholds are judgements, not measurements: low enough to show guessing by hand, high enough that a person who
mistypes or explores is not shown. Nothing here says that somebody did wrong, and nothing is blocked. Failed logins of
unknown addresses belong to the installation, so no organisation sees them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import models

from tenants.audit.enums import AuditAction
from tenants.models.audit_entry import AuditEntry

REFUSALS = 10
BURST = timedelta(minutes=10)
LEARNED = timedelta(days=90)
USUAL_DAYS = 28
EXPORTS_AT_LEAST = 5
EXPORTS_TIMES = 3
SHOWN_FOR = timedelta(days=7)

_REFUSED = frozenset({AuditAction.REFUSED, AuditAction.LOGIN_FAILED})
_LOOKED_AT = (*_REFUSED, AuditAction.LOCKED_OUT, AuditAction.LOGIN, AuditAction.EXPORT_DATA)
_NUMBER = re.compile(r"\d+(\.\d+)*")


class SuspicionKind(models.TextChoices):
    """Which rule spoke."""

    REFUSED_BURST = "REFUSED_BURST", "Refused attempts in a burst"
    LOCKED_OUT = "LOCKED_OUT", "Account locked out"
    NEW_USER_AGENT = "NEW_USER_AGENT", "Login from a new user agent"
    EXPORTS_ABOVE_USUAL = "EXPORTS_ABOVE_USUAL", "More exports than usual"


@dataclass(frozen=True, slots=True)
class Event:
    """What is looked at of an audit entry."""

    at: datetime
    action: str
    actor_id: UUID | None
    ip_address: str | None
    user_agent: str


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One thing to look at.  count: entries behind it;  first_at, last_at: when they were written"""

    kind: SuspicionKind
    actor_id: UUID | None
    ip_address: str | None
    user_agent: str
    first_at: datetime
    last_at: datetime
    count: int


def suspicious_activity_rules() -> list[str]:
    """Return the rules in words, with their thresholds, for the people who read the list."""
    return [
        f"{REFUSALS} or more refused attempts or failed logins of one person within {BURST.seconds // 60} minutes",
        "a known account that used up its bad tries, once a day",
        f"a login from a user agent that the person did not use in the {LEARNED.days} days before",
        f"more than {EXPORTS_AT_LEAST} exports of one person in a day, and more than {EXPORTS_TIMES} times their daily "
        f"mean of {USUAL_DAYS} days",
    ]


def suspicious_activity(*, at: datetime, since: datetime | None = None) -> list[Suspicion]:
    """Return what happened in the chosen tenant since then (a week ago where not given), newest first.

    One query, over the entries of the four kinds of action and the time that is learned from.
    """
    since = since or at - SHOWN_FOR
    entries = AuditEntry.objects.filter(action__in=_LOOKED_AT, timestamp__gte=since - LEARNED, timestamp__lte=at)
    columns = ("timestamp", "action", "actor_id", "ip_address", "user_agent")
    events = [Event(*row) for row in entries.order_by("timestamp", "id").values_list(*columns)]
    return suspicions(events, since=since)


def suspicions(events: Sequence[Event], *, since: datetime) -> list[Suspicion]:
    """Apply the rules to events in the order of time; those before ``since`` are learned from and not shown."""
    found = [*_bursts(events), *_lockouts(events), *_new_agents(events), *_exports(events)]
    shown = [each for each in found if each.last_at >= since]
    return sorted(shown, key=lambda each: (each.last_at, each.kind), reverse=True)


def _bursts(events: Iterable[Event]) -> Iterator[Suspicion]:
    for group in _grouped(each for each in events if each.action in _REFUSED):
        for start, end in _runs(group):
            yield _of(SuspicionKind.REFUSED_BURST, group[start:end])


def _runs(group: list[Event]) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of each longest stretch in which every REFUSALS neighbours lie within BURST."""
    start = end = 0
    for place in range(len(group) - REFUSALS + 1):
        if group[place + REFUSALS - 1].at - group[place].at > BURST:
            continue
        if place >= end and end:
            yield start, end
            end = 0
        start, end = (start if end else place), place + REFUSALS
    if end:
        yield start, end


def _lockouts(events: Iterable[Event]) -> Iterator[Suspicion]:
    by_day: dict[tuple[UUID | None, date], list[Event]] = defaultdict(list)
    for each in events:
        if each.action == AuditAction.LOCKED_OUT:
            by_day[each.actor_id, each.at.date()].append(each)
    for group in by_day.values():
        yield _of(SuspicionKind.LOCKED_OUT, group)


def _new_agents(events: Iterable[Event]) -> Iterator[Suspicion]:
    last_used: dict[UUID, dict[str, datetime]] = defaultdict(dict)
    for each in events:
        if each.action != AuditAction.LOGIN or each.actor_id is None:
            continue
        agent, known = _NUMBER.sub("", each.user_agent), last_used[each.actor_id]
        if known and (agent not in known or each.at - known[agent] > LEARNED):
            yield _of(SuspicionKind.NEW_USER_AGENT, [each])
        known[agent] = each.at


def _exports(events: Iterable[Event]) -> Iterator[Suspicion]:
    by_person: dict[UUID | None, dict[date, list[Event]]] = defaultdict(lambda: defaultdict(list))
    for each in events:
        if each.action == AuditAction.EXPORT_DATA:
            by_person[each.actor_id][each.at.date()].append(each)
    for days in by_person.values():
        for day, exports in days.items():
            before = sum(len(group) for earlier, group in days.items() if 0 < (day - earlier).days <= USUAL_DAYS)
            if len(exports) > max(EXPORTS_AT_LEAST, EXPORTS_TIMES * before / USUAL_DAYS):
                yield _of(SuspicionKind.EXPORTS_ABOVE_USUAL, exports)


def _grouped(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Group by person, and by address where the person is not known."""
    groups: dict[UUID | str | None, list[Event]] = defaultdict(list)
    for each in events:
        groups[each.actor_id or each.ip_address].append(each)
    yield from groups.values()


def _of(kind: SuspicionKind, group: list[Event]) -> Suspicion:
    last = group[-1]
    return Suspicion(kind, last.actor_id, last.ip_address, last.user_agent, group[0].at, last.at, len(group))

"""Projects that never existed, with one gap about people planted at the end of each, or none.

1. Eight people work for 44 weeks on items of five components; three or more know each component. An item is created,
   taken up by somebody who knows it, mostly reviewed by somebody else, and done. There are comments in office hours,
   few after them, a stand-up a day, calendars, a pulse every four weeks, and a target that leaves time to spare.
2. The luck is drawn before the play and does not depend on what is planted: the twin without a gap is the same project.
3. What is planted comes in variants, by the seed: see `Plan`. Healthy projects have days off, late reviews, a stand-up
   that fell out and items on one person too: traces are not gaps.

Knows nothing of how gaps are detected: nothing of that is imported here, so that truth and detector do not share their
mistakes. Do not read anything about real teams out of the numbers.

Example: RESOURCE, seed 0: from week 39 on, three of the eight people do nothing any more, while their calendars still
say 8 hours a day.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from gaps.enums import GapType
from projects.enums import ActivityKind, ActivityRole, StatusCategory, TrackedField
from projects.history.facts import (
    BaselineFact,
    BlockingLinkFact,
    FieldChangeFact,
    HistoryFact,
    StatusChangeFact,
    WorkItemFact,
)
from projects.history.team_facts import ActivityFact, CapacityFact, PulseFact

START = datetime(2024, 1, 1, tzinfo=UTC)
"""A Monday."""
WEEKS, PEOPLE, COMPONENTS = 44, 8, 5
SEEN_AT = START + timedelta(weeks=WEEKS)
"""When the project is to be looked at."""
ITEMS_PER_PERSON_WEEK, BACKLOG = 1.6, 70
REVIEWED_SHARE, COMMENTS_PER_ITEM, AFTER_HOURS_SHARE = 0.7, 2.0, 0.07
REVIEW_MEDIAN_H, REVIEW_SPREAD = 5.0, 0.8
STRAINED_AFTER_HOURS, STRAINED_INTERRUPTS = 0.6, 0.5
STAND_UP_MISSED, OFF_SHARE = 0.03, 0.06
FIVE_DAYS = (8.0, 8.0, 8.0, 8.0, 8.0, 0.0, 0.0)
PULSE_EVERY_WEEKS, PULSE_MEAN, PULSE_SPREAD, RESPONDENTS = 4, 3.9, 0.8, 7
QUESTIONS = ("clarity", "load")
ITEM_IDS, PERSON_IDS, OTHER_IDS = 1 << 64, 2 << 64, 3 << 64
PERSON_STEP = 0x0C3A5C85C97CB3127
"""Far apart, as pseudonyms are, and in the order of the people."""
PLANTED_TYPES = (GapType.RESOURCE, GapType.SKILL, GapType.CULTURE, GapType.COMMUNICATION)


@dataclass(slots=True)
class Plan:
    """What is planted. Each default is a healthy project.

    leavers: people who do nothing from leave_week on;  on_one: share of the open critical items that one person gets
    alone: components that one person alone works on;  unknown: whether much of the backlog is of a new component
    late_from: week from which reviews take `slowness` times as long;  silent_weeks: last weeks without a stand-up
    unanswered: reviews asked for long ago that nobody answered;  pulse_drop: of the last two pulses
    strained_from: week from which work moves into the evening, comes in at once, and more of it is begun
    """

    leavers: int = 0
    leave_week: int = WEEKS
    on_one: float = 0.0
    alone: tuple[int, ...] = ()
    unknown: bool = False
    late_from: int = WEEKS
    slowness: float = 1.0
    silent_weeks: int = 0
    unanswered: int = 0
    pulse_drop: float = 0.0
    strained_from: int = WEEKS


def plan_of(gap_type: GapType, seed: int) -> Plan:
    """What is planted for a type: its variants in turn.  Raises ValueError for a type that is not planted here."""
    variants = {
        GapType.RESOURCE: (Plan(leavers=3, leave_week=WEEKS - 5), Plan(on_one=0.8)),
        GapType.SKILL: (Plan(alone=(0, 1)), Plan(unknown=True)),
        GapType.CULTURE: (Plan(pulse_drop=1.7), Plan(strained_from=WEEKS - 5)),
        GapType.COMMUNICATION: (
            Plan(late_from=WEEKS - 6, slowness=5.0),
            Plan(silent_weeks=2),
            Plan(unanswered=3),
        ),
    }
    if gap_type not in variants:
        raise ValueError(f"{gap_type} is not planted here")
    return variants[gap_type][seed % len(variants[gap_type])]


def simulate(gap_type: GapType, seed: int, *, planted: bool) -> list[HistoryFact]:
    """Every fact of one project until SEEN_AT, in no particular order.

    Raises ValueError for a type that is not planted here.
    """
    plan = plan_of(gap_type, seed)
    return _Play(np.random.default_rng(seed), plan if planted else Plan()).facts()


@dataclass(slots=True)
class _Play:
    rng: np.random.Generator
    plan: Plan
    others: int = OTHER_IDS
    items: int = 0
    knows: list[list[int]] = field(default_factory=list)

    def facts(self) -> list[HistoryFact]:
        self.knows = [sorted(self.rng.choice(PEOPLE, int(self.rng.integers(3, 6)), replace=False)) for _ in range(5)]
        facts: list[HistoryFact] = list(self._calendars())
        for week in range(WEEKS):
            facts += self._week(week)
        facts += self._backlog()
        facts += self._pulses()
        open_weeks = BACKLOG / (ITEMS_PER_PERSON_WEEK * PEOPLE)
        target = (SEEN_AT + timedelta(weeks=12 * open_weeks)).date()
        return [*facts, BaselineFact(START, START, target, self.items, START.date())]

    def _calendars(self) -> Iterator[HistoryFact]:
        for person in range(PEOPLE):
            off = [day for day in range(WEEKS * 7) if FIVE_DAYS[day % 7] and self.rng.random() < OFF_SHARE]
            days = tuple(((START + timedelta(days=day)).date(), 0.0) for day in off)
            yield CapacityFact(self._id(), START, _person(person), START.date(), None, FIVE_DAYS, days)

    def _week(self, week: int) -> Iterator[HistoryFact]:
        counts = self.rng.poisson(ITEMS_PER_PERSON_WEEK, PEOPLE)
        for person in range(PEOPLE):
            for _ in range(counts[person]):
                yield from self._finished_item(week, person)
        luck = self.rng.random(5)
        for day in range(5):
            is_held = luck[day] >= STAND_UP_MISSED and week < WEEKS - self.plan.silent_weeks
            if is_held:
                at = START + timedelta(weeks=week, days=day, hours=9.5)
                yield ActivityFact(self._id(), at, at, ActivityKind.TOUCHPOINT)

    def _finished_item(self, week: int, person: int) -> Iterator[HistoryFact]:
        """One item that a person finishes in a week, if the person is still there."""
        drawn, spread, minutes = self.rng.random(12), self.rng.normal(), self.rng.random(8)
        comments = int(self.rng.poisson(COMMENTS_PER_ITEM))
        known = [component for component in range(COMPONENTS) if person in self.knows[component]] or [0]
        component = known[int(drawn[0] * len(known))]
        if component in self.plan.alone:
            person = self.knows[component][0]
        other = self._other(week, person, drawn[1])
        if self._is_gone(week, person):
            return
        strained = week >= self.plan.strained_from
        day = int(drawn[2] * 5)
        asked_at = START + timedelta(weeks=week, days=day, hours=9 + 6 * minutes[0])
        started_at = _office(asked_at - timedelta(days=1 + 3 * drawn[3] + (9 * drawn[4] if strained else 0)))
        created_at = min(_office(asked_at - timedelta(days=7 + 28 * drawn[5])), started_at - timedelta(hours=1))
        if strained and drawn[11] < STRAINED_INTERRUPTS:
            started_at = _office(asked_at - timedelta(days=drawn[3]))
            created_at = started_at - timedelta(hours=20 * drawn[5] + 1)
        slow = self.plan.slowness if week >= self.plan.late_from else 1.0
        answered_at = _after_working_hours(asked_at, REVIEW_MEDIAN_H * slow * float(np.exp(REVIEW_SPREAD * spread)))
        done_at = answered_at + timedelta(minutes=20)
        if drawn[6] > REVIEWED_SHARE:
            done_at = asked_at
        item, at_once = self._item(created_at, component), done_at <= SEEN_AT
        yield WorkItemFact(item, f"SIM-{self.items}", created_at, created_at)
        yield from self._known_as(item, created_at, component)
        yield FieldChangeFact(item, TrackedField.ASSIGNEE, None, str(_person(person)), started_at, started_at)
        yield StatusChangeFact(item, StatusCategory.IN_PROGRESS, started_at, started_at, actor_id=_person(person))
        if at_once:
            yield StatusChangeFact(item, StatusCategory.DONE, done_at, done_at, actor_id=_person(person))
        if drawn[6] <= REVIEWED_SHARE and asked_at <= SEEN_AT:
            yield self._act(asked_at, ActivityKind.REVIEW_REQUESTED, ActivityRole.AUTHOR, person, item)
            if answered_at <= SEEN_AT:
                yield self._act(answered_at, ActivityKind.REVIEW, ActivityRole.REVIEWER, other, item)
        for index in range(min(comments, 4)):
            at = started_at + (asked_at - started_at) * minutes[index + 1]
            late = minutes[index + 3] < (STRAINED_AFTER_HOURS if strained else AFTER_HOURS_SHARE)
            at = at.replace(hour=21 if late else 9 + int(8 * drawn[7 + index]))
            if at <= SEEN_AT:
                yield self._act(at, ActivityKind.COMMENT, ActivityRole.ASSIGNEE, person, item)

    def _backlog(self) -> Iterator[HistoryFact]:
        """What is open at the end: some of it in progress, some critical, three reviews waiting since hours."""
        one = int(self.rng.integers(0, PEOPLE))
        for number in range(BACKLOG):
            drawn = self.rng.random(8)
            component = int(drawn[0] * COMPONENTS)
            if self.plan.unknown and number % 4 == 0:
                component = COMPONENTS
            if self.plan.alone and number % 3 == 0:
                component = self.plan.alone[number % len(self.plan.alone)]
            created_at = _office(SEEN_AT - timedelta(days=21 + 40 * drawn[1]))
            item = self._item(created_at, component)
            yield WorkItemFact(item, f"SIM-{self.items}", created_at, created_at)
            yield from self._known_as(item, created_at, component)
            carrier = int(drawn[2] * PEOPLE)
            if self._is_gone(WEEKS, carrier):
                carrier += self.plan.leavers
            is_critical, is_begun = number % 4 == 1, number % 5 == 0
            if is_critical:
                yield FieldChangeFact(item, TrackedField.PRIORITY, None, "Critical", created_at, created_at)
                carrier = one if drawn[3] < self.plan.on_one else carrier
            if is_critical or is_begun:
                at = _office(SEEN_AT - timedelta(days=1 + 6 * drawn[4]))
                yield FieldChangeFact(item, TrackedField.ASSIGNEE, None, str(_person(carrier)), at, at)
            if is_begun or (self.plan.strained_from < WEEKS and number % 2 == 0):
                yield from self._begun(item, number, carrier, drawn[5])

    def _begun(self, item: UUID, number: int, carrier: int, luck: float) -> Iterator[HistoryFact]:
        strained = self.plan.strained_from < WEEKS
        at = _office(SEEN_AT - timedelta(days=(33 - 12 * luck) if strained else 1 + 4 * luck))
        yield StatusChangeFact(item, StatusCategory.IN_PROGRESS, at, at, actor_id=_person(carrier))
        if number // 5 < self.plan.unanswered:
            asked_at = _office(SEEN_AT - timedelta(days=16 + 4 * luck))
            yield StatusChangeFact(item, StatusCategory.IN_PROGRESS, asked_at, asked_at, actor_id=_person(carrier))
            yield self._act(asked_at, ActivityKind.REVIEW_REQUESTED, ActivityRole.AUTHOR, carrier, item)
        if number == BACKLOG - 5:
            yield BlockingLinkFact(item, UUID(int=ITEM_IDS + self.items - 1), at, at)

    def _pulses(self) -> Iterator[HistoryFact]:
        last = WEEKS // PULSE_EVERY_WEEKS
        for index in range(1, last + 1):
            end = (START + timedelta(weeks=index * PULSE_EVERY_WEEKS, days=-2)).date()
            for question in QUESTIONS:
                answers = self.rng.normal(PULSE_MEAN, PULSE_SPREAD, RESPONDENTS)
                if index > last - 2:
                    answers = answers - self.plan.pulse_drop
                mean = float(np.clip(answers, 1, 5).mean())
                recorded_at = START + timedelta(weeks=index * PULSE_EVERY_WEEKS)
                yield PulseFact(self._id(), recorded_at, question, end - timedelta(days=4), end, mean, RESPONDENTS)

    def _known_as(self, item: UUID, at: datetime, component: int) -> Iterator[HistoryFact]:
        yield FieldChangeFact(item, "component", None, f"part {component}", at, at)
        yield StatusChangeFact(item, StatusCategory.TODO, at, at)

    def _act(self, at: datetime, kind: ActivityKind, role: ActivityRole, who: int, item: UUID) -> ActivityFact:
        return ActivityFact(self._id(), at, at, kind, role, _person(who), item)

    def _other(self, week: int, person: int, luck: float) -> int:
        present = [other for other in range(PEOPLE) if other != person and not self._is_gone(week, other)]
        return present[int(luck * len(present))]

    def _is_gone(self, week: int, person: int) -> bool:
        return week >= self.plan.leave_week and person < self.plan.leavers

    def _item(self, created_at: datetime, component: int) -> UUID:
        self.items += 1
        return UUID(int=ITEM_IDS + self.items)

    def _id(self) -> UUID:
        self.others += 1
        return UUID(int=self.others)


def _person(number: int) -> UUID:
    return UUID(int=PERSON_IDS + (int(number) + 1) * PERSON_STEP)


def _office(at: datetime) -> datetime:
    """The same time, on the Friday before where it fell on a weekend, and within office hours."""
    at -= timedelta(days=max(at.weekday() - 4, 0))
    return at.replace(hour=min(max(at.hour, 9), 17))


def _after_working_hours(at: datetime, hours: float) -> datetime:
    """When so many hours of days from 9 to 17 have passed."""
    while hours > 0:
        if at.weekday() > 4:  # noqa: PLR2004 - Saturday is 5
            at = (at + timedelta(days=7 - at.weekday())).replace(hour=9, minute=0)
        end = at.replace(hour=17, minute=0, second=0, microsecond=0)
        left = max((end - at).total_seconds() / 3600, 0.0)
        if hours <= left:
            return at + timedelta(hours=hours)
        hours -= left
        at = (at + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
    return at

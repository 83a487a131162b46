"""Projects that never existed, played event by event, with one cause of delay planted in each, or none.

1. A team takes items from a queue, one each, and works on them in working time until they are done. An item may be held
   up on the way (flagged, its person waits), come back after it was done, or wait for a delivery of another team.
2. All luck (sizes, order, places) is drawn before the play and does not depend on the cause. The same project played
   without its cause under the same luck gives the true days that the cause cost.
3. What comes out are facts as a tracker logs them, in office hours of the calendar, and the plan: start, target, scope,
   calendar. Even projects without a cause have links, a short flag and a small reopening: traces are not causes.

Knows nothing of how slips are attributed: nothing of that is imported here, so that truth and attribution do not share
their mistakes. Do not read anything about real teams out of the numbers.

Example: 6 people, 180 items of 3 days, planned for 93 working days; the delivery that half of the items wait for comes
20 days late: 5 people idle from day 45 on, and the project ends about 20 working days late.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from projects.enums import StatusCategory
from projects.history.calendar import WorkCalendar
from projects.history.facts import (
    BaselineFact,
    BlockingLinkFact,
    FieldChangeFact,
    HistoryFact,
    StatusChangeFact,
    WorkItemFact,
)

FloatArray = NDArray[np.float64]

START = date(2024, 1, 1)
"""A Monday; each project begins some weeks later."""
TEAM, ITEMS, ITEM_DAYS = (4, 9), (120, 241), (1.8, 3.2)
SIZE_VARIATION, ESTIMATE_ERROR = 0.5, 0.3
"""Standard deviations of the logarithm: of the sizes that the plan foresees, and of what they turn out to be."""
COST_SHARE = (0.2, 0.4)
"""What a planted cause costs, as a share of the planned duration: enough to be late for, not enough to be absurd."""
OFFICE_OPENS_H, OFFICE_HOURS = 9, 8.0
PHASE_TWO = 0.5
DELIVERY_IN_TIME = 0.35
SEEN_AT = 0.8
"""Share of the items done at the moment of the question."""
NUISANCE_ITEMS, NUISANCE_DAYS = 2, (0.2, 0.5)
IS_FLAGGED = "10019"


class PlantedCause(StrEnum):
    """What is done to a project."""

    LATE_START = "LATE_START"
    SCOPE_ADDED = "SCOPE_ADDED"
    SLOW_PACE = "SLOW_PACE"
    LEAVER = "LEAVER"
    BLOCKED = "BLOCKED"
    REWORK = "REWORK"
    DAYS_OFF = "DAYS_OFF"
    LATE_DELIVERY = "LATE_DELIVERY"


@dataclass(frozen=True, slots=True, eq=False)
class Luck:
    """Everything drawn about a project before it is played, whatever is done to it.

    sizes: working days of one person per item, the last ones being those that may be added
    planned_days: from the estimates of the items;  cost_days: of the cause, roughly
    """

    people: int
    items: int
    mean_days: float
    start: date
    sizes: FloatArray
    planned_days: int
    cost_days: float
    order: FloatArray
    amounts: FloatArray
    places: FloatArray


@dataclass(slots=True)
class _Stage:
    """How the project is to be played: what the cause changes."""

    begins_at: float = 0.0
    added: int = 0
    added_at: float = 0.0
    slow_from: float = np.inf
    slowness: float = 1.0
    leavers: int = 0
    leaves_at: float = np.inf
    held_days: dict[int, float] = field(default_factory=dict)
    again_days: dict[int, float] = field(default_factory=dict)
    days_off: tuple[date, ...] = ()
    delivered_at: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedProject:
    """One project as played.

    facts: all of them, also those after as_of;  as_of: when SEEN_AT of the items were done, in the evening
    finished_at: when the last item was done
    """

    seed: int
    cause: PlantedCause | None
    facts: tuple[HistoryFact, ...]
    as_of: datetime
    target_date: date
    calendar: WorkCalendar
    planned_calendar: WorkCalendar
    finished_at: datetime


def simulate_project(seed: int, cause: PlantedCause | None) -> SimulatedProject:
    """Play a project with a cause, or without any; the same seed has the same luck."""
    luck = _draw(seed)
    planned = WorkCalendar(holidays=frozenset(_planned_holidays(luck)))
    stage = _stage(luck, cause, planned)
    log = _Play(luck, stage).run()
    calendar = replace(planned, holidays=planned.holidays | frozenset(stage.days_off))
    office = _Office(calendar, luck.start)
    target = _Office(planned, luck.start).day(luck.planned_days - 1)
    done_at = sorted(log.done_at.values())
    as_of = datetime.combine(office.day(int(done_at[int(SEEN_AT * len(done_at))])), time(20), tzinfo=UTC)
    return SimulatedProject(
        seed=seed,
        cause=cause,
        facts=tuple(_facts(luck, stage, log, office, target)),
        as_of=as_of,
        target_date=target,
        calendar=calendar,
        planned_calendar=planned,
        finished_at=office.moment(done_at[-1]),
    )


def true_cost_days(planted: SimulatedProject) -> float:
    """Elapsed days by which the project ended later than the same without its cause."""
    without = simulate_project(planted.seed, None)
    return (planted.finished_at - without.finished_at) / timedelta(days=1)


def _draw(seed: int) -> Luck:
    rng = np.random.default_rng(seed)
    people, items, mean_days = int(rng.integers(*TEAM)), int(rng.integers(*ITEMS)), float(rng.uniform(*ITEM_DAYS))
    many = 2 * items
    estimates = mean_days * _around_one(rng, SIZE_VARIATION, many)
    sizes = estimates * _around_one(rng, ESTIMATE_ERROR, many)
    planned_days = int(np.ceil(float(estimates[:items].sum()) / people + mean_days / 2))
    return Luck(
        people=people,
        items=items,
        mean_days=mean_days,
        start=START + timedelta(weeks=int(rng.integers(0, 50))),
        sizes=sizes,
        planned_days=planned_days,
        cost_days=float(rng.uniform(*COST_SHARE)) * planned_days,
        order=rng.random(many),
        amounts=rng.gamma(3.0, 1 / 3.0, many),
        places=rng.random(many),
    )


def _around_one(rng: np.random.Generator, variation: float, count: int) -> FloatArray:
    return np.exp(rng.normal(-(variation**2) / 2, variation, count))


def _planned_holidays(luck: Luck) -> list[date]:
    return [luck.start + timedelta(days=int(17 + 40 * place)) for place in luck.places[:2]]


def _stage(luck: Luck, cause: PlantedCause | None, planned: WorkCalendar) -> _Stage:
    chosen = np.argsort(luck.order[: luck.items], kind="stable").tolist()
    small = dict(zip(chosen, np.interp(luck.places, (0, 1), NUISANCE_DAYS).tolist(), strict=False))
    first, second = chosen[:NUISANCE_ITEMS], chosen[NUISANCE_ITEMS : 2 * NUISANCE_ITEMS]
    stage = _Stage(
        held_days={item: small[item] for item in first},
        again_days={item: small[item] for item in second},
        delivered_at=DELIVERY_IN_TIME * luck.planned_days,
    )
    cost, place = luck.cost_days, float(luck.places[2])
    many = chosen[2 * NUISANCE_ITEMS :][: int((0.2 + 0.2 * place) * luck.items)]
    match cause:
        case PlantedCause.LATE_START:
            stage.begins_at = float(round(cost))
            stage.delivered_at += stage.begins_at
        case PlantedCause.SCOPE_ADDED:
            stage.added = round(cost * luck.people / luck.mean_days)
            stage.added_at = (0.1 + 0.5 * place) * luck.planned_days
        case PlantedCause.SLOW_PACE:
            stage.slow_from = 0.3 * place * luck.planned_days
            stage.slowness = 1 + cost / (luck.planned_days - stage.slow_from)
        case PlantedCause.LEAVER:
            stage.leavers = max(1, round(0.3 * luck.people))
            stage.leaves_at = 0.4 * place * luck.planned_days
        case PlantedCause.BLOCKED:
            stage.held_days |= _spread(many, luck, cost * luck.people)
        case PlantedCause.REWORK:
            stage.again_days |= _spread(many, luck, cost * luck.people)
        case PlantedCause.DAYS_OFF:
            stage.days_off = _days_off(luck, planned, round(cost))
        case PlantedCause.LATE_DELIVERY:
            stage.delivered_at = PHASE_TWO * luck.planned_days + cost
    return stage


def _spread(items: Sequence[int], luck: Luck, person_days: float) -> dict[int, float]:
    amounts = luck.amounts[: len(items)]
    return dict(zip(items, (amounts / amounts.sum() * person_days).tolist(), strict=True))


def _days_off(luck: Luck, planned: WorkCalendar, count: int) -> tuple[date, ...]:
    """So many working days in a row, somewhere in the first half."""
    day = luck.start + timedelta(days=round(0.5 * luck.planned_days * float(luck.places[3])))
    found: list[date] = []
    while len(found) < count:
        if planned.is_working_day(day):
            found.append(day)
        day += timedelta(days=1)
    return tuple(found)


@dataclass(slots=True)
class _Log:
    """What happened, in working days since the start: (item, when, what), and when each item was last done."""

    events: list[tuple[int, float, str]] = field(default_factory=list)
    done_at: dict[int, float] = field(default_factory=dict)


class _Play:
    """The play itself: people become free, take the first item that can be taken, and work it through."""

    def __init__(self, luck: Luck, stage: _Stage) -> None:
        self._luck, self._stage, self._log = luck, stage, _Log()
        self._queue: list[tuple[int, int, float, bool]] = []  # rank, item, days, is it done over again
        self._later: list[tuple[float, tuple[int, int, float, bool]]] = []  # what joins the queue when
        half = int(PHASE_TWO * luck.items)
        for item in range(luck.items + stage.added):
            entry = (item, item, float(luck.sizes[item]), False)
            joins_at = stage.added_at if item >= luck.items else (stage.delivered_at if item >= half else 0.0)
            heapq.heappush(self._later, (max(joins_at, stage.begins_at), entry))

    def run(self) -> _Log:
        """Until nothing is left."""
        free = [(self._stage.begins_at, person) for person in range(self._luck.people)]
        heapq.heapify(free)
        while self._queue or self._later:
            now, person = heapq.heappop(free)
            while self._later and self._later[0][0] <= now:
                heapq.heappush(self._queue, heapq.heappop(self._later)[1])
            if person < self._stage.leavers and now >= self._stage.leaves_at:
                continue
            if self._queue:
                heapq.heappush(free, (self._work(now, heapq.heappop(self._queue)), person))
            elif self._later:
                heapq.heappush(free, (max(self._later[0][0], now), person))
        return self._log

    def _work(self, begin: float, entry: tuple[int, int, float, bool]) -> float:
        """One item from its start to done; returns when."""
        _, item, days, is_again = entry
        stage, events = self._stage, self._log.events
        days *= stage.slowness if begin >= stage.slow_from else 1.0
        events.append((item, begin, "start"))
        done = begin + days
        held = 0.0 if is_again else stage.held_days.get(item, 0.0)
        if held:
            at = begin + days * float(self._luck.places[item])
            events += [(item, at, "flag"), (item, at + held, "unflag")]
            done += held
        events.append((item, done, "done"))
        self._log.done_at[item] = done
        again = 0.0 if is_again else stage.again_days.get(item, 0.0)
        if again:
            back = done + 1 + 3 * float(self._luck.order[item])
            events.append((item, back, "reopen"))
            heapq.heappush(self._later, (back, (-1, item, again, True)))
        return done


class _Office:
    """From working days since the start to office hours of a calendar."""

    def __init__(self, calendar: WorkCalendar, start: date) -> None:
        self._calendar, self._days, self._next = calendar, list[date](), start

    def day(self, index: int) -> date:
        """The working day with this number, from 0."""
        while len(self._days) <= index:
            if self._calendar.is_working_day(self._next):
                self._days.append(self._next)
            self._next += timedelta(days=1)
        return self._days[index]

    def moment(self, working_days: float) -> datetime:
        """When so many working days have passed."""
        index = int(working_days)
        hours = OFFICE_OPENS_H + OFFICE_HOURS * (working_days - index)
        return datetime.combine(self.day(index), time(), tzinfo=UTC) + timedelta(hours=hours)


def _facts(luck: Luck, stage: _Stage, log: _Log, office: _Office, target: date) -> list[HistoryFact]:
    begin = datetime.combine(luck.start, time(), tzinfo=UTC)
    approved_at = begin - timedelta(days=7)
    delivery = UUID(int=luck.items + stage.added + 1)
    facts: list[HistoryFact] = [
        BaselineFact(approved_at, approved_at, target, scope_items=luck.items + 1, start_date=luck.start),
        _item(delivery, approved_at - timedelta(days=1)),
        _move(delivery, StatusCategory.IN_PROGRESS, office.moment(stage.begins_at)),
        _move(delivery, StatusCategory.DONE, office.moment(stage.delivered_at)),
    ]
    for item in range(luck.items + stage.added):
        is_added = item >= luck.items
        created_at = office.moment(stage.added_at) if is_added else approved_at - timedelta(days=1 + item % 20)
        facts.append(_item(UUID(int=item + 1), created_at))
        if not is_added and item >= int(PHASE_TWO * luck.items):
            facts.append(BlockingLinkFact(UUID(int=item + 1), delivery, recorded_at=approved_at, linked_at=approved_at))
    for item, when, what in log.events:
        facts.append(_event(UUID(int=item + 1), office.moment(when), what))
    return facts


def _event(item: UUID, at: datetime, what: str) -> HistoryFact:
    match what:
        case "flag":
            return FieldChangeFact(item, "flag", None, IS_FLAGGED, at, at)
        case "unflag":
            return FieldChangeFact(item, "flag", IS_FLAGGED, None, at, at)
        case "start":
            return _move(item, StatusCategory.IN_PROGRESS, at)
        case "done":
            return _move(item, StatusCategory.DONE, at)
    return _move(item, StatusCategory.TODO, at)


def _item(item: UUID, created_at: datetime) -> WorkItemFact:
    return WorkItemFact(id=item, key=f"SIM-{item.int}", created_at=created_at, recorded_at=created_at)


def _move(item: UUID, to: StatusCategory, at: datetime) -> StatusChangeFact:
    return StatusChangeFact(item, to, at, at)

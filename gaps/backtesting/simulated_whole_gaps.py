"""Whole projects that never existed: people, flow, delivery and money in one record, with one gap of any type, or none.

1. People, items, reviews, calendars and pulses are those of `simulated_people_gaps`; most items were planned before the
   project began, the others are bugs or interrupt.
2. Items go through Building, Review and Testing, and now and then come back after they were done. CI runs, deployments,
   incidents, costs and a budget are those of `simulated_flow_gaps`.
3. A gap changes its own part only, as there. PROCESS slows testing down or stops it; TIMELINE is a date that the work
   cannot keep, or scope that came in late.

Knows nothing of how gaps are detected: nothing of that is imported here. Do not read anything about real teams out of
the numbers.

Example: seed 4, TIMELINE planted: about 80 items are open, 13 a week are finished, and the date is 2.8 weeks ahead.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from gaps.backtesting import simulated_flow_gaps as flow
from gaps.backtesting import simulated_people_gaps as people
from gaps.enums import GapType
from projects.enums import ActivityKind, StatusCategory
from projects.history.facts import (
    BaselineFact,
    FieldChangeFact,
    HistoryFact,
    StatusChangeFact,
    WorkItemFact,
    facts_known_at,
)
from projects.history.team_facts import ActivityFact

AS_OF = people.SEEN_AT
"""When the project is to be looked at."""
PLANTED_TYPES = (GapType.TIMELINE, *people.PLANTED_TYPES, *flow.PLANTED_TYPES)
TEST_DAYS, BUG_DAYS = 1.5, 4.0
LEFT_BEGUN, MOST_BEGUN = 3, 14
"""The play leaves 14 items of the backlog begun, beside what is in work as at other times: of these all after the third
are put back. Strained teams, which begin more, keep all of it."""
INTERRUPT = timedelta(days=2)
"""What was begun so soon after it was asked for had not been planned."""
LATE_ITEM_IDS = (4 << 64) + (1 << 40)
"""Other than all ids of the play in the lower half as well, which histories go by."""
HEALTHY_TIME, TIGHT, FITTING, LATE_SCOPE_SHARE = (3.0, 5.0), 0.45, 1.0, 0.9
"""Time to the date over the time that the open items take, and what came in late over what was open."""


def simulate(gap_type: GapType | None, seed: int) -> list[HistoryFact]:
    """The facts of one project as known at AS_OF; None plants nothing.

    Raises ValueError for a type that is not planted here.
    """
    if gap_type is not None and gap_type not in PLANTED_TYPES:
        raise ValueError(f"{gap_type} is not planted here")
    rng = np.random.default_rng([seed, len(PLANTED_TYPES)])
    about_people = gap_type in people.PLANTED_TYPES
    team = people.simulate(gap_type if about_people and gap_type else GapType.RESOURCE, seed, planted=about_people)
    play = flow.Play(rng, flow.staged(gap_type if gap_type in flow.PLANTED_TYPES else None, rng))
    work = _Work.of(team)
    play.facts += _flowing(work, play)
    play.items, play.done = len(work.created), len(work.done_at)
    flow.add_ci(play)
    flow.add_deployments(play)
    flow.add_money(play, rest_share=(play.items - play.done) / play.done)
    scope = play.items
    added = play.stage.added_share * play.items
    if gap_type == GapType.TIMELINE and seed % 2:
        added = LATE_SCOPE_SHARE * (play.items - play.done)
    play.facts += _added_late(play, round(added))
    play.facts += _more_bugs(play, play.items / flow.WEEKS)
    share = float(rng.uniform(*HEALTHY_TIME))
    if gap_type == GapType.TIMELINE:
        share = FITTING if seed % 2 else TIGHT
    plan = replace(work.plan, scope_items=scope, target_date=_date_at(share, play, scope))
    return facts_known_at([*play.facts, plan], AS_OF)


@dataclass(slots=True)
class _Work:
    """The items of a team, and what else is on record of it.

    created, began_at, asked_at, done_at: by item, where it came so far
    """

    plan: BaselineFact
    created: dict[UUID, WorkItemFact] = field(default_factory=dict)
    began_at: dict[UUID, datetime] = field(default_factory=dict)
    asked_at: dict[UUID, datetime] = field(default_factory=dict)
    done_at: dict[UUID, datetime] = field(default_factory=dict)
    facts: list[HistoryFact] = field(default_factory=list)

    @classmethod
    def of(cls, team: Sequence[HistoryFact]) -> "_Work":
        [plan] = [fact for fact in team if isinstance(fact, BaselineFact)]
        work = cls(plan)
        for fact in team:
            match fact:
                case WorkItemFact():
                    work.created[fact.id] = fact
                case StatusChangeFact(to_category=StatusCategory.IN_PROGRESS):
                    work.began_at.setdefault(fact.item_id, fact.changed_at)
                case StatusChangeFact(to_category=StatusCategory.DONE):
                    work.done_at[fact.item_id] = fact.changed_at
                case ActivityFact(kind=ActivityKind.REVIEW_REQUESTED) if fact.item_id is not None:
                    work.asked_at[fact.item_id] = fact.occurred_at
        begun = [item for item in sorted(work.created)[-people.BACKLOG :] if item in work.began_at]
        put_back = set(begun[LEFT_BEGUN:]) if len(begun) <= MOST_BEGUN else set()
        work.began_at = {item: at for item, at in work.began_at.items() if item not in put_back}
        work.facts = [
            fact
            for fact in team
            if not isinstance(fact, BaselineFact)
            and not (isinstance(fact, StatusChangeFact) and _is_begin(fact) and fact.item_id in put_back)
        ]
        return work


def _is_begin(fact: StatusChangeFact) -> bool:
    return fact.to_category == StatusCategory.IN_PROGRESS


def _flowing(work: _Work, play: flow.Play) -> Iterator[HistoryFact]:
    """The facts of the team, with planned items planned early, named states, types, tests and returns."""
    drawn = {item: (play.rng.random(4), play.rng.normal(size=2)) for item in work.created}
    planned_at = {
        item: people.START - float(1 + 59 * luck[1]) * flow.DAY
        for item, (luck, _) in drawn.items()
        if luck[0] >= flow.BUG_SHARE and not _interrupts(work, item)
    }
    for fact in work.facts:
        match fact:
            case WorkItemFact():
                at = planned_at.get(fact.id, fact.created_at)
                kind = "Story" if drawn[fact.id][0][0] >= flow.BUG_SHARE else "Bug"
                yield replace(fact, created_at=at, recorded_at=at, item_type=kind)
            case FieldChangeFact(field="component") | StatusChangeFact(to_category=StatusCategory.TODO):
                at = planned_at.get(fact.item_id, fact.changed_at)
                changes: dict[str, Any] = {"to_state": "To do"} if isinstance(fact, StatusChangeFact) else {}
                yield replace(fact, changed_at=at, recorded_at=at, **changes)
            case StatusChangeFact(to_category=StatusCategory.DONE):
                luck, normal = drawn[fact.item_id]
                yield from _tested(fact, play, luck, normal)
            case StatusChangeFact():
                yield replace(fact, to_state="Building")
            case _:
                yield fact
    for item, asked_at in work.asked_at.items():
        if item in work.done_at:
            yield _moved(item, StatusCategory.IN_PROGRESS, asked_at + timedelta(minutes=1), "Review")


def _interrupts(work: _Work, item: UUID) -> bool:
    began_at = work.began_at.get(item)
    return began_at is not None and began_at - work.created[item].created_at < INTERRUPT


def _tested(done: StatusChangeFact, play: flow.Play, luck: Any, normal: Any) -> Iterator[HistoryFact]:
    """What was done goes to the test, out of it, and sometimes back.  luck, normal: drawn for the item"""
    stage, item, at = play.stage, done.item_id, done.changed_at
    is_late = play.is_late(at)
    yield replace(done, to_category=StatusCategory.IN_PROGRESS, to_state="Testing")
    if is_late and luck[3] < stage.review_closed_share:
        return
    at += _days(TEST_DAYS * (stage.review_factor if is_late else 1.0), normal[0])
    yield _moved(item, StatusCategory.DONE, at, "Done")
    if luck[2] < flow.REOPEN_SHARE * (stage.reopen_factor if play.is_late(at) else 1.0):
        back = at + _days(TEST_DAYS, normal[1])
        yield _moved(item, StatusCategory.IN_PROGRESS, back, "Building")
        yield _moved(item, StatusCategory.DONE, back + flow.DAY, "Done")


def _added_late(play: flow.Play, count: int) -> Iterator[HistoryFact]:
    """Items that came in in the last ten weeks and that nobody has begun."""
    for number in range(count):
        yield from _new_item(number, AS_OF - float(play.rng.uniform(1, 70)) * flow.DAY, "Story", play.rng)


def _more_bugs(play: flow.Play, items_per_week: float) -> Iterator[HistoryFact]:
    """Bugs beyond the usual in the last weeks, taken up and mostly mended."""
    expected = flow.GAP_WEEKS * items_per_week * flow.BUG_SHARE * (play.stage.bug_factor - 1)
    for number in range(int(play.rng.poisson(expected))):
        created_at = AS_OF - float(play.rng.uniform(0, 7 * flow.GAP_WEEKS)) * flow.DAY
        item, component = _new_item(1_000_000 + number, created_at, "Bug", play.rng)
        began_at = created_at + play.days(1.0)
        yield item
        yield component
        yield _moved(item.id, StatusCategory.IN_PROGRESS, began_at, "Building")
        yield _moved(item.id, StatusCategory.DONE, began_at + play.days(BUG_DAYS), "Done")


def _new_item(number: int, at: datetime, kind: str, rng: np.random.Generator) -> tuple[WorkItemFact, FieldChangeFact]:
    item = UUID(int=LATE_ITEM_IDS + number)
    component = f"part {int(rng.integers(people.COMPONENTS))}"
    return (
        WorkItemFact(item, f"LATE-{number}", at, at, item_type=kind),
        FieldChangeFact(item, "component", None, component, at, at),
    )


def _date_at(share: float, play: flow.Play, scope: int) -> date:
    """The date that leaves this share of the time that what is open of the scope takes."""
    weeks = (scope - play.done) / (play.done / flow.WEEKS)
    return (AS_OF + timedelta(weeks=share * weeks)).date()


def _moved(item: UUID, to: StatusCategory, at: datetime, state: str) -> StatusChangeFact:
    return StatusChangeFact(item, to, at, at, to_state=state)


def _days(mean: float, normal: float) -> timedelta:
    """A log-normal delay with this mean.  normal: drawn"""
    variation = flow.STEP_VARIATION
    return timedelta(days=float(mean * np.exp(variation * normal - variation**2 / 2)))

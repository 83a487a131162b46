"""Defects that a record can have, each put into a record that is sound otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from projects.enums import MilestoneState, Presence, StatusCategory
from projects.history import (
    BaselineFact,
    BlockingLinkFact,
    BudgetFact,
    CostFact,
    FieldChangeFact,
    HistoryFact,
    StatusChangeFact,
    WorkItemFact,
)
from projects.history.group_facts import IterationFact, MilestoneFact, StayFact
from projects.history.team_facts import ActivityFact, CapacityFact
from tests.project_histories import DAY, IMPORTED, NOW, WEEK, finished_item, item_id, move, work_item

TARGET = (NOW + 8 * WEEK).date()
FIRST_EXTRA = 400_000
"""Numbers of items that a defect adds begin here: no sound record has so many."""
YEAR_ONE = datetime(1, 1, 1, tzinfo=UTC)
END_OF_TIME = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
HUGE = 1e300
LARGEST_MONEY = 10.0**15

Facts = list[HistoryFact]
Inject = Callable[[Facts], Facts]


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing that is wrong.  target_date: that the project promises, None where it has none"""

    name: str
    inject: Inject
    target_date: date | None = TARGET


def shifted(fact: HistoryFact, by: timedelta) -> HistoryFact:
    """The same fact at another time, with every date that it has and that has such a time."""
    given: dict[str, Any] = {}
    for name in fact.__dataclass_fields__:
        value = getattr(fact, name)
        if isinstance(value, (datetime, date)):
            with suppress(OverflowError):
                given[name] = value + by
    return replace(fact, **given)


def _items(facts: Facts) -> list[WorkItemFact]:
    return [fact for fact in facts if isinstance(fact, WorkItemFact)]


def _each(change: Callable[[Any], HistoryFact | None], *kinds: type) -> Inject:
    """Change or drop every fact of some kinds."""

    def inject(facts: Facts) -> Facts:
        changed = (change(fact) if isinstance(fact, kinds) else fact for fact in facts)
        return [fact for fact in changed if fact is not None]

    return inject


def _happened_at(fact: HistoryFact) -> datetime:
    for name in ("changed_at", "occurred_at", "incurred_at", "resolved_at", "created_at"):
        value = getattr(fact, name, None)
        if isinstance(value, datetime):
            return value
    return IMPORTED


def no_history(_facts: Facts) -> Facts:
    return []


def one_week_of_data(facts: Facts) -> Facts:
    """The tool was connected a week ago, and nothing before it was taken over."""
    begun = NOW - WEEK
    recent = [fact for fact in facts if _happened_at(fact) >= begun or isinstance(fact, (WorkItemFact, StayFact))]
    done_before = {fact.id for fact in _items(facts) if fact.resolved_at is not None and fact.resolved_at < begun}
    kept: Facts = []
    for fact in recent:
        if isinstance(fact, WorkItemFact):
            if fact.id not in done_before:
                kept.append(
                    replace(fact, created_at=max(fact.created_at, begun), recorded_at=max(fact.recorded_at, begun))
                )
        elif not isinstance(fact, StayFact) or fact.item_id not in done_before:
            kept.append(fact)
    plans = [
        replace(fact, approved_at=begun, recorded_at=begun)
        for fact in facts
        if isinstance(fact, (BaselineFact, BudgetFact))
    ]
    groups = [fact for fact in facts if isinstance(fact, (IterationFact, MilestoneFact)) and _lies_ahead(fact)]
    dropped = (BaselineFact, BudgetFact, IterationFact, MilestoneFact)
    return [*(fact for fact in kept if not isinstance(fact, dropped)), *plans, *groups]


def _lies_ahead(group: IterationFact | MilestoneFact) -> bool:
    if isinstance(group, MilestoneFact):
        return group.target_date is not None and group.target_date > NOW.date()
    return group.ends_at is not None and group.ends_at > NOW


def bulk_closed_batch(facts: Facts) -> Facts:
    """Somebody tidied the board: four times as many items as were ever done, one a second."""
    done = sum(fact.resolved_at is not None for fact in _items(facts))
    closed_at = NOW - 2 * DAY
    batch = [
        finished_item(
            FIRST_EXTRA + n,
            created_at=NOW - 30 * WEEK,
            started_at=NOW - 29 * WEEK,
            finished_at=closed_at + timedelta(seconds=n),
        )
        for n in range(4 * done + 60)
    ]
    return [*facts, *(fact for item in batch for fact in item)]


def future_dates(facts: Facts) -> Facts:
    """Of every ten items, costs and traces nine carry dates of next year, recorded today."""
    dated = (WorkItemFact, StatusChangeFact, FieldChangeFact, ActivityFact, CostFact)

    def later(fact: Any) -> Any:
        owner = fact.id if isinstance(fact, (WorkItemFact, CostFact, ActivityFact)) else fact.item_id
        if owner.int % 10 == 0:
            return fact
        moved = shifted(fact, timedelta(days=500))
        return replace(moved, recorded_at=IMPORTED)

    return _each(later, *dated)(facts)


def clock_skew(facts: Facts) -> Facts:
    """Items are done before they are created: one of the clocks runs years late."""

    def skewed(fact: WorkItemFact) -> HistoryFact:
        if fact.resolved_at is None:
            return fact
        return replace(fact, created_at=min(fact.resolved_at + 3 * DAY, NOW - timedelta(hours=2)))

    return _each(skewed, WorkItemFact)(facts)


def done_without_start(facts: Facts) -> Facts:
    return [
        fact
        for fact in facts
        if not (isinstance(fact, StatusChangeFact) and fact.to_category == StatusCategory.IN_PROGRESS)
    ]


def done_without_dates(facts: Facts) -> Facts:
    """A spreadsheet: what is done is known, but not when."""
    finished = {fact.id for fact in _items(facts) if fact.resolved_at is not None}

    def undated(fact: Any) -> Any:
        if isinstance(fact, WorkItemFact):
            is_done = fact.id in finished
            return replace(fact, resolved_at=None, status_category=StatusCategory.DONE) if is_done else fact
        return None if fact.item_id in finished else fact

    return _each(undated, WorkItemFact, StatusChangeFact)(facts)


def zombie_work(facts: Facts) -> Facts:
    """Many items were begun three years ago, and nobody has touched them since."""
    extra = 60 + 3 * sum(fact.resolved_at is None for fact in _items(facts))
    began = NOW - 156 * WEEK
    zombies: Facts = []
    for number in range(FIRST_EXTRA, FIRST_EXTRA + extra):
        zombies += [
            work_item(number, created_at=began - DAY, recorded_at=began),
            move(number, StatusCategory.IN_PROGRESS, began, recorded_at=began),
        ]
    return [*facts, *zombies]


def duplicated_facts(facts: Facts) -> Facts:
    return [*facts, *reversed(facts)]


def one_item_many_times(facts: Facts) -> Facts:
    """Each observation is of one and the same item."""
    first = next((fact.id for fact in _items(facts)), item_id(1))

    def same(fact: Any) -> Any:
        return replace(fact, **{"id" if isinstance(fact, WorkItemFact) else "item_id": first})

    return _each(same, WorkItemFact, StatusChangeFact, FieldChangeFact, StayFact)(facts)


def everything_deleted(facts: Facts) -> Facts:
    """The project was emptied two weeks ago."""
    return _each(lambda fact: replace(fact, presence=Presence.GONE, presence_changed_at=NOW - 2 * WEEK), WorkItemFact)(
        facts
    )


def groups_without_dates(facts: Facts) -> Facts:
    def undated(fact: Any) -> Any:
        if isinstance(fact, IterationFact):
            return replace(fact, starts_at=None, ends_at=None, completed_at=None)
        return replace(fact, start_date=None, target_date=None)

    return _each(undated, IterationFact, MilestoneFact)(facts)


def estimates_missing(facts: Facts) -> Facts:
    facts = _each(lambda fact: None if fact.field == "estimate_points" else fact, FieldChangeFact)(facts)
    return _each(lambda fact: replace(fact, estimate_points=None), WorkItemFact)(facts)


def due_dates_missing(facts: Facts) -> Facts:
    facts = _each(lambda fact: None if fact.field == "due_date" else fact, FieldChangeFact)(facts)
    return _each(lambda fact: replace(fact, due_date=None), WorkItemFact)(facts)


def workflow_replaced(facts: Facts) -> Facts:
    """A migration took every done item out of its old status and closed it again, all within a minute."""
    at = NOW - 3 * WEEK
    done = [fact.id for fact in _items(facts) if fact.resolved_at is not None and fact.resolved_at < at]
    moves: Facts = []
    for number, item in enumerate(done):
        since = at + timedelta(milliseconds=number)
        moves += [
            StatusChangeFact(item, StatusCategory.TODO, since, since),
            StatusChangeFact(item, StatusCategory.DONE, since + timedelta(seconds=30), since + timedelta(seconds=30)),
        ]
    return [*facts, *moves]


def workflow_unmapped(facts: Facts) -> Facts:
    """The statuses of a new workflow are read as "to do", whatever they mean."""
    facts = _each(lambda fact: replace(fact, to_category=StatusCategory.TODO), StatusChangeFact)(facts)
    return _each(lambda fact: replace(fact, resolved_at=None, status_category=None), WorkItemFact)(facts)


def target_in_the_past(facts: Facts) -> Facts:
    """Every promise, of the plan, a release, an iteration or an item, is of last month or before."""
    last_month = NOW - 4 * WEEK

    def passed(fact: Any) -> Any:
        if isinstance(fact, BaselineFact):
            return replace(fact, target_date=min(fact.target_date, last_month.date()))
        if isinstance(fact, MilestoneFact):
            is_open = fact.state == MilestoneState.PLANNED
            return replace(fact, target_date=last_month.date()) if is_open else fact
        if isinstance(fact, IterationFact):
            is_ahead = fact.ends_at is not None and fact.ends_at > last_month
            return replace(fact, starts_at=last_month - 2 * WEEK, ends_at=last_month) if is_ahead else fact
        if fact.field == "due_date" and fact.to_value > last_month.date().isoformat():
            return replace(fact, to_value=last_month.date().isoformat())
        return fact

    return _each(passed, BaselineFact, MilestoneFact, IterationFact, FieldChangeFact)(facts)


def scope_of_zero(facts: Facts) -> Facts:
    """Nothing is left to do."""
    open_items = {fact.id for fact in _items(facts) if fact.resolved_at is None}
    return [
        fact
        for fact in facts
        if getattr(fact, "item_id", None) not in open_items
        and not (isinstance(fact, WorkItemFact) and fact.id in open_items)
    ]


def contradictory_links(facts: Facts) -> Facts:
    """Items block each other in a ring and themselves, links end before they begin or name items nobody knows."""
    ids = [fact.id for fact in _items(facts)][-40:] or [item_id(1)]
    at = NOW - 10 * WEEK
    links: Facts = [
        BlockingLinkFact(one, other, IMPORTED, at) for one, other in zip(ids, ids[1:] + ids[:1], strict=True)
    ]
    links += [BlockingLinkFact(one, one, IMPORTED, at) for one in ids[:5]]
    links += [BlockingLinkFact(other, one, IMPORTED, at, at - WEEK) for one, other in zip(ids, ids[2:], strict=False)]
    links += [
        BlockingLinkFact(item_id(999_999), ids[0], IMPORTED),
        BlockingLinkFact(ids[0], item_id(999_998), IMPORTED),
    ]
    return [*facts, *links]


def dates_of_year_one(facts: Facts) -> Facts:
    """A tool's empty date: one item of three, and what goes with it, is of the year 1."""

    def oldest(fact: Any) -> Any:
        if isinstance(fact, CostFact):
            return replace(fact, incurred_on_date=date.min) if fact.id.int % 3 == 0 else fact
        if isinstance(fact, ActivityFact):
            return replace(fact, occurred_at=YEAR_ONE) if fact.id.int % 3 == 0 else fact
        if isinstance(fact, IterationFact):
            return replace(fact, starts_at=YEAR_ONE) if fact.id.int % 3 == 0 else fact
        if isinstance(fact, (MilestoneFact, BaselineFact)):
            return replace(fact, start_date=date.min)
        return replace(fact, created_at=YEAR_ONE) if fact.id.int % 3 == 0 else fact

    return _each(oldest, WorkItemFact, CostFact, ActivityFact, IterationFact, MilestoneFact, BaselineFact)(facts)


def one_date_of_year_one(facts: Facts) -> Facts:
    """The same of one item and one trace of work."""
    changed: set[type] = set()

    def oldest(fact: Any) -> Any:
        if type(fact) in changed:
            return fact
        changed.add(type(fact))
        name = "created_at" if isinstance(fact, WorkItemFact) else "occurred_at"
        return replace(fact, **{name: YEAR_ONE})

    return _each(oldest, WorkItemFact, ActivityFact)(facts)


def dates_at_the_end_of_time(facts: Facts) -> Facts:
    """Whatever lies ahead lies on the last day that a date can hold."""

    def last(fact: Any) -> Any:
        if isinstance(fact, BaselineFact):
            return replace(fact, target_date=date.max)
        if isinstance(fact, MilestoneFact):
            return replace(fact, target_date=date.max) if fact.state == MilestoneState.PLANNED else fact
        if isinstance(fact, IterationFact):
            return replace(fact, ends_at=END_OF_TIME) if fact.ends_at and fact.ends_at > NOW else fact
        if isinstance(fact, CapacityFact):
            return replace(fact, last_date=date.max)
        is_ahead = fact.field == "due_date" and fact.to_value > NOW.date().isoformat()
        return replace(fact, to_value=date.max.isoformat()) if is_ahead else fact

    changed = _each(last, BaselineFact, MilestoneFact, IterationFact, CapacityFact, FieldChangeFact)(facts)
    ahead: Facts = [
        work_item(FIRST_EXTRA + 1, created_at=END_OF_TIME),
        CostFact(item_id(FIRST_EXTRA + 2), date(9999, 12, 30), IMPORTED, 1.0, "EUR"),
        IterationFact(item_id(FIRST_EXTRA + 3), "end", IMPORTED, "end", None, END_OF_TIME, END_OF_TIME),
        MilestoneFact(item_id(FIRST_EXTRA + 4), "end", IMPORTED, "end", MilestoneState.PLANNED, None, date.max),
    ]
    return [*changed, *ahead]


def huge_values(facts: Facts) -> Facts:
    """The largest numbers that the tables take."""

    def huge(fact: Any) -> Any:
        if isinstance(fact, BaselineFact):
            return replace(fact, scope_items=2**31 - 1)
        if isinstance(fact, BudgetFact):
            return replace(fact, amount=LARGEST_MONEY)
        if isinstance(fact, CostFact):
            return replace(fact, amount=LARGEST_MONEY) if fact.id.int % 2 else fact
        if isinstance(fact, WorkItemFact):
            return replace(fact, estimate_points=HUGE)
        return replace(fact, to_value="1e308") if fact.field == "estimate_points" else fact

    return _each(huge, BaselineFact, BudgetFact, CostFact, WorkItemFact, FieldChangeFact)(facts)


def garbage_values(facts: Facts) -> Facts:
    """Texts where dates and numbers should be."""
    texts = ("", "nan", "inf", "-5", "tomorrow", "2024-13-45", "0000-00-00", "\u0669", "x" * 3_000)

    def garbled(fact: FieldChangeFact) -> HistoryFact:
        return replace(fact, to_value=texts[fact.item_id.int % len(texts)])

    wrong: Facts = [
        FieldChangeFact(fact.id, name, None, texts[fact.id.int % len(texts)], NOW - DAY, IMPORTED)
        for fact in _items(facts)
        for name in ("due_date", "estimate_points", "assignee")
    ]
    return [*_each(garbled, FieldChangeFact)(facts), *wrong]


def nothing_for_five_weeks(facts: Facts) -> Facts:
    """The connection broke: the record ends five weeks ago."""
    ended = NOW - 5 * WEEK
    return [earlier for earlier in (shifted(fact, -5 * WEEK) for fact in facts) if _happened_at(earlier) <= ended]


def never_finished(facts: Facts) -> Facts:
    facts = _each(lambda fact: None if fact.to_category == StatusCategory.DONE else fact, StatusChangeFact)(facts)
    return _each(lambda fact: replace(fact, resolved_at=None, status_category=None), WorkItemFact)(facts)


DEFECTS: tuple[Defect, ...] = (
    Defect("no history", no_history),
    Defect("one week of data", one_week_of_data),
    Defect("bulk-closed batch", bulk_closed_batch),
    Defect("future dates", future_dates),
    Defect("clock skew", clock_skew),
    Defect("done without start", done_without_start),
    Defect("done without dates", done_without_dates),
    Defect("zombie work", zombie_work),
    Defect("duplicated facts", duplicated_facts),
    Defect("one item many times", one_item_many_times),
    Defect("everything deleted", everything_deleted),
    Defect("iterations and releases without dates", groups_without_dates),
    Defect("all estimates missing", estimates_missing),
    Defect("all due dates missing", due_dates_missing),
    Defect("workflow replaced", workflow_replaced),
    Defect("workflow unmapped", workflow_unmapped),
    Defect("target in the past", target_in_the_past, (NOW - 4 * WEEK).date()),
    Defect("scope of zero", scope_of_zero),
    Defect("contradictory links", contradictory_links),
    Defect("dates of year one", dates_of_year_one),
    Defect("one date of year one", one_date_of_year_one),
    Defect("dates at the end of time", dates_at_the_end_of_time, date.max),
    Defect("huge values", huge_values),
    Defect("garbage values", garbage_values),
    Defect("nothing for five weeks", nothing_for_five_weeks),
    Defect("never finished", never_finished),
)
BY_NAME: Mapping[str, Defect] = {defect.name: defect for defect in DEFECTS}


def with_defects(facts: Facts, defects: Iterable[Defect]) -> tuple[Facts, date | None]:
    """A record with several of them, in order, and the target of the last one that moves it."""
    target: date | None = TARGET
    for defect in defects:
        facts = defect.inject(facts)
        target = defect.target_date if defect.target_date != TARGET else target
    return facts, target

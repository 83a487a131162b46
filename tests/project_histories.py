"""Histories to test pure analysis on: small enough to check by hand, or generated in all their contradictions."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import numpy as np
from hypothesis import strategies as st

from projects.enums import (
    ActivityKind,
    ActivityRole,
    IncidentSeverity,
    IterationState,
    MilestoneState,
    Presence,
    RunOutcome,
    StatusCategory,
)
from projects.history import (
    BaselineFact,
    BlockingLinkFact,
    BudgetFact,
    CostFact,
    FieldChangeFact,
    HistoryFact,
    ProjectHistory,
    StatusChangeFact,
    WorkItemFact,
)
from projects.history.delivery_facts import CiRunFact, DeploymentFact, IncidentFact
from projects.history.facts import ContextFact, facts_known_at
from projects.history.group_facts import IterationFact, MilestoneFact, StayFact
from projects.history.team_facts import ActivityFact, CapacityFact, PulseFact

NOW = datetime(2024, 7, 3, 12, tzinfo=UTC)
"""A Wednesday."""
DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)
WEEKS = 40
"""Of the project with costs."""
IMPORTED = NOW - timedelta(hours=1)


def item_id(number: int) -> UUID:
    return UUID(int=number)


def work_item(
    number: int,
    *,
    created_at: datetime,
    resolved_at: datetime | None = None,
    recorded_at: datetime = IMPORTED,
    status_category: StatusCategory | None = None,
    presence: Presence = Presence.LIVE,
    presence_changed_at: datetime | None = None,
) -> WorkItemFact:
    return WorkItemFact(
        id=item_id(number),
        key=f"DEMO-{number}",
        created_at=created_at,
        recorded_at=recorded_at,
        resolved_at=resolved_at,
        status_category=status_category,
        presence=presence,
        presence_changed_at=presence_changed_at,
        url=f"https://tracker.example/DEMO-{number}",
    )


def move(number: int, to: StatusCategory, changed_at: datetime, recorded_at: datetime = IMPORTED) -> StatusChangeFact:
    return StatusChangeFact(item_id(number), to, changed_at, recorded_at)


def finished_item(
    number: int, *, created_at: datetime, started_at: datetime, finished_at: datetime
) -> list[HistoryFact]:
    return [
        work_item(number, created_at=created_at, resolved_at=finished_at),
        move(number, StatusCategory.IN_PROGRESS, started_at),
        move(number, StatusCategory.DONE, finished_at),
    ]


def team_facts(
    weekly: Sequence[int], *, open_items: int, as_of: datetime = NOW, first_number: int = 1
) -> list[HistoryFact]:
    """A team that finished weekly[k] items in week k, the last ending at as_of, all planned before the first."""
    start = as_of - len(weekly) * WEEK
    planned_at = start - DAY
    facts: list[HistoryFact] = []
    number = first_number
    for week, count in enumerate(weekly):
        for index in range(count):
            finished_at = start + week * WEEK + WEEK * ((index + 0.5) / count)
            facts += finished_item(
                number,
                created_at=planned_at,
                started_at=max(planned_at, finished_at - 2 * DAY),
                finished_at=finished_at,
            )
            number += 1
    facts += [work_item(number + index, created_at=planned_at) for index in range(open_items)]
    return facts


def team_history(weekly: Sequence[int], *, open_items: int, as_of: datetime = NOW) -> ProjectHistory:
    return ProjectHistory.from_facts(team_facts(weekly, open_items=open_items, as_of=as_of))


def weekly_costs(amounts: Sequence[float], *, currency: str = "EUR") -> list[CostFact]:
    """One booking a week, the last a day before NOW, recorded as they came."""
    facts = []
    for number, amount in enumerate(amounts):
        day = (NOW - DAY - (len(amounts) - 1 - number) * WEEK).date()
        facts.append(CostFact(UUID(int=10_000 + number), day, NOW - DAY, amount, currency))
    return facts


def approved(amount: float, *, currency: str = "EUR") -> BudgetFact:
    return BudgetFact(NOW - WEEKS * WEEK, NOW - WEEKS * WEEK, amount, currency)


def costly_project(budget: float, *, weekly_cost: float = 1_000.0, open_items: int = 40) -> list[HistoryFact]:
    """Five items and so much money a week for forty weeks: 200 items done."""
    costs = weekly_costs([weekly_cost] * WEEKS)
    return [*team_facts([5] * WEEKS, open_items=open_items), *costs, approved(budget)]


def dated_items(
    *, late_share: float, settled: int = 200, open_items: int = 20, as_of: datetime = NOW, seed: int = 1
) -> list[HistoryFact]:
    """Items with a due date two weeks after their creation, finished day by day, a share of them too late.

    Those that are open are due in the ten days after as_of.
    """
    rng = np.random.default_rng(seed)
    facts: list[HistoryFact] = []
    for number in range(1, settled + open_items + 1):
        is_open = number > settled
        due_at = as_of + timedelta(days=1 + number % 10) if is_open else as_of - timedelta(days=number % 180 + 20)
        created_at = due_at - 2 * WEEK
        late_days = rng.uniform(1, 9) if rng.random() < late_share else -rng.uniform(1, 9)
        if is_open:
            facts.append(work_item(number, created_at=created_at))
        else:
            finished_at = due_at + timedelta(days=float(late_days))
            facts += finished_item(number, created_at=created_at, started_at=created_at + DAY, finished_at=finished_at)
        due = due_at.date().isoformat()
        facts.append(FieldChangeFact(item_id(number), "due_date", None, due, created_at, IMPORTED))
    return facts


def iterating_team(
    delivered: Sequence[int],
    *,
    committed: int = 10,
    begun_days: int = 4,
    as_of: datetime = NOW,
    first_number: int = 1,
    points: float = 2.0,
) -> list[HistoryFact]:
    """A team in iterations of two weeks, so many items committed in each and so many done by its end.

    One more runs, begun so many days ago, with nothing done. Items and iterations are numbered in their order.
    """
    facts: list[HistoryFact] = []
    number = first_number
    for index in range(len(delivered) + 1):
        back = len(delivered) - index
        starts_at = as_of - timedelta(days=begun_days) - 2 * WEEK * back
        group = UUID(int=7_000_000 + first_number * 1_000 + index)
        facts.append(
            IterationFact(group, f"{index}", starts_at - DAY, f"Sprint {index}", None, starts_at, starts_at + 2 * WEEK)
        )
        done = delivered[index] if index < len(delivered) else 0
        for place in range(committed):
            created_at = starts_at - 3 * DAY
            finished_at = starts_at + timedelta(days=2 + 10 * place / committed)
            if place < done:
                facts += finished_item(number, created_at=created_at, started_at=starts_at, finished_at=finished_at)
            else:
                facts.append(work_item(number, created_at=created_at))
            facts.append(StayFact(item_id(number), group, starts_at - DAY, starts_at - DAY))
            facts.append(FieldChangeFact(item_id(number), "estimate_points", None, f"{points}", created_at, IMPORTED))
            number += 1
    return facts


def releasing_team(
    open_by_release: Sequence[int],
    *,
    weeks_apart: int = 4,
    late: int = 0,
    outside: int = 0,
    weekly: int = 5,
    as_of: datetime = NOW,
) -> list[HistoryFact]:
    """Ten past releases of twenty items each, so many of them late, then some with so many open items each.

    outside: further items a week that were done for no release;  the first release ahead is due in weeks_apart weeks
    """
    facts: list[HistoryFact] = []
    number = 1
    for index in range(10 + len(open_by_release)):
        target_at = as_of + weeks_apart * WEEK * (index - 9)
        group, begins_at = UUID(int=6_000_000 + index), as_of - 60 * WEEK
        state = MilestoneState.RELEASED if index < 10 else MilestoneState.PLANNED
        facts.append(MilestoneFact(group, f"{index}", begins_at, f"R{index}", state, None, target_at.date()))
        is_past = index < 10
        for place in range(4 * weekly if is_past else open_by_release[index - 10]):
            if is_past:
                finished_at = target_at - weeks_apart * WEEK * (place + 1) / (4 * weekly + 1)
                if index < late and place == 0:
                    finished_at = target_at + 2 * DAY
                facts += finished_item(
                    number, created_at=begins_at, started_at=finished_at - DAY, finished_at=finished_at
                )
            else:
                facts.append(work_item(number, created_at=begins_at))
            facts.append(StayFact(item_id(number), group, begins_at, begins_at))
            number += 1
    for place in range(outside * 40):
        finished_at = as_of - WEEK * (place + 0.5) / max(outside, 1)
        facts += finished_item(
            number, created_at=finished_at - 2 * DAY, started_at=finished_at - DAY, finished_at=finished_at
        )
        number += 1
    return facts


def large_team_facts(*, items: int, years: int, seed: int = 1) -> list[HistoryFact]:
    """Items created and finished over years, a tenth of them still open, with a start and a finish each."""
    rng = np.random.default_rng(seed)
    created_s = rng.uniform(0, years * 365 * 86400, items)
    started_s = created_s + rng.exponential(10 * 86400, items)
    finished_s = started_s + rng.exponential(5 * 86400, items)
    is_open = rng.random(items) < 0.1
    begin = NOW - timedelta(days=365 * years)
    facts: list[HistoryFact] = []
    for number in range(items):
        created_at = begin + timedelta(seconds=float(created_s[number]))
        started_at = begin + timedelta(seconds=float(started_s[number]))
        finished_at = begin + timedelta(seconds=float(finished_s[number]))
        if is_open[number] or finished_at >= NOW:
            facts.append(work_item(number + 1, created_at=created_at))
        else:
            facts += finished_item(number + 1, created_at=created_at, started_at=started_at, finished_at=finished_at)
    return facts


without_later_facts = facts_known_at


_hours = st.integers(min_value=-24 * 120, max_value=24 * 20)
_moments = _hours.map(lambda hours: NOW + timedelta(hours=hours))
_days = _moments.map(datetime.date)
_categories = st.sampled_from(StatusCategory)
_contributors = st.integers(min_value=100, max_value=103).map(item_id)
_groups = st.integers(min_value=200, max_value=202).map(item_id)


def _items(numbers: int) -> st.SearchStrategy[list[WorkItemFact]]:
    return st.tuples(
        *[
            st.builds(
                WorkItemFact,
                id=st.just(item_id(number)),
                key=st.just(f"DEMO-{number}"),
                created_at=_moments,
                recorded_at=_moments,
                item_type=st.sampled_from(["", "Bug", "Story"]),
                status_category=st.none() | _categories,
                resolved_at=st.none() | _moments,
                due_date=st.none() | st.just(date(2024, 8, 1)),
                estimate_points=st.none() | st.just(3.0),
                presence=st.sampled_from(Presence),
                presence_changed_at=st.none() | _moments,
                assignee_id=st.none() | _contributors,
            )
            for number in range(numbers)
        ]
    ).map(list)


@st.composite
def generated_facts(draw: st.DrawFn) -> list[HistoryFact]:
    """Any facts about a few items: contradictory, out of order, from the future, about items nobody knows."""
    numbers = draw(st.integers(min_value=0, max_value=8))
    ids = st.integers(min_value=0, max_value=9).map(item_id)
    moves = st.builds(
        StatusChangeFact,
        item_id=ids,
        to_category=_categories,
        changed_at=_moments,
        recorded_at=_moments,
        sequence=st.integers(min_value=0, max_value=2),
        is_blocked=st.booleans(),
        actor_id=st.none() | _contributors,
    )
    changes = st.builds(
        FieldChangeFact,
        item_id=ids,
        field=st.sampled_from(["due_date", "estimate_points", "assignee", "flag"]),
        from_value=st.none(),
        to_value=st.none() | st.sampled_from(["a", "b"]) | _contributors.map(str),
        changed_at=_moments,
        recorded_at=_moments,
        actor_id=st.none() | _contributors,
    )
    baselines = st.builds(
        BaselineFact,
        approved_at=_moments,
        recorded_at=_moments,
        target_date=st.just(date(2024, 9, 1)),
        scope_items=st.integers(min_value=1, max_value=20),
        start_date=st.none() | st.just(date(2024, 5, 1)),
    )
    links = st.builds(
        BlockingLinkFact,
        item_id=ids,
        blocker_id=ids,
        recorded_at=_moments,
        linked_at=st.none() | _moments,
        unlinked_at=st.none() | _moments,
    )
    costs = st.builds(
        CostFact,
        id=ids,
        incurred_on_date=_days,
        recorded_at=_moments,
        amount=st.sampled_from([-40.0, 100.0, 250.0]),
        currency=st.sampled_from(["EUR", "CHF"]),
    )
    budgets = st.builds(
        BudgetFact,
        approved_at=_moments,
        recorded_at=_moments,
        amount=st.sampled_from([0.0, 900.0]),
        currency=st.just("EUR"),
    )
    facts: list[HistoryFact] = [*draw(_items(numbers))]
    facts += draw(st.lists(costs, max_size=6))
    facts += draw(st.lists(budgets, max_size=2))
    facts += draw(st.lists(moves, max_size=15))
    facts += draw(st.lists(changes, max_size=6))
    facts += draw(st.lists(baselines, max_size=2))
    facts += draw(st.lists(links, max_size=4))
    facts += draw(st.lists(_context_facts(), max_size=8))
    return facts


def _context_facts() -> st.SearchStrategy[ContextFact]:
    """Any facts beside the work, with identifiers that collide."""
    ids = _groups
    weeks = st.sampled_from([(8.0,) * 5 + (0.0, 0.0), (0.0,) * 7, (4.0, 0.0, 4.0, 0.0, 4.0, 0.0, 0.0)])
    texts = st.sampled_from(["", "a", "b"])
    perhaps = st.none() | _moments
    return st.one_of(
        st.builds(
            IterationFact,
            id=ids,
            external_id=texts,
            recorded_at=_moments,
            name=texts,
            state=st.none() | st.sampled_from(IterationState),
            starts_at=perhaps,
            ends_at=perhaps,
            completed_at=perhaps,
        ),
        st.builds(
            MilestoneFact,
            id=ids,
            external_id=texts,
            recorded_at=_moments,
            name=texts,
            state=st.sampled_from(MilestoneState),
            start_date=st.none() | _days,
            target_date=st.none() | _days,
            released_date=st.none() | _days,
        ),
        st.builds(
            StayFact,
            item_id=st.integers(min_value=0, max_value=9).map(item_id),
            group_id=ids,
            recorded_at=_moments,
            joined_at=perhaps,
            left_at=perhaps,
        ),
        st.builds(
            ActivityFact,
            id=ids,
            occurred_at=_moments,
            recorded_at=_moments,
            kind=st.sampled_from(ActivityKind),
            role=st.sampled_from(ActivityRole),
            contributor_id=st.none() | _contributors,
            item_id=st.none() | ids,
        ),
        st.builds(
            CapacityFact,
            id=ids,
            recorded_at=_moments,
            contributor_id=st.none() | _contributors,
            first_date=_days,
            last_date=st.none() | _days,
            weekly_hours=weeks,
            exceptions=st.lists(st.tuples(_days, st.sampled_from([0.0, 4.0])), max_size=2).map(tuple),
            allocation=st.sampled_from([0.0, 0.5, 1.0]),
        ),
        st.builds(
            PulseFact,
            id=ids,
            recorded_at=_moments,
            question_code=texts,
            first_date=_days,
            last_date=_days,
            mean_score=st.sampled_from([1.0, 3.5]),
            respondents=st.integers(min_value=5, max_value=9),
        ),
        st.builds(
            CiRunFact,
            id=ids,
            started_at=_moments,
            recorded_at=_moments,
            outcome=st.sampled_from(RunOutcome),
            finished_at=perhaps,
            pipeline=texts,
        ),
        st.builds(
            DeploymentFact,
            id=ids,
            external_id=texts,
            started_at=_moments,
            recorded_at=_moments,
            outcome=st.sampled_from(RunOutcome),
            finished_at=perhaps,
            environment=texts,
            committed_at=perhaps,
        ),
        st.builds(
            IncidentFact,
            id=ids,
            opened_at=_moments,
            recorded_at=_moments,
            severity=st.sampled_from(IncidentSeverity),
            resolved_at=perhaps,
            caused_by=texts,
        ),
    )


@st.composite
def generated_teams(draw: st.DrawFn) -> list[HistoryFact]:
    """A team that worked before NOW and goes on after it, with items that come in all the time and a baseline."""
    weeks_before, weeks_after = draw(st.integers(min_value=6, max_value=40)), 6
    weekly = draw(st.lists(st.integers(0, 6), min_size=weeks_before + weeks_after, max_size=weeks_before + weeks_after))
    seed = draw(st.integers(min_value=0, max_value=2**16))
    rng = np.random.default_rng(seed)
    begin = NOW - weeks_before * WEEK
    facts: list[HistoryFact] = []
    number = 0
    for week, count in enumerate(weekly):
        for _ in range(count):
            finished_at = begin + week * WEEK + timedelta(hours=float(rng.uniform(0, 168)))
            started_at = finished_at - timedelta(hours=float(rng.exponential(60)))
            created_at = started_at - timedelta(hours=float(rng.exponential(400)))
            facts += finished_item(number, created_at=created_at, started_at=started_at, finished_at=finished_at)
            number += 1
    for _ in range(draw(st.integers(min_value=0, max_value=30))):
        facts.append(work_item(number, created_at=begin + timedelta(hours=float(rng.uniform(0, 168 * len(weekly))))))
        number += 1
    if draw(st.booleans()):
        facts.append(BaselineFact(begin, begin, (NOW + 8 * WEEK).date(), max(1, number // 2)))
    return facts

"""What is wrong with the record of a project, as a list that people can work off: named, counted, never repaired.

1. Rules over the history as of a moment: dates, states, estimates, links, iterations. Each names some of its items.
2. Whatever the data gate decides already (readiness) is taken from its reasons and not decided again.
3. Rules over what people entered: goals and tolerances (`plan_issues`).

None of them is a finding: a contradictory record says something about the record, not about the work. Do not read an
empty list as "the data are right": it says that they do not contradict themselves.

Example: A waits for B, B for C, and C for A. All three are in CIRCULAR_LINKS, with their keys; no forecast waits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from projects.enums import Readiness
from projects.history.calendar import WorkCalendar
from projects.history.columns import IN_PROGRESS, UNKNOWN, Flags
from projects.history.instants import MICROSECONDS_PER_DAY, NEVER
from projects.history.project_history import CLOCK_SKEW_US, ProjectHistory
from projects.history.readiness import ReasonCode, finish_readiness

MAX_EXAMPLES = 5
MEASURED_IN_TOLERANCES = frozenset({"DATE", "MONEY"})
"""Kinds of goals whose tolerance is the measure of a gap."""
ZOMBIE_DAYS = 90
"""Nobody works on an item for a quarter without leaving a trace. Starting value."""
UNESTIMATED_SHARE = 0.5
MANY_SHARE = 0.2


class QualitySeverity(StrEnum):
    """HIGH closes answers or bends them; MEDIUM limits them; LOW is worth tidying up."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


class QualityRule(StrEnum):
    """What can be wrong."""

    DONE_WITHOUT_DATE = "DONE_WITHOUT_DATE"
    FUTURE_DATED = "FUTURE_DATED"
    CLOCK_SKEW = "CLOCK_SKEW"
    FINISHED_BEFORE_CREATED = "FINISHED_BEFORE_CREATED"
    ZOMBIE_WIP = "ZOMBIE_WIP"
    DUPLICATE_KEYS = "DUPLICATE_KEYS"
    NO_ESTIMATES = "NO_ESTIMATES"
    ITERATION_WITHOUT_DATES = "ITERATION_WITHOUT_DATES"
    CIRCULAR_LINKS = "CIRCULAR_LINKS"
    SELF_BLOCKING = "SELF_BLOCKING"
    UNKNOWN_STATUS = "UNKNOWN_STATUS"
    RECORD_STALE = "RECORD_STALE"
    BULK_CLOSED = "BULK_CLOSED"
    NO_ITEMS = "NO_ITEMS"
    NO_COSTS = "NO_COSTS"
    NO_CAPACITY = "NO_CAPACITY"
    NO_ACTIVITY = "NO_ACTIVITY"
    NO_CI_RUNS = "NO_CI_RUNS"
    NO_BASELINE = "NO_BASELINE"
    NO_TARGET_DATE = "NO_TARGET_DATE"
    ZERO_TOLERANCE = "ZERO_TOLERANCE"
    GOAL_WITHOUT_TARGET = "GOAL_WITHOUT_TARGET"
    GOAL_WITHOUT_DATE = "GOAL_WITHOUT_DATE"
    CONTRADICTORY_GOALS = "CONTRADICTORY_GOALS"


FIXES: Mapping[QualityRule, str] = {
    QualityRule.DONE_WITHOUT_DATE: "Import the change log, so that it is known when they were done.",
    QualityRule.FUTURE_DATED: "Correct the dates in the tool; they had not come when they were recorded.",
    QualityRule.CLOCK_SKEW: "Check clock and time zone of the tool: dates lie ahead of their recording by hours.",
    QualityRule.FINISHED_BEFORE_CREATED: "Correct the dates in the tool, or leave these items out.",
    QualityRule.ZOMBIE_WIP: "Put back what nobody works on, or close it.",
    QualityRule.DUPLICATE_KEYS: "Keep one of each; an item that came by two ways counts twice.",
    QualityRule.NO_ESTIMATES: "Estimate the open items, or go by counts and leave this as it is.",
    QualityRule.ITERATION_WITHOUT_DATES: "Enter start and end, without which nothing can be said of the iteration.",
    QualityRule.CIRCULAR_LINKS: "Take one link out of each circle: as they stand, none of the items could begin.",
    QualityRule.SELF_BLOCKING: "Remove the link of the item to itself.",
    QualityRule.UNKNOWN_STATUS: "Say of each status whether it means to do, in progress or done.",
    QualityRule.RECORD_STALE: "Synchronise the tool, or import a newer file.",
    QualityRule.BULK_CLOSED: "Leave out what was closed to tidy up, or say when it was really done.",
    QualityRule.NO_ITEMS: "Connect a tool, or import a file.",
    QualityRule.NO_COSTS: "Connect time tracking or import costs; until then BUDGET is off.",
    QualityRule.NO_CAPACITY: "Enter capacity calendars; until then RESOURCE goes by traces of work.",
    QualityRule.NO_ACTIVITY: "Connect comments and reviews; until then COMMUNICATION is off.",
    QualityRule.NO_CI_RUNS: "Connect builds and deployments; until then TECHNOLOGY is off.",
    QualityRule.NO_BASELINE: "Approve a baseline; until then a slip cannot be traced to causes.",
    QualityRule.NO_TARGET_DATE: "Set the date that was promised.",
    QualityRule.ZERO_TOLERANCE: "Set a tolerance above zero: a difference has no size without one.",
    QualityRule.GOAL_WITHOUT_TARGET: "Enter the value that is to be reached.",
    QualityRule.GOAL_WITHOUT_DATE: "Enter the day until which it is to be reached.",
    QualityRule.CONTRADICTORY_GOALS: "Settle which of them holds: no value can meet both.",
}
_OF_READINESS = {
    ReasonCode.RECORD_STALE: QualityRule.RECORD_STALE,
    ReasonCode.BULK_CLOSED: QualityRule.BULK_CLOSED,
    ReasonCode.NO_ITEMS: QualityRule.NO_ITEMS,
}
"""What the gate decides. It keeps silent below its shares; what it says, this list says too."""


@dataclass(frozen=True, slots=True)
class Example:
    """One thing that is wrong.  id, url: empty where it has none"""

    id: str
    key: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class QualityIssue:
    """One rule that does not hold.  count: of all that break it;  examples: the first of them"""

    rule: QualityRule
    severity: QualitySeverity
    count: int
    examples: tuple[Example, ...] = ()

    @property
    def fix(self) -> str:
        """What to do about it."""
        return FIXES[self.rule]


@dataclass(frozen=True, slots=True)
class GoalFact:
    """One goal as it was entered.

    value: None where there is none;  direction: AT_LEAST, AT_MOST or EXACTLY;  tolerance: None for the project's
    """

    id: str
    title: str
    kind: str
    unit: str
    value: float | str | bool | None
    direction: str
    has_date: bool
    tolerance: float | None = None


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What people entered of the plan.  tolerances: by name, as they stand"""

    goals: tuple[GoalFact, ...] = ()
    tolerances: tuple[tuple[str, float], ...] = ()
    has_target_date: bool = True
    self_blocking: tuple[Example, ...] = ()
    self_blocking_count: int = 0


def record_issues(history: ProjectHistory, *, as_of: datetime, calendar: WorkCalendar) -> tuple[QualityIssue, ...]:
    """What is wrong with the record as it was known at a moment, the gravest first."""
    known = history.as_of(as_of)
    found = [*_items_issues(known), *_gate_issues(known, as_of, calendar), *_missing_sources(known)]
    return ordered(found)


def plan_issues(plan: PlanFacts) -> tuple[QualityIssue, ...]:
    """What is wrong with what people entered, the gravest first."""
    low, medium, high = QualitySeverity
    zero = [Example("", name) for name, value in plan.tolerances if value <= 0]
    zero += [_goal(goal) for goal in plan.goals if goal.tolerance == 0 and goal.kind in MEASURED_IN_TOLERANCES]
    without_target = [_goal(goal) for goal in plan.goals if goal.value is None]
    without_date = [_goal(goal) for goal in plan.goals if not goal.has_date]
    against = _contradictory(plan.goals)
    found = [
        _issue(QualityRule.ZERO_TOLERANCE, high, zero),
        _issue(QualityRule.GOAL_WITHOUT_TARGET, medium, without_target),
        _issue(QualityRule.GOAL_WITHOUT_DATE, low, without_date),
        _issue(QualityRule.CONTRADICTORY_GOALS, high, against),
        QualityIssue(QualityRule.SELF_BLOCKING, medium, plan.self_blocking_count, plan.self_blocking[:MAX_EXAMPLES]),
        QualityIssue(QualityRule.NO_TARGET_DATE, high, 0 if plan.has_target_date else 1),
    ]
    return ordered(found)


def ordered(issues: Iterable[QualityIssue]) -> tuple[QualityIssue, ...]:
    """Those that count anything, the gravest first, then by rule."""
    rank = list(QualitySeverity)
    held = [issue for issue in issues if issue.count]
    return tuple(sorted(held, key=lambda issue: (-rank.index(issue.severity), issue.rule)))


# --- items ---


def _items_issues(known: ProjectHistory) -> list[QualityIssue]:
    states, items = known.states, known.items
    live = states.exists & states.live
    quiet_since_us = known.known_at_us - ZOMBIE_DAYS * MICROSECONDS_PER_DAY
    moments = known.statuses
    ahead_us = moments.at_us - moments.recorded_us
    is_skewed = moments.dated & (ahead_us > 0) & (ahead_us <= CLOCK_SKEW_US)
    rows = {
        QualityRule.DONE_WITHOUT_DATE: states.done_without_date,
        QualityRule.FINISHED_BEFORE_CREATED: states.finished & (states.finished_us < items.created_us),
        QualityRule.FUTURE_DATED: (items.created_us > known.known_at_us + CLOCK_SKEW_US)
        | _rows(known, moments.item[moments.at_us > known.known_at_us + CLOCK_SKEW_US]),
        QualityRule.CLOCK_SKEW: _rows(known, moments.item[is_skewed]),
        QualityRule.ZOMBIE_WIP: live & (states.category == IN_PROGRESS) & (known.touched_us < quiet_since_us),
        QualityRule.UNKNOWN_STATUS: live & (states.category == UNKNOWN),
        QualityRule.DUPLICATE_KEYS: live & _doubled(known, live),
        QualityRule.CIRCULAR_LINKS: _in_circles(known),
    }
    found = [_items_issue(known, rule, flags) for rule, flags in rows.items()]
    return [*found, _unestimated(known), _undated_iterations(known)]


def _items_issue(known: ProjectHistory, rule: QualityRule, flags: Flags) -> QualityIssue:
    count, total = int(flags.sum()), int(known.states.exists.sum())
    is_many = bool(total) and count / total > MANY_SHARE
    return QualityIssue(
        rule, QualitySeverity.HIGH if is_many else QualitySeverity.MEDIUM, count, _examples(known, flags)
    )


def _examples(known: ProjectHistory, flags: Flags) -> tuple[Example, ...]:
    items = known.items
    return tuple(
        Example(str(items.ids[row]), str(items.keys[row]), str(items.urls[row]))
        for row in np.flatnonzero(flags)[:MAX_EXAMPLES]
    )


def _rows(known: ProjectHistory, rows: "np.ndarray[tuple[int], np.dtype[np.intp]]") -> Flags:
    flags: Flags = np.zeros(len(known.items), dtype=np.bool_)
    flags[rows] = True
    return flags


def _doubled(known: ProjectHistory, live: Flags) -> Flags:
    """Live items whose key another live one has too, whatever its case."""
    keys = np.array([str(key).casefold() for key in known.items.keys], dtype=np.object_)
    flags: Flags = np.zeros(len(keys), dtype=np.bool_)
    if not live.any():
        return flags
    _, place, counts = np.unique(keys[live].astype(str), return_inverse=True, return_counts=True)
    flags[live] = (counts[place] > 1) & (keys[live] != "")
    return flags


def _in_circles(known: ProjectHistory) -> Flags:
    """Items that wait, by way of others, for themselves."""
    size, links = len(known.items), known.links
    flags: Flags = np.zeros(size, dtype=np.bool_)
    holds = (links.at_us <= known.known_at_us) & (links.until_us > known.known_at_us)
    if not holds.any():
        return flags
    graph = coo_array((np.ones(int(holds.sum())), (links.item[holds], links.blocker[holds])), shape=(size, size))
    _, circle = connected_components(graph, directed=True, connection="strong")
    flags = np.bincount(circle)[circle] > 1
    return flags


def _unestimated(known: ProjectHistory) -> QualityIssue:
    """Open items without any estimate, where they are the greater part."""
    opened = known.states.open
    estimated = np.zeros(len(known.items), dtype=np.bool_)
    for name in ("estimate_points", "estimate_s"):
        estimated |= np.array([value is not None for value in known.values_of(name)], dtype=np.bool_)
    missing = opened & ~estimated
    count = int(missing.sum())
    is_most = bool(opened.any()) and count / int(opened.sum()) > UNESTIMATED_SHARE
    return QualityIssue(
        QualityRule.NO_ESTIMATES, QualitySeverity.LOW, count if is_most else 0, _examples(known, missing)
    )


def _undated_iterations(known: ProjectHistory) -> QualityIssue:
    iterations = known.iterations
    undated = np.flatnonzero((iterations.starts_us == NEVER) | (iterations.ends_us == NEVER))
    examples = tuple(
        Example(str(iterations.ids[row]), str(iterations.names[row] or iterations.external_ids[row]))
        for row in undated[:MAX_EXAMPLES]
    )
    return QualityIssue(QualityRule.ITERATION_WITHOUT_DATES, QualitySeverity.MEDIUM, len(undated), examples)


# --- the gate, and what is not connected ---


def _gate_issues(known: ProjectHistory, as_of: datetime, calendar: WorkCalendar) -> list[QualityIssue]:
    """What the data gate says already."""
    return [
        QualityIssue(
            _OF_READINESS[reason.code],
            QualitySeverity.MEDIUM if reason.readiness == Readiness.LIMITED else QualitySeverity.HIGH,
            1,
            (Example("", reason.message),),
        )
        for reason in finish_readiness(known, as_of=as_of, calendar=calendar).reasons
        if reason.code in _OF_READINESS
    ]


def _missing_sources(known: ProjectHistory) -> list[QualityIssue]:
    absent = {
        QualityRule.NO_COSTS: len(known.spent) == 0,
        QualityRule.NO_CAPACITY: len(known.context.capacity) == 0,
        QualityRule.NO_ACTIVITY: len(known.activity) == 0,
        QualityRule.NO_CI_RUNS: len(known.ci_runs) == 0 and len(known.deployments) == 0,
        QualityRule.NO_BASELINE: known.baseline is None,
    }
    return [QualityIssue(rule, QualitySeverity.LOW, int(is_absent)) for rule, is_absent in absent.items()]


# --- goals ---


def _goal(goal: GoalFact) -> Example:
    return Example(goal.id, goal.title)


def _issue(rule: QualityRule, severity: QualitySeverity, examples: list[Example]) -> QualityIssue:
    return QualityIssue(rule, severity, len(examples), tuple(examples[:MAX_EXAMPLES]))


def _contradictory(goals: Iterable[GoalFact]) -> list[Example]:
    """Goals of one title, kind and unit of which no value can meet all."""
    groups: dict[tuple[str, str, str], list[GoalFact]] = {}
    for goal in goals:
        if goal.value is not None:
            groups.setdefault((goal.title.casefold().strip(), goal.kind, goal.unit), []).append(goal)
    return [_goal(goal) for group in groups.values() if not _can_all_hold(group) for goal in group]


def _can_all_hold(goals: list[GoalFact]) -> bool:
    values = {str(type(goal.value)) for goal in goals}
    if len(goals) == 1 or (len(values) > 1 and not all(isinstance(goal.value, int | float) for goal in goals)):
        return True  # one alone, or values that cannot be compared
    exact = {goal.value for goal in goals if goal.direction == "EXACTLY"}
    low = max([goal.value for goal in goals if goal.direction in ("AT_LEAST", "EXACTLY")], default=None)  # type: ignore[type-var]  # one type by the line above
    high = min([goal.value for goal in goals if goal.direction in ("AT_MOST", "EXACTLY")], default=None)  # type: ignore[type-var]  # likewise
    return len(exact) <= 1 and (low is None or high is None or low <= high)  # type: ignore[operator]  # likewise

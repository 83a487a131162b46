"""Projects that never existed, with one gap planted in process, technology, quality or budget, or with none.

1. Items arrive, are worked on, reviewed, tested and done, each step with a delay of its own; some are bugs, some come
   back after they were done. CI runs, deployments, incidents, costs and a budget stand beside them.
2. All luck is drawn before, and a gap changes only its own part in the newest weeks: the same seed without the gap is
   the near twin of the project.
3. Which variant of its type a project gets (slower review or a growing queue, red builds or slow ones, ...) is drawn
   by the seed.

Knows nothing of how gaps are detected: nothing of that is imported here. Do not read anything about real teams out of
the numbers.

Example: seed 3, QUALITY planted: 9 items a week for 44 weeks; for the last 5 weeks about three times as many bugs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import numpy as np

from gaps.enums import GapType
from projects.enums import IncidentSeverity, RunOutcome, StatusCategory
from projects.history.delivery_facts import CiRunFact, DeploymentFact, IncidentFact
from projects.history.facts import (
    BaselineFact,
    BudgetFact,
    CostFact,
    HistoryFact,
    StatusChangeFact,
    WorkItemFact,
)

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
"""A Monday."""
WEEKS, GAP_WEEKS = 44, 4
"""A gap is asked about four weeks after it began; a project is asked about every week."""
AS_OF = BEGIN + timedelta(weeks=WEEKS)
TARGET = (AS_OF + timedelta(weeks=150)).date()
"""Comfortably far: whatever else is planted, the date is not at risk."""
PLANTED_TYPES = (GapType.PROCESS, GapType.TECHNOLOGY, GapType.QUALITY, GapType.BUDGET)
STEPS = ("Building", "Review", "Testing")
STEP_DAYS = (2.5, 1.5, 1.5)
STEP_VARIATION = 0.6
"""Standard deviation of the logarithm of a stay."""
BUG_SHARE, REOPEN_SHARE = 0.2, 0.08
CI_RUNS, CI_FAILURE, CI_MINUTES = 50, 0.12, 12.0
DEPLOYMENTS, CHANGE_FAILURE, LEAD_DAYS = 6, 0.12, 2.0
WEEKLY_COST, HOURS_PER_WEEK = 10_000.0, 125.0
OPEN_ITEMS_SHARE = 0.2
HEALTHY_BUDGET = (1.12, 1.3)
"""Budget over what the work will cost: most healthy projects have some reserve."""
DAY = timedelta(days=1)


@dataclass(slots=True)
class Stage:
    """What the gap changes in the newest weeks. Each default is a healthy project."""

    review_factor: float = 1.0
    review_closed_share: float = 0.0
    bug_factor: float = 1.0
    reopen_factor: float = 1.0
    ci_failure: float = CI_FAILURE
    ci_minutes_factor: float = 1.0
    change_failure: float = CHANGE_FAILURE
    deployments_factor: float = 1.0
    lead_factor: float = 1.0
    cost_factor: float = 1.0
    price_factor: float = 1.0
    added_share: float = 0.0


@dataclass(slots=True)
class Play:
    """Facts as they come to be, and the numbers of ids."""

    rng: np.random.Generator
    stage: Stage
    facts: list[HistoryFact] = field(default_factory=list)
    items: int = 0
    done: int = 0

    def is_late(self, at: datetime) -> bool:
        """Whether the gap is there."""
        return at >= AS_OF - timedelta(weeks=GAP_WEEKS)

    def days(self, mean: float) -> timedelta:
        """A delay with this mean, log-normal."""
        variation = STEP_VARIATION
        return timedelta(days=float(mean * np.exp(self.rng.normal(-(variation**2) / 2, variation))))


def simulate(gap_type: GapType, seed: int, *, planted: bool) -> list[HistoryFact]:
    """The facts of one project, as known at AS_OF.

    Raises ValueError for a type that has no variant here.
    """
    if gap_type not in VARIANTS:
        raise ValueError(f"no gap of type {gap_type} is simulated here")
    rng = np.random.default_rng([seed, PLANTED_TYPES.index(gap_type)])
    play = Play(rng, staged(gap_type if planted else None, rng))
    rate = float(rng.uniform(8, 14))
    _work(play, rate)
    add_ci(play)
    add_deployments(play)
    add_money(play, rest_share=OPEN_ITEMS_SHARE)
    return [fact for fact in play.facts if _began_at(fact) <= AS_OF]


def staged(gap_type: GapType | None, rng: np.random.Generator) -> Stage:
    """The part of a gap in how strong and in which variant, both drawn whether there is one or not."""
    stage, strength, choice = Stage(), float(rng.uniform(0.9, 1.4)), int(rng.integers(0, 1_000))
    if gap_type is not None:
        variants = VARIANTS[gap_type]
        variants[choice % len(variants)](stage, strength)
    return stage


def _slow_review(stage: Stage, strength: float) -> None:
    stage.review_factor = 1 + 3.0 * strength


def _closed_review(stage: Stage, strength: float) -> None:
    stage.review_closed_share = min(0.65 * strength, 0.95)


def _more_bugs(stage: Stage, strength: float) -> None:
    stage.bug_factor = 1 + 3.5 * strength


def _more_reopened(stage: Stage, strength: float) -> None:
    stage.reopen_factor = 1 + 5.0 * strength


def _red_builds(stage: Stage, strength: float) -> None:
    stage.ci_failure = CI_FAILURE + 0.2 * strength


def _slow_builds(stage: Stage, strength: float) -> None:
    stage.ci_minutes_factor = 1 + 0.9 * strength


def _failing_changes(stage: Stage, strength: float) -> None:
    stage.change_failure = CHANGE_FAILURE + 0.5 * strength


def _no_deployments(stage: Stage, strength: float) -> None:
    stage.deployments_factor = max(0.3 - 0.2 * strength, 0.0)


def _late_changes(stage: Stage, strength: float) -> None:
    stage.lead_factor = 1 + 3.0 * strength


def _dear_work(stage: Stage, strength: float) -> None:
    stage.cost_factor = 1 + 0.6 * strength


def _dear_hours(stage: Stage, strength: float) -> None:
    stage.price_factor = 1 + 0.6 * strength


def _more_scope(stage: Stage, strength: float) -> None:
    stage.added_share = 0.6 * strength


VARIANTS: dict[GapType, tuple[Callable[[Stage, float], None], ...]] = {
    GapType.PROCESS: (_slow_review, _closed_review),
    GapType.TECHNOLOGY: (_red_builds, _slow_builds, _failing_changes, _no_deployments, _late_changes),
    GapType.QUALITY: (_more_bugs, _more_reopened),
    GapType.BUDGET: (_dear_work, _dear_hours, _more_scope),
}


# --- work ---


def _work(play: Play, rate: float) -> None:
    """Items of all weeks, from their creation to where they stand."""
    rng, stage = play.rng, play.stage
    for week in range(WEEKS):
        arrivals, bugs = int(rng.poisson(rate * (1 - BUG_SHARE))), float(rate * BUG_SHARE)
        late_bugs = int(rng.poisson(bugs * (stage.bug_factor - 1))) if stage.bug_factor > 1 else 0
        kinds = ["Story"] * arrivals + ["Bug"] * int(rng.poisson(bugs))
        kinds += ["Bug"] * (late_bugs if week >= WEEKS - GAP_WEEKS else 0)
        for kind in kinds:
            _item(play, BEGIN + timedelta(weeks=week, days=float(rng.uniform(0, 7))), kind)
    remaining = round(OPEN_ITEMS_SHARE * play.items)
    added = round(stage.added_share * play.items)
    for number in range(remaining + added):
        planned_at, added_at = BEGIN - float(rng.uniform(1, 60)) * DAY, AS_OF - float(rng.uniform(1, 140)) * DAY
        created_at = planned_at if number < remaining else added_at
        play.items += 1
        play.facts.append(_item_fact(play.items, created_at, "Story"))
    scope = play.items - added
    play.facts.append(BaselineFact(BEGIN - DAY, BEGIN - DAY, TARGET, scope_items=scope, start_date=BEGIN.date()))


def _item(play: Play, created_at: datetime, kind: str) -> None:
    play.items += 1
    number = play.items
    planned_at = BEGIN - float(play.rng.uniform(1, 60)) * DAY  # stories are planned before, bugs come as they come
    play.facts.append(_item_fact(number, created_at if kind == "Bug" else planned_at, kind))
    at = created_at + play.days(1.0)
    for step, mean in zip(STEPS, STEP_DAYS, strict=True):
        play.facts.append(_move(number, StatusCategory.IN_PROGRESS, at, step))
        is_slowed = step == "Review" and play.is_late(at)
        is_stuck = play.rng.random() < play.stage.review_closed_share
        at += play.days(mean * (play.stage.review_factor if is_slowed else 1.0))
        if is_slowed and is_stuck:
            return
    play.facts.append(_move(number, StatusCategory.DONE, at, "Done"))
    play.done += int(at <= AS_OF)
    share = REOPEN_SHARE * (play.stage.reopen_factor if play.is_late(at) else 1.0)
    if play.rng.random() < share:
        back = at + play.days(1.5)
        play.facts.append(_move(number, StatusCategory.IN_PROGRESS, back, STEPS[0]))
        play.facts.append(_move(number, StatusCategory.DONE, back + play.days(1.0), "Done"))


def _item_fact(number: int, created_at: datetime, kind: str) -> WorkItemFact:
    return WorkItemFact(UUID(int=number), f"SIM-{number}", created_at, created_at, item_type=kind)


def _move(number: int, to: StatusCategory, at: datetime, state: str) -> StatusChangeFact:
    return StatusChangeFact(UUID(int=number), to, at, at, to_state=state)


# --- delivery ---


def add_ci(play: Play) -> None:
    """CI runs of every week."""
    rng, number = play.rng, 0
    for week in range(WEEKS):
        is_late = week >= WEEKS - GAP_WEEKS
        for _ in range(int(rng.poisson(CI_RUNS))):
            number += 1
            started_at = BEGIN + timedelta(weeks=week, days=float(rng.uniform(0, 7)))
            minutes = CI_MINUTES * float(np.exp(rng.normal(0, 0.2)))
            minutes *= play.stage.ci_minutes_factor if is_late else 1.0
            failed = rng.random() < (play.stage.ci_failure if is_late else CI_FAILURE)
            ended_at = started_at + timedelta(minutes=minutes)
            outcome = RunOutcome.FAILURE if failed else RunOutcome.SUCCESS
            pipeline = ("unit", "browser")[int(rng.integers(2))]
            play.facts.append(
                CiRunFact(UUID(int=number), started_at, ended_at, outcome, ended_at, pipeline, commit=f"{number}")
            )


def add_deployments(play: Play) -> None:
    """Deployments of every week, with an incident behind each change that failed."""
    rng, stage, number = play.rng, play.stage, 0
    for week in range(WEEKS):
        is_late = week >= WEEKS - GAP_WEEKS
        expected = DEPLOYMENTS * (stage.deployments_factor if is_late else 1.0)
        for _ in range(int(rng.poisson(expected))):
            number += 1
            started_at = BEGIN + timedelta(weeks=week, days=float(rng.uniform(0, 7)))
            ended_at = started_at + timedelta(minutes=8)
            failed = rng.random() < (stage.change_failure if is_late else CHANGE_FAILURE)
            committed_at = started_at - play.days(LEAD_DAYS * (stage.lead_factor if is_late else 1.0))
            play.facts.append(
                DeploymentFact(
                    id=UUID(int=number),
                    external_id=f"deploy-{number}",
                    started_at=started_at,
                    recorded_at=ended_at,
                    outcome=RunOutcome.SUCCESS,
                    finished_at=ended_at,
                    environment="production",
                    committed_at=committed_at,
                )
            )
            if failed:
                opened_at = ended_at + timedelta(hours=1)
                resolved_at = opened_at + play.days(0.2)
                play.facts.append(
                    IncidentFact(
                        UUID(int=number), opened_at, opened_at, IncidentSeverity.SEV3, resolved_at, f"deploy-{number}"
                    )
                )


# --- money ---


def add_money(play: Play, *, rest_share: float) -> None:
    """Weekly bookings, and a budget that the work as planned would keep.  rest_share: to come, of what was spent"""
    rng, stage = play.rng, play.stage
    spent = 0.0
    for week in range(WEEKS):
        hours = HOURS_PER_WEEK * float(np.exp(rng.normal(0, 0.1)))
        usual = WEEKLY_COST * hours / HOURS_PER_WEEK
        spent += usual
        is_dear = week >= 12  # noqa: PLR2004 - the first quarter is as planned
        amount = usual * (stage.cost_factor * stage.price_factor if is_dear else 1.0)
        hours *= stage.cost_factor if is_dear else 1.0
        day: date = (BEGIN + timedelta(weeks=week, days=4)).date()
        recorded_at = datetime.combine(day, datetime.min.time(), tzinfo=UTC) + DAY
        play.facts.append(CostFact(UUID(int=week + 1), day, recorded_at, round(amount, 2), "EUR", hours))
    planned = spent * (1 + rest_share)
    reserve = float(rng.uniform(*HEALTHY_BUDGET))
    play.facts.append(BudgetFact(BEGIN - DAY, BEGIN - DAY, round(planned * reserve, 2), "EUR"))


def _began_at(fact: HistoryFact) -> datetime:
    match fact:
        case WorkItemFact():
            return fact.created_at
        case StatusChangeFact():
            return fact.changed_at
        case CiRunFact() | DeploymentFact():
            return fact.finished_at or fact.started_at
        case IncidentFact():
            return fact.opened_at
    return fact.recorded_at

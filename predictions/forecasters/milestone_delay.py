"""DELAY_RISK of every milestone with a date ahead: will what is open in it as of t not be done on that date?

1. The event is fixed when it is issued: the open items of the milestone as of t, and its date as of t.
2. What stands before its last item is its own open items and those of milestones with an earlier date: they go first.
3. Capacity goes to that queue in the share in which it went to work of milestones before: over about the horizon, the
   items finished that had been in a milestone at its beginning. The rest went elsewhere, or to what came in later. The
   share is drawn per trial from its beta distribution.
4. Durations are simulated along the paths of the finish forecast (simulation), the queue divided by the share.
5. The base rate is that of the project's own milestones whose date is over: how many had open items then.
6. Prevention, interval and impact are those of the project's delay.

Assumes that nearer milestones are worked on first. Do not believe it where a milestone collects wishes: a date that
nobody works towards has passed with open items before, and the base rate says so.

Example: 10 items open in the next release, 5 finished a week, half of them of releases: about 4 weeks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.error_pool import ErrorPool
from predictions.calibration.pace import Pace
from predictions.enums import PredictionType, Severity
from predictions.forecasters.answers import (
    Driver,
    EvidenceFact,
    ModelIdentity,
    ProbabilityEstimate,
    hash_of,
    oldest_items,
    seed_of,
)
from predictions.forecasters.base_rates import base_rate
from predictions.forecasters.delay_risk import day_quantiles, delay_options, expected_slip_if_late_days
from predictions.forecasters.finish import FinishTrials, finish_quantiles, level_error
from predictions.forecasters.items_done import ItemsDoneForecaster
from predictions.forecasters.prevention import ACCEPTED_PROBABILITY, prevention_window
from predictions.forecasters.resolution import open_items, scope_hash
from predictions.forecasters.risk import Claim, HoursToEvent, RiskForecast, Subject
from predictions.forecasters.severity import schedule_tolerance_days, severity_of
from predictions.forecasters.simulation import TRIALS, forecaster_of, simulate_finish
from predictions.forecasters.throughput import MAX_NEWCOMER_WINDOW, MIN_NEWCOMER_WINDOW, weekly_finishes
from projects.enums import MilestoneState, Readiness
from projects.history.calendar import WorkCalendar
from projects.history.columns import Flags
from projects.history.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_WEEK, from_us
from projects.history.observed import digest_of
from projects.history.project_history import ProjectHistory
from projects.history.readiness import (
    ReadinessReason,
    ReadinessReport,
    ReasonCode,
    UnlockStep,
    finish_readiness,
)
from projects.history.two_clocks import key_of

FloatArray = NDArray[np.float64]

MODEL = ModelIdentity("milestone-delay.queued-paths", "1")
MAX_MILESTONES, MAX_PAST_MILESTONES = 8, 20
"""The nearest ones: those behind them wait for them anyway; and the newest of the past."""
SHARE_PRIOR = (1.5, 0.5)
"""Before anything is seen, three quarters of the capacity is taken to go to milestones, as to known work at all."""
ITEMS_PER_DECISION = 4.0
"""As for newcomers: four items put into a release together are one piece of evidence."""
ENDED = (MilestoneState.RELEASED, MilestoneState.ARCHIVED)
ASSUMPTIONS = (
    "What is open in the milestone now is its scope and will be done.",
    "Milestones with an earlier date are worked on first.",
    "Capacity goes to work of milestones in the share in which it did before.",
    "The rate varies as it did before, including slow changes of its level.",
)


@dataclass(frozen=True, slots=True, eq=False)
class _Milestone:
    """One that lies ahead.  scope: its open items;  queue: those and the open items of the ones before it"""

    id: UUID
    name: str
    target: date
    ends_us: int
    scope: Flags
    queue: int


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """What the answers about all milestones of a moment have in common."""

    known: ProjectHistory
    calendar: WorkCalendar
    weekly: FloatArray
    readiness: ReadinessReport
    base_rate: float
    accepted: float
    forecaster: ItemsDoneForecaster
    pools: Sequence[ErrorPool] | None


def forecast_milestones(
    known: ProjectHistory,
    *,
    calendar: WorkCalendar | None = None,
    accepted_probability: float = ACCEPTED_PROBABILITY,
    pools: Sequence[ErrorPool] | None = None,
    forecaster: ItemsDoneForecaster | None = None,
) -> tuple[RiskForecast, ...]:
    """One forecast for each milestone with a date ahead and open items; one without a claim where there is none.

    Never raises on data; abstains.
    known: restricted to t;  pools: as for the finish forecast;  forecaster: that of the finish forecast, made with them
    """
    calendar = calendar or WorkCalendar()
    ahead = _ahead(known, calendar)
    readiness = finish_readiness(known, as_of=known.as_of_moment, calendar=calendar)
    if not ahead:
        readiness = readiness.with_reasons([_nothing_ahead()])
    if not readiness.carries_value:
        return (_abstention(known, readiness, accepted_probability),)
    weekly, base_rate = weekly_finishes(known, calendar=calendar), _base_rate(known, calendar)
    forecaster = forecaster or forecaster_of(Pace(weekly), pools=pools)
    basis = _Basis(known, calendar, weekly, readiness, base_rate, accepted_probability, forecaster, pools)
    return tuple(_forecast(basis, milestone) for milestone in ahead)


def _forecast(basis: _Basis, milestone: _Milestone) -> RiskForecast:
    known, accepted = basis.known, basis.accepted
    digests = [] if basis.pools is None else [pool.digest for pool in basis.pools]
    inputs_hash = hash_of({"milestones": _inputs_hash(known, accepted), "id": str(milestone.id), "pools": digests})
    days_left = (milestone.ends_us - known.known_at_us) / MICROSECONDS_PER_DAY
    trials, share, mean_share = _trials(basis, milestone, seed_of(inputs_hash))
    on_time = trials.probability_within(days_left)
    slip_days = expected_slip_if_late_days(trials, days_left)
    elsewhere = float((trials.days * share <= days_left).mean() - (trials.days <= days_left).mean())
    return RiskForecast(
        as_of=known.as_of_moment,
        type=PredictionType.DELAY_RISK,
        readiness=basis.readiness,
        is_reconstructed=known.is_reconstructed,
        model=MODEL,
        inputs_hash=inputs_hash,
        probability=ProbabilityEstimate(1 - on_time.value, 1 - on_time.high, 1 - on_time.low),
        base_rate=basis.base_rate,
        time_to_occurrence=HoursToEvent.known(days_left * 24),
        prevention_window=prevention_window(trials, days_left=days_left, accepted=accepted),
        impact=severity_of(slip_days / schedule_tolerance_days(days_left)) or Severity.LOW,
        drivers=(
            Driver("OTHER_WORK", "Work outside of milestones", 1 - mean_share, "share of capacity", elsewhere),
            Driver("QUEUE", "Items before and in it", float(milestone.queue), "items", 0.0),
        ),
        evidence=_evidence(known, milestone),
        claim=_claim(known, milestone),
        options=delay_options(trials, days_left=days_left, accepted=accepted),
        assumptions=ASSUMPTIONS,
        quantiles=day_quantiles(finish_quantiles(trials.days / 7, known.as_of_moment, basis.calendar)),
    )


def _claim(known: ProjectHistory, milestone: _Milestone) -> Claim:
    items, name = int(milestone.scope.sum()), milestone.name or "the milestone"
    return Claim(
        subject=Subject("milestone", str(milestone.id), milestone.name),
        description=f"Not all of the {items} open items of {name} are done by the end of {milestone.target}.",
        ends_at=from_us(milestone.ends_us),
        target_date=milestone.target,
        scope_items=items,
        scope_hash=scope_hash(known, milestone.scope),
    )


# --- which, and how long ---


def _ahead(known: ProjectHistory, calendar: WorkCalendar) -> list[_Milestone]:
    """Those with a date ahead and open items, by date; each knows what stands before it."""
    columns, found = known.milestones, []
    for row in range(len(columns.ids)):
        target = columns.target_date[row]
        is_over = columns.state[row] in ENDED or columns.released_us[row] <= known.known_at_us
        if target is not None and not is_over and calendar.end_of_day_us(target) > known.known_at_us:
            found.append((target, str(columns.ids[row]), row))
    ahead: list[_Milestone] = []
    before = np.zeros(len(known.items), dtype=np.bool_)
    for target, _, row in sorted(found):
        scope: Flags = known.members_of(columns.ids[row]) & known.states.open
        if not bool(scope.any()):
            continue
        before |= scope
        name = str(columns.names[row])
        ends_us = calendar.end_of_day_us(target)
        ahead.append(_Milestone(columns.ids[row], name, target, ends_us, scope, int(before.sum())))
    return ahead[:MAX_MILESTONES]


def _trials(basis: _Basis, milestone: _Milestone, seed: int) -> tuple[FinishTrials, FloatArray, float]:
    """Durations until the queue is done, and the share of capacity that goes to it: by trial, and on average."""
    known, weekly, rng = basis.known, basis.weekly, np.random.default_rng(seed)
    plain_weeks = milestone.queue / max(float(weekly[-MAX_NEWCOMER_WINDOW:].mean()), 1e-9)
    a, b = _share_parameters(known, horizon_weeks=plain_weeks, weeks=len(weekly))
    share = np.maximum(rng.beta(a, b, TRIALS), 0.01)
    simulated = simulate_finish(basis.forecaster, milestone.queue / share, rng)
    trials = FinishTrials(simulated.weeks * 7, 1 / share, level_error(weekly, simulated))
    return trials, share, a / (a + b)


def _share_parameters(known: ProjectHistory, *, horizon_weeks: float, weeks: int) -> tuple[float, float]:
    """Of the beta distribution of the capacity that goes to what is in milestones at the beginning of a window."""
    longest = max(MIN_NEWCOMER_WINDOW, min(MAX_NEWCOMER_WINDOW, weeks))
    window = int(np.clip(round(horizon_weeks), MIN_NEWCOMER_WINDOW, longest))
    since_us = known.known_at_us - window * MICROSECONDS_PER_WEEK
    stays, groups = known.context.stays, [key_of(each) for each in known.milestones.ids.tolist()]
    inside = np.isin(stays.group, groups) & (stays.at_us <= since_us) & (since_us < stays.until_us)
    was_planned = np.zeros(len(known.items), dtype=np.bool_)
    was_planned[stays.item[inside]] = True
    finished = known.states.finished & (known.states.finished_us > since_us)
    of_milestones, others = int((finished & was_planned).sum()), int((finished & ~was_planned).sum())
    a, b = SHARE_PRIOR
    return a + of_milestones / ITEMS_PER_DECISION, b + others / ITEMS_PER_DECISION


def _base_rate(known: ProjectHistory, calendar: WorkCalendar) -> float:
    """Share of the milestones whose date is over that had open items then, with one more each way."""
    columns = known.milestones
    over = [
        (calendar.end_of_day_us(target), identifier)
        for target, identifier in zip(columns.target_date, columns.ids, strict=True)
        if target is not None and calendar.end_of_day_us(target) <= known.known_at_us
    ]
    judged = missed = 0
    for ends_us, identifier in sorted(over, key=lambda each: (each[0], str(each[1])))[-MAX_PAST_MILESTONES:]:
        members = known.context.stays.members(identifier, ends_us, len(known.items))
        if bool(members.any()):
            judged += 1
            missed += bool((members & open_items(known, ends_us)).any())
    return base_rate(missed, judged)


# --- the rest of the answer ---


def _evidence(known: ProjectHistory, milestone: _Milestone) -> tuple[EvidenceFact, ...]:
    of, moment = ("milestone", str(milestone.id), milestone.name), known.as_of_moment
    return (
        EvidenceFact(*of, "target_date", milestone.target.isoformat(), moment),
        EvidenceFact(*of, "open_items", str(int(milestone.scope.sum())), moment),
        *oldest_items(known, milestone.scope),
    )


def _nothing_ahead() -> ReadinessReason:
    message = "No milestone with open items has a date that lies ahead."
    return ReadinessReason(ReasonCode.NO_TARGET, Readiness.MISCONFIGURED, message, UnlockStep.SET_TARGET_DATE)


def _abstention(known: ProjectHistory, readiness: ReadinessReport, accepted: float) -> RiskForecast:
    return RiskForecast(
        as_of=known.as_of_moment,
        type=PredictionType.DELAY_RISK,
        readiness=readiness,
        is_reconstructed=known.is_reconstructed,
        model=MODEL,
        inputs_hash=_inputs_hash(known, accepted),
    )


def _inputs_hash(known: ProjectHistory, accepted: float) -> str:
    groups = [known.context.milestones.digest(), digest_of(known.context.stays)]
    return hash_of({"facts": known.inputs_hash, "groups": groups, "accepted": accepted})

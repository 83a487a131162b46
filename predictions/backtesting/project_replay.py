"""What each type of prediction would have said of a project's past, and what came true: hits, misses, false alarms.

1. The delay risk is replayed target by target (forecasters.replay). At the same moments, with the same finish forecast,
   every other type at project level is asked, and its claims are settled by its own rule (risk_walk).
2. A hit is an occurrence that a warning covered from 72 h before; a miss one that was asked about by then without such
   a warning. What nobody could be asked about by then is told apart. A false alarm is a streak of warnings of which
   nothing came.
3. A type that fails on the record is silent from then on, and says so; the others go on.

Assumes what forecasters.replay and risk_walk assume: the forecaster of today is asked, about what survived.

Example: asked weekly for two years whether bugs exceed their limit in 28 days: two episodes, one warned of ten days
before; one more streak of warnings without an episode: 1 hit, 1 miss, 1 false alarm, lead time 240 h.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from statistics import median

from predictions.backtesting.risk_walk import Walk, Walker, distinct_events, occurrences, warnings_right
from predictions.enums import PredictionType
from predictions.forecasters.answers import ModelIdentity, hash_of
from predictions.forecasters.finish import FinishForecast
from predictions.forecasters.prevention import ACCEPTED_PROBABILITY
from predictions.forecasters.registry import FORECASTERS, RESOLVERS, Forecaster, ForecastInputs
from predictions.forecasters.replay import (
    DAYS_PER_MONTH,
    EventVerdict,
    Replay,
    ReplayPlan,
    Watcher,
    replay_delay_risk,
)
from predictions.forecasters.resolution import Circumstances
from projects.enums import Readiness
from projects.history.calendar import WorkCalendar
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReason, ReasonCode, UnlockStep

logger = logging.getLogger(__name__)

MODEL = ModelIdentity("replay.project", "1")
GROWTH_TRIALS = 300
"""Of the scope's paths at each moment: enough for P to within three points, an eighth of the time."""
WALKED: tuple[Forecaster, ...] = tuple(
    each for each in FORECASTERS if each.level == "project" and each.type != PredictionType.DELAY_RISK
)
FAILED = ReadinessReason(
    ReasonCode.FORECASTER_FAILED,
    Readiness.INSUFFICIENT,
    "This forecaster failed on the record; the others answered without it.",
    UnlockStep.TELL_SUPPORT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRecord:
    """How the warnings of one type turned out over a past.

    moments, answered: how often it was asked, and how often the record could carry an answer
    events: distinct ones whose outcome is known;  unforeseeable: occurrences nobody could be asked about 72 h before
    late: warned of less than 72 h before;  lead_times_h: of the hits
    closed_by: what the newest moment without an answer lacked
    """

    type: PredictionType
    moments: int
    answered: int
    step: timedelta
    events: int
    hits: int
    late: int
    misses: int
    unforeseeable: int
    false_alarms: int
    lead_times_h: tuple[float, ...]
    closed_by: tuple[ReadinessReason, ...] = ()

    @property
    def project_months(self) -> float:
        """Of the answered moments."""
        return self.answered * self.step.total_seconds() / 86_400 / DAYS_PER_MONTH

    @property
    def false_alarms_per_project_month(self) -> float | None:
        """None where less than a month was answered."""
        return self.false_alarms / self.project_months if self.project_months >= 1 else None

    @property
    def lead_time_p50_h(self) -> float | None:
        """Of the hits; None without any."""
        return median(self.lead_times_h) if self.lead_times_h else None


@dataclass(frozen=True, slots=True)
class ProjectReplay:
    """The replay of the delay risk, and the records of all types, that of the delay first."""

    delay: Replay
    types: tuple[TypeRecord, ...]
    inputs_hash: str
    model: ModelIdentity = field(default=MODEL)


def replay_project(
    history: ProjectHistory,
    plan: ReplayPlan,
    *,
    calendar: WorkCalendar,
    accepted_probability: float = ACCEPTED_PROBABILITY,
    observed_until: datetime | None = None,
    team_signals_enabled: bool = False,
    forecasters: Sequence[Forecaster] = WALKED,
    watch: Watcher = lambda _done, _all: None,
) -> ProjectReplay:
    """Ask every type at every moment of a plan, and settle what it would have said. Pure.

    observed_until: when the record was last looked at;  team_signals_enabled: whether the team agreed
    """
    now = Circumstances(plan.until, observed_until, team_signals_enabled=team_signals_enabled)
    today = history.as_of(plan.until)
    asked = [_Asked(each, Walker(today, RESOLVERS[each.type], now)) for each in forecasters]
    inputs = partial(
        ForecastInputs,
        calendar=calendar,
        accepted_probability=accepted_probability,
        team_signals_enabled=team_signals_enabled,
        growth_trials=GROWTH_TRIALS,
    )

    def look(known: ProjectHistory, finish: FinishForecast) -> None:
        given = inputs(known=known, finish=finish)
        for each in asked:
            each.see(given)

    delay = replay_delay_risk(
        history,
        plan,
        calendar=calendar,
        accepted_probability=accepted_probability,
        observed_until=observed_until,
        watch=watch,
        look=look,
    )
    inputs_hash = hash_of(
        {
            "delay": delay.inputs_hash,
            "beside": _facts_beside(today),
            "team_signals": team_signals_enabled,
            "types": [each.forecaster.name for each in asked],
        }
    )
    return ProjectReplay(delay, (delay_record(delay), *(each.record(plan) for each in asked)), inputs_hash)


def _facts_beside(today: ProjectHistory) -> list[str]:
    """What names the facts that the delay risk does not read."""
    context = today.context
    columns = (context.activity, context.assignments, context.milestones, context.deployments, context.incidents)
    return [today.costs_hash, repr(context.capacity), *(column.digest() for column in columns)]


def delay_record(replay: Replay) -> TypeRecord:
    """The delay risk by its targets."""
    answered = [step for step in replay.steps if step.probability is not None]
    silent = [step for step in replay.steps if step.probability is None]
    hits = [event for event in replay.events if event.verdict == EventVerdict.HIT]
    return TypeRecord(
        type=PredictionType.DELAY_RISK,
        moments=len(replay.steps),
        answered=len(answered),
        step=replay.plan.step,
        events=sum(event.verdict != EventVerdict.UNDECIDED for event in replay.events),
        hits=len(hits),
        late=replay.verdicts(EventVerdict.LATE),
        misses=replay.verdicts(EventVerdict.MISS),
        unforeseeable=0,
        false_alarms=replay.verdicts(EventVerdict.FALSE_ALARM),
        lead_times_h=tuple(event.lead_time_h for event in hits if event.lead_time_h is not None),
        closed_by=silent[-1].readiness.reasons if silent else (),
    )


@dataclass(slots=True)
class _Asked:
    """One type on its way through the past."""

    forecaster: Forecaster
    walker: Walker
    closed_by: tuple[ReadinessReason, ...] = ()
    has_failed: bool = False

    def see(self, inputs: ForecastInputs) -> None:
        if self.has_failed:
            return
        try:
            for risk in self.forecaster.ask(inputs):
                self.walker.see(risk)
                if risk.claim is None:
                    self.closed_by = risk.readiness.reasons
        except Exception:
            logger.exception("%s failed in a replay", self.forecaster.name)
            self.has_failed, self.closed_by = True, (FAILED,)

    def record(self, plan: ReplayPlan) -> TypeRecord:
        walk: Walk = tuple(self.walker.steps)
        happened = occurrences(walk)
        foreseeable = [event for event in happened if event.is_foreseeable]
        leads = tuple(event.lead_time_h for event in foreseeable if event.lead_time_h is not None)
        return TypeRecord(
            type=self.forecaster.type,
            moments=plan.count,
            answered=sum(step.probability is not None for step in walk),
            step=plan.step,
            events=distinct_events(walk),
            hits=len(leads),
            late=0,
            misses=len(foreseeable) - len(leads),
            unforeseeable=len(happened) - len(foreseeable),
            false_alarms=sum(not was_right for was_right in warnings_right(walk)),
            lead_times_h=leads,
            closed_by=self.closed_by,
        )

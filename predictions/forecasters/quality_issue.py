"""QUALITY_ISSUE: within 28 days, more bugs than the team's upper limit, or an incident of severity 1 or 2?

1. The event is fixed when it is issued: the limit comes from the year before t (bug_arrivals), the window is 28 days.
   Incidents belong to it where a tool that tells of them is connected (severe_incidents).
2. P of the bugs is that of the rung which did best on the project's own past: base rate, a negative binomial level, or
   that with covariates (quality_rungs); the model of the answer names it. P of an incident is that of its rate, and the
   two are taken to come independently.
3. The interval of P moves the level of the bugs by its standard error; that of the base rate is of its windows.
4. The base rate: in how many earlier windows of 28 days did either happen, by the limits of their time?
5. Time to occurrence: when the level brings the count above the limit, or the first incident comes, if it does.
6. Prevention: fewer items in progress, and time for the open bugs. Their effect is that of the learned coefficients,
   where that rung is served and they speak for it; it counts for the share of the window that is left. Otherwise the
   option is listed as untested, with no effect and no window.
7. Impact: the bugs to be expected if it happens, in limits; at least HIGH where an incident is the likelier way.

Assumes that bugs are reported as before. Do not believe it in the week a support desk is connected, nor as a measure of
the product: it counts what is reported.

Example: limit 20, the level has risen to 24 in 28 days: P is near .7; at the usual 12 it is near .05.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from predictions.enums import PredictionType, Priority, Severity
from predictions.forecasters.answers import (
    Driver,
    EvidenceFact,
    ModelIdentity,
    ProbabilityEstimate,
    hash_of,
    newest_items,
)
from predictions.forecasters.bug_arrivals import (
    WINDOW_DAYS,
    WINDOW_WEEKS,
    BugArrivals,
    bug_arrivals,
    bug_readiness,
)
from predictions.forecasters.finish import INTERVAL_Z
from predictions.forecasters.indicators import Indicator, trend_of
from predictions.forecasters.prevention import (
    ACCEPTED_PROBABILITY,
    Action,
    PreventionWindow,
    latest_hour,
    window_over,
)
from predictions.forecasters.quality_covariates import COVARIATES, LABELS, Covariates, quality_covariates
from predictions.forecasters.quality_rungs import QualityRung, QualityRungs, quality_rungs
from predictions.forecasters.risk import Claim, HoursToEvent, PreventiveOption, RiskForecast, best_first
from predictions.forecasters.severe_incidents import IncidentRate, incident_fact, incident_rate, severe_incidents
from predictions.forecasters.severity import severity_of
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReport

FloatArray = NDArray[np.float64]

MODEL_ID, MODEL_VERSION = "quality-issue.{rung}", "1"
MODEL = ModelIdentity(MODEL_ID.format(rung="none"), MODEL_VERSION)
"""Where it abstains, no rung answers."""
HORIZON = timedelta(days=WINDOW_DAYS)
HORIZON_H = WINDOW_DAYS * 24
LESS = 0.2
"""A fifth less of what can be steered: about what a team can do at once, as for scope and capacity."""
ASSUMPTIONS = (
    "Bugs are reported and typed as they were before.",
    "The limit is what the year before would have exceeded with 5 % at most.",
    "Bugs and severe incidents come independently of each other.",
    "What an action would do is read from past weeks; that is no proof that it is the cause.",
)


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """What one answer is made of, once the gate is passed.  incidents: None where nobody would tell of them"""

    known: ProjectHistory
    arrivals: BugArrivals
    covariates: Covariates
    rungs: QualityRungs
    incidents: IncidentRate | None

    def either(self, bugs: float) -> float:
        """P of bugs above the limit or an incident, from that of the bugs."""
        return 1 - (1 - bugs) * (1 - self.incident_chance)

    @property
    def incident_chance(self) -> float:
        return 0.0 if self.incidents is None else self.incidents.chance(WINDOW_WEEKS)

    @property
    def value(self) -> float:
        return self.either(self.rungs.chance)

    def value_with_less(self, covariate: str, from_hour: float) -> float:
        """P if from some hour on there is a fifth less of something, for the share of the window that is left."""
        left = min(max(1 - from_hour / HORIZON_H, 0.0), 1.0)
        moved = self.rungs.values.copy()
        moved[COVARIATES.index(covariate)] += math.log(1 - LESS) * left
        return self.either(self.rungs.chance_at(moved=moved))


def forecast_quality_issue(
    history: ProjectHistory, *, as_of: datetime, accepted_probability: float = ACCEPTED_PROBABILITY
) -> RiskForecast:
    """Forecast whether bugs exceed the team's limit, or a severe incident comes, in 28 days. Never raises on data.

    accepted_probability: P(neither) that the tenant accepts, in (0, 1)
    Raises ValueError for a naive as_of.
    """
    known = history.as_of(as_of)
    arrivals = bug_arrivals(known)
    readiness = bug_readiness(known, arrivals)
    inputs_hash = _inputs_hash(known, accepted_probability)
    if not readiness.carries_value:
        return _abstain(known, readiness, inputs_hash)
    covariates = quality_covariates(known, arrivals)
    basis = _Basis(
        known,
        arrivals,
        covariates,
        quality_rungs(arrivals, covariates),
        incident_rate(known, window_weeks=WINDOW_WEEKS),
    )
    return _forecast(basis, accepted=accepted_probability, readiness=readiness, inputs_hash=inputs_hash)


def _inputs_hash(known: ProjectHistory, accepted: float) -> str:
    incidents, milestones, deployments = known.incidents, known.milestones, known.deployments
    beside = {
        "incidents": [incidents.opened_us.tolist(), incidents.severity.tolist()],
        "milestones": [milestones.target_date.tolist(), milestones.released_us.tolist()],
        "deployments": deployments.finished_us.tolist(),
    }
    return hash_of({"facts": known.inputs_hash, "beside": beside, "accepted": accepted})


def _forecast(basis: _Basis, *, accepted: float, readiness: ReadinessReport, inputs_hash: str) -> RiskForecast:
    rungs, value = basis.rungs, basis.value
    low, high = (basis.either(chance) for chance in rungs.interval(INTERVAL_Z))
    return RiskForecast(
        as_of=basis.known.as_of_moment,
        type=PredictionType.QUALITY_ISSUE,
        readiness=readiness,
        is_reconstructed=_is_reconstructed(basis.known),
        model=ModelIdentity(MODEL_ID.format(rung=rungs.served), MODEL_VERSION),
        inputs_hash=inputs_hash,
        probability=ProbabilityEstimate(value, low, high),
        base_rate=_base_rate(basis),
        time_to_occurrence=_hours_to_event(basis),
        prevention_window=_window(basis, accepted),
        impact=_impact(basis),
        drivers=_drivers(basis),
        indicators=_indicators(basis),
        evidence=_evidence(basis),
        claim=_claim(basis),
        options=_options(basis, accepted),
        assumptions=ASSUMPTIONS,
    )


def _abstain(known: ProjectHistory, readiness: ReadinessReport, inputs_hash: str) -> RiskForecast:
    return RiskForecast(
        as_of=known.as_of_moment,
        type=PredictionType.QUALITY_ISSUE,
        readiness=readiness,
        is_reconstructed=_is_reconstructed(known),
        model=MODEL,
        inputs_hash=inputs_hash,
    )


def _is_reconstructed(known: ProjectHistory) -> bool:
    beside = (known.incidents.recorded_us, known.milestones.recorded_us, known.deployments.recorded_us)
    return known.is_reconstructed or any(bool((recorded > known.known_at_us).any()) for recorded in beside)


def _claim(basis: _Basis) -> Claim:
    begins_at, limit = basis.known.as_of_moment, basis.arrivals.limit
    ends_at = begins_at + HORIZON
    has_incidents = basis.incidents is not None
    incident = ", or an incident of severity 1 or 2 is opened" if has_incidents else ""
    return Claim(
        description=(
            f"More than {limit} bugs come in between {begins_at.isoformat(timespec='minutes')} and "
            f"{ends_at.isoformat(timespec='minutes')}{incident}."
        ),
        ends_at=ends_at,
        threshold=float(limit),
        unit=f"bugs in {WINDOW_DAYS} d",
        terms={"incidents": has_incidents},
    )


# --- numbers ---


def _base_rate(basis: _Basis) -> float:
    bugs = basis.rungs.chances[QualityRung.BASE_RATE]
    return bugs if basis.incidents is None else 1 - (1 - bugs) * (1 - basis.incidents.base_rate)


def _hours_to_event(basis: _Basis) -> HoursToEvent:
    """Quantiles of the moment at which either happens, by days, given that one does within the window."""
    days = np.arange(0.0, WINDOW_DAYS + 0.5, 0.5)
    bugs = np.maximum.accumulate(np.concatenate([[0.0], basis.rungs.chance_by(days[1:])]))
    incidents = np.zeros_like(days)
    if basis.incidents is not None:
        incidents = np.array([basis.incidents.chance(day / 7) for day in days])
    by_then = 1 - (1 - bugs) * (1 - incidents)
    p10, p50, p90 = (float(np.interp(share * by_then[-1], by_then, days)) * 24 for share in (0.1, 0.5, 0.9))
    return HoursToEvent(p10, p50, p90)


def _impact(basis: _Basis) -> Severity:
    """How far above the limit the count is to be expected, if it is above; an outage is never a small matter."""
    limit = basis.arrivals.limit
    counts = np.unique(np.geomspace(limit + 1, 10 * (limit + 1), 40).astype(np.int64))
    chances = np.array([basis.rungs.count.above(count - 1) for count in counts.tolist()])
    expected = limit + 1 + float((chances[1:] * np.diff(counts)).sum()) / float(chances[0])
    severity = severity_of(expected / limit) or Severity.LOW
    is_incident = basis.incident_chance > basis.rungs.chance
    return Severity.HIGH if is_incident and severity in (Severity.LOW, Severity.MEDIUM) else severity


# --- what can be done ---

ACTIONS: tuple[Action[str], ...] = (
    Action(
        "REDUCE_WORK_IN_PROGRESS",
        f"Work on {LESS:.0%} fewer items at once",
        "Finish what is begun before anything new is taken up, until the count is down by a fifth.",
        "work_in_progress",
    ),
    Action(
        "BUG_FIX_BUDGET",
        f"Close {LESS:.0%} of the open bugs",
        "Set time aside each week for the bugs that are open, before new features build on them.",
        "open_bugs",
    ),
)
"""The effect of each is the covariate that it moves."""
UNTESTED = "Untested: the weeks so far do not show what it would change."


def _options(basis: _Basis, accepted: float) -> tuple[PreventiveOption, ...]:
    return best_first(_option(basis, action, accepted) for action in ACTIONS)


def _option(basis: _Basis, action: Action[str], accepted: float) -> PreventiveOption:
    after, latest = basis.value_with_less(action.effect, 0.0), _latest_start_h(basis, action.effect, accepted)
    if after < basis.value:
        return PreventiveOption.of(action, probability_after=after, latest_start_h=latest)
    untested = PreventiveOption.of(action, probability_after=basis.value, latest_start_h=None)
    return replace(untested, description=f"{action.description} {UNTESTED}", priority=Priority.LOW)


def _latest_start_h(basis: _Basis, covariate: str, accepted: float) -> float | None:
    """None where it cannot help, or nobody can tell whether it would."""
    if basis.value_with_less(covariate, 0.0) >= basis.value:
        return None
    return latest_hour(lambda hour: 1 - basis.value_with_less(covariate, hour) >= accepted, limit_h=HORIZON_H)


def _window(basis: _Basis, accepted: float) -> PreventionWindow | None:
    """The hours left to act; None where no action restores the accepted probability, or none is needed."""
    if 1 - basis.value >= accepted:
        return None
    return window_over(
        ACTIONS,
        lambda covariate, case: _latest_start_h(case, covariate, accepted),
        now=basis,
        worse=_shifted(basis, 1),
        better=_shifted(basis, -1),
    )


def _shifted(basis: _Basis, sign: int) -> _Basis:
    """The same with the level off by its standard error."""
    error = basis.rungs.count.level_error
    return replace(basis, rungs=replace(basis.rungs, factor=math.exp(sign * INTERVAL_Z * min(error, 1.0))))


# --- what moves it ---


def _drivers(basis: _Basis) -> tuple[Driver, ...]:
    """What moves P, strongest first; each effect is that of the one thing being as it usually is."""
    rungs, value = basis.rungs, basis.value
    recent = rungs.recent_per_week
    at_usual = basis.either(rungs.chance_at(level_factor=rungs.usual_per_week / recent))
    found = [Driver("BUG_LEVEL", "Bugs of late", recent, "bugs/week", value - at_usual)]
    if basis.incidents is not None:
        rate = basis.incidents.per_week
        found.append(Driver("INCIDENTS", "Severe incidents", rate, "incidents/week", value - rungs.chance))
    if rungs.served is QualityRung.LEARNED:
        for place, name in enumerate(COVARIATES):
            without = rungs.values.copy()
            without[place] = 0.0
            effect = value - basis.either(rungs.chance_at(moved=without))
            count = float(basis.covariates.counts[-1, place])
            found.append(Driver(name.upper(), LABELS[name], count, "count", effect))
    return tuple(sorted(found, key=lambda driver: (-abs(driver.effect), driver.code)))


def _indicators(basis: _Basis) -> tuple[Indicator, ...]:
    arrivals, counts = basis.arrivals, basis.covariates.counts
    recent = float(arrivals.weekly[-WINDOW_WEEKS:].sum())
    found = [Indicator("bugs_in_28_days", recent, "bugs", float(arrivals.limit), trend_of(arrivals.weekly), 0.4)]
    weights = {"open_bugs": 0.3, "work_in_progress": 0.2, "churn": 0.1}
    for name, weight in weights.items():
        series = counts[:, COVARIATES.index(name)]
        usual = float(series[:-1][-26:].mean()) if len(series) > 1 else 0.0
        found.append(Indicator(name, float(series[-1]), "items", usual, trend_of(series), weight))
    return tuple(found)


def _evidence(basis: _Basis) -> tuple[EvidenceFact, ...]:
    known, arrivals, moment = basis.known, basis.arrivals, basis.known.as_of_moment
    severe = np.flatnonzero(severe_incidents(known))
    latest = severe[np.argsort(-known.incidents.opened_us[severe], kind="stable")][:1]
    recent = str(int(arrivals.weekly[-WINDOW_WEEKS:].sum()))
    return (
        EvidenceFact("project", "", "Upper limit", "bugs_in_28_days", str(arrivals.limit), moment),
        EvidenceFact("project", "", "Bugs in the last 28 days", "bugs_in_28_days", recent, moment),
        *newest_items(known, arrivals.counted),
        *(incident_fact(known, row, "Newest severe incident") for row in latest.tolist()),
    )

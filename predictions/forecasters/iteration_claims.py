"""DELAY_RISK of every iteration that runs, from the record as of t, as claims that can be settled.

1. The project's iterations are cut at the share of days that the one asked about has behind it (iteration_snapshots).
2. The event is fixed when it is issued: less than 80 % of the points committed at its start are delivered by its
   planned end as of t.
3. The probability is that of `forecast_iteration`, which learns from the iterations that ship, cut at the nearest
   share, beside the project's own. Its 80 % interval is that of its level: how little the settled iterations say.
4. It happens, if it does, at the planned end. The impact is what is missing at the median, in fifths of the commitment.

Assumes what iteration_snapshots and iteration_risk assume. What can be done about it is not forecast: the record does
not say which of the items could be left out.

Example: 20 points committed, 4 done after a third of the days, 10 delivered usually: P(under 16) near 0.9.
"""

from functools import cache

import numpy as np

from predictions.calibration.iteration_features import UNDER_SHARE
from predictions.calibration.recalibration import PRIOR_CURVATURE, PRIOR_FORECASTS, expit, logit
from predictions.enums import PredictionType, Severity
from predictions.forecasters.answers import EvidenceFact, ProbabilityEstimate, hash_of
from predictions.forecasters.finish import INTERVAL_Z
from predictions.forecasters.iteration_delivery import MODEL, IterationHistory
from predictions.forecasters.iteration_readiness import iteration_reasons
from predictions.forecasters.iteration_risk import IterationRisk, forecast_iteration
from predictions.forecasters.iteration_snapshots import IterationSnapshots, begun_iterations, iteration_snapshots
from predictions.forecasters.risk import Claim, HoursToEvent, Quantile, Quantiles, RiskForecast, Subject
from predictions.forecasters.severity import severity_of
from predictions.priors.iterations import SNAPSHOTS, shipped_iterations
from projects.enums import Readiness
from projects.history.instants import from_us
from projects.history.observed import digest_of
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReason, ReadinessReport, ReasonCode, UnlockStep, report

MAX_ASKED = 4
"""Iterations side by side; more are boards of other teams, and each costs a forecast."""
COMMITMENT_TOLERANCE = 0.2
"""What the event itself forgives: four fifths delivered are as committed."""
SUREST = 0.01
"""The trees count past iterations; none of them is never."""
UNIT = "points"
ASSUMPTIONS = (
    "The team estimates as it used to.",
    "What was in the iteration at its start is what was committed.",
    "What is done by the planned end counts, also where the iteration is closed later.",
)


def forecast_iterations(known: ProjectHistory) -> tuple[RiskForecast, ...]:
    """One forecast for each iteration that runs at the history's moment; one without a claim where there is none.

    Never raises on data; abstains.
    """
    begun = begun_iterations(known)
    running = np.flatnonzero(known.iterations.ends_us[begun] > known.known_at_us)[-MAX_ASKED:]
    if not len(running):
        return (_abstention(known, Subject(), _none_running(has_any=bool(len(begun)))),)
    return tuple(_forecast(known, int(row), int(begun[row])) for row in running)


def _forecast(known: ProjectHistory, row: int, iteration: int) -> RiskForecast:
    """row: of the iterations begun;  iteration: of the history's"""
    starts_us, ends_us = int(known.iterations.starts_us[iteration]), int(known.iterations.ends_us[iteration])
    elapsed = (known.known_at_us - starts_us) / (ends_us - starts_us)
    snapshots = iteration_snapshots(known, elapsed=elapsed)
    found = forecast_iteration(
        snapshots.table, iteration=float(row), board=0.0, pools=shipped_histories(_nearest(elapsed))
    )
    subject = Subject("iteration", str(snapshots.ids[row]), snapshots.names[row])
    settled = int(np.isfinite(snapshots.table.delivered_points).sum())
    readiness = found.readiness.with_reasons(iteration_reasons(known, ended=settled))
    if not readiness.carries_value:
        return _abstention(known, subject, readiness)
    if found.p_under is None or found.delivered is None or found.base_rate is None:
        return _abstention(known, subject, found.readiness)
    committed = float(snapshots.table.committed_points[row])
    hours = (ends_us - known.known_at_us) / 3_600_000_000
    missing = max(0.0, 1 - found.delivered.p50 / committed)
    return RiskForecast(
        as_of=known.as_of_moment,
        type=PredictionType.DELAY_RISK,
        readiness=readiness,
        is_reconstructed=known.is_reconstructed,
        model=MODEL,
        inputs_hash=_inputs_hash(known, subject),
        probability=_estimate(found.p_under, settled),
        base_rate=min(max(found.base_rate, SUREST), 1 - SUREST),
        time_to_occurrence=HoursToEvent.known(hours),
        impact=severity_of(missing / COMMITMENT_TOLERANCE) or Severity.LOW,
        drivers=found.drivers,
        evidence=_evidence(known, snapshots, row, subject),
        claim=_claim(subject, committed, starts_us, ends_us),
        assumptions=ASSUMPTIONS,
        quantiles=_quantiles(found),
    )


@cache
def shipped_histories(at: str) -> tuple[IterationHistory, ...]:
    """The iterations that ship, with their features worked out once.  at: one of SNAPSHOTS"""
    return tuple(IterationHistory.of(table) for table in shipped_iterations(at))


def _nearest(elapsed: float) -> str:
    return min(SNAPSHOTS, key=lambda at: abs(int(at) / 100 - elapsed))


def _claim(subject: Subject, committed: float, starts_us: int, ends_us: int) -> Claim:
    ends_at, least = from_us(ends_us), UNDER_SHARE * committed
    name = subject.key or "The iteration"
    return Claim(
        subject=subject,
        description=f"{name} delivers less than {least:.3g} of the {committed:.3g} points committed at its start.",
        ends_at=ends_at,
        target_date=ends_at.date(),
        threshold=least,
        unit=UNIT,
        terms={"starts_at": from_us(starts_us).isoformat(), "committed_points": committed},
    )


def _estimate(p_under: float, settled: int) -> ProbabilityEstimate:
    p = min(max(p_under, SUREST), 1 - SUREST)
    width = INTERVAL_Z / np.sqrt(PRIOR_CURVATURE * (settled + PRIOR_FORECASTS))
    low, high = expit(logit(np.array([p])) - width), expit(logit(np.array([p])) + width)
    return ProbabilityEstimate(p, float(low[0]), float(high[0]))


def _quantiles(found: IterationRisk) -> Quantiles | None:
    if found.delivered is None:
        return None
    points = ((0.1, found.delivered.p10), (0.5, found.delivered.p50), (0.9, found.delivered.p90))
    return Quantiles(UNIT, tuple(Quantile(*point) for point in points))


def _evidence(
    known: ProjectHistory, snapshots: IterationSnapshots, row: int, subject: Subject
) -> tuple[EvidenceFact, ...]:
    table, started_at = snapshots.table, from_us(int(snapshots.starts_us[row]))
    figures = (
        ("committed_points", float(table.committed_points[row]), started_at),
        ("scope_points", float(table.scope_points[row]), known.as_of_moment),
        ("done_points", float(table.done_points[row]), known.as_of_moment),
    )
    return tuple(EvidenceFact("iteration", subject.id, subject.key, name, f"{x:g}", at) for name, x, at in figures)


def _abstention(known: ProjectHistory, subject: Subject, readiness: ReadinessReport) -> RiskForecast:
    return RiskForecast(
        as_of=known.as_of_moment,
        type=PredictionType.DELAY_RISK,
        readiness=readiness,
        is_reconstructed=known.is_reconstructed,
        model=MODEL,
        inputs_hash=_inputs_hash(known, subject),
    )


def _none_running(*, has_any: bool) -> ReadinessReport:
    message = "No iteration with a start and an end is running."
    if not has_any:
        message = "The record holds no iteration with a start and an end."
    code, step = ReasonCode.NO_TARGET, UnlockStep.SET_TARGET_DATE
    return report([ReadinessReason(code, Readiness.MISCONFIGURED, message, step)])


def _inputs_hash(known: ProjectHistory, subject: Subject) -> str:
    groups = [known.context.iterations.digest(), digest_of(known.context.stays), known.context.assignments.digest()]
    return hash_of({"facts": known.inputs_hash, "groups": groups, "subject": subject.id})

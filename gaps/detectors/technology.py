"""TECHNOLOGY: the way from a change to its users has become worse: builds, deployments, recovery.

1. Six measures by weeks that end now: CI runs that fail, duration of CI runs (P85), deployments a week, deployments
   that fail or cause an incident, lead time of changes (P85, oldest commit to deployed), time to restore (P85).
2. The newest 4 weeks are held against the 22 before them (shifts: exact tests at a level that keeps the year's false
   alarms in their budget, a signal of the chart, P(worse by more than T) of at least 80 %).
3. T: half of the usual share and at least 5 points for failures; a quarter of the usual P85 for durations; a third of
   the usual number for deployments.
4. Each measure is a gap of its own. Causes are candidates tested by weeks (gaps.causes): flaky tests, slow pipeline,
   large changes, one pipeline, an outage.

Facts: CI runs or deployments; incidents where there are any. Gate: 12 weeks of them, and 20 events in the measure; one
of the two sources missing leaves the other's measures, LIMITED; without both the type is off. Do not believe it across
a change of the pipeline itself (a new stage is no gap), nor lead times where commits are squashed. Targets of goals are
not asked: a measure that was always bad is no difference. False alarms: 0.02 a project-year where nothing changes; on
real records at most half an alarm a project-year.

Example: 40 runs a week, 4 of them red, then 12: 10 % and 30 %. T is 5 points, the effect 20 / 5 = 4 T: CRITICAL.
Source: Forsgren, Humble and Kim (2018), Accelerate (the four measures of delivery).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gaps.causes.candidates import Candidate
from gaps.causes.weekly import FloatArray, Weekly, share_of
from gaps.detectors.detection import PROJECT, Detection, DetectionContext
from gaps.detectors.finding import Effect
from gaps.detectors.gate import first_of, too_short
from gaps.detectors.measured_gaps import MeasuredGap, Remedy, finding_of
from gaps.detectors.ranked_causes import CauseText
from gaps.detectors.shifts import Shift, drop_shift, duration_shift, rate_shift, test_level
from gaps.enums import AreaKind, GapCategory, GapType
from predictions.forecasters.answers import MAX_EVIDENCE_ITEMS, EvidenceFact, ModelIdentity
from projects.enums import Readiness
from projects.history.columns import Flags, Texts
from projects.history.deliveries import FAILURE, SUCCESS, DeploymentColumns, RunColumns
from projects.history.instants import (
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_HOUR,
    MICROSECONDS_PER_MINUTE,
    Instants,
    from_us,
)
from projects.history.project_history import ProjectHistory
from projects.history.readiness import (
    STALE_AFTER_DAYS,
    ReadinessReason,
    ReadinessReport,
    ReasonCode,
    UnlockStep,
    report,
)
from tenants.enums import Role

MODEL = ModelIdentity("technology.weekly-delivery", "1")
BASE_WEEKS, RECENT_WEEKS, MIN_WEEKS = 22, 4, 12
WEEKS = BASE_WEEKS + RECENT_WEEKS
MIN_EVENTS, MIN_RECENT_EVENTS = 20, 4
"""Starting values: fewer do not tell a share to within ten points."""
FALSE_ALARMS_PER_YEAR, TESTS = 0.02, 6
SHARE_TOLERANCE, LEAST_SHARE_TOLERANCE = 0.5, 0.05
DURATION_TOLERANCE, DROP_TOLERANCE = 0.25, 1 / 3
LEAST_MINUTES, LEAST_HOURS = 1.0, 1.0
PRODUCTION = "prod"

TEXTS = {
    "FLAKY_TESTS": CauseText(
        GapCategory.TECHNICAL, "More runs fail and pass when run again.", "share of failures that pass when repeated"
    ),
    "SLOW_PIPELINE": CauseText(
        GapCategory.TECHNICAL, "The pipeline takes longer.", "median minutes of a run", after=("FLAKY_TESTS",)
    ),
    "LARGE_CHANGES": CauseText(
        GapCategory.OPERATIONAL,
        "Each deployment brings more.",
        "items finished per deployment",
        after=("SLOW_PIPELINE", "FLAKY_TESTS"),
    ),
    "HOTSPOT": CauseText(
        GapCategory.TECHNICAL, "What fails is mostly one pipeline.", "share of failures in the largest pipeline"
    ),
    "OUTAGE": CauseText(
        GapCategory.TECHNICAL, "Failures come together on a day.", "share of the week's failures on its worst day"
    ),
}
REMEDIES = (
    Remedy(
        "QUARANTINE_FLAKY_TESTS",
        "Take flaky tests out of the way and repair them",
        "A test that fails without a reason hides those that have one.",
        ("List tests that passed on a repeat", "Run them apart from the gate", "Repair or delete one a day"),
        24.0,
        cause="FLAKY_TESTS",
        restores=0.7,
    ),
    Remedy(
        "SPEED_UP_PIPELINE",
        "Make the pipeline faster",
        "Run in parallel, cache what does not change, and leave out what a change cannot break.",
        ("Measure the slowest stages", "Cache dependencies", "Split the longest stage"),
        24.0,
        cause="SLOW_PIPELINE",
    ),
    Remedy(
        "SMALLER_CHANGES",
        "Deploy smaller changes",
        "Deploy what is ready, so that each deployment has little that can break.",
        ("Agree on the largest size of a change", "Deploy every finished item"),
        8.0,
        cause="LARGE_CHANGES",
    ),
    Remedy(
        "MEND_PIPELINE",
        "Mend the pipeline that fails most",
        "Give the one pipeline that most failures come from to one person until it is green.",
        ("Name who mends it", "Stop merging into it while it is red"),
        16.0,
        cause="HOTSPOT",
        restores=0.7,
    ),
    Remedy(
        "REVIEW_OUTAGE",
        "Look into the outage",
        "Find what all failures of that day have in common, and watch it.",
        ("Gather the failures of the worst days", "Name the common part", "Watch it and alert before it fails"),
        8.0,
        cause="OUTAGE",
    ),
    Remedy(
        "STOP_AND_FIX",
        "Mend the way to production before new work",
        "One person looks at every failure for two weeks and mends the most frequent kind first.",
        ("Name who looks", "Sort the failures of the last weeks by kind", "Mend the most frequent kind"),
        40.0,
        owner_role=Role.PROJECT_MANAGER,
        restores=0.4,
    ),
)


@dataclass(frozen=True, eq=False)
class _Delivery:
    """What was delivered, once for all measures."""

    weekly: Weekly
    deployments: DeploymentColumns
    caused_incident: Flags

    @property
    def known(self) -> ProjectHistory:
        return self.weekly.known

    @classmethod
    def of(cls, weekly: Weekly) -> "_Delivery":
        deployments = weekly.known.deployments
        in_production = np.array([PRODUCTION in str(name).casefold() for name in deployments.environment], dtype=bool)
        if in_production.any():
            deployments = deployments.take(in_production)
        opened = weekly.known.incidents.opened_us <= weekly.known.known_at_us
        causes = {name for name in weekly.known.incidents.caused_by[opened].tolist() if name}
        caused = np.array([name in causes for name in deployments.external_ids.tolist()], dtype=np.bool_)
        return cls(weekly, deployments, caused)


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """One measure.  rows: what it is made of, adverse: those that make it worse;  is_drop: less is worse"""

    shift: Shift | None
    what: str
    unit: str
    rows: RunColumns | None
    adverse: Flags | None
    is_drop: bool = False


def detect_technology(context: DetectionContext) -> tuple[Detection, ...]:
    """Each measure of delivery against its own past; one detection that is off where nothing is connected."""
    known = context.known
    if len(known.ci_runs) == 0 and len(known.deployments) == 0:
        readiness = report([_missing("Neither CI runs nor deployments are on record.", Readiness.MISCONFIGURED)])
        return (Detection(type=GapType.TECHNOLOGY, model=MODEL, readiness=readiness, subject=PROJECT),)
    delivery = _Delivery.of(Weekly(known, context.calendar, WEEKS))
    return tuple(_detection(delivery, subject, measure) for subject, measure in MEASURES.items())


def _detection(delivery: _Delivery, subject: str, measure: Callable[[_Delivery], _Measured]) -> Detection:
    measured = measure(delivery)
    readiness = _readiness(delivery, measured)
    effect, finding = None, None
    if readiness.carries_value and measured.shift is not None:
        shift = measured.shift
        effect = shift.lasting_effect
        if shift.is_rise(test_level(FALSE_ALARMS_PER_YEAR, TESTS)):
            effect = shift.effect
            gap = _gap(delivery, subject, measured, shift)
            finding = finding_of(gap, delivery.known, readiness, reconstructed=_is_reconstructed(delivery.known))
    return Detection(
        type=GapType.TECHNOLOGY, model=MODEL, readiness=readiness, subject=subject, effect=effect, finding=finding
    )


def _gap(delivery: _Delivery, subject: str, measured: _Measured, shift: Shift) -> MeasuredGap:
    usual, recent, low, high = shift.usual, shift.recent, shift.low, shift.high
    if measured.is_drop:  # the shift counts what is missing; people want to read what is there
        usual = recent + shift.n / RECENT_WEEKS
        recent, low, high = usual - recent, usual - high, usual - low
    return MeasuredGap(
        type=GapType.TECHNOLOGY,
        category=GapCategory.TECHNICAL,
        model=MODEL,
        subject=subject,
        what=measured.what,
        unit=measured.unit,
        usual=usual,
        recent=recent,
        low=low,
        high=high,
        effect=Effect(shift.rise, shift.tolerance, measured.unit),
        confidence=shift.p_beyond,
        area=(AreaKind.COMPONENT, _worst_pipeline(delivery, measured)),
        evidence=_evidence(delivery, measured),
        outcome=np.concatenate([np.full(WEEKS - len(shift.series), np.nan), shift.series]),
        recent_weeks=RECENT_WEEKS,
        drivers=_drivers(delivery, subject),
        texts=TEXTS,
        remedies=REMEDIES,
    )


# --- measures ---


def _ended(rows: RunColumns, moment_us: int) -> Flags:
    """Runs that ended, after they started and not in the future, as success or failure."""
    has_outcome = (rows.outcome == SUCCESS) | (rows.outcome == FAILURE)
    ended: Flags = has_outcome & (rows.finished_us <= moment_us) & (rows.finished_us >= rows.started_us)
    return ended


def _ci_failures(delivery: _Delivery) -> _Measured:
    rows = delivery.known.ci_runs
    rows = rows.take(_ended(rows, delivery.known.known_at_us))
    adverse = rows.outcome == FAILURE
    return _Measured(_shares(delivery, rows.finished_us, adverse), "CI runs that fail", "share", rows, adverse)


def _ci_duration(delivery: _Delivery) -> _Measured:
    rows = delivery.known.ci_runs
    rows = rows.take(_ended(rows, delivery.known.known_at_us) & (rows.outcome == SUCCESS))
    minutes = (rows.finished_us - rows.started_us) / MICROSECONDS_PER_MINUTE
    shift = _durations(delivery, rows.finished_us, minutes, LEAST_MINUTES)
    return _Measured(shift, "Duration of CI runs (P85)", "min", rows, _long(shift, minutes))


def _deployments(delivery: _Delivery) -> _Measured:
    rows = delivery.deployments
    rows = rows.take(_ended(rows, delivery.known.known_at_us) & (rows.outcome == SUCCESS))
    counts = _since_first(delivery, delivery.weekly.sums(rows.finished_us), rows.finished_us)
    shift = drop_shift(counts, recent=RECENT_WEEKS, tolerance_share=DROP_TOLERANCE) if len(counts) > MIN_WEEKS else None
    return _Measured(shift, "Deployments a week", "a week", rows, np.ones(len(rows), dtype=np.bool_), is_drop=True)


def _change_failures(delivery: _Delivery) -> _Measured:
    rows = delivery.deployments
    ended = _ended(rows, delivery.known.known_at_us)
    adverse = ((rows.outcome == FAILURE) | delivery.caused_incident)[ended]
    rows = rows.take(ended)
    shift = _shares(delivery, rows.finished_us, adverse)
    return _Measured(shift, "Deployments that fail or cause an incident", "share", rows, adverse)


def _lead_time(delivery: _Delivery) -> _Measured:
    rows = delivery.deployments
    is_dated = (rows.outcome == SUCCESS) & (rows.committed_us <= rows.finished_us)
    rows = rows.take(_ended(rows, delivery.known.known_at_us) & is_dated)
    hours = (rows.finished_us - rows.committed_us) / MICROSECONDS_PER_HOUR
    shift = _durations(delivery, rows.finished_us, hours, LEAST_HOURS)
    return _Measured(shift, "Lead time of changes (P85)", "h", rows, _long(shift, hours))


def _restore_time(delivery: _Delivery) -> _Measured:
    rows = delivery.known.incidents
    ended = (rows.resolved_us <= delivery.known.known_at_us) & (rows.resolved_us >= rows.opened_us)
    rows = rows.take(ended)
    hours = (rows.resolved_us - rows.opened_us) / MICROSECONDS_PER_HOUR
    shift = _durations(delivery, rows.resolved_us, hours, LEAST_HOURS)
    return _Measured(shift, "Time to restore (P85)", "h", None, None)


MEASURES: dict[str, Callable[[_Delivery], _Measured]] = {
    "CI failures": _ci_failures,
    "CI duration": _ci_duration,
    "deployments": _deployments,
    "change failures": _change_failures,
    "lead time": _lead_time,
    "time to restore": _restore_time,
}


def _shares(delivery: _Delivery, at_us: Instants, adverse: Flags) -> Shift | None:
    weekly = delivery.weekly
    exposure, counts = weekly.sums(at_us), weekly.sums(at_us[adverse])
    if not _is_enough(exposure):
        return None
    return rate_shift(
        counts,
        exposure,
        recent=RECENT_WEEKS,
        tolerance_share=SHARE_TOLERANCE,
        least_tolerance=LEAST_SHARE_TOLERANCE,
        is_share=True,
    )


def _durations(delivery: _Delivery, at_us: Instants, durations: FloatArray, least: float) -> Shift | None:
    week = delivery.weekly.week_of(at_us)
    inside = (week >= 0) & (week < WEEKS)
    if not _is_enough(np.bincount(week[inside], minlength=WEEKS).astype(np.float64)):
        return None
    return duration_shift(
        week[inside],
        durations[inside],
        weeks=WEEKS,
        recent=RECENT_WEEKS,
        tolerance_share=DURATION_TOLERANCE,
        least_tolerance=least,
    )


def _is_enough(exposure: FloatArray) -> bool:
    return bool(exposure[:-RECENT_WEEKS].sum() >= MIN_EVENTS and exposure[-RECENT_WEEKS:].sum() >= MIN_RECENT_EVENTS)


def _since_first(delivery: _Delivery, counts: FloatArray, at_us: Instants) -> FloatArray:
    """The weeks since the first event: before it nothing was connected, which is not "none"."""
    if at_us.size == 0:
        return counts[:0]
    first = int(delivery.weekly.week_of(at_us).min())  # its own week may be a part of one only
    known = counts[max(first + 1, 0) :]
    return known if known[:-RECENT_WEEKS].sum() >= MIN_EVENTS else counts[:0]


def _long(shift: Shift | None, durations: FloatArray) -> Flags:
    return durations > (np.inf if shift is None else shift.usual)


# --- gate and evidence ---


def _readiness(delivery: _Delivery, measured: _Measured) -> ReadinessReport:
    known = delivery.known
    reasons = []
    for name, rows in (("CI runs", known.ci_runs), ("deployments", known.deployments)):
        if len(rows) == 0:
            reasons.append(_missing(f"No {name} are on record.", Readiness.LIMITED))
    last_us = max((_newest_us(rows, known) for rows in (known.ci_runs, known.deployments)), default=0)
    quiet_days = (known.known_at_us - last_us) / MICROSECONDS_PER_DAY
    if quiet_days > STALE_AFTER_DAYS:
        message = f"The newest CI run or deployment is {quiet_days:.0f} days old."
        step = UnlockStep.SYNCHRONISE
        reasons.append(
            ReadinessReason(ReasonCode.RECORD_STALE, Readiness.STALE, message, step, quiet_days, STALE_AFTER_DAYS)
        )
    short = too_short(known, first_of(known.ci_runs.started_us, known.deployments.started_us), weeks=MIN_WEEKS)
    if short is not None:
        reasons.append(short)
    elif measured.shift is None:
        message = f"{measured.what}: fewer than {MIN_EVENTS} events, or fewer than {MIN_RECENT_EVENTS} of late."
        reasons.append(
            ReadinessReason(ReasonCode.TOO_FEW_DELIVERIES, Readiness.INSUFFICIENT, message, UnlockStep.CONNECT_DELIVERY)
        )
    return report(reasons)


def _newest_us(rows: RunColumns, known: ProjectHistory) -> int:
    past = rows.started_us[rows.started_us <= known.known_at_us]
    return int(past.max()) if past.size else 0


def _missing(message: str, readiness: Readiness) -> ReadinessReason:
    return ReadinessReason(ReasonCode.NO_DELIVERIES, readiness, message, UnlockStep.CONNECT_DELIVERY)


def _is_reconstructed(known: ProjectHistory) -> bool:
    return any(rows.has_later(known.known_at_us) for rows in (known.ci_runs, known.deployments, known.incidents))


def _worst_pipeline(delivery: _Delivery, measured: _Measured) -> str:
    rows, adverse = measured.rows, measured.adverse
    names = getattr(rows, "pipeline", None) if rows is not None else None
    if names is None or adverse is None or not adverse.any():
        return "delivery"
    values, counts = np.unique(names[adverse].astype(str), return_counts=True)
    return str(values[int(np.argmax(counts))]) or "CI"


def _evidence(delivery: _Delivery, measured: _Measured) -> tuple[EvidenceFact, ...]:
    """The newest of the events that make the measure worse."""
    if measured.rows is None or measured.adverse is None:
        rows = delivery.known.incidents
        ended = np.flatnonzero(rows.resolved_us <= delivery.known.known_at_us)
        newest = ended[np.argsort(-rows.resolved_us[ended], kind="stable")][:MAX_EVIDENCE_ITEMS]
        return tuple(
            EvidenceFact(
                "incident", str(rows.ids[row]), "Incident", "resolved_at", _iso(rows.resolved_us[row]),
                from_us(int(rows.resolved_us[row])),
            )
            for row in newest
        )  # fmt: skip
    runs = measured.rows
    chosen = np.flatnonzero(measured.adverse)
    newest = chosen[np.argsort(-runs.finished_us[chosen], kind="stable")][:MAX_EVIDENCE_ITEMS]
    kind = "deployment" if isinstance(runs, DeploymentColumns) else "ci_run"
    return tuple(
        EvidenceFact(
            kind, str(runs.ids[row]), _label(runs, row), "outcome",
            "success" if runs.outcome[row] == SUCCESS else "failure", from_us(int(runs.finished_us[row])),
        )
        for row in newest
    )  # fmt: skip


def _label(runs: RunColumns, row: int) -> str:
    name = runs.environment[row] if isinstance(runs, DeploymentColumns) else getattr(runs, "pipeline", [""])[row]
    return str(name)


def _iso(us: int) -> str:
    return from_us(int(us)).isoformat()


# --- candidate causes ---


def _drivers(delivery: _Delivery, subject: str) -> tuple[Candidate, ...]:
    weekly, runs = delivery.weekly, delivery.known.ci_runs
    runs = runs.take(_ended(runs, delivery.known.known_at_us))
    failed = runs.outcome == FAILURE
    found = [
        Candidate(
            "FLAKY_TESTS", weekly.shares(runs.finished_us, _passed_on_repeat(runs.commit, runs.pipeline, failed))
        ),
        Candidate("LARGE_CHANGES", _items_per_deployment(delivery)),
        Candidate("HOTSPOT", _largest_pipeline(weekly, runs.finished_us[failed], runs.pipeline[failed])),
        Candidate("OUTAGE", _worst_day(weekly, runs.finished_us[failed])),
    ]
    if subject != "CI duration":  # it would explain itself
        minutes = (runs.finished_us - runs.started_us) / MICROSECONDS_PER_MINUTE
        found.append(Candidate("SLOW_PIPELINE", _weekly_median(weekly, runs.finished_us, minutes)))
    return tuple(found)


def _passed_on_repeat(commits: Texts, pipelines: Texts, failed: Flags) -> Flags:
    """Failures on a commit on which the same pipeline also passed."""
    keys = list(zip(commits.tolist(), pipelines.tolist(), strict=True))
    passed = {key for key, is_failed in zip(keys, failed.tolist(), strict=True) if not is_failed and key[0]}
    return failed & np.array([key in passed for key in keys], dtype=np.bool_)


def _items_per_deployment(delivery: _Delivery) -> FloatArray:
    rows = delivery.deployments
    deployed = rows.finished_us[_ended(rows, delivery.known.known_at_us) & (rows.outcome == SUCCESS)]
    return share_of(delivery.weekly.finished, delivery.weekly.sums(deployed))


def _largest_pipeline(weekly: Weekly, at_us: Instants, names: Texts) -> FloatArray:
    """Failures a week of the pipeline that failed most of late; one pipeline alone cannot be a hot spot."""
    week = weekly.week_of(at_us)
    late = (week >= WEEKS - RECENT_WEEKS) & (week < WEEKS)
    if not late.any() or len(set(names.tolist())) < 2:  # noqa: PLR2004 - one is all
        return np.full(WEEKS, np.nan)
    values, counts = np.unique(names[late].astype(str), return_counts=True)
    hot = names.astype(str) == values[int(np.argmax(counts))]
    return weekly.shares(at_us, hot)


def _worst_day(weekly: Weekly, at_us: Instants) -> FloatArray:
    by_day = weekly.by_day(at_us)
    return share_of(by_day.max(axis=1), by_day.sum(axis=1), at_least=4)


def _weekly_median(weekly: Weekly, at_us: Instants, values: FloatArray) -> FloatArray:
    week = weekly.week_of(at_us)
    medians = np.full(WEEKS, np.nan)
    for number in range(WEEKS):
        own = values[week == number]
        if own.size:
            medians[number] = np.median(own)
    return medians

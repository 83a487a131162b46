"""How good settled predictions were: one record of scores, computed from the claims and what became of them.

1. An event that was forecast often counts once: every score is the mean over events of the mean over its forecasts,
   and intervals resample events, because forecasts of one event share their luck.
2. Below MIN_EVENTS decided events there is no score, only how many are missing.
3. Censored claims are in no score; `brier_low` and `brier_high` say what the score would be if they had all ended well
   or badly for us.
4. A warning is the unbroken streak of alerts that covers the event; its lead time runs from when the first of them was
   issued, which may be a day after its facts, to when the event occurred, which for a budget is before the claim ends.
5. A quantile of the finish is scored where its day lies within the target, which is known when it is given: there the
   outcome says whether the scope was done by it.

Source of the scores: Brier (1950); Murphy (1973); Wilson (1927). The bootstrap's seed is fixed by the claims.

Example: 20 events, each forecast once at .7, of which 14 occurred: Brier score .21, one bin with .7 observed.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np

from predictions.calibration.scoring import FloatArray, wilson_interval

MIN_EVENTS = 20
"""Below it a Brier score of a good and of a useless forecaster overlap."""
MAX_BINS, EVENTS_PER_BIN = 10, 10
RESAMPLES = 1000
INTERVAL = (0.025, 0.975)
EARLY_ENOUGH_H = 72.0
LEAD_TIME_EDGES_H = (0.0, 24.0, EARLY_ENOUGH_H, 168.0, 336.0, 672.0, 1344.0)
"""Lower edges of the histogram of lead times: a day, the promise, one, two, four and eight weeks."""
WORST_MISSES = 5
MONTH = timedelta(days=30.4375)


@dataclass(frozen=True, slots=True)
class SettledClaim:
    """One prediction and what became of it.

    issued_at: when people could know of it, None: with its facts
    occurred: None when censored;  finish_days: day by nominal probability, None beyond any date
    target_day: the last day on which the event could be avoided;  done_on: when the scope was done, None if unknown
    occurred_at: before predicted_for where the event did not wait for the end of the claim; None where it did not occur
    """

    prediction_id: str
    project_id: str
    event_key: str
    episode_id: str
    as_of: datetime
    predicted_for: datetime
    settled_at: datetime
    probability: float
    base_rate: float | None
    is_alert: bool
    acted_on: bool
    occurred: bool | None
    finish_days: Mapping[float, date | None]
    target_day: date | None
    done_on: date | None
    occurred_at: datetime | None = None
    type: str = ""
    issued_at: datetime | None = None

    @property
    def event(self) -> tuple[str, str]:
        """What counts once, however often it was forecast."""
        return self.project_id, self.event_key


@dataclass(frozen=True, slots=True)
class Score:
    """A score with its 95 % interval over events."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Forecasts of about the same probability: what was said, what came.

    forecast, observed, low, high: in [0, 1];  events: distinct ones in the bin
    """

    forecast: float
    observed: float
    low: float
    high: float
    events: int


@dataclass(frozen=True, slots=True)
class QuantileCoverage:
    """How often the scope was done by the day given for a nominal probability."""

    nominal: float
    share: float
    low: float
    high: float
    events: int


@dataclass(frozen=True, slots=True)
class WarningRecord:
    """How early events were warned of, and how often in vain.

    knowable: events first forecast at least 72 h before; the others are counted in known_late
    reported_misses: events that no claim spoke of; recall is over the knowable ones and these
    lead times in hours, over the events that were warned of;  lead_time_counts: by LEAD_TIME_EDGES_H
    """

    occurred: int
    knowable: int
    warned_in_time: int
    known_late: int
    reported_misses: int
    recall: Score | None
    lead_time_p10_h: float | None
    lead_time_p50_h: float | None
    lead_time_counts: tuple[int, ...]
    false_alarms: int
    project_months: float
    false_alarms_per_month: float | None


@dataclass(frozen=True, slots=True)
class Miss:
    """A forecast that was far from what happened."""

    claim: SettledClaim
    squared_error: float


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """The scores of a set of claims; all of them are None or empty while events are missing."""

    events: int
    claims: int
    censored_claims: int
    missing_events: int
    brier: Score | None
    brier_low: float | None
    brier_high: float | None
    brier_base_rate: float | None
    skill: Score | None
    reliability: tuple[ReliabilityBin, ...]
    coverage: tuple[QuantileCoverage, ...]
    warnings: WarningRecord | None
    worst_misses: tuple[Miss, ...]


def track_record(claims: Sequence[SettledClaim], *, reported_misses: int = 0) -> TrackRecord:
    """Score a set of claims, in any order.  reported_misses: events of the same kind that no claim spoke of"""
    ordered = sorted(claims, key=lambda claim: (claim.event, claim.as_of, claim.prediction_id))
    decided = [claim for claim in ordered if claim.occurred is not None]
    events = len({claim.event for claim in decided})
    missing, censored = max(0, MIN_EVENTS - events), len(ordered) - len(decided)
    if missing:
        return TrackRecord(events, len(ordered), censored, missing, None, None, None, None, None, (), (), None, ())
    low, high = _brier_bounds(ordered)
    brier, base, skill = _brier_scores(decided)
    return TrackRecord(
        events=events,
        claims=len(ordered),
        censored_claims=censored,
        missing_events=0,
        brier=brier,
        brier_low=low,
        brier_high=high,
        brier_base_rate=base,
        skill=skill,
        reliability=_reliability(decided),
        coverage=_coverage(decided),
        warnings=_warnings(decided, reported_misses),
        worst_misses=_worst_misses(decided),
    )


@dataclass(frozen=True, slots=True)
class KeptPromises:
    """How often the day that was given for a probability was kept: "right 23 of 27 times".

    kept, judged: events, each by the first day it was promised;  missing: how many more are needed to judge
    share, low, high: None while events are missing; the interval is Wilson's, 95 %
    """

    nominal: float
    kept: int
    judged: int
    missing: int
    share: float | None
    low: float | None
    high: float | None


def kept_promises(claims: Sequence[SettledClaim], nominal: float) -> KeptPromises:
    """The record of one quantile over a set of claims, in any order.

    Whole events are counted: of several days given for one event the first is the promise.
    """
    ordered = sorted(claims, key=lambda claim: (claim.as_of, claim.prediction_id))
    first: dict[tuple[str, str], bool] = {}
    for claim in ordered:
        if claim.occurred is not None and is_scorable(claim, nominal):
            first.setdefault(claim.event, was_kept(claim, nominal))
    kept, judged = sum(first.values()), len(first)
    if judged < MIN_EVENTS:
        return KeptPromises(nominal, kept, judged, MIN_EVENTS - judged, None, None, None)
    return KeptPromises(nominal, kept, judged, 0, kept / judged, *wilson_interval(kept, judged))


def claims_hash(claims: Sequence[SettledClaim]) -> str:
    """SHA-256 of everything the scores depend on, whatever the order: 64 hex digits."""
    rows = sorted(repr((claim.prediction_id, claim)) for claim in claims)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


# --- scores of probabilities ---


def _brier_scores(decided: Sequence[SettledClaim]) -> tuple[Score, float | None, Score | None]:
    """Brier score, that of the base rates, and the skill against them; the latter two None without base rates."""
    errors = _event_means(decided, _squared_error)
    rng = np.random.default_rng(int(claims_hash(decided)[:16], 16))
    brier = _resampled(rng, lambda rows: float(errors[rows].mean()), len(errors))
    based = [claim for claim in decided if claim.base_rate is not None]
    if not based:
        return brier, None, None
    ours, theirs = _event_means(based, _squared_error), _event_means(based, _base_error)
    base = float(theirs.mean())
    if base == 0:
        return brier, base, None
    skill = _resampled(
        rng, lambda rows: 1 - float(ours[rows].mean()) / max(float(theirs[rows].mean()), 1e-12), len(ours)
    )
    return brier, base, skill


def _squared_error(claim: SettledClaim) -> float:
    return (claim.probability - float(bool(claim.occurred))) ** 2


def _base_error(claim: SettledClaim) -> float:
    return ((claim.base_rate or 0.0) - float(bool(claim.occurred))) ** 2


def _brier_bounds(claims: Sequence[SettledClaim]) -> tuple[float, float]:
    """The Brier score if every censored claim had ended as forecast, and if it had ended the other way."""
    bounds = []
    for pick in (min, max):
        errors = _event_means(
            claims,
            lambda claim, pick=pick: (  # type: ignore[misc]  # a default binds the loop's value
                pick(claim.probability**2, (1 - claim.probability) ** 2)
                if claim.occurred is None
                else _squared_error(claim)
            ),
        )
        bounds.append(float(errors.mean()))
    return bounds[0], bounds[1]


def _event_means(claims: Sequence[SettledClaim], value: Callable[[SettledClaim], float]) -> FloatArray:
    """The mean of a value over the forecasts of each event: shape (events,), in the order of events."""
    return np.array([float(np.mean([value(claim) for claim in of_event])) for of_event in _by_event(claims)])


def _by_event(claims: Sequence[SettledClaim]) -> list[list[SettledClaim]]:
    groups: dict[tuple[str, str], list[SettledClaim]] = {}
    for claim in claims:
        groups.setdefault(claim.event, []).append(claim)
    return [groups[event] for event in sorted(groups)]


def _resampled(rng: np.random.Generator, statistic: Callable[[np.ndarray], float], events: int) -> Score:
    """A statistic of all events, with the interval of drawing as many of them again and again."""
    drawn = [statistic(rng.integers(0, events, events)) for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, INTERVAL)
    return Score(statistic(np.arange(events)), float(low), float(high))


def _reliability(decided: Sequence[SettledClaim]) -> tuple[ReliabilityBin, ...]:
    """Bins of equally many forecasts by probability; within a bin an event counts once."""
    ordered = sorted(decided, key=lambda claim: (claim.probability, claim.event, claim.as_of))
    events = len({claim.event for claim in decided})
    bins = max(1, min(MAX_BINS, events // EVENTS_PER_BIN))
    edges = np.linspace(0, len(ordered), bins + 1).round().astype(int)
    return tuple(_bin(ordered[first:last]) for first, last in pairwise(edges))


def _bin(claims: Sequence[SettledClaim]) -> ReliabilityBin:
    forecast = _event_means(claims, lambda claim: claim.probability)
    observed = _event_means(claims, lambda claim: float(bool(claim.occurred)))
    low, high = wilson_interval(float(observed.sum()), len(observed))
    return ReliabilityBin(float(forecast.mean()), float(observed.mean()), low, high, len(observed))


def _coverage(decided: Sequence[SettledClaim]) -> tuple[QuantileCoverage, ...]:
    found = []
    for nominal in sorted({level for claim in decided for level in claim.finish_days}):
        scored = [claim for claim in decided if is_scorable(claim, nominal)]
        if scored:
            kept = _event_means(scored, lambda claim, nominal=nominal: float(was_kept(claim, nominal)))  # type: ignore[misc]  # the same
            low, high = wilson_interval(float(kept.sum()), len(kept))
            found.append(QuantileCoverage(nominal, float(kept.mean()), low, high, len(kept)))
    return tuple(found)


def is_scorable(claim: SettledClaim, nominal: float) -> bool:
    """Whether the outcome says if the day of a finish quantile was kept."""
    day = claim.finish_days.get(nominal)
    if day is None or claim.target_day is None or day > claim.target_day:
        return False
    return bool(claim.occurred) or claim.done_on is not None


def was_kept(claim: SettledClaim, nominal: float) -> bool:
    """Whether the scope was done by the day of a finish quantile, of a claim that is_scorable."""
    day = claim.finish_days[nominal]
    return claim.done_on is not None and day is not None and claim.done_on <= day


# --- warnings ---


def _warnings(decided: Sequence[SettledClaim], reported_misses: int) -> WarningRecord:
    events = _by_event(decided)
    came = [claims for claims in events if claims[-1].occurred]
    knowable = [claims for claims in came if _hours_before(claims[0]) >= EARLY_ENOUGH_H]
    leads = [lead for claims in came if (lead := lead_time_h(claims)) is not None]
    in_time = sum((lead_time_h(claims) or 0.0) >= EARLY_ENOUGH_H for claims in knowable)
    false_alarms = sum(
        len({claim.episode_id for claim in claims if claim.is_alert}) for claims in events if not claims[-1].occurred
    )
    months, asked = _project_months(decided), len(knowable) + reported_misses
    counts, _ = np.histogram(leads, bins=[*LEAD_TIME_EDGES_H, np.inf])
    return WarningRecord(
        occurred=len(came),
        knowable=len(knowable),
        warned_in_time=in_time,
        known_late=len(came) - len(knowable),
        reported_misses=reported_misses,
        recall=Score(in_time / asked, *wilson_interval(in_time, asked)) if asked else None,
        lead_time_p10_h=float(np.quantile(leads, 0.1)) if leads else None,
        lead_time_p50_h=float(np.quantile(leads, 0.5)) if leads else None,
        lead_time_counts=tuple(int(count) for count in counts),
        false_alarms=false_alarms,
        project_months=months,
        false_alarms_per_month=false_alarms / months if months > 0 else None,
    )


def lead_time_h(claims: Sequence[SettledClaim]) -> float | None:
    """Hours from the first alert of the streak that covers an event to the event; None when no alert did.

    claims: all of one event, oldest first
    """
    last = claims[-1]
    if not last.is_alert:
        return None
    first = next(claim for claim in claims if claim.is_alert and claim.episode_id == last.episode_id)
    return _hours_before(first)


def _hours_before(claim: SettledClaim) -> float:
    return ((claim.occurred_at or claim.predicted_for) - (claim.issued_at or claim.as_of)) / timedelta(hours=1)


def _project_months(claims: Sequence[SettledClaim]) -> float:
    """How long projects were under watch, from the first forecast of each to the last event that was decided."""
    spans: dict[str, tuple[datetime, datetime]] = {}
    for claim in claims:
        end = min(claim.predicted_for, claim.settled_at)
        first, last = spans.get(claim.project_id, (claim.as_of, end))
        spans[claim.project_id] = min(first, claim.as_of), max(last, end)
    return sum(((last - first) / MONTH for first, last in spans.values()), 0.0)


def _worst_misses(decided: Sequence[SettledClaim]) -> tuple[Miss, ...]:
    """For each event its worst forecast that could still have been acted on; the worst events first."""
    worst = []
    for claims in _by_event(decided):
        early = [claim for claim in claims if _hours_before(claim) >= EARLY_ENOUGH_H] or claims
        claim = max(early, key=_squared_error)
        worst.append(Miss(claim, _squared_error(claim)))
    worst.sort(key=lambda miss: (-miss.squared_error, miss.claim.event))
    return tuple(worst[:WORST_MISSES])

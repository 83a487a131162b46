"""PROCESS: work takes longer in a state than it used to, piles up before it, or waits more on its way.

1. Every named state between start and done is a subject of its own ("state:Review"), the whole way is another.
2. A state's time: P85 of the working days of the stays that ended in the newest 4 weeks, held against the 22 weeks
   before them (shifts: exact test, a signal of the weekly P85, P(rise > T) of at least 80 %). T is a quarter of the
   usual P85, at least 1 working day.
3. A state's queue: it grew in each of the last 3 weeks and is longer than the queues of the 22 weeks explain (exact
   test as for rates). The effect is the longer wait of who joins it now (items more / items that leave a day), in the T
   of 2. The larger of 2 and 3 is told.
4. Flow efficiency (active time over elapsed time of finished items): 10 points lower than before is T; the error of
   both ratios gives the test.
5. All tests share one level, which keeps the year's false alarms in their budget. Causes are candidates tested by weeks
   (gaps.causes): review bottleneck, batch hand-off, oversize items, back-flow, environment.

Facts: dated moves with the names of statuses. Gate: that of the work, 16 weeks of stays, 20 stays that ended before and
5 of late; with one state only between start and done, LIMITED: it is known that it takes longer, not where. The first 4
weeks of a record do not count: long stays had no time to end. Do not believe it where cards are moved on Fridays or a
workflow was just changed. False alarms: 0.02 a project-year where nothing changes; on real records, where levels do
change, at most half an alarm a project-year.

Example: 6 stays a week in Review, P85 3 days; in the last 4 weeks P85 is 8 days, and 15 of 24 stays took longer than 3
(3.6 are to be expected): p = 0.0001. T is 1 day, so the effect is 5 T: CRITICAL.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from gaps.causes.candidates import Candidate
from gaps.causes.weekly import FloatArray, Weekly, share_of
from gaps.detectors.detection import PROJECT, Detection, DetectionContext
from gaps.detectors.evidence import item_facts
from gaps.detectors.finding import Effect
from gaps.detectors.gate import first_of, too_short, work_readiness
from gaps.detectors.measured_gaps import MeasuredGap, Remedy, finding_of
from gaps.detectors.ranked_causes import CauseText
from gaps.detectors.severity import OPENS_AT_PROBABILITY
from gaps.detectors.shifts import LONG, Shift, dispersion, duration_shift, rate_test, signal_above, test_level
from gaps.detectors.state_visits import Visits, longest_first, queue_at, state_visits, working_days
from gaps.enums import AreaKind, GapCategory, GapType
from predictions.forecasters.answers import EvidenceFact, ModelIdentity
from projects.enums import ActivityKind, Readiness, TrackedField
from projects.history.activity import ACTIVITY_CODES
from projects.history.columns import Flags
from projects.history.flow_efficiency import efficiency_by_item
from projects.history.instants import MICROSECONDS_PER_WEEK, Instants
from projects.history.intervals import spans_of
from projects.history.readiness import ReadinessReason, ReadinessReport, ReasonCode, UnlockStep, report
from tenants.enums import Role

MODEL = ModelIdentity("process.state-times", "1")
BASE_WEEKS, RECENT_WEEKS, QUEUE_WEEKS = 22, 4, 3
WEEKS = BASE_WEEKS + RECENT_WEEKS
MIN_WEEKS, SETTLING_WEEKS = 16, 4
MIN_STAYS, MIN_RECENT_STAYS, MAX_STATES = 20, 5, 8
"""Twenty stays tell a P85 to within a third; more states than eight would ask more of each test than it can give."""
MIN_ITEMS, MIN_RECENT_ITEMS = 20, 8
FALSE_ALARMS_PER_YEAR = 0.02
TIME_TOLERANCE_SHARE, LEAST_DAYS = 0.25, 1.0
EFFICIENCY_TOLERANCE = 0.1
WORKING_DAYS_PER_WEEK = 5
LEAST_QUEUE = 0.5
MIN_ENTRIES = 3
REVIEW_STATE = re.compile(r"review|approv|verif|\bqa\b|test|abnahme|prüf", re.IGNORECASE)
REVIEWS = [
    ACTIVITY_CODES[kind] for kind in (ActivityKind.REVIEW, ActivityKind.APPROVAL, ActivityKind.CHANGES_REQUESTED)
]

TEXTS = {
    "REVIEW_BOTTLENECK": CauseText(
        GapCategory.OPERATIONAL,
        "More waits for a review or a check than is taken up.",
        "items waiting per reviewer",
        after=("OVERSIZE_ITEMS", "BACKFLOW"),
    ),
    "BATCH_HANDOFF": CauseText(
        GapCategory.OPERATIONAL,
        "Work is handed on in batches.",
        "share of the week's entries on its busiest day",
        after=("REVIEW_BOTTLENECK",),
    ),
    "OVERSIZE_ITEMS": CauseText(GapCategory.TACTICAL, "Items are larger.", "mean estimate of what left, points"),
    "BACKFLOW": CauseText(
        GapCategory.OPERATIONAL,
        "More items come back.",
        "share of entries that are returns",
        after=("OVERSIZE_ITEMS",),
    ),
    "ENVIRONMENT": CauseText(GapCategory.TECHNICAL, "More items are blocked.", "items blocked or flagged"),
}
REMEDIES = (
    Remedy(
        "REVIEW_FIRST",
        "Review before starting something new",
        "Whoever is free takes the oldest item that waits for a review.",
        ("Agree on a day as the longest wait", "Show what waits on the board", "Take the oldest one first"),
        4.0,
        cause="REVIEW_BOTTLENECK",
        restores=0.6,
    ),
    Remedy(
        "HAND_ON_SINGLY",
        "Hand on each item when it is ready",
        "A batch makes the last wait for the first.",
        ("Move each card when its step is done", "Leave out the collecting step"),
        4.0,
        cause="BATCH_HANDOFF",
    ),
    Remedy(
        "SPLIT_ITEMS",
        "Split what is larger than usual",
        "Cut items by what a user could see, until each fits into a few days.",
        ("Mark items above the usual size", "Split them with who will check them"),
        8.0,
        cause="OVERSIZE_ITEMS",
    ),
    Remedy(
        "AGREE_ON_DONE",
        "Agree what has to be true before work is handed on",
        "Items come back because the next step finds what the one before left out.",
        ("Note why the last ten came back", "Write the most frequent reasons as a check list"),
        6.0,
        cause="BACKFLOW",
    ),
    Remedy(
        "CLEAR_BLOCKERS",
        "Clear what blocks",
        "Give each blocked item a name and a day by which it can go on.",
        ("Walk through the blocked items daily", "Escalate what is blocked for two days"),
        8.0,
        owner_role=Role.PROJECT_MANAGER,
        cause="ENVIRONMENT",
    ),
    Remedy(
        "LIMIT_QUEUE",
        "Limit what may stand in the state",
        "Start nothing that would only join the queue; help to empty it.",
        ("Set a limit at the usual number", "Empty the queue down to it", "Keep to it for four weeks"),
        8.0,
        restores=0.4,
    ),
)


@dataclass(frozen=True, eq=False)
class _Flow:
    """The stays of a project, once for all states.  days: working days of each stay;  week: in which it ended"""

    weekly: Weekly
    visits: Visits
    days: FloatArray
    week: Instants
    counts: Flags

    @classmethod
    def of(cls, weekly: Weekly) -> "_Flow":
        known = weekly.known
        visits = state_visits(known)
        week = weekly.week_of(visits.end_us)
        settled_us = (int(visits.begin_us.min()) if len(visits) else 0) + SETTLING_WEEKS * MICROSECONDS_PER_WEEK
        counts = visits.is_timed & (week >= 0) & (week < WEEKS) & (visits.end_us >= settled_us)
        return cls(weekly, visits, working_days(visits, known, weekly.calendar), week, counts)

    def states(self) -> list[str]:
        """The states with enough stays before, the busiest ones, by name."""
        before = self.visits.state[self.counts & (self.week < BASE_WEEKS)].astype(str)
        names, counts = np.unique(before, return_counts=True)
        busiest = [row for row in np.argsort(-counts, kind="stable") if counts[row] >= MIN_STAYS][:MAX_STATES]
        return sorted(str(names[row]) for row in busiest)


def detect_process(context: DetectionContext) -> tuple[Detection, ...]:
    """Each state against its own past, and the flow efficiency of the whole."""
    known = context.known
    weekly = Weekly(known, context.calendar, WEEKS)
    flow = _Flow.of(weekly)
    readiness = _readiness(context, flow)
    states = flow.states() if readiness.carries_value else []
    level = test_level(FALSE_ALARMS_PER_YEAR, 2 * len(states) + 1)
    answers = [(f"state:{state}", *_of_state(flow, state, level)) for state in states]
    answers.append((PROJECT, *(_efficiency(flow, level) if readiness.carries_value else (None, None))))
    return tuple(
        Detection(
            type=GapType.PROCESS,
            model=MODEL,
            readiness=readiness,
            subject=subject,
            effect=effect,
            finding=None if gap is None else finding_of(gap, known, readiness, reconstructed=known.is_reconstructed),
        )
        for subject, effect, gap in answers
    )


def _readiness(context: DetectionContext, flow: _Flow) -> ReadinessReport:
    known = context.known
    readiness = work_readiness(context)
    if len(flow.visits) == 0:
        message = "No dated move into a status between start and done is on record."
        reason = ReadinessReason(ReasonCode.NO_STARTS, Readiness.MISCONFIGURED, message, UnlockStep.IMPORT_CHANGELOG)
        return readiness.with_reasons([reason])
    short = too_short(known, first_of(flow.visits.begin_us), weeks=MIN_WEEKS)
    reasons = [] if short is None else [short]
    if len(set(flow.visits.state.tolist())) == 1:
        message = "Between start and done the record knows one state: where work waits cannot be told."
        reasons.append(ReadinessReason(ReasonCode.NO_STATES, Readiness.LIMITED, message, UnlockStep.USE_MORE_STATES))
    return report([*readiness.reasons, *reasons])


# --- one state ---


def _of_state(flow: _Flow, state: str, level: float) -> tuple[float | None, MeasuredGap | None]:
    own = np.array(flow.visits.state == state, dtype=np.bool_)
    timed = own & flow.counts
    late = timed & (flow.week >= BASE_WEEKS)
    usual = float(np.quantile(flow.days[timed & ~late], LONG))
    tolerance = max(TIME_TOLERANCE_SHARE * usual, LEAST_DAYS)
    shift = None  # where hardly anything leaves, how long it took is not known yet: then the queue tells
    if late.sum() >= MIN_RECENT_STAYS:
        shift = duration_shift(
            flow.week[timed],
            flow.days[timed],
            weeks=WEEKS,
            recent=RECENT_WEEKS,
            tolerance_share=TIME_TOLERANCE_SHARE,
            least_tolerance=LEAST_DAYS,
        )
    queue = _Queue.of(flow, own, tolerance)
    largest = max(_gaps(flow, state, shift, queue, level), key=lambda gap: gap.effect.value, default=None)
    if largest is not None:
        return largest.effect.in_tolerances, largest
    return max(0.0 if shift is None else shift.lasting_effect, queue.lasting_days / tolerance), None


@dataclass(frozen=True, slots=True, eq=False)
class _Queue:
    """What stands in a state.  series: at the end of each week

    wait_days: longer wait of who joins now;  lasting_days: the same against the older half of the weeks before
    """

    series: FloatArray
    usual: float
    tolerance_days: float
    wait_days: float
    lasting_days: float
    is_growing: bool
    p_value: float
    p_beyond: float

    @classmethod
    def of(cls, flow: _Flow, own: Flags, tolerance_days: float) -> "_Queue":
        """tolerance_days: T of the state's time"""
        visits = flow.visits.take(own)
        weekly = flow.weekly
        series = queue_at(visits, weekly.edges_us[1:])
        left_us = visits.end_us[visits.end_us <= weekly.known.known_at_us]
        leave_a_day = max(float(weekly.sums(left_us)[:BASE_WEEKS].mean()), 1.0) / WORKING_DAYS_PER_WEEK
        before, now = series[:BASE_WEEKS], float(series[-1])
        usual = max(float(before.mean()), LEAST_QUEUE)
        over = dispersion(before, np.ones(BASE_WEEKS))
        asked = (now / over, 1.0, float(before.sum()) / over, float(BASE_WEEKS))
        beyond = (usual + tolerance_days * leave_a_day) / usual
        return cls(
            series=series,
            usual=float(before.mean()),
            tolerance_days=tolerance_days,
            wait_days=max(now - float(before.mean()), 0.0) / leave_a_day,
            lasting_days=max(now - float(before.mean()), now - float(before[: BASE_WEEKS // 2].mean()), 0.0)
            / leave_a_day,
            is_growing=bool((np.diff(series[-QUEUE_WEEKS - 1 :]) > 0).all()),
            p_value=rate_test(*asked),
            p_beyond=1 - rate_test(*asked, factor=beyond),
        )


def _gaps(flow: _Flow, state: str, shift: Shift | None, queue: _Queue, level: float) -> Iterator[MeasuredGap]:
    own = np.array(flow.visits.state == state, dtype=np.bool_)
    if shift is not None and shift.is_rise(level):
        late = own & flow.counts & (flow.week >= BASE_WEEKS)
        yield MeasuredGap(
            type=GapType.PROCESS,
            category=GapCategory.OPERATIONAL,
            model=MODEL,
            subject=f"state:{state}",
            what=f"Time in {state} (P85)",
            unit="working days",
            usual=shift.usual,
            recent=shift.recent,
            low=shift.low,
            high=shift.high,
            effect=Effect(shift.rise, shift.tolerance, "days"),
            confidence=shift.p_beyond,
            area=(AreaKind.WORKFLOW_STATE, state),
            evidence=_stays(flow, late, state),
            outcome=shift.series,
            recent_weeks=RECENT_WEEKS,
            drivers=_drivers(flow, own, state),
            texts=TEXTS,
            remedies=REMEDIES,
        )
    if queue.is_growing and queue.p_value <= level and queue.p_beyond >= OPENS_AT_PROBABILITY:
        now = float(queue.series[-1])
        yield MeasuredGap(
            type=GapType.PROCESS,
            category=GapCategory.OPERATIONAL,
            model=MODEL,
            subject=f"state:{state}",
            what=f"Items in {state}",
            unit="items",
            usual=queue.usual,
            recent=now,
            low=now,
            high=now,
            effect=Effect(queue.wait_days, queue.tolerance_days, "days"),
            confidence=queue.p_beyond,
            area=(AreaKind.WORKFLOW_STATE, state),
            evidence=_stays(flow, own & (flow.visits.end_us > flow.weekly.known.known_at_us), state),
            outcome=queue.series,
            recent_weeks=QUEUE_WEEKS,
            drivers=_drivers(flow, own, state),
            texts=TEXTS,
            remedies=REMEDIES,
        )


def _stays(flow: _Flow, chosen: Flags, state: str) -> tuple[EvidenceFact, ...]:
    longest = longest_first(flow.visits, chosen, flow.days)
    rows = np.array([row for row, _, _ in longest], dtype=np.intp)
    values = [f"{days:.1f} working days, since {since[:10]}" for _, since, days in longest]
    return item_facts(flow.weekly.known, rows, field=f"stay in {state}"[:100], values=values)


# --- flow efficiency ---


def _efficiency(flow: _Flow, level: float) -> tuple[float | None, MeasuredGap | None]:
    known, weekly = flow.weekly.known, flow.weekly
    items = efficiency_by_item(known, as_of=known.as_of_moment, window_weeks=WEEKS)
    week = weekly.week_of(items.finished_us)
    late = week >= BASE_WEEKS
    if (~late).sum() < MIN_ITEMS or late.sum() < MIN_RECENT_ITEMS or 2 * len(week) < items.finished:
        return None, None
    active, elapsed = items.active_us.astype(np.float64), items.elapsed_us.astype(np.float64)
    usual, usual_error = _ratio(active[~late], elapsed[~late])
    recent, recent_error = _ratio(active[late], elapsed[late])
    error = max(float(np.hypot(usual_error, recent_error)), 1e-9)
    drop = max(usual - recent, 0.0)
    older = week < BASE_WEEKS // 2
    before = max(usual, _ratio(active[older], elapsed[older])[0]) if older.sum() >= MIN_ITEMS else usual
    effect, lasting_effect = (max(was - recent, 0.0) / EFFICIENCY_TOLERANCE for was in (usual, before))
    series = 1 - share_of(weekly.sums(items.finished_us, active), weekly.sums(items.finished_us, elapsed))
    p_value = float(ndtr(-drop / error))
    p_beyond = float(ndtr((drop - EFFICIENCY_TOLERANCE) / error))
    has_signal = signal_above(series, recent=RECENT_WEEKS)
    if not (p_value <= level and p_beyond >= OPENS_AT_PROBABILITY and has_signal):
        return lasting_effect, None
    waiting = np.flatnonzero(flow.visits.is_again & flow.counts & (flow.week >= BASE_WEEKS))
    rows = np.unique(flow.visits.item[waiting])
    return effect, MeasuredGap(
        type=GapType.PROCESS,
        category=GapCategory.OPERATIONAL,
        model=MODEL,
        subject=PROJECT,
        what="Flow efficiency",
        unit="share",
        usual=usual,
        recent=recent,
        low=max(recent - 1.28 * recent_error, 0.0),
        high=min(recent + 1.28 * recent_error, 1.0),
        effect=Effect(drop, EFFICIENCY_TOLERANCE, "share"),
        confidence=p_beyond,
        area=(AreaKind.WORK_ITEMS, f"{int(late.sum())} finished items"),
        evidence=item_facts(known, rows, field="status", values=["put back on its way"] * len(rows)),
        outcome=series,
        recent_weeks=RECENT_WEEKS,
        drivers=_drivers(flow, np.ones(len(flow.visits), dtype=np.bool_), ""),
        texts=TEXTS,
        remedies=REMEDIES,
    )


def _ratio(active: FloatArray, elapsed: FloatArray) -> tuple[float, float]:
    """Ratio of sums and its standard error."""
    ratio = float(active.sum() / elapsed.sum())
    return ratio, float(np.sqrt(((active - ratio * elapsed) ** 2).sum()) / elapsed.sum())


# --- candidate causes ---


def _drivers(flow: _Flow, own: Flags, state: str) -> tuple[Candidate, ...]:
    weekly, visits = flow.weekly, flow.visits
    begin_us = visits.begin_us[own]
    return (
        Candidate("REVIEW_BOTTLENECK", _review_load(flow, own, state)),
        Candidate("BATCH_HANDOFF", _busiest_day(weekly, begin_us)),
        Candidate("OVERSIZE_ITEMS", _mean_size(flow, own)),
        Candidate("BACKFLOW", weekly.shares(begin_us, visits.is_again[own], at_least=MIN_ENTRIES)),
        Candidate("ENVIRONMENT", _blocked(flow)),
    )


def _review_load(flow: _Flow, own: Flags, state: str) -> FloatArray:
    """What waits for a review at the end of each week, per person who reviews; NaN where no state is one of review."""
    weekly, visits = flow.weekly, flow.visits
    names = {name for name in set(visits.state.tolist()) if REVIEW_STATE.search(name)}
    waiting = own if REVIEW_STATE.search(state) else np.isin(visits.state.astype(str), sorted(names))
    if not waiting.any():
        return np.full(WEEKS, np.nan)
    queue = queue_at(visits.take(waiting), weekly.edges_us[1:])
    activity = weekly.known.activity
    chosen = np.isin(activity.kind, REVIEWS)
    if not chosen.any():
        return queue
    return queue / np.maximum(weekly.distinct(activity.at_us[chosen], activity.contributor[chosen]), 1.0)


def _busiest_day(weekly: Weekly, begin_us: Instants) -> FloatArray:
    by_day = weekly.by_day(begin_us)
    return share_of(by_day.max(axis=1), by_day.sum(axis=1), at_least=MIN_ENTRIES)


def _mean_size(flow: _Flow, own: Flags) -> FloatArray:
    known, chosen = flow.weekly.known, own & flow.counts
    values = known.values_of(TrackedField.ESTIMATE_POINTS.value)
    points = np.array([_number(value) for value in values.tolist()], dtype=np.float64)[flow.visits.item[chosen]]
    has_size = np.isfinite(points)
    end_us = flow.visits.end_us[chosen][has_size]
    return share_of(flow.weekly.sums(end_us, points[has_size]), flow.weekly.sums(end_us))


def _number(value: str | None) -> float:
    try:
        number = float(value) if value is not None else np.nan
    except ValueError:
        return np.nan
    return number if np.isfinite(number) else np.nan


def _blocked(flow: _Flow) -> FloatArray:
    """Items in a blocked status or flagged at the end of each week; NaN where the record never tells."""
    known, edges_us = flow.weekly.known, flow.weekly.edges_us[1:]
    flags = known.fields.take(
        (known.fields.field == TrackedField.FLAG.value) & (known.fields.at_us <= known.known_at_us)
    )
    is_set = np.array([value is not None for value in flags.value], dtype=np.bool_)
    if not is_set.any() and not flow.visits.is_blocked.any():
        return np.full(WEEKS, np.nan)
    flagged = spans_of(flags, is_set, moment_us=known.known_at_us).count_at(edges_us)
    return flagged + queue_at(flow.visits.take(flow.visits.is_blocked), edges_us)

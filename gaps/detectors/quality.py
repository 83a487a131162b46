"""QUALITY: more breaks, or comes back, than usual.

1. Three measures by weeks that end now: bugs created per 10 items done that are no bugs themselves (else mending them
   would hide them), reopenings per 10 items done, and open bugs. Done is the mean of four weeks, because what breaks
   comes from the work of some weeks. Bugs created in one go are an import and do not count.
2. The newest 4 weeks are held against the 12 before them (shifts: exact one-sided test). A rate is worse when p < .05
   and it is 1.25 times the usual one or more; and, because the question is asked every week, when p is below the level
   that keeps the year's false alarms in their budget, the chart shows a signal and P(rise > T) is at least 80 %. There
   have to be more in a week as well (p < .05): a rate that rose because less was done is no gap in quality.
3. T is half of the usual rate. The team's own upper limit decides through the signal; as T it would be the wider the
   less is known.
4. Open bugs: more arrived than were closed in each of the last 3 weeks, and so many more that chance does not explain
   it at the same level. T is what is closed in one week, at least 3 bugs.
5. Causes are candidates tested by weeks (gaps.causes): more work in progress, larger batches, merges without review,
   one area, newcomers.

Facts: finished items with dates; for bugs, types of items. Gate: 16 weeks on record, the gate of the work; without
types only reopenings are judged. Do not believe it where support tickets are filed as bugs, when a tester joins, or
after a test campaign: more is found then, not more broken. False alarms: 0.05 a project-year where nothing changes; on
real records, where levels do change, at most half an alarm a project-year.

Example: 10 items done a week; for 12 weeks 2 bugs a week, then 6. The rates are 2 and 6 per 10 done; 24 of 48 bugs fall
into a quarter of the work: p = 0.0001. T is 1, the effect 4 / 1 = 4 T: CRITICAL.
"""

import numpy as np

from gaps.causes.candidates import Candidate
from gaps.causes.weekly import FloatArray, Weekly, share_of
from gaps.detectors.detection import Detection, DetectionContext
from gaps.detectors.evidence import item_facts
from gaps.detectors.finding import Effect
from gaps.detectors.gate import first_of, too_short, work_readiness
from gaps.detectors.measured_gaps import MeasuredGap, Remedy, finding_of
from gaps.detectors.ranked_causes import CauseText
from gaps.detectors.severity import OPENS_AT_PROBABILITY
from gaps.detectors.shifts import Shift, dispersion, rate_shift, tail_at_least, test_level
from gaps.enums import AreaKind, GapCategory, GapType
from predictions.forecasters.answers import EvidenceFact, ModelIdentity
from projects.enums import ActivityKind, Readiness
from projects.history.activity import ACTIVITY_CODES
from projects.history.columns import DONE, Flags, Rows
from projects.history.instants import from_us
from projects.history.item_types import item_types
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReason, ReadinessReport, ReasonCode, UnlockStep, bulk_closed, report
from tenants.enums import Role

MODEL = ModelIdentity("quality.weekly-rates", "1")
BASE_WEEKS, RECENT_WEEKS, BACKLOG_WEEKS = 12, 4, 3
MIN_WEEKS = BASE_WEEKS + RECENT_WEEKS
SPREAD_WEEKS = 26
"""How much weeks stray, and what moves together, is told by half a year; twelve weeks tell it badly."""
WEEKS = SPREAD_WEEKS + RECENT_WEEKS
BASE = slice(-MIN_WEEKS, -RECENT_WEEKS)
MAX_P, MIN_RATIO = 0.05, 1.25
"""The definition of a difference worth a word; the level for weekly questions is stricter."""
FALSE_ALARMS_PER_YEAR, TESTS = 0.05, 3
TOLERANCE_SHARE = 0.5
WORK_WEEKS = 4
"""What breaks comes from the work of some weeks, and one week's finishes stray too much to divide by."""
PER_ITEMS = 10
LEAST_BACKLOG = 3.0
MIN_IN_AREA = 2
BUGS, REOPENINGS, BACKLOG = "bug rate", "reopen rate", "bug backlog"
AREA_FIELDS = ("components", "component", "labels")

TEXTS = {
    "WIP_UP": CauseText(GapCategory.OPERATIONAL, "More items are in work at once.", "items in progress"),
    "BATCH_SIZE": CauseText(
        GapCategory.OPERATIONAL, "More is finished in one go.", "items finished on one day", after=("WIP_UP",)
    ),
    "UNREVIEWED_MERGES": CauseText(
        GapCategory.TECHNICAL, "More is merged without a review.", "share of merges without a review"
    ),
    "HOT_MODULE": CauseText(
        GapCategory.TECHNICAL,
        "What breaks sits in one area.",
        "share of the bugs in the largest area",
        after=("UNREVIEWED_MERGES",),
    ),
    "NEWCOMERS": CauseText(
        GapCategory.ORGANIZATIONAL, "More of the work is done by newcomers.", "share of activity by newcomers"
    ),
}
REMEDIES = (
    Remedy(
        "LIMIT_WIP",
        "Work on fewer items at once",
        "Finish what is begun before something new is begun.",
        ("Agree on a limit of items in progress", "Show it on the board", "Start nothing above it for four weeks"),
        4.0,
        cause="WIP_UP",
    ),
    Remedy(
        "SMALLER_BATCHES",
        "Bring out smaller batches",
        "What is small is checked more carefully and found faster when it breaks.",
        ("Split what is larger than two days", "Bring out each part when it is done"),
        8.0,
        cause="BATCH_SIZE",
    ),
    Remedy(
        "REVIEW_EVERY_MERGE",
        "Merge nothing without a review",
        "Make a review a condition of every merge.",
        ("Protect the main branch", "Agree on who reviews within a day"),
        4.0,
        cause="UNREVIEWED_MERGES",
        restores=0.6,
    ),
    Remedy(
        "MEND_HOT_MODULE",
        "Mend the area that breaks most",
        "Put tests and repair into the area that most bugs come from.",
        ("Sort the bugs of the last weeks by area", "Write the missing tests", "Repair what the tests show"),
        40.0,
        owner_role=Role.PROJECT_MANAGER,
        cause="HOT_MODULE",
    ),
    Remedy(
        "PAIR_WITH_NEWCOMERS",
        "Pair newcomers with those who know the product",
        "Let nobody in the first two months work alone on what customers see.",
        ("Name a partner for each newcomer's items", "Review together before the merge"),
        16.0,
        cause="NEWCOMERS",
    ),
    Remedy(
        "BUGS_FIRST",
        "Take bugs before new work for two weeks",
        "Repair until no more arrive than are closed, and look into where the newest come from.",
        ("Put open bugs on top of the queue", "Note for each where it came from", "Decide on the most frequent source"),
        40.0,
        owner_role=Role.PROJECT_MANAGER,
        restores=0.3,
    ),
)


def detect_quality(context: DetectionContext) -> tuple[Detection, ...]:
    """The rates of bugs and reopenings and the open bugs, each against its own past."""
    known = context.known
    types = item_types(known)
    work = work_readiness(context)
    short = too_short(known, first_of(known.items.created_us[known.states.exists]), weeks=MIN_WEEKS)
    if short is not None and known.states.exists.any():
        work = work.with_reasons([short])
    typed = _with_types(work, types.known, types.bug)
    weekly = Weekly(known, context.calendar, WEEKS)
    reconstructed = known.is_reconstructed
    answers = [
        _rate(weekly, BUGS, bug_arrivals(weekly, types.bug), np.flatnonzero(types.bug), typed, ~types.bug),
        _rate(weekly, REOPENINGS, *reopenings(weekly), work, np.ones(len(types.bug), dtype=np.bool_)),
        _backlog(weekly, types.bug, typed),
    ]
    return tuple(
        Detection(
            type=GapType.QUALITY,
            model=MODEL,
            readiness=readiness,
            subject=subject,
            effect=effect,
            finding=None if gap is None else finding_of(gap, known, readiness, reconstructed=reconstructed),
        )
        for subject, readiness, effect, gap in answers
    )


Answer = tuple[str, ReadinessReport, float | None, MeasuredGap | None]


def bug_arrivals(weekly: Weekly, bug: Flags) -> FloatArray:
    """Bugs created in each week, without those created in one go.  bug: shape (items,)"""
    created_us = np.sort(weekly.known.items.created_us[bug & weekly.known.states.exists])
    return weekly.sums(created_us[~bulk_closed(created_us, weekly.calendar)])


def work_done(weekly: Weekly, work: Flags) -> FloatArray:
    """Items done a week, the mean of the four weeks that end with each.  work: which items count, shape (items,)"""
    longer = Weekly(weekly.known, weekly.calendar, weekly.weeks + WORK_WEEKS - 1)
    done = longer.sums(weekly.known.states.finished_us[weekly.is_worked_finish & work])
    return np.convolve(done, np.full(WORK_WEEKS, 1 / WORK_WEEKS), mode="valid")


def reopenings(weekly: Weekly) -> tuple[FloatArray, Rows]:
    """Times that a done item was taken up again in each week, and the items, the newest first."""
    known = weekly.known
    moves = known.statuses.take(known.statuses.at_us <= known.known_at_us)
    if len(moves) == 0:
        return np.zeros(weekly.weeks), np.empty(0, dtype=np.intp)
    again = np.zeros(len(moves), dtype=np.bool_)
    again[1:] = (moves.item[1:] == moves.item[:-1]) & (moves.category[:-1] == DONE) & (moves.category[1:] != DONE)
    again &= moves.dated
    newest = np.argsort(-moves.at_us[again], kind="stable")
    return weekly.sums(moves.at_us[again]), moves.item[again][newest]


def _rate(  # noqa: PLR0917  # one row of a table
    weekly: Weekly, subject: str, counts: FloatArray, items: Rows, readiness: ReadinessReport, work: Flags
) -> Answer:
    """items: that the counted events are about, for the evidence;  work: the items whose finishes count as work done"""
    shift = _shift(counts, work_done(weekly, work) / PER_ITEMS) if readiness.carries_value else None
    if shift is None:
        return subject, readiness, None, None
    level = min(MAX_P, test_level(FALSE_ALARMS_PER_YEAR, TESTS))
    if not shift.is_rise(level) or shift.ratio < MIN_RATIO or not _more_of_them(counts):
        return subject, readiness, shift.lasting_effect, None
    what = "Bugs per 10 items done" if subject == BUGS else "Reopenings per 10 items done"
    unit = "per 10 done"
    known = weekly.known
    newest = items[np.argsort(-known.items.created_us[items], kind="stable")] if subject == BUGS else items
    gap = MeasuredGap(
        type=GapType.QUALITY,
        category=GapCategory.TECHNICAL,
        model=MODEL,
        subject=subject,
        what=what,
        unit=unit,
        usual=shift.usual,
        recent=shift.recent,
        low=shift.low,
        high=shift.high,
        effect=Effect(shift.rise, shift.tolerance, unit),
        confidence=shift.p_beyond,
        area=(AreaKind.WORK_ITEMS, f"{counts[-RECENT_WEEKS:].sum():.0f} in the last {RECENT_WEEKS} weeks"),
        evidence=_evidence(known, newest, subject),
        outcome=shift.series,
        recent_weeks=RECENT_WEEKS,
        drivers=_drivers(weekly, work, items if subject == BUGS else None),
        texts=TEXTS,
        remedies=REMEDIES,
    )
    return subject, readiness, shift.effect, gap


def _shift(counts: FloatArray, exposure: FloatArray) -> Shift | None:
    return rate_shift(counts, exposure, recent=RECENT_WEEKS, tolerance_share=TOLERANCE_SHARE, base=BASE_WEEKS)


def _more_of_them(counts: FloatArray) -> bool:
    """Whether there are more in a week than before, and not just less work done."""
    by_week = rate_shift(counts, np.ones(len(counts)), recent=RECENT_WEEKS, tolerance_share=0.0, base=BASE_WEEKS)
    return by_week is not None and by_week.p_value <= MAX_P


def _backlog(weekly: Weekly, bug: Flags, readiness: ReadinessReport) -> Answer:
    """More bugs arrive than are closed, three weeks in a row."""
    if not readiness.carries_value:
        return BACKLOG, readiness, None, None
    known, states = weekly.known, weekly.known.states
    arrived = bug_arrivals(weekly, bug)
    closed = weekly.sums(states.finished_us[bug & states.finished]) + weekly.sums(
        known.items.gone_us[bug & ~states.finished]
    )
    late = slice(-BACKLOG_WEEKS, None)
    more, fewer = float(arrived[late].sum()), float(closed[late].sum())
    tolerance = max(float(closed[BASE].mean()), LEAST_BACKLOG)
    growth = max(more - fewer, 0.0)
    over = dispersion(arrived[BASE], np.ones(BASE_WEEKS))
    p_value = tail_at_least(more / over, (more + fewer) / over, 0.5)
    p_beyond = 1 - tail_at_least(more / over, (more + fewer + tolerance) / over, 0.5)
    is_growing = bool((arrived[late] > closed[late]).all())
    effect = growth / tolerance
    level = min(MAX_P, test_level(FALSE_ALARMS_PER_YEAR, TESTS))
    if not (is_growing and p_value <= level and p_beyond >= OPENS_AT_PROBABILITY):
        return BACKLOG, readiness, effect, None
    still_open = np.cumsum(arrived - closed)
    now = float((bug & states.open).sum())
    series = now - still_open[-1] + still_open
    items = np.flatnonzero(bug & states.open)
    gap = MeasuredGap(
        type=GapType.QUALITY,
        category=GapCategory.OPERATIONAL,
        model=MODEL,
        subject=BACKLOG,
        what="Open bugs",
        unit="bugs",
        usual=float(now - growth),
        recent=now,
        low=now,
        high=now,
        effect=Effect(growth, tolerance, "bugs"),
        confidence=p_beyond,
        area=(AreaKind.WORK_ITEMS, f"{now:.0f} open bugs"),
        evidence=_evidence(known, items[np.argsort(-known.items.created_us[items], kind="stable")], BACKLOG),
        outcome=series,
        recent_weeks=BACKLOG_WEEKS,
        drivers=_drivers(weekly, ~bug, np.flatnonzero(bug)),
        texts=TEXTS,
        remedies=REMEDIES,
    )
    return BACKLOG, readiness, effect, gap


def _evidence(known: ProjectHistory, newest: Rows, subject: str) -> tuple[EvidenceFact, ...]:
    rows = np.array(list(dict.fromkeys(newest.tolist())), dtype=np.intp)
    if subject == REOPENINGS:
        return item_facts(known, rows, field="status", values=["reopened"] * len(rows))
    values = [from_us(int(at_us)).isoformat() for at_us in known.items.created_us[rows]]
    return item_facts(known, rows, field="created_at", values=values)


def _with_types(work: ReadinessReport, known_type: Flags, bug: Flags) -> ReadinessReport:
    if not known_type.any():
        message = "No item has a type, so bugs cannot be told from other work."
        code = ReasonCode.NO_ITEM_TYPES
    elif not bug.any():
        message = "No type of item says that it is a bug."
        code = ReasonCode.NO_BUG_TYPE
    else:
        return report(work.reasons)
    return work.with_reasons([ReadinessReason(code, Readiness.MISCONFIGURED, message, UnlockStep.RECORD_ITEM_TYPES)])


# --- candidate causes ---


def _drivers(weekly: Weekly, work: Flags, bugs: Rows | None) -> tuple[Candidate, ...]:
    """work: items that are no bugs, shape (items,): that more bugs are in work explains no bugs"""
    found = [
        Candidate("WIP_UP", weekly.in_progress_of(work)),
        Candidate("BATCH_SIZE", largest_day(weekly, work)),
        Candidate("UNREVIEWED_MERGES", unreviewed_merges(weekly)),
        Candidate("NEWCOMERS", weekly.newcomer_share),
    ]
    if bugs is not None:
        found.append(Candidate("HOT_MODULE", _largest_area(weekly, bugs)))
    return tuple(found)


def largest_day(weekly: Weekly, work: Flags) -> FloatArray:
    """Some of the items finished on the busiest of the seven days of each week; NaN where nothing was finished."""
    finished_us = weekly.known.states.finished_us[weekly.is_worked_finish & work]
    counts = weekly.by_day(finished_us).max(axis=1)
    return np.where(counts > 0, counts, np.nan)


def unreviewed_merges(weekly: Weekly) -> FloatArray:
    """Share of the merges of each week whose item nobody had reviewed by then; NaN without merges of items."""
    activity = weekly.known.activity
    merges = (activity.kind == ACTIVITY_CODES[ActivityKind.MERGE]) & (activity.item >= 0)
    reviews = np.isin(activity.kind, [ACTIVITY_CODES[ActivityKind.REVIEW], ACTIVITY_CODES[ActivityKind.APPROVAL]])
    if not merges.any() or not reviews.any():  # where no review is ever recorded, none can be missed
        return np.full(weekly.weeks, np.nan)
    first: dict[int, int] = {}
    for item, at_us in zip(activity.item[reviews].tolist(), activity.at_us[reviews].tolist(), strict=True):
        first.setdefault(item, at_us)
    pairs = zip(activity.item[merges].tolist(), activity.at_us[merges].tolist(), strict=True)
    unreviewed = np.array([first.get(item, at_us + 1) > at_us for item, at_us in pairs], dtype=np.bool_)
    return weekly.shares(activity.at_us[merges], unreviewed)


def _largest_area(weekly: Weekly, bugs: Rows) -> FloatArray:
    """Share of the bugs of each week that fall into the area with most of the newest; NaN without areas."""
    known = weekly.known
    week = weekly.week_of(known.items.created_us[bugs])
    for name in AREA_FIELDS:
        values = known.values_of(name)[bugs]
        has_area = np.array([value is not None for value in values], dtype=np.bool_)
        late = has_area & (week >= weekly.weeks - RECENT_WEEKS) & (week < weekly.weeks)
        if late.sum() >= MIN_IN_AREA:
            names, counts = np.unique(values[late].astype(str), return_counts=True)
            hot = names[int(np.argmax(counts))]
            created_us = known.items.created_us[bugs][has_area]
            is_hot = np.array([str(value) == hot for value in values[has_area]], dtype=np.bool_)
            return share_of(weekly.sums(created_us[is_hot]), weekly.sums(created_us))
    return np.full(weekly.weeks, np.nan)

"""COMMUNICATION: people wait for each other longer than they used to. Three subjects, each with a gap of its own.

Response time
1. Of each week, the P85 of the working days from a question to its answer (responses), by when the answer came, where
   there were five or more. Weeks with fewer are left out.
2. Limits are those of the weeks before the newest six, of the logarithm, because waits are skewed. A signal must reach
   the newest week and be on the long side.
3. The effect is the P85 of the newest four weeks less that of the weeks before; T is a quarter of the latter, at least
   half a working day. It opens with a signal, P(effect > T) of at least 80 %, over resampled answers, and an exact test
   of how many answers took longer than the P85 before. Days alone do not tell chance: answers come the next day or the
   day after, and little in between, so that a few of a hundred more move P85 from 1.2 days to 1.9.
Unanswered
4. Overdue is a question or a dependency that has waited for more than 5 working days, and less than 60: older ones are
   forgotten, not waited for. Luck = chance of so many by the mean of 12 weeks (Poisson), the newest four left out; it
   must be below 1 %. The effect is their mean wait; T is 5 working days.
Touchpoints
5. Two or more of a regular meeting fell out in a row (touchpoints), where luck gives that in less than 5 %. The effect
   is the number missing; T is 2.

Facts: reviews or comments with contributors and items; links; meetings. Gate: no activity closes the type. Do not
believe it in a week in which the team changed the tool it talks in. A single late answer is no gap.
False alarms: of the response time at most 0.05 per project-year, of the others 1 each, to be borne out by replay.

Example: reviews took P85 = 1.5 d for 34 weeks and take 6 d for four: effect 4.5 d, T = 0.5 d, 9 T: CRITICAL. Of 140
answers 100 took longer than 1.5 d, where 21 were to be expected: no chance.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import pdtrc

from gaps.causes.candidates import Candidate, JudgedCause, counted_part, judge_candidates, judge_parts
from gaps.causes.weekly import Weekly, after_hours, share_of, weeks_on_record
from gaps.detectors.communication_actions import missed_actions, response_actions, unanswered_actions
from gaps.detectors.detection import Detection, DetectionContext
from gaps.detectors.evidence import item_facts, project_fact
from gaps.detectors.finding import AffectedAreaFinding, CorrectiveActionFinding, Effect, Measure
from gaps.detectors.gate import not_connected, record_readiness, weeks_untold
from gaps.detectors.ranked_causes import CauseText
from gaps.detectors.responses import NO_ROW, Questions, clock_of, dependencies, questions
from gaps.detectors.severity import OPENS_AT_PROBABILITY
from gaps.detectors.shifts import LONG, longer_dispersion, longer_test, test_level, weekly_quantiles
from gaps.detectors.subject import MOST_SURE, Subject
from gaps.detectors.touchpoints import Touchpoints, touchpoints
from gaps.enums import AreaKind, GapCategory, GapType
from predictions.forecasters.answers import EvidenceFact, ModelIdentity
from projects.enums import ActivityKind
from projects.history.activity import ACTIVITY_CODES
from projects.history.instants import MICROSECONDS_PER_WEEK
from projects.history.process_signals import MIN_VALUES, natural_limits, process_signals
from projects.history.readiness import ReasonCode, UnlockStep
from projects.history.two_clocks import NOBODY
from projects.history.work_clock import WorkClock

FloatArray = NDArray[np.float64]

MODEL = ModelIdentity("communication.waits", "2")
RESPONSE_TIME, UNANSWERED, TOUCHPOINTS = "response time", "unanswered", "touchpoints"
WEEKS, JUDGED_WEEKS, RECENT_WEEKS, MIN_ANSWERS = 34, 6, 4, 5
LEAST_WAIT_DAYS = 0.05
"""Added before the logarithm: an answer within the hour and one within minutes are the same."""
WAIT_TOLERANCE_SHARE, MIN_WAIT_TOLERANCE_DAYS = 0.25, 0.5
RESAMPLES = 400
OVERDUE_DAYS, FORGOTTEN_DAYS = 5.0, 60.0
SKIPPED_WEEKS, USUAL_WEEKS, MAX_LUCK, LEAST_OVERDUE = 4, 12, 0.01, 0.25
MISSED_TOLERANCE, MAX_MISSED_LUCK = 2.0, 0.05
LATE_ANSWER_ALARMS_PER_YEAR = 0.05
"""Of the response time, which is asked by a test: as of bugs and returns."""
OTHER_ALARMS_PER_YEAR = 1.0
"""Of what nobody answered, and of the meetings."""
FALSE_ALARMS_PER_YEAR = LATE_ANSWER_ALARMS_PER_YEAR + 2 * OTHER_ALARMS_PER_YEAR
"""Of all subjects together."""

CAUSES: Mapping[str, CauseText] = {
    "NO_OWNER": CauseText(GapCategory.OPERATIONAL, "Questions are on items that nobody carries.", "without an owner"),
    "TIME_ZONE_OVERLAP": CauseText(
        GapCategory.ORGANIZATIONAL, "More questions are asked when others are off.", "share asked after hours"
    ),
    "OVERLOADED_BROKER": CauseText(
        GapCategory.ORGANIZATIONAL,
        "More of the answers come from one contributor.",
        "share of the busiest answerer",
        after=("PEOPLE_AWAY",),
    ),
    "MORE_IN_PROGRESS": CauseText(GapCategory.OPERATIONAL, "More items are in progress at once.", "items in progress"),
    "MORE_QUESTIONS": CauseText(GapCategory.OPERATIONAL, "More is asked in a week.", "questions a week"),
    "PEOPLE_AWAY": CauseText(GapCategory.ORGANIZATIONAL, "Fewer people are active.", "people active"),
    "UNCLEAR_ESCALATION": CauseText(
        GapCategory.ORGANIZATIONAL, "Was asked for again, and nobody else was brought in.", "asked again"
    ),
}


def detect_communication(context: DetectionContext) -> tuple[Detection, ...]:
    """Waits for answers, what nobody answered, and meetings that fell out."""
    activity = context.known.activity
    talks = np.isin(activity.kind, [ACTIVITY_CODES[kind] for kind in ActivityKind])
    readiness = record_readiness(context)
    subjects = [
        Subject(GapType.COMMUNICATION, MODEL, name, context, readiness, CAUSES)
        for name in (RESPONSE_TIME, UNANSWERED, TOUCHPOINTS)
    ]
    if not bool(talks.any()):
        message = "No comments, reviews or meetings are on record, so nobody's waiting can be told."
        reason = not_connected(ReasonCode.NO_ACTIVITY, message, UnlockStep.CONNECT_ACTIVITY)
        return tuple(subject.closed(reason) for subject in subjects)
    if not readiness.carries_value:
        return tuple(subject.detection() for subject in subjects)
    response_time, unanswered, meetings = subjects
    clock = clock_of(context.known, context.calendar)
    asked = questions(context.known)
    return _response_time(response_time, asked, clock), _unanswered(unanswered, asked, clock), _touchpoints(meetings)


# --- response time ---


def _response_time(subject: Subject, asked: Questions, clock: WorkClock) -> Detection:
    context = subject.context
    weeks = weeks_on_record(context.known, longest=WEEKS)
    usable = asked.is_answered
    waits = clock.between(asked.asked_us[usable], asked.answered_us[usable])
    weekly = Weekly(context.known, context.calendar, max(weeks, 1))
    week = weekly.week_of(asked.answered_us[usable])
    p85 = weekly_quantiles(week, waits, weeks=weekly.weeks, at_least=MIN_ANSWERS)
    before, recent = p85[:-JUDGED_WEEKS], p85[-RECENT_WEEKS:]
    told = int(np.isfinite(before).sum())
    if told < MIN_VALUES or not np.isfinite(recent).any():
        return subject.closed(weeks_untold(told, MIN_VALUES))
    is_base = (week >= 0) & (week < weekly.weeks - JUDGED_WEEKS)
    base, base_week = waits[is_base], week[is_base]
    late = waits[week >= weekly.weeks - RECENT_WEEKS]
    base_days, late_days = float(np.quantile(base, LONG)), float(np.quantile(late, LONG))
    tolerance = max(MIN_WAIT_TOLERANCE_DAYS, WAIT_TOLERANCE_SHARE * base_days)
    effect = Effect(max(late_days - base_days, 0.0), tolerance, "working days")
    if not _has_long_signal(p85):
        return subject.detection(effect.in_tolerances)
    rng = np.random.default_rng(subject.seed)
    drawn = _resampled_p85(late, rng) - _resampled_p85(base, rng)
    p_beyond = float((drawn > tolerance).mean())
    if not subject.opens(p_beyond) or not _are_more_late(base, late, base_week, weeks=weekly.weeks - JUDGED_WEEKS):
        return subject.detection(effect.in_tolerances)
    low, high = np.quantile(drawn + base_days, (0.1, 0.9))
    current = Measure(late_days, "working days", "P85 until an answer", low=float(low), high=float(high))
    target = Measure(base_days, "working days", "P85 of the weeks before")
    return _found(
        subject,
        effect=effect,
        title=f"Answers take {late_days:.1f} working days (P85), {base_days:.1f} before",
        description=(
            f"In the last {RECENT_WEEKS} weeks {LONG:.0%} of {len(late)} answers came within "
            f"{late_days:.1f} working days; in the weeks before, of {len(base)}, within {base_days:.1f}. "
            "The weekly values left the limits of those weeks."
        ),
        current=current,
        target=target,
        confidence=p_beyond,
        area=AffectedAreaFinding(AreaKind.WORKFLOW_STATE, "Review"),
        evidence=_slowest(context, asked, waits, weekly),
        causes=_response_causes(subject, asked, p85, weekly, effect.value),
        actions=response_actions(current, target),
    )


def _has_long_signal(p85: FloatArray) -> bool:
    """Whether a signal of longer waits reaches the newest week, by the limits of the weeks before."""
    logs = np.log(p85 + LEAST_WAIT_DAYS)
    before, judged = logs[:-JUDGED_WEEKS], logs[-JUDGED_WEEKS:]
    limits = natural_limits(before[np.isfinite(before)])
    judged = judged[np.isfinite(judged)]
    if limits is None or len(judged) == 0:
        return False
    return any(signal.is_above and signal.last == len(judged) - 1 for signal in process_signals(judged, limits=limits))


def _are_more_late(base: FloatArray, late: FloatArray, base_week: NDArray[np.int64], *, weeks: int) -> bool:
    """Whether more answers are late than chance explains in a year of weekly questions.

    Late is what takes longer than the P85 of the weeks before.  base_week: of each earlier answer
    """
    usual = float(np.quantile(base, LONG))
    over = longer_dispersion(base_week, base, usual=usual, weeks=weeks)
    return longer_test(late, base, than=usual, over=over) <= test_level(LATE_ANSWER_ALARMS_PER_YEAR, 1)


def _resampled_p85(waits: FloatArray, rng: np.random.Generator) -> FloatArray:
    drawn: FloatArray = np.quantile(waits[rng.integers(0, len(waits), (RESAMPLES, len(waits)))], LONG, axis=1)
    return drawn


def _slowest(
    context: DetectionContext, asked: Questions, waits: FloatArray, weekly: Weekly
) -> tuple[EvidenceFact, ...]:
    rows = np.flatnonzero(asked.is_answered)
    is_late = (asked.answered_us[rows] >= weekly.edges_us[-1 - RECENT_WEEKS]) & (asked.item[rows] != NO_ROW)
    late = np.flatnonzero(is_late)
    late = late[np.argsort(-waits[late], kind="stable")]
    return item_facts(
        context.known,
        asked.item[rows[late]],
        field="answered_after_working_days",
        values=[f"{wait:.1f}" for wait in waits[late].tolist()],
        at_us=asked.answered_us[rows[late]].tolist(),
    )


def _response_causes(
    subject: Subject, asked: Questions, p85: FloatArray, weekly: Weekly, effect: float
) -> tuple[JudgedCause, ...]:
    known, answered = subject.context.known, asked.is_answered
    at_us = asked.answered_us[answered]
    total = weekly.sums(at_us)
    no_owner = (asked.item != NO_ROW) & (known.assignees[asked.item] == NOBODY)
    off = after_hours(asked.asked_us, subject.context.calendar)
    drivers = {
        "NO_OWNER": share_of(weekly.sums(at_us[no_owner[answered]]), total),
        "TIME_ZONE_OVERLAP": share_of(weekly.sums(at_us[off[answered]]), total),
        "OVERLOADED_BROKER": weekly.largest_share(at_us, asked.answerer[answered], at_least=MIN_ANSWERS),
        # Not the items in progress: those grow because answers take long.
        "MORE_QUESTIONS": weekly.sums(asked.asked_us),
        "PEOPLE_AWAY": -weekly.people,
    }
    candidates = [Candidate(code, driver) for code, driver in drivers.items()]
    return judge_candidates(p85, candidates, recent=RECENT_WEEKS, effect=max(effect, 1e-9), seed=subject.seed)


# --- unanswered ---


def _unanswered(subject: Subject, asked: Questions, clock: WorkClock) -> Detection:
    context = subject.context
    linked = dependencies(context.known)
    now_us = context.known.known_at_us + 1
    waits = [source.waiting_at(now_us, clock) for source in (asked, linked)]
    overdue = [_is_overdue(days) for days in waits]
    count = sum(int(flags.sum()) for flags in overdue)
    # The weeks before the wait could begin: what is overdue now must not speak for what is usual.
    usual = [
        sum(int(_is_overdue(source.waiting_at(edge_us, clock)).sum()) for source in (asked, linked))
        for edge_us in (now_us - MICROSECONDS_PER_WEEK * np.arange(SKIPPED_WEEKS, SKIPPED_WEEKS + USUAL_WEEKS)).tolist()
    ]
    if count == 0:
        return subject.detection(0.0)
    days = np.concatenate([wait[flags] for wait, flags in zip(waits, overdue, strict=True)])
    effect = Effect(float(days.mean()), OVERDUE_DAYS, "working days")
    luck = float(pdtrc(count - 1, float(np.mean(usual)) + LEAST_OVERDUE))
    p_beyond = 1 - max(luck, 1e-6) if luck < MAX_LUCK else 0.0
    if not subject.opens(p_beyond):
        return subject.detection(min(effect.in_tolerances, count / (float(np.mean(usual)) + 1)))
    rows = np.concatenate([source.item[flags] for source, flags in zip((asked, linked), overdue, strict=True)])
    since_us = np.concatenate([source.asked_us[flags] for source, flags in zip((asked, linked), overdue, strict=True)])
    again = np.concatenate([source.asked_again[flags] for source, flags in zip((asked, linked), overdue, strict=True)])
    current = Measure(effect.value, "working days", "mean wait of what is overdue")
    target = Measure(OVERDUE_DAYS, "working days", "at most")
    return _found(
        subject,
        effect=effect,
        title=f"{count} questions or dependencies have had no answer for more than {OVERDUE_DAYS:.0f} working days",
        description=(
            f"{count} wait for {days.mean():.1f} working days on average, the longest for {days.max():.1f}. "
            f"In the {USUAL_WEEKS} weeks before, {np.mean(usual):.1f} did at a time."
        ),
        current=current,
        target=target,
        confidence=p_beyond,
        area=AffectedAreaFinding(AreaKind.WORK_ITEMS, "Items that wait for an answer"),
        evidence=_waiting_facts(context, rows, since_us, days),
        causes=_unanswered_causes(subject, rows, again, effect.value),
        actions=unanswered_actions(current, target),
    )


def _is_overdue(days: FloatArray) -> NDArray[np.bool_]:
    flags: NDArray[np.bool_] = (days > OVERDUE_DAYS) & (days < FORGOTTEN_DAYS)
    return flags


def _waiting_facts(
    context: DetectionContext, rows: NDArray[np.intp], since_us: NDArray[np.int64], days: FloatArray
) -> tuple[EvidenceFact, ...]:
    order = np.argsort(-days, kind="stable")
    order = order[rows[order] != NO_ROW]
    return item_facts(
        context.known,
        rows[order],
        field="unanswered_working_days",
        values=[f"{wait:.1f}" for wait in days[order].tolist()],
        at_us=since_us[order].tolist(),
    )


def _unanswered_causes(
    subject: Subject, rows: NDArray[np.intp], again: NDArray[np.bool_], effect: float
) -> tuple[JudgedCause, ...]:
    no_owner = (rows != NO_ROW) & (subject.context.known.assignees[rows] == NOBODY)
    counts = {"NO_OWNER": int(no_owner.sum()), "UNCLEAR_ESCALATION": int((again & ~no_owner).sum())}
    rng = np.random.default_rng(subject.seed)
    parts = [counted_part(code, count, len(rows), effect=effect, rng=rng) for code, count in counts.items()]
    return judge_parts(parts, effect=effect)


# --- touchpoints ---


def _touchpoints(subject: Subject) -> Detection:
    habit = touchpoints(subject.context.known, subject.context.calendar)
    if habit is None:
        message = "No regular meetings are on record, so none can be missing."
        return subject.closed(not_connected(ReasonCode.NO_ACTIVITY, message, UnlockStep.CONNECT_ACTIVITY))
    effect = Effect(float(habit.missing), MISSED_TOLERANCE, "meetings")
    is_gap = habit.missing >= MISSED_TOLERANCE and habit.luck < MAX_MISSED_LUCK
    p_beyond = 1 - habit.luck if is_gap else 0.0
    if not subject.opens(p_beyond):
        return subject.detection(effect.in_tolerances)
    return _missed(subject, habit, effect, p_beyond)


def _missed(subject: Subject, habit: Touchpoints, effect: Effect, p_beyond: float) -> Detection:
    at, last = subject.context.as_of, habit.last_date.isoformat()
    current = Measure(float(habit.missing), "meetings", "missing in a row")
    target = Measure(MISSED_TOLERANCE - 1, "meetings", "at most")
    return _found(
        subject,
        effect=effect,
        title=f"{habit.missing} meetings in a row are missing",
        description=(
            f"The team met every {habit.cadence_days:.0f} working days, {habit.held} times in half a year, and last "
            f"on {last}."
        ),
        current=current,
        target=target,
        confidence=p_beyond,
        area=AffectedAreaFinding(AreaKind.TEAM, "Regular meeting"),
        evidence=(
            project_fact("Last meeting", "touchpoint", last, at),
            project_fact("Working days from one meeting to the next", "cadence", f"{habit.cadence_days:.0f}", at),
        ),
        causes=_missed_causes(subject, habit, effect.value),
        actions=missed_actions(current, target),
    )


def _missed_causes(subject: Subject, habit: Touchpoints, effect: float) -> tuple[JudgedCause, ...]:
    context = subject.context
    weeks = weeks_on_record(context.known, longest=WEEKS)
    weekly = Weekly(context.known, context.calendar, max(weeks, 1))
    held = weekly.sums(np.array([context.calendar.start_of_day_us(day) for day in habit.days], dtype=np.int64))
    candidates = [Candidate("PEOPLE_AWAY", -weekly.people), Candidate("MORE_IN_PROGRESS", weekly.in_progress)]
    return judge_candidates(-held, candidates, recent=3, effect=effect, seed=subject.seed)


# --- the finding ---


def _found(  # noqa: PLR0913 - keyword-only: what the three subjects say differently
    subject: Subject,
    *,
    effect: Effect,
    title: str,
    description: str,
    current: Measure,
    target: Measure,
    confidence: float,
    area: AffectedAreaFinding,
    evidence: tuple[EvidenceFact, ...],
    causes: tuple[JudgedCause, ...],
    actions: tuple[CorrectiveActionFinding, ...],
) -> Detection:
    name, at = subject.name.replace(" ", "_"), subject.context.as_of
    return subject.found(
        category=GapCategory.ORGANIZATIONAL,
        title=title,
        description=description,
        impact=f"{effect.value:.1f} {effect.unit}, against a tolerance of {effect.tolerance:.1f}.",
        current=current,
        target=target,
        effect=effect,
        confidence=min(max(confidence, OPENS_AT_PROBABILITY), MOST_SURE),
        areas=(area,),
        evidence=(project_fact(current.label, name, f"{current.value:.2f}", at), *evidence),
        causes=causes,
        actions=actions,
    )

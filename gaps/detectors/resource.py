"""RESOURCE: the people there are cannot carry what is asked of them. Three subjects, each with a gap of its own.

Required rate
1. The ratio of the required to the demonstrated rate is, trial by trial, the simulated duration over the days left.
2. T is a tenth of the rate. It opens when P(ratio > 1.1) is at least 80 %. The effect is the mean excess, no trial
   counted for more than P85. Causes: tested on the weekly finishes of 34 weeks, the newest 8 against the rest.
Present capacity
3. P(gone) of each planned contributor, from silence against the own habit (presence). The effect is the share of the
   planned hours of the next fortnight that is expected to be missing. T is 10 % of them. It opens when P(share > T) is
   at least 80 %, over draws of who is gone.
Critical work
4. Critical are open items of a top priority and those that another open item waits for. The effect is the share of the
   assigned ones that one contributor carries; T is a half. It opens from a half on, with at least 8 of them and 3
   carriers, where even luck would give such a share in less than 1 % (binomial, for every carrier).

Facts: assignees or calendars; for the rate a target and the gate of the finish forecast; for presence calendars of
contributors and activity. Gate: neither assignees nor calendars close the type. Do not believe presence where people
work outside of the connected tools, nor the rate where the backlog is a wish list.
False alarms: at most 1 per project-year for each subject, to be borne out by replay.

Example: 8 people of 40 h; three of them, who left traces on 8 of 10 days, are silent for three weeks, off no day: 120
of 320 h are missing, 37.5 % or 3.75 T: CRITICAL, with departures as the cause once the silence lasts four weeks.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gaps.causes.candidates import Candidate, JudgedCause, Part, judge_candidates, judge_parts
from gaps.causes.weekly import Weekly, weeks_on_record
from gaps.detectors.critical_work import CRITICAL_WORK, critical_work
from gaps.detectors.detection import Detection, DetectionContext
from gaps.detectors.evidence import project_fact
from gaps.detectors.finding import AffectedAreaFinding, CorrectiveActionFinding, Effect, Measure
from gaps.detectors.gate import not_connected, record_readiness
from gaps.detectors.presence import LONG_SILENT_DAYS, MIN_SILENT_DAYS, Presence, presence
from gaps.detectors.ranked_causes import CauseText
from gaps.detectors.subject import DRAWS, MOST_SURE, Subject
from gaps.enums import AreaKind, GapCategory, GapType
from predictions.attribution.slip import capped_days
from predictions.enums import Priority
from predictions.forecasters.answers import ModelIdentity
from projects.history.instants import MICROSECONDS_PER_DAY
from projects.history.readiness import (
    ReadinessReason,
    ReadinessReport,
    ReasonCode,
    UnlockStep,
    target_readiness,
)
from projects.history.two_clocks import NOBODY
from tenants.enums import Role

FloatArray = NDArray[np.float64]

MODEL = ModelIdentity("resource.rate-presence-load", "2")
REQUIRED_RATE, PRESENT_CAPACITY = "required rate", "present capacity"
RATE_TOLERANCE, CAPACITY_TOLERANCE = 0.1, 0.1
"""A ratio of 1.1 and a tenth of the hours: the definitions of the gap and of RESOURCE_SHORTAGE."""
TEST_WEEKS, RECENT_WEEKS = 34, 8
FALSE_ALARMS_PER_YEAR, SUBJECTS = 1.0, 3
"""Of each subject, and how many there are."""

CAUSES: Mapping[str, CauseText] = {
    "DEPARTURES": CauseText(GapCategory.ORGANIZATIONAL, "People who were planned for have left.", "people active"),
    "ABSENCE": CauseText(GapCategory.OPERATIONAL, "People who were planned for are away, unplanned."),
    "UNPLANNED_WORK": CauseText(
        GapCategory.TACTICAL, "More of the capacity goes to work that came in the same week.", "share of late-comers"
    ),
    "RAMP_UP": CauseText(
        GapCategory.ORGANIZATIONAL,
        "More of the work is done by people in their first eight weeks.",
        "newcomers' share",
        after=("DEPARTURES",),
    ),
    "UNEVEN_LOAD": CauseText(
        GapCategory.OPERATIONAL,
        "One carrier has more of the work.",
        "share of the busiest",
        after=("DEPARTURES",),
    ),
    "EXTERNAL_WAIT": CauseText(GapCategory.TACTICAL, "More items wait for something unfinished.", "items waiting"),
}


def detect_resource(context: DetectionContext) -> tuple[Detection, ...]:
    """What is missing of rate, of planned people, and of hands on the critical work."""
    known = context.known
    has_assignees = bool((known.context.assignments.contributor != NOBODY).any())
    if not has_assignees and not known.capacity.has_contributors:
        message = "Neither assignees nor capacity calendars are on record, so nobody's load can be told."
        reason = not_connected(ReasonCode.NO_ASSIGNEES, message, UnlockStep.ASSIGN_WORK)
        gate, subjects = record_readiness(context), (REQUIRED_RATE, PRESENT_CAPACITY, CRITICAL_WORK)
        return tuple(_subject(context, one, gate).closed(reason) for one in subjects)
    return _rate(context), _present(context), critical_work(context, MODEL, has_assignees=has_assignees)


def _subject(context: DetectionContext, name: str, readiness: ReadinessReport) -> Subject:
    return Subject(GapType.RESOURCE, MODEL, name, context, readiness, CAUSES)


# --- required rate ---


def _rate(context: DetectionContext) -> Detection:
    finish = context.finish
    gate = target_readiness(finish.target_date, as_of=context.as_of, calendar=context.calendar)
    missing = [reason for reason in gate.reasons if reason not in finish.readiness.reasons]
    subject = _subject(context, REQUIRED_RATE, finish.readiness.with_reasons(missing))
    if finish.trials is None or finish.target_date is None or not subject.readiness.carries_value:
        return subject.detection()
    end_us = context.calendar.end_of_day_us(finish.target_date)
    days_left = (end_us - context.known.known_at_us) / MICROSECONDS_PER_DAY
    excess = float(np.maximum(capped_days(finish.trials.days) / days_left - 1, 0.0).mean())
    effect = Effect(excess, RATE_TOLERANCE, "share of the rate")
    p_beyond = 1 - finish.trials.share_within((1 + RATE_TOLERANCE) * days_left)
    if not subject.opens(p_beyond):
        return subject.detection(effect.in_tolerances)
    return _rate_found(subject, effect, p_beyond)


def _rate_found(subject: Subject, effect: Effect, p_beyond: float) -> Detection:
    finish, at, excess = subject.context.finish, subject.context.as_of, effect.value
    demonstrated, required = finish.demonstrated_rate or 0.0, finish.required_rate or 0.0
    missing = max(demonstrated * excess, 1e-9)
    needed = demonstrated * (1 + excess)
    return subject.found(
        category=GapCategory.ORGANIZATIONAL,
        title=f"{needed:.1f} items a week are needed with what comes in, {demonstrated:.1f} are demonstrated",
        description=(
            f"{finish.remaining_items} items are open until {finish.target_date}: {required:.1f} a week, were nothing "
            f"to come in. With what comes in meanwhile, {1 + excess:.2f} times the demonstrated rate is needed; "
            f"1.10 times is tolerated."
        ),
        impact=f"{excess:.0%} of the rate is missing, against a tolerance of {RATE_TOLERANCE:.0%}.",
        current=Measure(demonstrated, "items/week", "demonstrated"),
        target=Measure(needed, "items/week", "needed, with what comes in"),
        effect=effect,
        confidence=p_beyond,
        areas=(AffectedAreaFinding(AreaKind.WORK_ITEMS, f"{finish.remaining_items} open items"),),
        evidence=(
            project_fact("Items a week", "demonstrated_rate", f"{demonstrated:.2f}", at),
            project_fact("Items a week", "required_rate", f"{required:.2f}", at),
            *finish.evidence,
        ),
        causes=_rate_causes(subject.context, missing, subject.seed),
        whole=missing,
        actions=_rate_actions(demonstrated, excess, int(finish.remaining_items or 0)),
    )


def _rate_causes(context: DetectionContext, missing: float, seed: int) -> tuple[JudgedCause, ...]:
    weeks = weeks_on_record(context.known, longest=TEST_WEEKS)
    if weeks <= RECENT_WEEKS:
        return ()
    weekly = Weekly(context.known, context.calendar, weeks)
    drivers = {
        "DEPARTURES": -weekly.people,
        "UNPLANNED_WORK": weekly.unplanned_share,
        "RAMP_UP": weekly.newcomer_share,
        "UNEVEN_LOAD": weekly.largest_load_share,
        "EXTERNAL_WAIT": weekly.waiting,
    }
    candidates = [Candidate(code, driver) for code, driver in drivers.items()]
    return judge_candidates(-weekly.finished, candidates, recent=RECENT_WEEKS, effect=missing, seed=seed)


def _rate_actions(demonstrated: float, excess: float, open_items: int) -> tuple[CorrectiveActionFinding, ...]:
    surplus = round(open_items * excess / (1 + excess))
    return (
        CorrectiveActionFinding(
            code="LEAVE_OUT_SURPLUS",
            title=f"Leave out about {surplus} of the open items, or move their date",
            description="Agree with the sponsor on what is not needed by the date.",
            priority=Priority.HIGH,
            steps=("Rank the open items by value.", "Agree on the cut with the sponsor.", "Approve a new baseline."),
            effort_h=8.0,
            owner_role=Role.PROJECT_MANAGER,
            expected_effect=f"The required rate falls to the demonstrated {demonstrated:.1f} items a week",
        ),
        CorrectiveActionFinding(
            code="FREE_CAPACITY",
            title=f"Free {excess:.0%} more capacity for the planned work",
            description="Stop or hand over what is not planned; add people only where they need no ramp-up.",
            priority=Priority.MEDIUM,
            steps=(
                "List what takes time beside the plan.",
                "Stop or hand over the largest part.",
                "Look again in 2 weeks.",
            ),
            effort_h=16.0,
            owner_role=Role.TEAM_LEADER,
            expected_effect=f"{demonstrated * (1 + excess):.1f} items a week are needed with what comes in",
        ),
    )


# --- present capacity ---


def _present(context: DetectionContext) -> Detection:
    subject, closed_by = _subject(context, PRESENT_CAPACITY, record_readiness(context)), _presence_gate(context)
    if closed_by is not None:
        return subject.closed(closed_by)
    if not subject.readiness.carries_value:
        return subject.detection()
    people = presence(context.known, context.calendar)
    if people.is_quiet or not people.is_judged.any() or people.total_hours <= 0:
        return subject.detection()
    gone = np.random.default_rng(subject.seed).random((DRAWS, len(people.key))) < people.p_gone
    hours: FloatArray = gone @ people.hours
    effect = Effect(float(hours.mean() / people.total_hours), CAPACITY_TOLERANCE, "share of the hours")
    p_beyond = float((hours / people.total_hours > CAPACITY_TOLERANCE).mean())
    if not subject.opens(p_beyond):
        return subject.detection(effect.in_tolerances)
    return _present_found(subject, people, gone, effect, p_beyond)


def _presence_gate(context: DetectionContext) -> ReadinessReason | None:
    if not context.known.capacity.has_contributors:
        message = "No contributor has a capacity calendar, so nobody can be missing from the plan."
        return not_connected(ReasonCode.NO_CAPACITY, message, UnlockStep.ENTER_CAPACITY)
    if not bool((context.known.activity.contributor != NOBODY).any()):
        message = "No activity of contributors is on record, so silence says nothing."
        return not_connected(ReasonCode.NO_ACTIVITY, message, UnlockStep.CONNECT_ACTIVITY)
    return None


def _present_found(
    subject: Subject, people: Presence, gone: NDArray[np.bool_], effect: Effect, p_beyond: float
) -> Detection:
    at, total, missing = subject.context.as_of, people.total_hours, effect.value
    silent = int((people.silent_days[people.is_judged] >= MIN_SILENT_DAYS).sum())
    expected_gone = float(people.p_gone.sum())
    carried = _open_items_of(subject.context, people)
    return subject.found(
        category=GapCategory.ORGANIZATIONAL,
        title=f"About {missing:.0%} of the planned hours of the next two weeks have nobody behind them",
        description=(
            f"Of {len(people.key)} contributors with a calendar, {expected_gone:.1f} are expected not to be there: "
            f"{silent} left no trace on {MIN_SILENT_DAYS} or more planned days, against their habit."
        ),
        impact=f"{missing * total:.0f} of {total:.0f} planned hours in two weeks; {carried} open items are theirs.",
        current=Measure(total * (1 - missing), "hours", "to be expected in two weeks"),
        target=Measure(total, "hours", "planned for two weeks"),
        effect=effect,
        confidence=min(p_beyond, MOST_SURE),
        areas=(AffectedAreaFinding(AreaKind.TEAM, "Planned contributors"),),
        evidence=(
            project_fact("Hours planned for two weeks", "capacity", f"{total:.1f}", at),
            project_fact("Contributors silent for 5 or more planned days", "activity", str(silent), at),
            project_fact("Contributors expected to be gone", "p_gone", f"{expected_gone:.2f}", at),
        ),
        causes=_present_causes(people, gone, missing),
        actions=_present_actions(carried, missing),
    )


def _present_causes(people: Presence, gone: NDArray[np.bool_], missing: float) -> tuple[JudgedCause, ...]:
    is_long = people.silent_days >= LONG_SILENT_DAYS
    parts = [
        Part(code, gone[:, chosen] @ people.hours[chosen] / people.total_hours)
        for code, chosen in (("DEPARTURES", is_long), ("ABSENCE", ~is_long))
    ]
    return judge_parts(parts, effect=missing)


def _open_items_of(context: DetectionContext, people: Presence) -> int:
    """Open items on contributors who are more likely gone than not."""
    gone = people.key[people.p_gone > 0.5]  # noqa: PLR2004 - more likely than not
    return int((context.known.states.open & np.isin(context.known.assignees, gone)).sum())


def _present_actions(carried: int, missing: float) -> tuple[CorrectiveActionFinding, ...]:
    return (
        CorrectiveActionFinding(
            code="CONFIRM_PRESENCE",
            title="Ask who is still on the project, and correct the calendars",
            description="A leave that was not entered ends the gap; a departure makes it a plan.",
            priority=Priority.HIGH,
            steps=("Ask the team leader who is away.", "Enter leave and departures in the calendars."),
            effort_h=1.0,
            owner_role=Role.TEAM_LEADER,
            expected_effect=f"The plan speaks of the {1 - missing:.0%} of the hours that are there",
        ),
        CorrectiveActionFinding(
            code="HAND_OVER_ITEMS",
            title=f"Give the {carried} open items of the missing to others",
            description="Items on people who are not there do not move.",
            priority=Priority.HIGH,
            steps=(
                "List their open items.",
                "Give the critical ones to people who know the area.",
                "Put the rest back.",
            ),
            effort_h=2.0 + carried / 4,
            owner_role=Role.TEAM_LEADER,
            expected_effect=f"{carried} items have somebody again",
        ),
    )

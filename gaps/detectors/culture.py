"""CULTURE: the team says that it is not well, or several signs of strain stand out for weeks. Two subjects.

Pulse
1. Of each question of the opt-in pulse, the answers of the newest eight weeks are pooled by respondents, at least five
   each time. The mean is shrunk towards the target by the weight of four answers, with a standard deviation of one
   point between answers.
2. Target is 3.5 of 5. The effect is what is missing of it in the worst question; T is 0.3 points. It opens when
   P(missing > T) reaches 80 % after its share for the number of questions (Bonferroni).
Strain
3. Two or more proxies (strain) lie above their own limits in each of the newest three weeks. The effect is their mean
   excess in distances of the limit, T is 1; "indicative": never more than MEDIUM, whatever the excess.

Both: causes are tested on weekly series: overload, interrupts, unclear goals, ignored retro actions. What is measured
as a proxy is no cause of itself, so causes of strain are drivers beside those that are out.
Facts: pulses, or activity of five or more people with starts. Gate: neither pulses nor two proxies close the type. Do
not believe strain in a release week or after a change of tools, and never as a statement about a person: there is no
text, no sentiment and nobody below five.
False alarms: at most 0.5 per project-year for each subject, to be borne out by replay.

Example: seven people answered 2.1 to "clarity" twice in a row: 14 answers pooled with 4 of 3.5 give 2.41, missing 1.09,
3.6 T: CRITICAL.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from gaps.causes.candidates import Candidate, JudgedCause, judge_candidates
from gaps.causes.weekly import Weekly, weeks_on_record
from gaps.detectors.detection import Detection, DetectionContext
from gaps.detectors.evidence import project_fact
from gaps.detectors.finding import AffectedAreaFinding, CorrectiveActionFinding, Effect, Measure
from gaps.detectors.gate import not_connected, record_readiness
from gaps.detectors.ranked_causes import CauseText
from gaps.detectors.severity import OPENS_AT_PROBABILITY
from gaps.detectors.strain import PROXY_NAMES, WEEKS_OUT, proxies, proxy_series
from gaps.detectors.subject import MOST_SURE, Subject
from gaps.enums import AreaKind, GapCategory, GapType
from predictions.enums import Priority
from predictions.forecasters.answers import EvidenceFact, ModelIdentity
from projects.history.process_signals import MIN_VALUES
from projects.history.readiness import ReasonCode, UnlockStep
from projects.history.team_facts import PulseFact
from tenants.enums import Role

FloatArray = NDArray[np.float64]

MODEL = ModelIdentity("culture.pulse-and-strain", "1")
PULSE, STRAIN = "pulse", "strain"
PULSE_TARGET, PULSE_TOLERANCE = 3.5, 0.3
"""Of 5: above the middle. Starting values, to be replaced by a goal of the tenant."""
PULSE_WEEKS, MIN_RESPONDENTS = 8, 5
ANSWER_SPREAD, PRIOR_ANSWERS = 1.0, 4.0
WEEKS = 29
MAX_QUESTION = 64
MIN_PROXIES = 2
STRAIN_TOLERANCE, MOST_STRAIN = 1.0, 1.99
"""Below 2 T is at most MEDIUM: the proxies are indicative."""
FALSE_ALARMS_PER_YEAR, SUBJECTS = 0.5, 2
"""Of each subject, and how many there are."""

CAUSES: Mapping[str, CauseText] = {
    "OVERLOAD": CauseText(
        GapCategory.ORGANIZATIONAL,
        "More is begun at once per person.",
        PROXY_NAMES["LOAD"],
        after=("PEOPLE_LEFT", "UNCLEAR_GOALS"),
    ),
    "INTERRUPTS": CauseText(
        GapCategory.TACTICAL,
        "More of the work came in at once.",
        PROXY_NAMES["INTERRUPTS"],
        after=("UNCLEAR_GOALS",),
    ),
    "LONG_DAYS": CauseText(
        GapCategory.ORGANIZATIONAL,
        "More is done after hours.",
        PROXY_NAMES["AFTER_HOURS"],
        after=("OVERLOAD", "PEOPLE_LEFT"),
    ),
    "IGNORED_RETRO_ACTIONS": CauseText(
        GapCategory.ORGANIZATIONAL,
        "What the team asked for in retrospectives stays open.",
        PROXY_NAMES["IGNORED_RETRO"],
    ),
    "UNCLEAR_GOALS": CauseText(
        GapCategory.STRATEGIC, "More items come in than are finished, so that priorities move.", "items in less out"
    ),
    "PEOPLE_LEFT": CauseText(GapCategory.ORGANIZATIONAL, "Fewer people are active.", "people active"),
}
OF_PROXY: Mapping[str, str] = {
    "LOAD": "OVERLOAD",
    "INTERRUPTS": "INTERRUPTS",
    "AFTER_HOURS": "LONG_DAYS",
    "IGNORED_RETRO": "IGNORED_RETRO_ACTIONS",
}


@dataclass(frozen=True, slots=True)
class PulseMean:
    """A question's pooled answers.  value, error: mean and standard error after shrinking, in points of 5"""

    question: str
    value: float
    error: float
    answers: int
    pulses: tuple[PulseFact, ...]

    @property
    def p_missing(self) -> float:
        """P(more than the tolerance is missing of the target)."""
        return float(ndtr((PULSE_TARGET - PULSE_TOLERANCE - self.value) / self.error))


def detect_culture(context: DetectionContext) -> tuple[Detection, ...]:
    """What the team says, and signs of strain."""
    readiness = record_readiness(context)
    pulse, strain = (Subject(GapType.CULTURE, MODEL, name, context, readiness, CAUSES) for name in (PULSE, STRAIN))
    weekly: Weekly | None = None
    series: Mapping[str, FloatArray] = {}
    if readiness.carries_value:
        weekly = Weekly(context.known, context.calendar, max(weeks_on_record(context.known, longest=WEEKS), 1))
        series = proxy_series(weekly) if weekly.weeks > WEEKS_OUT + MIN_VALUES else {}
    told = proxies(series)
    has_pulses = bool(context.known.pulses)
    if not has_pulses and len(told) < MIN_PROXIES:
        message = f"There are no pulses, and {len(told)} of {MIN_PROXIES} weekly signs of strain can be told."
        reason = not_connected(ReasonCode.NO_PULSES, message, UnlockStep.START_PULSES)
        return pulse.closed(reason), strain.closed(reason)
    if weekly is None:
        return pulse.detection(), strain.detection()
    return _pulse(pulse, weekly, series), _strain(strain, weekly, series)


# --- pulse ---


def _pulse(subject: Subject, weekly: Weekly, series: Mapping[str, FloatArray]) -> Detection:
    means = pulse_means(subject.context)
    if not means:
        message = f"No pulse with {MIN_RESPONDENTS} respondents was closed in the last {PULSE_WEEKS} weeks."
        return subject.closed(not_connected(ReasonCode.NO_PULSES, message, UnlockStep.START_PULSES))
    worst = max(means, key=lambda mean: (mean.p_missing, mean.question))
    effect = Effect(max(PULSE_TARGET - worst.value, 0.0), PULSE_TOLERANCE, "points of 5")
    required = 1 - (1 - OPENS_AT_PROBABILITY) / len(means)
    p_beyond = worst.p_missing if worst.p_missing >= required else 0.0
    if not subject.opens(p_beyond):
        return subject.detection(effect.in_tolerances)
    return _found(
        subject,
        effect=effect,
        title=f'The team answers {worst.value:.1f} of 5 to "{worst.question[:MAX_QUESTION]}", {PULSE_TARGET} is meant',
        description=(
            f"{worst.answers} answers in the last {PULSE_WEEKS} weeks, always of {MIN_RESPONDENTS} or more people. "
            f"{sum(mean.value < PULSE_TARGET for mean in means)} of {len(means)} questions are below the target."
        ),
        current=Measure(
            worst.value,
            "points of 5",
            "pooled answer",
            low=worst.value - 1.28 * worst.error,
            high=worst.value + 1.28 * worst.error,
        ),
        target=Measure(PULSE_TARGET, "points of 5", "at least"),
        confidence=p_beyond,
        evidence=tuple(_pulse_fact(pulse) for pulse in worst.pulses),
        causes=_pulse_causes(subject, weekly, series, question=worst.question, effect=effect.value),
    )


def pulse_means(context: DetectionContext) -> tuple[PulseMean, ...]:
    """The pooled answer to every question asked lately, ordered by question."""
    since = context.as_of - timedelta(weeks=PULSE_WEEKS)
    by_question: dict[str, list[PulseFact]] = {}
    for pulse in context.known.pulses:
        if pulse.closed_at > since and pulse.respondents >= MIN_RESPONDENTS:
            by_question.setdefault(pulse.question_code, []).append(pulse)
    return tuple(_mean(question, pulses) for question, pulses in sorted(by_question.items()))


def _mean(question: str, pulses: list[PulseFact]) -> PulseMean:
    answers = sum(pulse.respondents for pulse in pulses)
    total = sum(pulse.mean_score * pulse.respondents for pulse in pulses)
    weight = answers + PRIOR_ANSWERS
    value = (total + PULSE_TARGET * PRIOR_ANSWERS) / weight
    return PulseMean(question, value, ANSWER_SPREAD / float(np.sqrt(weight)), answers, tuple(pulses))


def _pulse_fact(pulse: PulseFact) -> EvidenceFact:
    value = f"{pulse.mean_score:.2f} of 5, {pulse.respondents} respondents"
    return project_fact(
        f"Pulse of {pulse.first_date} to {pulse.last_date}", pulse.question_code[:MAX_QUESTION], value, pulse.closed_at
    )


def _pulse_causes(
    subject: Subject, weekly: Weekly, series: Mapping[str, FloatArray], *, question: str, effect: float
) -> tuple[JudgedCause, ...]:
    """Tested on the weeks in which a pulse of the question closed; the outcome of a week is the newest answer."""
    context, outcome = subject.context, np.full(weekly.weeks, np.nan)
    closed = sorted((p for p in context.known.pulses if p.question_code == question), key=lambda p: p.closed_at)
    for pulse in closed:
        since = (context.as_of - pulse.closed_at) / timedelta(weeks=1)
        week = weekly.weeks - 1 - int(since)
        outcome[max(week, 0) :] = PULSE_TARGET - pulse.mean_score
    return _judged(weekly, series, outcome, recent=PULSE_WEEKS, effect=effect, seed=subject.seed)


def _judged(
    weekly: Weekly,
    series: Mapping[str, FloatArray],
    outcome: FloatArray,
    *,
    recent: int,
    effect: float,
    seed: int,
    without: frozenset[str] = frozenset(),
) -> tuple[JudgedCause, ...]:
    drivers = {OF_PROXY[name]: values for name, values in series.items() if name not in without}
    drivers["UNCLEAR_GOALS"] = weekly.arrived - weekly.finished
    drivers["PEOPLE_LEFT"] = -weekly.people
    candidates = [Candidate(code, driver) for code, driver in drivers.items()]
    return judge_candidates(outcome, candidates, recent=recent, effect=max(effect, 1e-9), seed=seed)


# --- strain ---


def _strain(subject: Subject, weekly: Weekly, series: Mapping[str, FloatArray]) -> Detection:
    told = proxies(series)
    if len(told) < MIN_PROXIES:
        message = f"{len(told)} of {MIN_PROXIES} weekly signs of strain can be told of five or more people."
        return subject.closed(not_connected(ReasonCode.NO_ACTIVITY, message, UnlockStep.CONNECT_ACTIVITY))
    out = tuple(proxy for proxy in told if proxy.is_out)
    if len(out) < MIN_PROXIES:
        second = sorted(proxy.excess for proxy in told)[-MIN_PROXIES]
        return subject.detection(float(np.clip(second, 0.0, MOST_STRAIN)))
    excess = min(float(np.mean([proxy.excess for proxy in out])), MOST_STRAIN)
    effect = Effect(excess, STRAIN_TOLERANCE, "distances of the limit")
    names = ", ".join(PROXY_NAMES[proxy.name] for proxy in out)
    scaled = [(series[proxy.name] - proxy.mean) / (proxy.high - proxy.mean) for proxy in out]
    return _found(
        subject,
        effect=effect,
        title=f"Indicative: {len(out)} signs of strain stand out for {WEEKS_OUT} weeks",
        description=f"Above the team's own limits in each of the last {WEEKS_OUT} weeks: {names}.",
        current=Measure(excess, "distances of the limit", "mean of the signs that stand out"),
        target=Measure(STRAIN_TOLERANCE, "distances of the limit", "at most"),
        confidence=OPENS_AT_PROBABILITY,
        evidence=tuple(
            project_fact(
                PROXY_NAMES[proxy.name],
                proxy.name.lower(),
                f"{proxy.recent:.2f}, usual {proxy.mean:.2f}, limit {proxy.high:.2f}",
                subject.context.as_of,
            )
            for proxy in out
        ),
        causes=_judged(
            weekly,
            series,
            np.mean(scaled, axis=0),
            recent=WEEKS_OUT,
            effect=excess,
            seed=subject.seed,
            without=frozenset(proxy.name for proxy in out),
        ),
    )


# --- the finding ---


def _found(  # noqa: PLR0913 - keyword-only: what the two subjects say differently
    subject: Subject,
    *,
    effect: Effect,
    title: str,
    description: str,
    current: Measure,
    target: Measure,
    confidence: float,
    evidence: tuple[EvidenceFact, ...],
    causes: tuple[JudgedCause, ...],
) -> Detection:
    return subject.found(
        category=GapCategory.ORGANIZATIONAL,
        title=title,
        description=description,
        impact=f"{effect.value:.2f} {effect.unit}, against a tolerance of {effect.tolerance:.1f}.",
        current=current,
        target=target,
        effect=effect,
        confidence=min(confidence, MOST_SURE),
        areas=(AffectedAreaFinding(AreaKind.TEAM, "The team as a whole"),),
        evidence=evidence,
        causes=causes,
        actions=_actions(current, target),
    )


def _actions(current: Measure, target: Measure) -> tuple[CorrectiveActionFinding, ...]:
    return (
        CorrectiveActionFinding(
            code="TALK_WITH_TEAM",
            title="Ask the team in a retrospective what weighs on it",
            description="With the numbers on the table, and without asking who said what.",
            priority=Priority.HIGH,
            steps=(
                "Show the evidence.",
                "Let the team name one cause.",
                "Agree on one change with an owner and a day.",
            ),
            effort_h=8.0,
            owner_role=Role.TEAM_LEADER,
            expected_effect=f"From {current.value:.2f} towards {target.value:.2f} {target.unit} in the next pulses",
        ),
        CorrectiveActionFinding(
            code="LIMIT_WORK_BEGUN",
            title="Begin nothing new for a week",
            description="Finish what is in progress; send what comes in to one person who sorts it.",
            priority=Priority.MEDIUM,
            steps=("Agree on a limit of items per person.", "Name who sorts what comes in.", "Look again in 3 weeks."),
            effort_h=4.0,
            owner_role=Role.TEAM_LEADER,
            expected_effect="Items in progress per person and interrupts back within their limits",
        ),
    )

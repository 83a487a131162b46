"""SKILL: work is left that one person, or nobody, has shown to be able to do. Two subjects, each with its own gap.

Depth
1. Areas are components or labels (areas); of each it is asked how many people have finished work of it lately and are
   still there, and how likely it is that this is at most one.
2. The effect is the expected share of the remaining work in such areas; T is a tenth of the remaining work. It opens
   when P(share >= T) is at least 80 %, over draws of which areas are thin.
3. Causes are parts of that share, in the draws in which there is a gap: LEAVER, somebody had shown it and left no
   trace for six weeks; NEW_TECHNOLOGY, nobody had; CONCENTRATION, one person has, and nobody else had in half a year.
Demand
4. An area's load is its open items over what it finishes until the target; the project's load likewise, at least 1, so
   that a project with too much to do everywhere is not taken for one that lacks a skill. The effect is the load of the
   worst area over the project's, less 1; T is a fifth. It opens when P(ratio > 1.2) exceeds 80 % after the share for
   the number of areas (Bonferroni), and the area holds a tenth of the remaining work.

Facts: assignees of finished items, components or labels; a target for demand. Gate: the gate of the finish forecast;
no assignees, areas on less than half of the remaining work or a single one close the type. Do not believe it where
items are carried by a lead who hands them on in the corridor.
False alarms: at most 0.5 per project-year for each subject, to be borne out by replay.

Example: 100 items are left, 24 of them in a component of which one person finished all 12 items: P(thin) = 87 %, the
share to be expected .21, 2.1 T: HIGH.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gaps.causes.candidates import JudgedCause, Part, judge_parts
from gaps.detectors.areas import SKILL_WEEKS, Areas, areas
from gaps.detectors.detection import Detection, DetectionContext
from gaps.detectors.evidence import item_facts, oldest_first, project_fact
from gaps.detectors.finding import AffectedAreaFinding, CorrectiveActionFinding, Effect, Measure
from gaps.detectors.gate import not_connected, record_readiness
from gaps.detectors.ranked_causes import CauseText
from gaps.detectors.severity import OPENS_AT_PROBABILITY
from gaps.detectors.subject import DRAWS, MOST_SURE, Subject
from gaps.enums import AreaKind, GapCategory, GapType
from predictions.enums import Priority
from predictions.forecasters.answers import EvidenceFact, ModelIdentity
from projects.history.instants import MICROSECONDS_PER_DAY
from projects.history.readiness import ReasonCode, UnlockStep, target_readiness
from projects.history.two_clocks import NOBODY
from tenants.enums import Role

FloatArray = NDArray[np.float64]

MODEL = ModelIdentity("skill.depth-and-demand", "1")
DEPTH, DEMAND = "depth", "demand"
DEPTH_TOLERANCE, DEMAND_TOLERANCE = 0.1, 0.2
LEAST_SHARE_IN_AREAS, MIN_AREAS = 0.5, 2
"""Where everything is one area, nothing is said of skills."""
MIN_SHARE_OF_AREA = 0.1
MAX_AREAS_NAMED = 5
PRIOR_FINISHES = 0.5
"""Jeffreys' prior of a rate."""
FALSE_ALARMS_PER_YEAR, SUBJECTS = 0.5, 2
"""Of each subject, and how many there are."""

CAUSES: Mapping[str, CauseText] = {
    "LEAVER": CauseText(GapCategory.ORGANIZATIONAL, "Somebody who had shown it has left no trace for six weeks."),
    "NEW_TECHNOLOGY": CauseText(GapCategory.STRATEGIC, "Nobody has finished work of the area in half a year."),
    "CONCENTRATION": CauseText(GapCategory.ORGANIZATIONAL, "All of the area was finished by one contributor."),
}


def detect_skill(context: DetectionContext) -> tuple[Detection, ...]:
    """Whether enough people can do what is left, and whether an area is asked for more than it gives."""
    known, readiness = context.known, record_readiness(context)
    depth, demand = (Subject(GapType.SKILL, MODEL, name, context, readiness, CAUSES) for name in (DEPTH, DEMAND))
    if not bool((known.context.assignments.contributor != NOBODY).any()):
        message = "No item has an assignee, so nobody has shown a skill."
        reason = not_connected(ReasonCode.NO_ASSIGNEES, message, UnlockStep.ASSIGN_WORK)
        return depth.closed(reason), demand.closed(reason)
    if not readiness.carries_value:
        return depth.detection(), demand.detection()
    told = areas(known, context.calendar)
    remaining = int(known.states.open.sum())
    if told.covered < LEAST_SHARE_IN_AREAS * remaining or len(told.names) < MIN_AREAS:
        message = (
            f"{told.covered:.0f} of {remaining} open items have a component or a label, of {len(told.names)} "
            f"different ones; half of the items and {MIN_AREAS} areas are needed."
        )
        reason = not_connected(ReasonCode.NO_AREAS, message, UnlockStep.NAME_AREAS)
        return depth.closed(reason), demand.closed(reason)
    return _depth(depth, told, remaining), _demand(demand, told, remaining)


# --- depth ---


def _depth(subject: Subject, told: Areas, remaining: int) -> Detection:
    thin = np.random.default_rng(subject.seed).random((DRAWS, len(told.names))) < told.p_thin
    shares: FloatArray = thin @ told.open_items / remaining
    effect = Effect(float(shares.mean()), DEPTH_TOLERANCE, "share of the remaining work")
    p_beyond = float((shares >= DEPTH_TOLERANCE).mean())
    if not subject.opens(p_beyond):
        return subject.detection(effect.in_tolerances)
    worst = _largest(told.p_thin * told.open_items)
    items = int(told.open_items[told.p_thin > 0].sum())
    return subject.found(
        category=GapCategory.ORGANIZATIONAL,
        title=f"{items} of {remaining} open items are in areas that at most one contributor has shown",
        description=(
            f"In {int((told.p_thin > 0).sum())} of {len(told.names)} areas at most one contributor who is still there "
            f"finished work in the last {SKILL_WEEKS} weeks: {', '.join(told.names[index] for index in worst)}."
        ),
        impact=f"{effect.value:.0%} of the remaining work hangs on one or none; {DEPTH_TOLERANCE:.0%} is tolerated.",
        current=Measure(
            effect.value,
            "share",
            "of the remaining work",
            low=float(np.quantile(shares, 0.1)),
            high=float(np.quantile(shares, 0.9)),
        ),
        target=Measure(DEPTH_TOLERANCE, "share", "at most"),
        effect=effect,
        confidence=min(p_beyond, MOST_SURE),
        areas=[AffectedAreaFinding(AreaKind.COMPONENT, told.names[index]) for index in worst],
        evidence=_evidence(subject.context, told, worst),
        causes=_depth_causes(told, thin[shares >= DEPTH_TOLERANCE], remaining, effect.value),
        actions=_depth_actions(told, worst),
    )


def _depth_causes(told: Areas, thin: NDArray[np.bool_], remaining: int, effect: float) -> tuple[JudgedCause, ...]:
    kinds = {
        "LEAVER": told.before > told.depth,
        "NEW_TECHNOLOGY": told.before == 0,
        "CONCENTRATION": (told.before == told.depth) & (told.depth == 1),
    }
    parts = [Part(code, thin[:, of] @ told.open_items[of] / remaining) for code, of in kinds.items()]
    return judge_parts(parts, effect=effect)


def _largest(values: FloatArray) -> list[int]:
    """The areas with the largest values above zero, at most five, largest first."""
    order = np.argsort(-values, kind="stable")[:MAX_AREAS_NAMED]
    return [int(index) for index in order if values[index] > 0]


def _evidence(context: DetectionContext, told: Areas, chosen: list[int]) -> list[EvidenceFact]:
    """What is known of the areas, and their oldest open items."""
    facts = [
        project_fact(
            f"Area {told.names[index]}",
            "open_items, finished_items, contributors",
            f"{told.open_items[index]}, {told.finished[index]}, {told.depth[index]}",
            context.as_of,
        )
        for index in chosen
    ]
    known = context.known
    rows = oldest_first(known, np.flatnonzero(known.states.open & np.isin(told.of_item, chosen)))
    values = [told.names[area] for area in told.of_item[rows].tolist()]
    return [*facts, *item_facts(known, rows, field="component", values=values)]


def _depth_actions(told: Areas, worst: list[int]) -> tuple[CorrectiveActionFinding, ...]:
    first = told.names[worst[0]]
    return (
        CorrectiveActionFinding(
            code="PAIR_ON_AREA",
            title=f"Let a second person finish items of {first}",
            description="Skill is shown by finished work: pair on two items, then swap.",
            priority=Priority.HIGH,
            steps=(
                f"Choose two open items of {first}.",
                "Pair on the first; the second person carries the next.",
                "Go on with the next area.",
            ),
            effort_h=16.0 * len(worst),
            owner_role=Role.TEAM_LEADER,
            expected_effect=f"Two contributors in {len(worst)} areas, so that an absence does not stop them",
        ),
        CorrectiveActionFinding(
            code="WRITE_DOWN_AREA",
            title=f"Have {first} written down by who knows it",
            description="How it is built, released and mended, on a page that a newcomer can work from.",
            priority=Priority.MEDIUM,
            steps=("Agree on what a newcomer needs.", "Write it.", "Let somebody else finish an item by it."),
            effort_h=12.0,
            owner_role=Role.TEAM_LEADER,
            expected_effect="A second contributor can begin without the first",
        ),
    )


# --- demand ---


def _demand(subject: Subject, told: Areas, remaining: int) -> Detection:
    context = subject.context
    gate = target_readiness(context.target_date, as_of=context.as_of, calendar=context.calendar)
    if context.target_date is None or gate.reasons:
        return subject.closed(*gate.reasons)
    days_left = (context.calendar.end_of_day_us(context.target_date) - context.known.known_at_us) / MICROSECONDS_PER_DAY
    ratios = _load_ratios(told, days_left / 7, np.random.default_rng(subject.seed))
    is_large = (told.open_items >= MIN_SHARE_OF_AREA * remaining) & (told.finished > 0)
    if not is_large.any():
        return subject.detection(0.0)
    p_beyond = np.where(is_large, (ratios > 1 + DEMAND_TOLERANCE).mean(axis=0), 0.0)
    excess = np.where(is_large, np.maximum(np.median(ratios, axis=0) - 1, 0.0), 0.0)
    worst = int(np.argmax(p_beyond + excess * 1e-6))
    effect = Effect(float(excess[worst]), DEMAND_TOLERANCE, "share of the capacity")
    required = 1 - (1 - OPENS_AT_PROBABILITY) / max(int(is_large.sum()), 1)
    is_sure = p_beyond[worst] >= required and effect.in_tolerances >= 1
    if not subject.opens(float(p_beyond[worst]) if is_sure else 0.0):
        return subject.detection(effect.in_tolerances)
    return _demand_found(subject, told, worst, effect, confidence=float(p_beyond[worst]))


def _load_ratios(told: Areas, weeks_left: float, rng: np.random.Generator) -> FloatArray:
    """Load of each area over that of the project, drawn: shape (draws, areas)."""
    rates = rng.gamma(told.finished + PRIOR_FINISHES, 1 / told.weeks, (DRAWS, len(told.names)))
    total = rng.gamma(told.finished.sum() + PRIOR_FINISHES, 1 / told.weeks, DRAWS)
    loads = told.open_items / np.maximum(rates * weeks_left, 1e-9)
    of_project = np.maximum(told.open_items.sum() / np.maximum(total * weeks_left, 1e-9), 1.0)
    ratios: FloatArray = loads / of_project[:, None]
    return ratios


def _demand_found(subject: Subject, told: Areas, worst: int, effect: Effect, *, confidence: float) -> Detection:
    name, rate, context = told.names[worst], float(told.finished[worst] / told.weeks), subject.context
    return subject.found(
        category=GapCategory.TACTICAL,
        title=f"{name} is asked for {1 + effect.value:.1f} times what it can give",
        description=(
            f"{told.open_items[worst]} items of {name} are open; {rate:.1f} a week were finished by "
            f"{told.depth[worst]} contributors. The other areas have room, or less of a load."
        ),
        impact=f"{effect.value:.0%} more than its capacity until {context.target_date}, beside the project's own load.",
        current=Measure(1 + effect.value, "ratio", "demand over capacity, over the project's"),
        target=Measure(1 + DEMAND_TOLERANCE, "ratio", "at most"),
        effect=effect,
        confidence=min(confidence, MOST_SURE),
        areas=(AffectedAreaFinding(AreaKind.COMPONENT, name),),
        evidence=_evidence(context, told, [worst]),
        causes=(),
        actions=(
            CorrectiveActionFinding(
                code="MOVE_PEOPLE_TO_AREA",
                title=f"Move work hours to {name}",
                description="From areas with room; begin with people who have finished work of it before.",
                priority=Priority.HIGH,
                steps=("Find who has room and has worked on it.", f"Give them items of {name}.", "Look in 2 weeks."),
                effort_h=8.0,
                owner_role=Role.TEAM_LEADER,
                expected_effect=f"{1 + effect.value:.1f} times the present {rate:.1f} items a week are needed",
            ),
        ),
    )

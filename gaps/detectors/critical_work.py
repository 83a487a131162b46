"""How much of the critical open work one contributor carries: a share, never who. The third subject of RESOURCE.

1. Critical are open items of a top priority, and open items that another open item waits for.
2. Of those that are assigned, the largest share on one carrier is the effect; T is a half.
3. Luck: with as many carriers as have open items, the chance that an even hand gives some carrier so many (binomial,
   times the carriers, at most 1). It must be below 1 %.
4. Causes, as parts of that carrier's items: came from somebody who has left no trace for four weeks (DEPARTURES), came
   from somebody else (REASSIGNED), never had another carrier (UNEVEN_LOAD). A part counts above 5 %.

Example: 12 of 16 assigned critical items on one of 6 carriers: 75 %, 1.5 T: MEDIUM; luck gives that once in a million.
"""

from collections.abc import Mapping

import numpy as np
from scipy.special import bdtrc

from gaps.causes.candidates import JudgedCause, counted_part, judge_parts
from gaps.detectors.detection import Detection, DetectionContext
from gaps.detectors.evidence import item_facts, oldest_first, project_fact
from gaps.detectors.finding import AffectedAreaFinding, CorrectiveActionFinding, Effect, Measure
from gaps.detectors.gate import not_connected, record_readiness
from gaps.detectors.ranked_causes import CauseText
from gaps.detectors.subject import Subject
from gaps.enums import AreaKind, GapCategory, GapType
from predictions.enums import Priority
from predictions.forecasters.answers import ModelIdentity
from projects.enums import TrackedField
from projects.history.columns import Flags, Rows
from projects.history.instants import MICROSECONDS_PER_WEEK
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReasonCode, UnlockStep
from projects.history.two_clocks import NOBODY
from tenants.enums import Role

CRITICAL_WORK = "critical work"
TOP_PRIORITIES = frozenset({"blocker", "critical", "highest", "urgent", "immediate", "p0", "p1"})
"""Names of the top priorities in the usual tools, in lower case."""
HALF = 0.5
MIN_CRITICAL, MIN_CARRIERS = 8, 3
"""Below eight items, or with two carriers, half of them on one is nothing unusual. Starting values."""
MAX_LUCK = 0.01
SILENT_WEEKS = 4

CAUSES: Mapping[str, CauseText] = {
    "DEPARTURES": CauseText(GapCategory.ORGANIZATIONAL, "Items came from people who left no trace for four weeks."),
    "REASSIGNED": CauseText(GapCategory.OPERATIONAL, "Items were given over by people who are still there."),
    "UNEVEN_LOAD": CauseText(
        GapCategory.OPERATIONAL, "Items were given to one carrier from the start.", after=("DEPARTURES",)
    ),
}


def critical_work(context: DetectionContext, model: ModelIdentity, *, has_assignees: bool) -> Detection:
    """The share on one carrier, and a finding where it is half or more and no luck."""
    subject = Subject(GapType.RESOURCE, model, CRITICAL_WORK, context, record_readiness(context), CAUSES)
    if not has_assignees:
        message = "No item has an assignee, so nobody can be told to carry too many."
        return subject.closed(not_connected(ReasonCode.NO_ASSIGNEES, message, UnlockStep.ASSIGN_WORK))
    if not subject.readiness.carries_value:
        return subject.detection()
    known = context.known
    rows = np.flatnonzero(_is_critical(known) & (known.assignees != NOBODY))
    carriers, counts = np.unique(known.assignees[rows], return_counts=True)
    on_one = int(counts.max(initial=0))
    effect = Effect(on_one / len(rows) if len(rows) else 0.0, HALF, "share of the critical items")
    luck = _luck(on_one, len(rows), _carriers(known))
    is_gap = effect.value >= HALF and len(rows) >= MIN_CRITICAL and luck < MAX_LUCK
    if not subject.opens(1 - luck if is_gap else 0.0):
        return subject.detection(effect.in_tolerances)
    of_one = rows[known.assignees[rows] == carriers[int(np.argmax(counts))]]
    return _found(subject, of_one, effect, items=len(rows), confidence=1 - luck)


def _is_critical(known: ProjectHistory) -> Flags:
    priorities = known.values_of(TrackedField.PRIORITY)
    names = {name for name in set(priorities.tolist()) if str(name).strip().casefold() in TOP_PRIORITIES}
    is_top = np.fromiter((name in names for name in priorities.tolist()), dtype=np.bool_, count=len(priorities))
    links, is_open = known.links, known.states.open
    stands = (links.at_us <= known.known_at_us) & (links.until_us > known.known_at_us)
    blocks = np.zeros(len(known.items), dtype=np.bool_)
    blocks[links.blocker[stands & is_open[links.item]]] = True
    flags: Flags = is_open & (is_top | blocks)
    return flags


def _carriers(known: ProjectHistory) -> int:
    """Contributors who have open items."""
    carriers = known.assignees[known.states.open]
    return len(np.unique(carriers[carriers != NOBODY]))


def _luck(on_one: int, items: int, carriers: int) -> float:
    """Chance that an even hand gives some carrier at least so many: in (0, 1]; 1 with too few carriers."""
    if carriers < MIN_CARRIERS or items == 0:
        return 1.0
    tail = float(bdtrc(on_one - 1, items, 1 / carriers))
    return float(min(1.0, max(carriers * tail, 1e-9)))


def _found(subject: Subject, of_one: Rows, effect: Effect, *, items: int, confidence: float) -> Detection:
    known, at, share = subject.context.known, subject.context.as_of, effect.value
    ordered = oldest_first(known, of_one)
    return subject.found(
        category=GapCategory.OPERATIONAL,
        title=f"{len(of_one)} of {items} assigned critical items are on one contributor",
        description=(
            f"{share:.0%} of the critical open work is carried by one contributor, of {_carriers(known)} who carry "
            "open items. One absence stops it."
        ),
        impact=f"{share:.0%} of the critical work on one contributor; half is the limit.",
        current=Measure(share, "share", "critical items on one contributor"),
        target=Measure(HALF, "share", "at most"),
        effect=effect,
        confidence=confidence,
        areas=(AffectedAreaFinding(AreaKind.WORK_ITEMS, f"{items} critical items"),),
        evidence=(
            project_fact("Critical items on one contributor", "assignee", f"{len(of_one)} of {items}", at),
            *item_facts(known, ordered, field="priority", values=["critical"] * len(ordered)),
        ),
        causes=_causes(known, of_one, share, subject.seed),
        actions=(_spread(len(of_one), items),),
    )


def _causes(known: ProjectHistory, of_one: Rows, share: float, seed: int) -> tuple[JudgedCause, ...]:
    left, given = _earlier_carriers(known, of_one)
    counts = {"DEPARTURES": left, "REASSIGNED": given, "UNEVEN_LOAD": len(of_one) - left - given}
    rng = np.random.default_rng(seed)
    parts = [counted_part(code, count, len(of_one), effect=share, rng=rng) for code, count in counts.items()]
    return judge_parts(parts, effect=share)


def _earlier_carriers(known: ProjectHistory, of_one: Rows) -> tuple[int, int]:
    """How many of the items another had before: one who is silent now, or one who is still there."""
    assignments = known.context.assignments
    rows = np.flatnonzero(np.isin(assignments.item, of_one) & (assignments.contributor != NOBODY))
    earlier = rows[assignments.contributor[rows] != known.assignees[assignments.item[rows]]]
    activity = known.activity
    since_us = known.known_at_us - SILENT_WEEKS * MICROSECONDS_PER_WEEK
    before, lately = (
        activity.contributor[chosen] for chosen in (activity.at_us <= since_us, activity.at_us > since_us)
    )
    of = assignments.contributor[earlier]
    is_silent = np.isin(of, before) & ~np.isin(of, lately)
    of_silent = np.unique(assignments.item[earlier[is_silent]])
    of_present = np.setdiff1d(assignments.item[earlier[~is_silent]], of_silent)
    return len(of_silent), len(of_present)


def _spread(on_one: int, items: int) -> CorrectiveActionFinding:
    surplus = max(1, on_one - int(items * HALF) + 1)
    return CorrectiveActionFinding(
        code="SPREAD_CRITICAL_WORK",
        title=f"Give {surplus} or more of these items to others, in pairs at first",
        description="Begin with those that nobody has started, so that nothing is interrupted.",
        priority=Priority.HIGH,
        steps=(
            "List the critical items that are not begun.",
            "Find for each a second person who knows the area.",
            "Hand over with an hour of pairing each.",
        ),
        effort_h=2.0 * surplus,
        owner_role=Role.TEAM_LEADER,
        expected_effect=f"The share on one contributor falls from {on_one / items:.0%} to below {HALF:.0%}",
    )

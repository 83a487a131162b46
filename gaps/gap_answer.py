"""What a gap says, in words: planned and likely, why, on which facts, and how much time is left."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gaps.domain.acting import efficacy_of_tenant
from gaps.domain.cause_map import ordered_causes
from gaps.enums import GapType
from gaps.models import CorrectiveAction, Evidence, Gap, RootCause
from predictions.domain.action_efficacy import ranked_actions
from projects.plain_words import Fact, Limit, days, duration, fact, limits, measure, percent

TIMED = frozenset({GapType.TIMELINE, GapType.BUDGET})
"""Types whose detectors look for the latest start of every action."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason for a gap.

    contribution: in days, money or share, empty where it was not measured
    after: places in the order, from 1 on, of what to deal with before it
    """

    description: str
    contribution: str
    sure: str
    after: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class GapAnswer:
    """One gap in words. Likely and planned are the same measure, in the same unit.

    causes: the largest first;  order: those to deal with, what to deal with first for most effect in front
    """

    gap: Gap
    likely: str
    likely_label: str
    planned: str
    planned_label: str
    time_left: str
    causes: tuple[Cause, ...]
    order: tuple[Cause, ...]
    evidence: tuple[Fact, ...]
    actions: tuple[CorrectiveAction, ...]
    limits: tuple[Limit, ...]

    @property
    def has_waiting_causes(self) -> bool:
        """Whether any cause has to wait for another."""
        return any(cause.after for cause in self.order)


def gap_answer(gap: Gap) -> GapAnswer:
    """Put a gap into words, in five queries: its causes, its evidence, its actions, and what such were worth."""
    current, target = gap.current_value or {}, gap.target_value or {}
    causes = list(gap.root_causes.order_by("rank"))
    return GapAnswer(
        gap=gap,
        likely=measure(current),
        likely_label=str(current.get("label") or "") if current.get("value") is not None else "",
        planned=measure(target),
        planned_label=str(target.get("label") or ""),
        time_left=_time_left(gap),
        causes=tuple(cause_in_words(cause) for cause in causes),
        order=_order(causes),
        evidence=tuple(_fact(row) for row in gap.evidence.order_by("id")),
        actions=tuple(ranked_actions(gap.corrective_actions.select_related("owner"), efficacy_of_tenant())),
        limits=tuple(limits(gap.readiness_reasons)),
    )


def _time_left(gap: Gap) -> str:
    """Until when the best action restores the target; empty where no detector asks."""
    if gap.urgency_h is not None:
        return duration(gap.urgency_h)
    return "no action is known to be enough" if gap.detector_id and gap.type in TIMED else ""


def cause_in_words(cause: RootCause) -> Cause:
    """One cause without its place in an order."""
    parts = []
    if cause.contribution_days is not None:
        direction = "earlier" if cause.contribution_days < 0 else "later"
        size = days(abs(cause.contribution_days))
        parts.append(f"{size} {direction}" if size != days(0) else "next to nothing")
    if cause.contribution_money is not None:
        direction = "less" if cause.contribution_money < 0 else "more"
        parts.append(f"{abs(cause.contribution_money):,.0f} {cause.contribution_currency} {direction}")
    if cause.contribution_share is not None and percent(cause.contribution_share) != percent(0):
        parts.append(f"{percent(cause.contribution_share)} of it")
    sure = "" if cause.confidence is None else f"{percent(cause.confidence)} sure"
    return Cause(cause.description, ", ".join(parts), sure)


def _order(causes: list[RootCause]) -> tuple[Cause, ...]:
    ordered = ordered_causes(causes)
    place = {each.cause.pk: number for number, each in enumerate(ordered, start=1)}
    return tuple(
        replace(cause_in_words(each.cause), after=tuple(sorted(place[other.pk] for other in each.after)))
        for each in ordered
    )


def _fact(row: Evidence) -> Fact:
    names = ("object_type", "object_id", "object_key", "field", "value", "observed_at", "url")
    return fact({name: getattr(row, name) for name in names})

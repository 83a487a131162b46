"""Why the promised day slips, from the causes that detection keeps with a project's timeline gap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from gaps.enums import GapOrigin, GapStatus, GapType
from gaps.models import Gap, RootCause
from predictions.attribution.factors import SlipFactor
from projects.models import Project
from projects.plain_words import day, days
from stratibreak.page_plots.absence import Absence, Shown
from stratibreak.plots.waterfall import TITLE, SlipBar, UntoldReason, signed_days, total_days, waterfall_figure
from tenants.api.access import visible_of

UNEXPLAINED = "UNEXPLAINED"
NAMES: Mapping[str, str] = MappingProxyType(
    {
        SlipFactor.LATE_START: "Started late",
        SlipFactor.SCOPE_ADDED: "Scope was added",
        SlipFactor.RATE_BELOW_PLAN: "Slower than planned",
        SlipFactor.BLOCKED: "Blocked work",
        SlipFactor.REWORK: "Rework",
        SlipFactor.CALENDAR: "Working days changed",
        SlipFactor.DEPENDENCY_WAIT: "Waiting for other work",
    }
)
NAMES_EARLIER: Mapping[str, str] = MappingProxyType(
    {
        SlipFactor.SCOPE_ADDED: "Less scope than planned",
        SlipFactor.RATE_BELOW_PLAN: "Faster than planned",
        SlipFactor.CALENDAR: "More working days than planned",
    }
)
"""What a factor is called where it eases the slip."""
WHY_UNTOLD: Mapping[str, str] = MappingProxyType(
    {
        SlipFactor.LATE_START: "the plan has no start date, or no item on record has one.",
        SlipFactor.BLOCKED: "no status or flag on record says that work was blocked.",
        SlipFactor.REWORK: "no item on record says when work on it began.",
        SlipFactor.CALENDAR: "the working days that the plan was made with are not on record.",
        SlipFactor.DEPENDENCY_WAIT: "no links between items are on record.",
    }
)
"""What `predictions.attribution.factors` needs for a factor; without it the factor is off."""
NO_PLAN = UntoldReason("All reasons", "no baseline is approved, so there is no plan to hold the work against.")
LIVE = (GapStatus.OPEN, GapStatus.IN_PROGRESS)


def slip_plot(project: Project, user: Any) -> tuple[Gap | None, Shown]:
    """The plot of the newest timeline gap that is live, with that gap, or why there is none.  One query."""
    causes = RootCause.objects.filter(
        gap__project=project, gap__type=GapType.TIMELINE, gap__origin=GapOrigin.DETECTED, gap__status__in=LIVE
    )
    found = list(visible_of(causes, user).exclude(code="").select_related("gap").order_by("-gap_id", "rank"))
    if not found:
        return None, Absence(TITLE, "No gap between the promised and the likely day is open, so there is no slip.")
    gap = found[0].gap
    return gap, gap_slip_plot([cause for cause in found if cause.gap_id == gap.pk], seen_at=gap.last_seen_at)


def gap_slip_plot(causes: Sequence[RootCause], *, seen_at: datetime | None) -> Shown:
    """The plot of the causes that one detection run found for one gap; together they are its slip.

    seen_at: as of when the run looked; a later one may have had nothing to say
    """
    told = [cause for cause in causes if cause.code and cause.contribution_days is not None]
    if not told:
        return Absence(TITLE, "Nothing was measured of this slip.")
    slips = [
        SlipBar(
            name=_name(cause),
            days=float(cause.contribution_days or 0.0),
            detail=cause.description,
            is_unknown=cause.code == UNEXPLAINED,
        )
        for cause in sorted(told, key=lambda cause: (cause.code == UNEXPLAINED, -float(cause.contribution_days or 0.0)))
    ]
    codes = {cause.code for cause in told}
    untold = tuple(UntoldReason(NAMES[code], why) for code, why in WHY_UNTOLD.items() if code not in codes)
    return waterfall_figure(
        "slip", summary=_summary(slips, seen_at), slips=slips, untold=(NO_PLAN,) if codes == {UNEXPLAINED} else untold
    )


def _name(cause: RootCause) -> str:
    if (cause.contribution_days or 0.0) < 0 and cause.code in NAMES_EARLIER:
        return NAMES_EARLIER[cause.code]
    if cause.code == UNEXPLAINED:
        return "Not explained"
    return NAMES.get(cause.code, cause.description)


def _summary(slips: Sequence[SlipBar], seen_at: datetime | None) -> str:
    total = total_days(slips)
    side = "after" if total >= 0 else "before"
    begin = "On" if seen_at is None else f"As of {day(seen_at.date())}, on"
    told = f"average over all cases, the longest included, the work ends {days(abs(total))} {side} the promised day"
    sentences = [f"{begin} {told}."]
    largest = max((slip for slip in slips if not slip.is_unknown), key=lambda slip: slip.days, default=None)
    if largest is not None and largest.days > 0:
        sentences.append(f"The largest reason: {largest.name.lower()}, {days(largest.days)}.")
    least = min((slip for slip in slips if not slip.is_unknown), key=lambda slip: slip.days, default=None)
    if least is not None and round(least.days, 1) < 0:
        sentences.append(f"{least.name} makes up for {days(-least.days)}.")
    unknown = sum(slip.days for slip in slips if slip.is_unknown)
    if round(unknown, 1):
        sentences.append(f"{signed_days(unknown)} days nobody can explain.")
    return " ".join(sentences)

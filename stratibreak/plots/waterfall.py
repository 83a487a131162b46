"""Why the date slips: from the promised day to the average one, one bar for each reason, in days that add up.

What makes it later points right, what makes it earlier points left and is hollow; what nobody can explain is a bar of
its own. Reasons that the record cannot tell get no bar, because none would be a claim that they cost nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from xml.etree.ElementTree import Element

from stratibreak.plots.axes import number_label
from stratibreak.plots.bars import Bar, draw_bars, layout_for
from stratibreak.plots.figure import NARROW, WIDE, DataTable, Figure, Layout, area_entry, drawings

TITLE = "Why the date slips, in days"
_TENTHS_BELOW = 10


@dataclass(frozen=True, slots=True)
class SlipBar:
    """One reason.  days: later if positive;  detail: what was measured, in words;  is_unknown: nobody can explain it"""

    name: str
    days: float
    detail: str = ""
    is_unknown: bool = False


@dataclass(frozen=True, slots=True)
class UntoldReason:
    """A reason that the record cannot tell, and why."""

    name: str
    why: str


def waterfall_figure(
    key: str,
    *,
    summary: str,
    slips: Sequence[SlipBar],
    untold: Sequence[UntoldReason] = (),
) -> Figure:
    """The plot.  slips: in the order they are drawn;  their sum is the last bar"""
    bars = waterfall_bars(slips)

    def draw(svg: Element, layout: Layout) -> None:
        draw_bars(svg, layout, bars, x_name="Days after the promised day")

    layouts = (layout_for(WIDE, len(bars)), layout_for(NARROW, len(bars)))
    legend = [area_entry("Later", "plot-bar plot-later")]
    if any(slip.days < 0 for slip in slips):
        legend.append(area_entry("Earlier", "plot-bar plot-earlier"))
    if any(slip.is_unknown for slip in slips):
        legend.append(area_entry("Not explained", "plot-bar plot-unknown"))
    legend.append(area_entry("In all", "plot-bar plot-total"))
    return Figure(
        key=key,
        title=TITLE,
        summary=summary,
        drawings=drawings(key, TITLE, summary, draw, layouts),
        legend=tuple(legend),
        table=DataTable(
            caption="Reasons in days; before they were rounded they add up to the last row exactly",
            columns=("Reason", "Days", "What was measured"),
            rows=(
                *((slip.name, number_label(round(slip.days, 1) + 0.0, 0.1), slip.detail) for slip in slips),
                *((reason.name, "cannot be told", reason.why) for reason in untold),
                ("In all", number_label(round(total_days(slips), 1) + 0.0, 0.1), ""),
            ),
        ),
        notes=tuple(f"{reason.name} cannot be told: {reason.why}" for reason in untold),
    )


def waterfall_bars(slips: Sequence[SlipBar]) -> tuple[Bar, ...]:
    """The promised day, the reasons end to end, and the average day: the last bar ends where the reasons end."""
    ends = list(accumulate((slip.days for slip in slips), initial=0.0))
    reasons = (
        Bar(slip.name, start, end, signed_days(slip.days), _style(slip), is_joined=True)
        for slip, start, end in zip(slips, ends[:-1], ends[1:], strict=True)
    )
    promised = Bar("Promised day", 0.0, 0.0, "0", "plot-total", is_joined=True)
    return (promised, *reasons, Bar("On average", 0.0, ends[-1], signed_days(ends[-1]), "plot-total"))


def total_days(slips: Sequence[SlipBar]) -> float:
    """The slip: the sum of its reasons, in the order in which they are drawn."""
    return list(accumulate((slip.days for slip in slips), initial=0.0))[-1]


def signed_days(days: float) -> str:
    """Days with their direction: +12, 0, and a real minus sign before what comes earlier."""
    step = 0.1 if abs(days) < _TENTHS_BELOW else 1.0
    text = number_label(round(days, 1 if step < 1 else 0) + 0.0, step).removesuffix(".0")
    return f"+{text}" if days > 0 and text != "0" else text


def _style(slip: SlipBar) -> str:
    if slip.is_unknown:
        return "plot-unknown"
    if signed_days(slip.days) == "0":
        return "plot-total"
    return "plot-earlier" if slip.days < 0 else "plot-later"

"""How long before the event people were warned: a bar for each length of time, the late ones hollow."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from stratibreak.plots.bars import Bar, draw_bars, layout_for
from stratibreak.plots.figure import NARROW, WIDE, DataTable, Figure, Layout, area_entry, drawings


@dataclass(frozen=True, slots=True)
class LeadTimes:
    """Events that were warned of this long before.  is_early: early enough to act"""

    name: str
    events: int
    is_early: bool


def lead_time_figure(key: str, *, summary: str, groups: Sequence[LeadTimes]) -> Figure:
    """The plot."""
    title = "How early we warned"
    bars = [
        Bar(group.name, 0.0, float(group.events), str(group.events), "plot-good" if group.is_early else "plot-late")
        for group in groups
    ]

    def draw(svg: Element, layout: Layout) -> None:
        draw_bars(svg, layout, bars, x_name="Events")

    return Figure(
        key=key,
        title=title,
        summary=summary,
        drawings=drawings(key, title, summary, draw, (layout_for(WIDE, len(bars)), layout_for(NARROW, len(bars)))),
        legend=(
            area_entry("At least three days ahead", "plot-bar plot-good"),
            area_entry("Too late to act", "plot-bar plot-late"),
        ),
        table=DataTable(
            caption="Events that came, by how long before them the warning stood",
            columns=("Warned", "Events"),
            rows=tuple((group.name, str(group.events)) for group in groups),
        ),
    )

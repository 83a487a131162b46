"""Is "70 %" right in seven cases of ten? What was said against how often it came, with the margin of chance.

Points on the diagonal kept their promise; a margin that crosses it is compatible with that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from stratibreak.plots.axes import percent_axis
from stratibreak.plots.figure import (
    SAMPLE_HEIGHT,
    SAMPLE_WIDTH,
    DataTable,
    Figure,
    Layout,
    drawings,
    legend_entry,
    line_entry,
)
from stratibreak.plots.frame import GAP, ROW, Frame, draw_axes, write
from stratibreak.plots.svg import add

_WIDE, _NARROW = Layout("wide", 560.0, 460.0, 13.0), Layout("narrow", 326.0, 340.0, 13.0)
_TIP = 5.0


@dataclass(frozen=True, slots=True)
class SaidAndCame:
    """Forecasts of about one probability.  said, came, low, high: in [0, 1];  events: how many"""

    said: float
    came: float
    low: float
    high: float
    events: int


def reliability_figure(key: str, *, summary: str, bins: Sequence[SaidAndCame]) -> Figure:
    """The plot of at least one bin."""
    title = "When we said so, how often did it come?"

    def draw(svg: Element, layout: Layout) -> None:
        _draw(svg, layout, bins)

    return Figure(
        key=key,
        title=title,
        summary=summary,
        drawings=drawings(key, title, summary, draw, (_WIDE, _NARROW)),
        legend=(
            legend_entry("Claims of about this chance, with the margin of chance (95 %)", _sample),
            line_entry("Exactly as often as we said", "plot-line plot-perfect"),
        ),
        table=DataTable(
            caption="Claims in groups of equal size, by the chance that was given",
            columns=("We said", "It came", "At least", "At most", "Events"),
            rows=tuple(
                (_percent(b.said), _percent(b.came), _percent(b.low), _percent(b.high), str(b.events)) for b in bins
            ),
        ),
    )


def _draw(svg: Element, layout: Layout, bins: Sequence[SaidAndCame]) -> None:
    frame = Frame.fitted(layout, percent_axis(), percent_axis(), top=GAP, bottom=ROW)
    draw_axes(svg, frame, y_name="How often it came")
    name_y = layout.height - GAP + 1
    write(svg, layout, "The chance we gave", x=frame.right, y=name_y, anchor="end", css="plot-name")
    (x1, y1), (x2, y2) = frame.point(0, 0), frame.point(1, 1)
    add(svg, "line", x1=x1, y1=y1, x2=x2, y2=y2, css="plot-line plot-perfect")
    for (x, y), anchor, text in (
        (frame.point(0.02, 0.92), "start", "came more often"),
        (frame.point(0.98, 0.04), "end", "came less often"),
    ):
        write(svg, layout, text, x=x, y=y, anchor=anchor, css="plot-aside")
    for each in bins:
        x, y = frame.point(each.said, each.came)
        _draw_point(svg, x, y, low=frame.y_px(each.low), high=frame.y_px(each.high))


def _draw_point(svg: Element, x: float, y: float, *, low: float, high: float) -> None:
    add(svg, "line", x1=x, y1=high, x2=x, y2=low, css="plot-margin")
    for end in (high, low):
        add(svg, "line", x1=x - _TIP, y1=end, x2=x + _TIP, y2=end, css="plot-margin")
    add(svg, "circle", cx=x, cy=y, r=5, css="plot-point")


def _sample(svg: Element) -> None:
    _draw_point(svg, SAMPLE_WIDTH / 2, SAMPLE_HEIGHT / 2, low=SAMPLE_HEIGHT - 1, high=1)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"

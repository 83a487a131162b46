"""Bars that lie: a name, a bar on a common axis, and its value written behind it.

Lying bars leave room for names that are sentences, also on a phone, where the name stands above its bar.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from stratibreak.plots.axes import Axis, number_axis
from stratibreak.plots.figure import Layout
from stratibreak.plots.frame import GAP, ROW, room_for, shortened, write
from stratibreak.plots.svg import add

_BAR = 16.0
_WIDE_ROW, _NARROW_ROW = 28.0, 44.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.  start, end: on the axis;  value: what is written behind it;  css: its style

    is_joined: whether a thin line leads from its end to the next bar, as in a waterfall
    """

    name: str
    start: float
    end: float
    value: str
    css: str
    is_joined: bool = False


def layout_for(layout: Layout, bars: int) -> Layout:
    """The same layout, as high as so many bars need."""
    row = _NARROW_ROW if layout.is_narrow else _WIDE_ROW
    return Layout(layout.name, layout.width, 2 * ROW + bars * row + ROW, layout.font_px)


def draw_bars(svg: Element, layout: Layout, bars: Sequence[Bar], *, x_name: str) -> None:
    """Draw bars from top to bottom over an axis with zero in it."""
    places = _Places.of(layout, bars)
    bottom = layout.height - 2 * ROW
    for tick in places.axis.ticks:
        x = places.x_px(tick.at)
        add(svg, "line", x1=x, y1=4, x2=x, y2=bottom, css="plot-axis" if tick.at == 0 else "plot-grid")
        write(svg, layout, tick.label, x=x, y=bottom + ROW - 3, anchor="middle", css="plot-tick")
    write(svg, layout, x_name, x=layout.width - 1, y=bottom + 2 * ROW - 4, anchor="end", css="plot-name")
    for number, bar in enumerate(bars):
        top = places.top_of(number)
        _draw_bar(svg, places, bar, top)
        if bar.is_joined and number + 1 < len(bars):
            x = places.x_px(bar.end)
            add(svg, "line", x1=x, y1=top + _BAR, x2=x, y2=places.top_of(number + 1), css="plot-join")


@dataclass(frozen=True, slots=True)
class _Places:
    """Where bars, names and values lie."""

    layout: Layout
    axis: Axis
    left: float
    right: float
    names_px: float

    @classmethod
    def of(cls, layout: Layout, bars: Sequence[Bar]) -> "_Places":
        values = [0.0, *(value for bar in bars for value in (bar.start, bar.end))]
        # Room for the longest value on either side, because a bar may end at the very edge on both.
        value_px = max((layout.text_px(bar.value) for bar in bars), default=0.0) + GAP
        names_px = 0.0
        if not layout.is_narrow:
            names_px = min(max((layout.text_px(bar.name) for bar in bars), default=0.0), layout.width / 3) + 2 * GAP
        low_side = value_px if min(values) < 0 else GAP + layout.text_px("0")
        axis = number_axis(min(values), max(values), most_ticks=min(8, room_for(layout, "-1,000")), least_step=0.1)
        return cls(layout, axis, names_px + low_side, layout.width - value_px - GAP, names_px)

    def x_px(self, value: float) -> float:
        return self.left + self.axis.share(value) * (self.right - self.left)

    def top_of(self, number: int) -> float:
        """The upper edge of a bar; on a phone its name stands above."""
        if self.layout.is_narrow:
            return number * _NARROW_ROW + ROW + 4
        return number * _WIDE_ROW + 8


def _draw_bar(svg: Element, places: _Places, bar: Bar, top: float) -> None:
    layout, baseline = places.layout, top + _BAR - 3.5
    start, end = sorted((places.x_px(bar.start), places.x_px(bar.end)))
    if layout.is_narrow:
        write(svg, layout, bar.name, x=1, y=top - 5, anchor="start", css="plot-bar-name")
    else:
        name = shortened(bar.name, layout, places.names_px - GAP)
        write(svg, layout, name, x=1, y=baseline, anchor="start", css="plot-bar-name")
    if bar.end == bar.start:
        add(svg, "line", x1=start, y1=top, x2=start, y2=top + _BAR, css="plot-axis")
    else:
        add(svg, "rect", x=start, y=top, width=max(end - start, 2.0), height=_BAR, css=f"plot-bar {bar.css}")
    is_left = bar.end < bar.start
    x = start - GAP if is_left else max(end, start + 2.0) + GAP
    write(svg, layout, bar.value, x=x, y=baseline, anchor="end" if is_left else "start", css="plot-value")

"""The frame of a drawing: where values lie, its axes, and marks that are written on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from stratibreak.plots.axes import Axis
from stratibreak.plots.figure import Layout
from stratibreak.plots.svg import add, clean, path_of

GAP = 6.0
ROW = 18.0
"""The height of a line of text with its distance to the next."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The rectangle of the values inside a drawing, in its pixels."""

    layout: Layout
    x: Axis
    y: Axis
    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def fitted(cls, layout: Layout, x: Axis, y: Axis, *, top: float = 0.0, bottom: float = 0.0) -> "Frame":
        """A frame with room for the labels of its axes.  top, bottom: further room, in pixels"""
        widest = max((layout.text_px(tick.label) for tick in y.ticks), default=0.0)
        return cls(
            layout=layout,
            x=x,
            y=y,
            left=widest + GAP + 2,
            top=top + ROW + GAP,
            right=layout.width - GAP - 2,
            bottom=layout.height - ROW - GAP - bottom,
        )

    def x_px(self, value: float) -> float:
        """Where a value of the x axis lies."""
        return self.left + self.x.share(value) * (self.right - self.left)

    def y_px(self, value: float) -> float:
        """Where a value of the y axis lies: up is more."""
        return self.bottom - self.y.share(value) * (self.bottom - self.top)

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Where a pair of values lies."""
        return self.x_px(x), self.y_px(y)


def room_for(layout: Layout, label: str) -> int:
    """How many labels like this fit beside each other."""
    return max(2, int((layout.width - 60) / (layout.text_px(label) + 2 * GAP)))


def draw_axes(svg: Element, frame: Frame, *, y_name: str) -> None:
    """Grid, labels and the name of the y axis, which stands above it where it can be read."""
    for tick in frame.y.ticks:
        y = frame.y_px(tick.at)
        add(svg, "line", x1=frame.left, y1=y, x2=frame.right, y2=y, css="plot-grid")
        write(svg, frame.layout, tick.label, x=frame.left - GAP, y=y + 4, anchor="end", css="plot-tick")
    write(svg, frame.layout, y_name, x=1, y=frame.layout.font_px, anchor="start", css="plot-name")
    add(svg, "line", x1=frame.left, y1=frame.bottom, x2=frame.right, y2=frame.bottom, css="plot-axis")
    free_from = 0.0
    for tick in frame.x.ticks:
        x = frame.x_px(tick.at)
        add(svg, "line", x1=x, y1=frame.bottom, x2=x, y2=frame.bottom + 4, css="plot-axis")
        half = frame.layout.text_px(tick.label) / 2
        middle = min(max(x, half), frame.layout.width - half)
        if middle - half >= free_from:
            label_y = frame.bottom + ROW
            write(svg, frame.layout, tick.label, x=middle, y=label_y, anchor="middle", css="plot-tick")
            free_from = middle + half + GAP


def write(svg: Element, layout: Layout, text: str, *, x: float, y: float, anchor: str, css: str) -> Element:
    """Write a line of text, shortened to what fits into the drawing."""
    room = {"start": layout.width - x, "end": x, "middle": 2 * min(x, layout.width - x)}[anchor]
    return add(svg, "text", shortened(text, layout, room), x=x, y=y, text_anchor=anchor, css=css)


def shortened(text: str, layout: Layout, room_px: float) -> str:
    """The beginning of a text that fits, with a sign that there was more."""
    shown = clean(text)
    most = int(room_px / layout.text_px("x") + 1e-6)  # a text that fits exactly fits
    return shown if len(shown) <= most else f"{shown[: max(0, most - 1)].rstrip()}…"


def draw_line(svg: Element, points: list[tuple[float, float]], css: str) -> None:
    """A line through points; one point alone is a dot."""
    if len(points) == 1:
        add(svg, "circle", cx=points[0][0], cy=points[0][1], r=3, css=f"{css} plot-dot")
    elif points:
        add(svg, "path", d=path_of(points), css=css)


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line at a value of the x axis, with its text above the frame.  css: its style"""

    at: float
    text: str
    css: str


def draw_marks(svg: Element, frame: Frame, marks: Sequence[Mark]) -> None:
    """Draw marks, each text in a row of its own on the side that has the room, and over all the lines."""
    layout = frame.layout
    for row, mark in enumerate(marks):
        x = frame.x_px(mark.at)
        add(svg, "line", x1=x, y1=_row_y(row) - layout.font_px + 2, x2=x, y2=frame.bottom, css=f"plot-mark {mark.css}")
    for row, mark in enumerate(marks):
        x = frame.x_px(mark.at)
        fits_right = x + GAP + layout.text_px(clean(mark.text)) <= layout.width
        is_right = fits_right or x < layout.width / 2
        write(
            svg,
            layout,
            mark.text,
            x=x + GAP if is_right else x - GAP,
            y=_row_y(row),
            anchor="start" if is_right else "end",
            css="plot-note",
        )


def _row_y(row: int) -> float:
    """The base line of a row of text above the frame; the name of the y axis stands over the first."""
    return 2 * ROW + row * ROW

"""What waits for what: the steps of an order from top to bottom, and a line from each to those that wait for it.

Lines run beside the steps, each in a lane of its own, and end in a tip at the step that waits. On a phone what is
written behind a step stands below it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from xml.etree.ElementTree import Element

from stratibreak.plots.figure import (
    NARROW,
    SAMPLE_HEIGHT,
    SAMPLE_WIDTH,
    WIDE,
    DataTable,
    Figure,
    Layout,
    drawings,
    legend_entry,
)
from stratibreak.plots.frame import GAP, ROW, shortened, write
from stratibreak.plots.svg import add, path_of

MOST_STEPS = 20
"""Drawn; the table has all."""
_MOST_LANES = 8
_LANE, _RADIUS, _TIP = 9.0, 10.0, 5.0
_WIDE_ROW, _NARROW_ROW = 32.0, 48.0


@dataclass(frozen=True, slots=True)
class Step:
    """One step.  value: what is written behind it;  after: places, from 1 on, of the steps that it waits for"""

    name: str
    value: str
    after: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Wait:
    """A line from one row to another.  lane: 0 is the nearest to the steps"""

    first: int
    then: int
    lane: int


def order_figure(key: str, *, title: str, summary: str, steps: Sequence[Step], value_name: str) -> Figure:
    """The plot of steps in their order.  value_name: heads what is written behind them"""
    shown = steps[:MOST_STEPS]
    waits = _in_lanes(shown)

    def draw(svg: Element, layout: Layout) -> None:
        left = GAP + (1 + max((wait.lane for wait in waits), default=0)) * _LANE + _TIP
        for wait in waits:
            _draw_wait(svg, layout, wait, left)
        for number, step in enumerate(shown):
            _draw_step(svg, layout, number, step, left + 2 * _RADIUS)

    left_out = len(steps) - len(shown)
    return Figure(
        key=key,
        title=title,
        summary=summary,
        drawings=drawings(key, title, summary, draw, (_as_high(WIDE, len(shown)), _as_high(NARROW, len(shown)))),
        legend=(legend_entry("Leads to what waits for it", _draw_sample),),
        table=DataTable(
            caption="The steps in their order",
            columns=("Step", "Place", value_name, "After"),
            rows=tuple(
                (step.name, str(place), step.value or "not measured", ", ".join(map(str, step.after)) or "—")
                for place, step in enumerate(steps, start=1)
            ),
        ),
        notes=(f"{left_out} more are in the table.",) if left_out else (),
    )


def _in_lanes(steps: Sequence[Step]) -> tuple[_Wait, ...]:
    """Every line between steps that are there, short ones nearest to the steps; two in a lane never share a row."""
    ends = [
        (place - 1, number)
        for number, step in enumerate(steps)
        for place in sorted(set(step.after))
        if 1 <= place <= len(steps) and place - 1 != number
    ]
    taken: dict[int, set[int]] = {}
    found = []
    for first, then in sorted(ends, key=lambda pair: (abs(pair[1] - pair[0]), pair)):
        rows = set(range(min(first, then), max(first, then) + 1))
        lane = next(lane for lane in count() if not rows & taken.get(lane, set()))
        taken.setdefault(lane, set()).update(rows)
        found.append(_Wait(first, then, min(lane, _MOST_LANES - 1)))
    return tuple(found)


def _as_high(layout: Layout, steps: int) -> Layout:
    return Layout(layout.name, layout.width, GAP + steps * _row_px(layout), layout.font_px)


def _row_px(layout: Layout) -> float:
    return _NARROW_ROW if layout.is_narrow else _WIDE_ROW


def _middle(layout: Layout, row: int) -> float:
    """Where the sign of a row lies."""
    return GAP + row * _row_px(layout) + _RADIUS


def _draw_step(svg: Element, layout: Layout, row: int, step: Step, middle: float) -> None:
    y, x, baseline = _middle(layout, row), middle + _RADIUS + GAP, _middle(layout, row) + 4.5
    add(svg, "circle", cx=middle, cy=y, r=_RADIUS, css="plot-sign plot-open-sign plot-quiet")
    write(svg, layout, str(row + 1), x=middle, y=baseline, anchor="middle", css="plot-tick")
    if layout.is_narrow:
        write(svg, layout, step.name, x=x, y=baseline, anchor="start", css="plot-bar-name")
        write(svg, layout, step.value, x=x, y=baseline + ROW, anchor="start", css="plot-value")
        return
    value = shortened(step.value, layout, layout.width / 3)
    room = layout.width - x - layout.text_px(value) - 2 * GAP
    write(svg, layout, shortened(step.name, layout, room), x=x, y=baseline, anchor="start", css="plot-bar-name")
    write(svg, layout, value, x=layout.width - 1, y=baseline, anchor="end", css="plot-value")


def _draw_wait(svg: Element, layout: Layout, wait: _Wait, left: float) -> None:
    """left: where the signs of the steps begin, less a distance"""
    offset = _RADIUS / 3 if wait.then > wait.first else -_RADIUS / 3
    x, right = left - _TIP - (wait.lane + 1) * _LANE + 2, left + _RADIUS - 2
    begin, end = _middle(layout, wait.first) + offset, _middle(layout, wait.then) - offset
    add(svg, "path", d=path_of([(right, begin), (x, begin), (x, end), (right - _TIP, end)]), css="plot-wait")
    _draw_tip(svg, right, end)


def _draw_tip(svg: Element, x: float, y: float) -> None:
    points = [(x, y), (x - 2 * _TIP, y - _TIP), (x - 2 * _TIP, y + _TIP)]
    add(svg, "path", d=path_of(points, closed=True), css="plot-wait-tip")


def _draw_sample(svg: Element) -> None:
    y = SAMPLE_HEIGHT / 2
    add(svg, "path", d=path_of([(1, y), (SAMPLE_WIDTH - _TIP - 1, y)]), css="plot-wait")
    _draw_tip(svg, SAMPLE_WIDTH - 1, y)

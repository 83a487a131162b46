"""The forecast as people know it: what is done against the scope so far, and the cone of what will be done.

Days that matter (today, promised, half sure, quite sure) are vertical lines, each with its name written beside it. A
day beyond the right edge stands on the edge with an arrow, so that one far date cannot squeeze all the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from xml.etree.ElementTree import Element

from stratibreak.plots.axes import date_axis, number_axis
from stratibreak.plots.figure import (
    NARROW,
    WIDE,
    DataTable,
    Figure,
    Layout,
    LegendEntry,
    area_entry,
    drawings,
    line_entry,
)
from stratibreak.plots.frame import ROW, Frame, Mark, draw_axes, draw_line, draw_marks, room_for
from stratibreak.plots.svg import add, path_of

TITLE = "Forecast: work done against the scope"
NOTHING = "—"
_FROM_ZERO_SHARE = 0.5
"""Counts begin at zero unless all of them lie in the upper half; then the axis says from where."""


@dataclass(frozen=True, slots=True)
class BurnUpPoint:
    """Items at the end of a day.  approved: of the plan in force, None without one"""

    day: date
    done: float
    scope: float
    approved: float | None = None


@dataclass(frozen=True, slots=True)
class ConePoint:
    """Items done by a day to come: at most with 10, 50 and 90 %."""

    day: date
    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class DayMark:
    """A day that matters.  kind: today, target, likely or safe, which is its style"""

    day: date
    text: str
    kind: str


def forecast_figure(
    key: str,
    *,
    summary: str,
    past: Sequence[BurnUpPoint],
    cone: Sequence[ConePoint],
    marks: Sequence[DayMark],
    notes: tuple[str, ...] = (),
) -> Figure:
    """The plot.  past: at least one point;  cone: begins where the past ends, may be empty

    Raises ValueError without a past.
    """
    if not past:
        raise ValueError("a burn-up needs a day")
    ordered = sorted(marks, key=lambda mark: mark.day)

    def draw(svg: Element, layout: Layout) -> None:
        _draw(svg, layout, past, cone, ordered)

    return Figure(
        key=key,
        title=TITLE,
        summary=summary,
        drawings=drawings(key, TITLE, summary, draw, (WIDE, NARROW)),
        legend=_legend(past, cone),
        table=_table(past, cone),
        notes=notes,
    )


def _draw(
    svg: Element, layout: Layout, past: Sequence[BurnUpPoint], cone: Sequence[ConePoint], marks: Sequence[DayMark]
) -> None:
    frame = _frame(layout, past, cone, marks)
    draw_axes(svg, frame, y_name="Items")
    if cone:
        outline = [frame.point(p.day.toordinal(), p.high) for p in cone]
        outline += [frame.point(p.day.toordinal(), p.low) for p in reversed(cone)]
        add(svg, "path", d=path_of(outline, closed=True), css="plot-cone")
        top = cone[-1].high
        for css, line in (
            ("plot-cone-edge", [(p.day, p.low) for p in cone]),
            ("plot-cone-edge", [(p.day, p.high) for p in cone]),
            ("plot-cone-middle", [(p.day, p.middle) for p in cone]),
        ):
            points = [frame.point(day.toordinal(), items) for day, items in _until_done(line, top)]
            draw_line(svg, points, f"plot-line {css}")
    approved = _steps([(p.day, p.approved) for p in past if p.approved is not None])
    draw_line(svg, [frame.point(day.toordinal(), items) for day, items in approved], "plot-line plot-approved")
    scope = [frame.point(p.day.toordinal(), p.scope) for p in past]
    if cone:
        scope.append(frame.point(cone[-1].day.toordinal(), past[-1].scope))
    draw_line(svg, scope, "plot-line plot-scope")
    draw_line(svg, [frame.point(p.day.toordinal(), p.done) for p in past], "plot-line plot-done")
    draw_marks(svg, frame, [_mark(mark, frame) for mark in marks])


def _mark(mark: DayMark, frame: Frame) -> Mark:
    at = mark.day.toordinal()
    arrow = " →" if at > frame.x.high else " ←" if at < frame.x.low else ""
    return Mark(at, mark.text + arrow, f"plot-{mark.kind}")


def _until_done(line: list[tuple[date, float]], top: float) -> list[tuple[date, float]]:
    """The line as far as it rises: once everything is done there is nothing to show."""
    reached = next((n for n, (_, items) in enumerate(line) if items >= top), len(line))
    return line[: reached + 1]


def _steps(line: list[tuple[date, float]]) -> list[tuple[date, float]]:
    """A line that holds each value until the next one."""
    held = [(day, before) for (_, before), (day, _) in pairwise(line)]
    return [point for pair in zip(held, line[1:], strict=True) for point in pair] if len(line) > 1 else line


def _frame(layout: Layout, past: Sequence[BurnUpPoint], cone: Sequence[ConePoint], marks: Sequence[DayMark]) -> Frame:
    first, last = past[0].day, (cone[-1] if cone else past[-1]).day
    furthest = last.toordinal() + (last - first).days // 2
    last = max([last, *(mark.day for mark in marks if mark.day.toordinal() <= furthest)])
    values = [value for p in past for value in (p.done, p.scope, p.approved) if value is not None]
    values += [value for p in cone for value in (p.low, p.high)]
    low, high = min(values), max(values)
    x = date_axis(first, last, most_ticks=room_for(layout, "Sep 2026"))
    y = number_axis(low if low > _FROM_ZERO_SHARE * high else 0.0, high, most_ticks=6)
    return Frame.fitted(layout, x, y, top=ROW * max(1, len(marks)))


def _legend(past: Sequence[BurnUpPoint], cone: Sequence[ConePoint]) -> tuple[LegendEntry, ...]:
    entries = [
        line_entry("Done", "plot-line plot-done"),
        line_entry("Scope: all items there are", "plot-line plot-scope"),
    ]
    if any(point.approved is not None for point in past):
        entries.append(line_entry("Scope that was approved", "plot-line plot-approved"))
    if cone:
        entries += [
            line_entry("Done in the middle case", "plot-line plot-cone-middle"),
            area_entry("Eight cases in ten lie in here", "plot-cone plot-cone-sample"),
        ]
    return tuple(entries)


def _table(past: Sequence[BurnUpPoint], cone: Sequence[ConePoint]) -> DataTable:
    behind = [
        (
            p.day.isoformat(),
            f"{p.done:,.0f}",
            f"{p.scope:,.0f}",
            NOTHING if p.approved is None else f"{p.approved:,.0f}",
        )
        for p in past
    ]
    ahead = [(p.day.isoformat(), f"{p.low:,.0f}", f"{p.middle:,.0f}", f"{p.high:,.0f}") for p in cone[1:]]
    return DataTable(
        caption="Items by day: as they were, then as they are expected",
        columns=("Day", "Done", "Scope", "Approved", "Slow case (1 in 10 is slower)", "Middle case", "Fast case"),
        rows=(
            *((*row, NOTHING, NOTHING, NOTHING) for row in behind),
            *((row[0], NOTHING, NOTHING, NOTHING, *row[1:]) for row in ahead),
        ),
    )

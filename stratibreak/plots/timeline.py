"""What was said when, and what came of it: the chance over time, the warnings, and the verdict on each day promised.

Above the chance stands a sign for each event on its day: a tick (warned in time), a cross (missed), a diamond (warned
in vain) and so on, each of its own shape. A bar leads to it from the day the warning began: its length is the time
people had.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from xml.etree.ElementTree import Element

from stratibreak.plots.axes import date_axis, percent_axis
from stratibreak.plots.figure import (
    NARROW,
    SAMPLE_HEIGHT,
    SAMPLE_WIDTH,
    WIDE,
    DataTable,
    Figure,
    Layout,
    LegendEntry,
    drawings,
    legend_entry,
    line_entry,
)
from stratibreak.plots.frame import GAP, ROW, Frame, draw_axes, draw_line, room_for, write
from stratibreak.plots.svg import add, path_of

HOURS_PER_DAY = 24.0
_SIGN = 6.0
_LANES = 2
"""Rows of signs; neighbours stand in different ones."""
_SECONDS_PER_DAY = 86_400
_LEAST_AHEAD_DAYS = 60
"""Days to come are on the axis if they are not further ahead than the line reaches back, or than two months."""


@dataclass(frozen=True, slots=True)
class Said:
    """The chance at one moment.  probability: None where nothing could be said;  event: what it was about"""

    at: datetime
    probability: float | None
    is_warning: bool
    event: str


@dataclass(frozen=True, slots=True)
class Came:
    """One event and its verdict, a key of VERDICTS.  lead_h: from the warning that covers it, None without one"""

    day: date
    verdict: str
    lead_h: float | None
    detail: str = ""


VERDICTS: Mapping[str, str] = MappingProxyType(
    {
        "HIT": "Warned at least three days ahead, and it came",
        "LATE": "Warned too late, and it came",
        "MISS": "Not warned, and it came",
        "FALSE_ALARM": "Warned, and it did not come",
        "QUIET": "Not warned, and it did not come",
        "UNDECIDED": "Not decided yet",
    }
)
SHORT = MappingProxyType(
    {"HIT": "hit", "LATE": "late", "MISS": "miss", "FALSE_ALARM": "false alarm", "QUIET": "quiet", "UNDECIDED": "open"}
)


def timeline_figure(
    key: str,
    *,
    title: str,
    summary: str,
    said: Sequence[Said],
    came: Sequence[Came],
    warns_from: float | None,
    chance_name: str = "Chance of being late",
    notes: tuple[str, ...] = (),
) -> Figure:
    """The plot of at least one moment, oldest first.  warns_from: the chance from which a warning is raised

    Raises ValueError without a moment.
    """
    if not said:
        raise ValueError("a timeline needs a moment")

    def draw(svg: Element, layout: Layout) -> None:
        frame = _frame(layout, said, came)
        draw_axes(svg, frame, y_name=chance_name)
        _draw(svg, frame, said, came, warns_from)

    return Figure(
        key=key,
        title=title,
        summary=summary,
        drawings=drawings(key, title, summary, draw, (WIDE, NARROW)),
        legend=_legend(said, came, warns_from),
        table=_table(said, came),
        notes=notes,
    )


def lead_in_words(lead_h: float | None) -> str:
    """How long before, in the unit people would use."""
    if lead_h is None:
        return "—"
    days = lead_h / HOURS_PER_DAY
    if days < 3:  # noqa: PLR2004 - hours count when there are few
        return f"{lead_h:.0f} h"
    return f"{days:.0f} days" if days < 14 else f"{days / 7:.0f} weeks"  # noqa: PLR2004 - two weeks


def _frame(layout: Layout, said: Sequence[Said], came: Sequence[Came]) -> Frame:
    """From the first moment to the last day promised that is not too far ahead."""
    answered = [each.at.date() for each in said if each.probability is not None] or [each.at.date() for each in said]
    first, last = answered[0], answered[-1]
    furthest = max((last - first).days, _LEAST_AHEAD_DAYS)
    last = max([last, *(each.day for each in came if (each.day - last).days <= furthest)])
    x = date_axis(first, last, most_ticks=room_for(layout, "Sep 2026"))
    return Frame.fitted(layout, x, percent_axis(), top=_LANES * (ROW + 2) + GAP)


def _draw(svg: Element, frame: Frame, said: Sequence[Said], came: Sequence[Came], warns_from: float | None) -> None:
    if warns_from is not None:
        y = frame.y_px(warns_from)
        add(svg, "line", x1=frame.left, y1=y, x2=frame.right, y2=y, css="plot-line plot-threshold")
    for run in _runs(said):
        draw_line(svg, [frame.point(_day(each.at), each.probability or 0.0) for each in run], "plot-line plot-chance")
    for each in said:
        if each.is_warning and each.probability is not None:
            _triangle(svg, *frame.point(_day(each.at), each.probability))
    for number, event in enumerate(sorted(came, key=lambda each: each.day)):
        _draw_event(svg, frame, event, y=2 * ROW + number % _LANES * (ROW + 2))


def _draw_event(svg: Element, frame: Frame, event: Came, *, y: float) -> None:
    at = float(event.day.toordinal() + 1)
    x = min(max(frame.x_px(at), frame.left + _SIGN), frame.right - _SIGN)
    if at > frame.x.high + 1:
        x -= 2 * GAP
        write(svg, frame.layout, "→", x=frame.right + GAP, y=y + 4, anchor="end", css="plot-note")
    else:
        add(svg, "line", x1=x, y1=y + _SIGN, x2=x, y2=frame.bottom, css="plot-event")
    if event.lead_h is not None:
        begin = frame.x_px(at - event.lead_h / HOURS_PER_DAY)
        if begin < x - _SIGN:
            add(svg, "line", x1=begin, y1=y, x2=x - _SIGN, y2=y, css="plot-lead")
            add(svg, "line", x1=begin, y1=y - 4, x2=begin, y2=y + 4, css="plot-lead")
        words = f"{lead_in_words(event.lead_h)} ahead"
        if frame.layout.text_px(words) + 2 * GAP < x - _SIGN - begin:
            write(svg, frame.layout, words, x=begin + GAP, y=y - 4, anchor="start", css="plot-note")
    SIGNS[event.verdict](svg, x, y)


def _day(moment: datetime) -> float:
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    return moment.date().toordinal() + seconds / _SECONDS_PER_DAY


def _runs(said: Sequence[Said]) -> list[list[Said]]:
    """Unbroken stretches about one event: lines are drawn inside them only."""
    runs: list[list[Said]] = []
    before: Said | None = None
    for each in said:
        if each.probability is None:
            before = None
            continue
        if before is None or before.event != each.event:
            runs.append([])
        runs[-1].append(each)
        before = each
    return runs


# --- signs ---


def _triangle(svg: Element, x: float, y: float) -> None:
    add(svg, "path", d=path_of([(x, y - 5), (x + 5, y + 4), (x - 5, y + 4)], closed=True), css="plot-warning")


def _tick(svg: Element, x: float, y: float) -> None:
    add(svg, "circle", cx=x, cy=y, r=_SIGN, css="plot-sign plot-hit")
    add(svg, "path", d=path_of([(x - 3, y), (x - 1, y + 3), (x + 3, y - 3)]), css="plot-sign-in")


def _late(svg: Element, x: float, y: float) -> None:
    points = [(x - _SIGN, y - _SIGN), (x + _SIGN, y - _SIGN), (x, y + _SIGN)]
    add(svg, "path", d=path_of(points, closed=True), css="plot-sign plot-open-sign plot-miss")


def _cross(svg: Element, x: float, y: float) -> None:
    for slope in (1, -1):
        add(
            svg,
            "line",
            x1=x - _SIGN,
            y1=y - slope * _SIGN,
            x2=x + _SIGN,
            y2=y + slope * _SIGN,
            css="plot-sign plot-miss",
        )


def _diamond(svg: Element, x: float, y: float) -> None:
    points = [(x, y - _SIGN), (x + _SIGN, y), (x, y + _SIGN), (x - _SIGN, y)]
    add(svg, "path", d=path_of(points, closed=True), css="plot-sign plot-open-sign plot-false-alarm")


def _circle(svg: Element, x: float, y: float) -> None:
    add(svg, "circle", cx=x, cy=y, r=_SIGN - 1, css="plot-sign plot-open-sign plot-quiet")


def _square(svg: Element, x: float, y: float) -> None:
    add(svg, "rect", x=x - 5, y=y - 5, width=10, height=10, css="plot-sign plot-open-sign plot-undecided")


SIGNS: Mapping[str, Callable[[Element, float, float], None]] = MappingProxyType(
    {"HIT": _tick, "LATE": _late, "MISS": _cross, "FALSE_ALARM": _diamond, "QUIET": _circle, "UNDECIDED": _square}
)


def _legend(said: Sequence[Said], came: Sequence[Came], warns_from: float | None) -> tuple[LegendEntry, ...]:
    middle = (SAMPLE_WIDTH / 2, SAMPLE_HEIGHT / 2)
    entries = [line_entry("The chance we gave", "plot-line plot-chance")]
    if any(each.is_warning for each in said):
        entries.append(legend_entry("We warned", lambda svg: _triangle(svg, *middle)))
    if warns_from is not None:
        entries.append(line_entry(f"We warn from {100 * warns_from:.0f} % on", "plot-line plot-threshold"))
    counts = {verdict: sum(each.verdict == verdict for each in came) for verdict in VERDICTS}
    for verdict, words in VERDICTS.items():
        if counts[verdict]:
            sign = SIGNS[verdict]
            entries.append(legend_entry(f"{words} ({counts[verdict]})", lambda svg, sign=sign: sign(svg, *middle)))  # type: ignore[misc]  # a default binds the loop's value
    if any(each.lead_h is not None for each in came):
        entries.append(line_entry("From the warning to the day: the time to act", "plot-lead"))
    return tuple(entries)


def _table(said: Sequence[Said], came: Sequence[Came]) -> DataTable:
    events = [
        (each.day.isoformat(), "day promised", SHORT[each.verdict], f"{lead_in_words(each.lead_h)}", each.detail)
        for each in came
    ]
    moments = [
        (
            each.at.date().isoformat(),
            "no forecast" if each.probability is None else f"{100 * each.probability:.0f} %",
            "warning" if each.is_warning else "—",
            "—",
            f"about {each.event}" if each.event else "—",
        )
        for each in said
    ]
    return DataTable(
        caption="The days promised first, then what was said when",
        columns=("Day", "Chance", "Verdict or warning", "Warned ahead", "About"),
        rows=(*events, *moments),
    )

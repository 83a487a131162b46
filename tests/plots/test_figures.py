"""Plots of anything: inside their frame, inert whatever they are told, and adding up."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratibreak.plots.axes import date_axis, number_axis, percent_axis
from stratibreak.plots.figure import Figure
from stratibreak.plots.forecast import BurnUpPoint, ConePoint, DayMark, forecast_figure
from stratibreak.plots.lead_times import LeadTimes, lead_time_figure
from stratibreak.plots.order import MOST_STEPS, Step, order_figure
from stratibreak.plots.reliability import SaidAndCame, reliability_figure
from stratibreak.plots.svg import clean, new
from stratibreak.plots.timeline import VERDICTS, Came, Said, timeline_figure
from stratibreak.plots.waterfall import SlipBar, UntoldReason, signed_days, waterfall_bars, waterfall_figure
from tests.plots.soundness import HOSTILE, assert_sound

ANYTHING = settings(max_examples=60, deadline=None)
texts = st.one_of(st.text(max_size=200), st.just(HOSTILE))
days = st.dates(min_value=date(1990, 1, 1), max_value=date(2200, 1, 1))
shares = st.floats(0, 1)


def _texts(figure: Figure) -> list[str]:
    return [
        element.text or ""
        for _, markup in figure.drawings
        for element in fromstring(markup).iter()  # noqa: S314  # our own drawing
        if element.tag in ("text", "title", "desc")
    ]


# --- axes ---


@ANYTHING
@given(low=st.floats(-1e7, 1e7), span=st.floats(0, 1e7), most=st.integers(2, 12))
def test_number_axis_holds_its_range_in_even_round_steps(low: float, span: float, most: int) -> None:
    axis = number_axis(low, low + span, most_ticks=most)

    assert axis.low <= low + 1e-6 * max(1, abs(low))
    assert axis.high >= low + span - 1e-6 * max(1, abs(low + span))
    ticks = [tick.at for tick in axis.ticks]
    assert (ticks[0], ticks[-1]) == (axis.low, axis.high)
    assert len(ticks) <= most + 2
    assert len({tick.label for tick in axis.ticks}) == len(ticks)
    assert {round(after - before, 6) for before, after in pairwise(ticks)} == {round(ticks[1] - ticks[0], 6)}


@pytest.mark.parametrize(("low", "high"), [(float("nan"), 1.0), (0.0, float("inf")), (2.0, 1.0)])
def test_axis_refuses_what_is_no_range(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="no axis"):
        number_axis(low, high, most_ticks=5)


@ANYTHING
@given(first=days, length=st.integers(0, 80_000), most=st.integers(1, 12))
def test_date_axis_has_rising_ticks_inside_it(first: date, length: int, most: int) -> None:
    last = min(date.fromordinal(first.toordinal() + length), date.max)
    axis = date_axis(first, last, most_ticks=most)

    assert axis.low < axis.high
    assert len(axis.ticks) <= most
    assert all(axis.low <= tick.at <= axis.high for tick in axis.ticks)
    assert all(before.at < after.at for before, after in pairwise(axis.ticks))


def test_ticks_stand_at_mondays_months_and_years() -> None:
    labels = [
        [tick.label for tick in date_axis(date(2026, 1, 7), last, most_ticks=5).ticks]
        for last in (date(2026, 2, 4), date(2026, 5, 2), date(2031, 1, 1))
    ]

    assert labels == [
        ["12 Jan", "19 Jan", "26 Jan", "2 Feb"],
        ["Feb 2026", "Mar 2026", "Apr 2026", "May 2026"],
        ["2027", "2028", "2029", "2030", "2031"],
    ]


def test_percent_axis_is_whole_percent() -> None:
    assert [tick.label for tick in percent_axis().ticks] == ["0 %", "25 %", "50 %", "75 %", "100 %"]


# --- elements ---


def test_text_is_never_markup() -> None:
    figure = waterfall_figure("key", summary=f"{HOSTILE}.", slips=[SlipBar(HOSTILE, 3.0, HOSTILE)])

    assert_sound(figure)
    for _, markup in figure.drawings:
        assert "<script" not in markup
        assert "<img" not in markup
    assert clean(HOSTILE) + "." in _texts(figure)


def test_a_coordinate_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="no coordinate"):
        new("line", x1=float("nan"))


# --- figures ---


@st.composite
def forecasts(draw: st.DrawFn) -> Figure:
    begin = draw(days)
    length = draw(st.integers(1, 79))
    done = draw(st.lists(st.integers(0, 40_000), min_size=length, max_size=length))
    scopes = draw(st.lists(st.integers(0, 40_000), min_size=length, max_size=length))
    approved = draw(st.lists(st.none() | st.integers(0, 40_000), min_size=length, max_size=length))
    past = [
        BurnUpPoint(begin + timedelta(weeks=n), *row) for n, row in enumerate(zip(done, scopes, approved, strict=True))
    ]
    today, cone = past[-1], []
    if draw(st.booleans()):
        cone = [ConePoint(today.day, today.done, today.done, today.done)]
        for steps in draw(st.lists(st.tuples(st.integers(1, 400), *[st.floats(0, 500)] * 3), max_size=25)):
            low, middle, high = sorted(steps[1:])
            before = cone[-1]
            cone.append(
                ConePoint(
                    before.day + timedelta(days=steps[0]), before.low + low, before.middle + middle, before.high + high
                )
            )
    kinds = ("today", "target", "likely", "safe")
    marks = [DayMark(draw(days), draw(texts), kind) for kind in kinds[: draw(st.integers(0, 4))]]
    return forecast_figure("f", summary=f"{draw(texts)}.", past=past, cone=cone, marks=marks)


@ANYTHING
@given(figure=forecasts())
def test_any_forecast_is_sound(figure: Figure) -> None:
    assert_sound(figure)


def test_days_that_matter_are_written_beside_their_lines() -> None:
    today = date(2026, 6, 30)
    past = [BurnUpPoint(today - timedelta(weeks=1), 3, 10), BurnUpPoint(today, 5, 10)]
    cone = [ConePoint(today, 5, 5, 5), ConePoint(today + timedelta(weeks=4), 7, 9, 10)]
    marks = [
        DayMark(today + timedelta(weeks=2), "Promised: 14 Jul 2026", "target"),
        DayMark(today + timedelta(weeks=400), "85 % sure: 27 Feb 2034", "safe"),
    ]

    figure = forecast_figure("f", summary="So it is.", past=past, cone=cone, marks=marks)

    assert_sound(figure)
    written = _texts(figure)
    assert written.count("Promised: 14 Jul 2026") == 2
    assert written.count("85 % sure: 27 Feb 2034 →") == 2
    assert figure.table.rows == (
        ("2026-06-23", "3", "10", "—", "—", "—", "—"),
        ("2026-06-30", "5", "10", "—", "—", "—", "—"),
        ("2026-07-28", "—", "—", "—", "7", "9", "10"),
    )


slips = st.builds(
    SlipBar, texts, st.integers(-400_000, 400_000).map(lambda parts: parts / 1024), texts, is_unknown=st.booleans()
)


@ANYTHING
@given(
    parts=st.lists(slips, min_size=1, max_size=9), untold=st.lists(st.builds(UntoldReason, texts, texts), max_size=3)
)
def test_any_waterfall_is_sound_and_its_bars_add_up_to_the_slip(
    parts: list[SlipBar], untold: list[UntoldReason]
) -> None:
    figure = waterfall_figure("w", summary="So it is.", slips=parts, untold=untold)
    bars = waterfall_bars(parts)

    assert_sound(figure)
    assert bars[0].end == bars[-1].start == 0
    assert bars[-1].end == sum(part.days for part in parts)  # to the last bit: parts are multiples of 1/1024
    assert [bar.end - bar.start for bar in bars[1:-1]] == [part.days for part in parts]
    assert all(after.start == before.end for before, after in pairwise(bars[:-1]))
    assert len(figure.notes) == len(untold)


@pytest.mark.parametrize(
    ("days_late", "words"),
    [
        (12.4, "+12"),
        (-81.0, "\N{MINUS SIGN}81"),
        (0.04, "0"),
        (-0.04, "0"),
        (9.96, "+10"),
        (-2.25, "\N{MINUS SIGN}2.2"),
    ],
)
def test_days_are_told_with_their_direction(days_late: float, words: str) -> None:
    assert signed_days(days_late) == words


bins = st.tuples(shares, shares, shares, shares, st.integers(1, 10_000)).map(
    lambda row: SaidAndCame(row[0], sorted(row[1:4])[1], min(row[1:4]), max(row[1:4]), row[4])
)


@ANYTHING
@given(groups=st.lists(bins, min_size=1, max_size=10))
def test_any_reliability_diagram_is_sound(groups: list[SaidAndCame]) -> None:
    figure = reliability_figure("r", summary="So it is.", bins=groups)

    assert_sound(figure)
    for _, markup in figure.drawings:
        assert markup.count('class="plot-point"') == len(groups)
    assert _texts(figure).count("100 %") == 4  # on both axes of both drawings, in full


@ANYTHING
@given(groups=st.lists(st.builds(LeadTimes, texts, st.integers(0, 100_000), st.booleans()), min_size=1, max_size=8))
def test_any_lead_times_are_sound(groups: list[LeadTimes]) -> None:
    assert_sound(lead_time_figure("l", summary="So it is.", groups=groups))


@st.composite
def timelines(draw: st.DrawFn) -> Figure:
    begin = datetime.combine(draw(days), datetime.min.time(), tzinfo=UTC)
    said = [
        Said(begin + timedelta(hours=hours), draw(st.none() | shares), draw(st.booleans()), draw(st.sampled_from("ab")))
        for hours in sorted(draw(st.lists(st.integers(0, 30_000), min_size=1, max_size=60)))
    ]
    came = draw(
        st.lists(
            st.builds(Came, days, st.sampled_from(list(VERDICTS)), st.none() | st.floats(0, 20_000), texts), max_size=30
        )
    )
    return timeline_figure(
        "t", title=draw(texts) or "T", summary="So it is.", said=said, came=came, warns_from=draw(st.none() | shares)
    )


@ANYTHING
@given(figure=timelines())
def test_any_timeline_is_sound(figure: Figure) -> None:
    title = clean(figure.title)
    if title:
        figure = Figure(
            figure.key, title, *(getattr(figure, name) for name in ("summary", "drawings", "legend", "table"))
        )
        assert_sound(figure)


def test_each_verdict_has_a_sign_of_its_own_and_a_name() -> None:
    moment = datetime(2026, 1, 5, tzinfo=UTC)
    said = [Said(moment + timedelta(weeks=n), 0.5 + n / 20, n > 2, "a day") for n in range(9)]
    came = [Came(moment.date() + timedelta(weeks=n + 1), verdict, 100.0 * n) for n, verdict in enumerate(VERDICTS)]

    figure = timeline_figure("t", title="T", summary="So.", said=said, came=came, warns_from=0.6)

    assert_sound(figure)
    named = {entry.label: entry.sample for entry in figure.legend}
    signs = [named[f"{words} (1)"] for words in VERDICTS.values()]
    assert len(set(signs)) == len(VERDICTS)
    assert [row[2] for row in figure.table.rows[:6]] == ["hit", "late", "miss", "false alarm", "quiet", "open"]


def test_line_breaks_where_nothing_was_said_and_where_the_event_changes() -> None:
    moment = datetime(2026, 1, 5, tzinfo=UTC)
    rows = [(0.5, "a"), (0.6, "a"), (None, ""), (0.4, "a"), (0.5, "a"), (0.7, "b"), (0.8, "b")]
    said = [Said(moment + timedelta(weeks=n), p, False, event) for n, (p, event) in enumerate(rows)]

    figure = timeline_figure("t", title="T", summary="So.", said=said, came=[], warns_from=None)

    assert figure.drawings[0][1].count("plot-chance") == 3


steps = st.builds(Step, texts, texts, st.lists(st.integers(-1, 40), max_size=6).map(tuple))


@ANYTHING
@given(order=st.lists(steps, min_size=1, max_size=40))
def test_any_order_is_sound_and_told_whole(order: list[Step]) -> None:
    figure = order_figure("o", title="Which waits", summary="So it is.", steps=order, value_name="Part")

    assert_sound(figure)
    assert [row[1] for row in figure.table.rows] == [str(place) for place in range(1, len(order) + 1)]
    assert bool(figure.notes) == (len(order) > MOST_STEPS)


def test_a_line_leads_from_each_step_to_what_waits_for_it() -> None:
    order = [Step("a", "5"), Step("b", "", (1,)), Step("c", "", (1, 2))]

    figure = order_figure("o", title="Which waits", summary="So it is.", steps=order, value_name="Part")

    for _, markup in figure.drawings:
        assert (markup.count('"plot-wait"'), markup.count('"plot-wait-tip"')) == (3, 3)
    assert figure.table.rows == (
        ("a", "1", "5", "—"),
        ("b", "2", "not measured", "1"),
        ("c", "3", "not measured", "1, 2"),
    )


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a day"):
        forecast_figure("f", summary="So.", past=[], cone=[], marks=[])
    with pytest.raises(ValueError, match="needs a moment"):
        timeline_figure("t", title="T", summary="So.", said=[], came=[], warns_from=None)

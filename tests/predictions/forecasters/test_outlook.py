"""The cone says what the finish forecast says: the same dates, the same abstentions, in a bounded number of points."""

import json
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.forecasters.finish import FinishForecast, forecast_finish
from predictions.forecasters.outlook import Outlook, forecast_outlook, outlook_row
from projects.history import HistoryFact, ProjectHistory
from projects.history.calendar import WorkCalendar
from tests.project_histories import NOW, generated_facts, generated_teams, team_history

CALENDAR = WorkCalendar()
UNEVEN = [3, 7, 5, 1, 9, 4] * 10


def _outlook(history: ProjectHistory) -> tuple[FinishForecast, Outlook | None]:
    known = history.as_of(NOW)
    finish = forecast_finish(known, as_of=NOW, calendar=CALENDAR)
    return finish, forecast_outlook(known, finish=finish, calendar=CALENDAR)


@pytest.mark.parametrize(("weekly", "open_items"), [([5] * 40, 20), (UNEVEN, 40), ([1] * 104, 6)])
def test_lines_meet_the_scope_when_the_finish_forecast_says(weekly: list[int], open_items: int) -> None:
    finish, outlook = _outlook(team_history(weekly, open_items=open_items))

    assert outlook is not None
    assert finish.trials is not None
    scope = outlook.past[-1].scope
    for line, probability in (("high", 0.1), ("middle", 0.5)):
        day = next(row.day for row in outlook.cone if getattr(row, line) == scope)
        expected = (NOW + timedelta(days=float(np.quantile(finish.trials.days, probability)))).date()
        assert abs(day - expected) <= timedelta(days=3)


def test_cone_begins_with_what_is_done_and_never_goes_back() -> None:
    _, outlook = _outlook(team_history(UNEVEN, open_items=120))

    assert outlook is not None
    first, today = outlook.cone[0], outlook.past[-1]
    assert (first.day, first.low, first.middle, first.high) == (today.day, 290, 290, 290)
    assert today.scope - today.done == 120
    for before, after in pairwise(outlook.cone):
        assert before.day < after.day
        assert before.low <= after.low <= after.middle <= after.high <= today.scope
        assert before.middle <= after.middle
        assert before.high <= after.high


def test_past_ends_today_and_is_weekly() -> None:
    _, outlook = _outlook(team_history([2] * 130, open_items=10))

    assert outlook is not None
    days = [row.day for row in outlook.past]
    assert days[-1] == NOW.date()
    assert {after - before for before, after in pairwise(days)} == {timedelta(weeks=1)}
    assert len(days) == 79


@settings(max_examples=25, deadline=None)
@given(weekly=st.lists(st.integers(0, 12), min_size=1, max_size=160), open_items=st.integers(0, 3000))
def test_whatever_the_team_an_outlook_is_bounded_and_is_there_if_and_only_if_the_forecast_is(
    weekly: list[int], open_items: int
) -> None:
    finish, outlook = _outlook(team_history(weekly, open_items=open_items))

    assert (outlook is None) == (finish.trials is None)
    row = outlook_row(outlook)
    if row is not None:
        assert len(row["past"]) + len(row["cone"]) <= 120
        assert len(json.dumps(row, allow_nan=False)) < 12_000


def test_tail_is_cut_where_it_is_no_plan() -> None:
    finish, outlook = _outlook(team_history(UNEVEN, open_items=900))

    assert outlook is not None
    assert finish.trials is not None
    median_weeks = float(np.median(finish.trials.days)) / 7
    assert outlook.cone[-1].day <= (NOW + timedelta(weeks=3 * median_weeks + 1)).date()


@settings(max_examples=150, deadline=None)
@given(facts=st.one_of(generated_teams(), generated_facts()))
def test_whatever_is_on_record_an_outlook_never_raises_and_agrees_with_the_forecast(facts: list[HistoryFact]) -> None:
    finish, outlook = _outlook(ProjectHistory.from_facts(facts))

    assert (outlook is None) == (finish.trials is None)
    if outlook is not None:
        today = outlook.past[-1]
        assert today.scope - today.done == finish.remaining_items
        assert outlook.cone[0].middle == today.done
        assert outlook.cone[-1].high <= today.scope

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from predictions.forecasters.finish import FinishForecast, days_until_over, forecast_finish
from predictions.forecasters.finish_basis import FinishBasis, ScopeCounts
from predictions.forecasters.minimal_cut import CutUnit
from predictions.forecasters.prevention import action_effects
from predictions.forecasters.team_flow import TeamFlow
from predictions.forecasters.what_if import (
    AddCapacity,
    Addition,
    DeferItems,
    DropItems,
    LimitWip,
    MoveDate,
    Obstacle,
    Scenario,
    ScenarioOutcome,
    Step,
    WhatIf,
    sped_up,
    unaided_days,
)
from projects.history import HistoryFact, ProjectHistory, WorkCalendar
from projects.history.facts import WorkItemFact
from tests.project_histories import NOW, WEEK, generated_teams, team_history

TARGET = NOW.date() + 10 * WEEK
TRIALS = 500
STEADY = TeamFlow(
    in_progress=9, mean_in_progress=10.0, least_in_progress=4, cycle_time_days=14.0, finished_per_week=5.0, people=5
)


@lru_cache(maxsize=1)
def forecast() -> FinishForecast:
    return forecast_finish(team_history([4, 6, 5, 7, 3] * 10, open_items=50), as_of=NOW, target_date=TARGET)


def basis() -> FinishBasis:
    found = forecast().basis
    assert found is not None
    return found


def asked(*steps: Step, of: FinishBasis | None = None) -> ScenarioOutcome:
    return WhatIf(of or basis()).outcome(Scenario("Option", steps))


def days_of(outcome: ScenarioOutcome) -> list[float]:
    return [float("inf") if quantile.weeks is None else quantile.weeks * 7 for quantile in outcome.quantiles]


# --- doing nothing ---


def test_doing_nothing_is_the_forecast_to_the_bit() -> None:
    nothing = WhatIf(basis()).nothing

    assert nothing.quantiles == forecast().quantiles
    assert nothing.p_on_time == forecast().p_on_time
    assert (nothing.promised_items, nothing.days_saved_p85, nothing.change) == (50, 0.0, None)


@settings(deadline=None, max_examples=30)  # a busy machine is not a failure
@given(facts=generated_teams(), weeks=st.integers(-3, 30))
def test_doing_nothing_is_the_forecast_of_any_team(facts: list[HistoryFact], weeks: int) -> None:
    finish = forecast_finish(
        ProjectHistory.from_facts(facts), as_of=NOW, target_date=(NOW + weeks * WEEK).date(), trials=TRIALS
    )

    assert finish.basis is not None or not finish.readiness.carries_value
    if finish.basis is not None:
        nothing = WhatIf(finish.basis).nothing
        assert (nothing.quantiles, nothing.p_on_time) == (finish.quantiles, finish.p_on_time)


# --- dropping ---


def test_dropped_items_are_what_a_project_without_them_would_need() -> None:
    """Brute force: the project really has fewer items, and the trials are the same."""
    dropped = asked(DropItems(20))

    without = forecast_finish(
        team_history([4, 6, 5, 7, 3] * 10, open_items=30), as_of=NOW, target_date=TARGET, seed=basis().seed
    )

    assert without.basis is not None
    assume_same_newcomers = (without.basis.newcomers.newcomers, basis().newcomers.newcomers)
    assert assume_same_newcomers == (0, 0)
    same_window = replace(without.basis, newcomers=basis().newcomers)
    assert dropped.quantiles == WhatIf(same_window).nothing.quantiles


@settings(deadline=None, max_examples=25)  # a busy machine is not a failure
@given(facts=generated_teams(), data=st.data())
def test_dropping_any_open_items_of_any_team_equals_brute_force(facts: list[HistoryFact], data: st.DataObject) -> None:
    finish = forecast_finish(ProjectHistory.from_facts(facts), as_of=NOW, trials=TRIALS)
    assume(finish.basis is not None and finish.remaining_items is not None and finish.remaining_items > 1)
    assert finish.basis is not None
    known = ProjectHistory.from_facts(facts).as_of(NOW)
    open_ids = [known.items.ids[row] for row in np.flatnonzero(known.states.open)]
    gone = set(data.draw(st.lists(st.sampled_from(open_ids), max_size=len(open_ids) - 1, unique=True)))
    left = [fact for fact in facts if not (isinstance(fact, WorkItemFact) and fact.id in gone)]

    without = forecast_finish(ProjectHistory.from_facts(left), as_of=NOW, trials=TRIALS, seed=finish.basis.seed)

    assert without.basis is not None
    assert without.remaining_items == finish.basis.scope.remaining - len(gone)
    # The window over which newcomers are counted follows the expected duration: an option keeps that of doing nothing.
    brute = WhatIf(replace(without.basis, newcomers=finish.basis.newcomers)).nothing
    assert asked(*[DropItems(len(gone))] if gone else [], of=finish.basis).quantiles == brute.quantiles


@settings(deadline=None, max_examples=30)  # a busy machine is not a failure
@given(fewer=st.integers(0, 49), more=st.integers(0, 49))
def test_dropping_more_is_never_later(fewer: int, more: int) -> None:
    what_if = WhatIf(basis())
    few, many = sorted((fewer, more))

    one, other = (what_if.outcome(Scenario("", (DropItems(count),))) for count in (few, many))

    assert all(late >= early for late, early in zip(days_of(one), days_of(other), strict=True))
    assert one.p_on_time is not None
    assert other.p_on_time is not None
    assert one.p_on_time.value <= other.p_on_time.value


@pytest.mark.parametrize("count", [50, 51, 1_000_000])
def test_nothing_left_is_no_forecast(count: int) -> None:
    outcome = asked(DropItems(count))

    assert outcome.obstacles == (Obstacle.NOTHING_LEFT,)
    assert (outcome.quantiles, outcome.p_on_time, outcome.days_saved_p85, outcome.change) == ((), None, None, None)


def test_deferred_items_leave_the_promise_and_stay_in_the_project() -> None:
    deferred, dropped, nothing = asked(DeferItems(20)), asked(DropItems(20)), WhatIf(basis()).nothing

    assert deferred.quantiles == dropped.quantiles
    assert deferred.p_on_time == dropped.p_on_time
    assert deferred.everything == nothing.quantiles
    assert dropped.everything == ()


# --- capacity ---


def test_capacity_of_the_worked_example_leaves_88_days() -> None:
    assert sped_up(np.array([100.0, 20.0]), [Addition(28.0, 0.2)]).tolist() == pytest.approx([88.0, 20.0])


@given(days=st.floats(0.1, 4_000), additions=st.lists(st.tuples(st.floats(0, 500), st.floats(0.01, 1)), max_size=4))
def test_days_are_worth_what_would_be_sped_up_into_them(days: float, additions: list[tuple[float, float]]) -> None:
    added = [Addition(*each) for each in additions]

    assert sped_up(np.array([unaided_days(days, added)]), added)[0] == pytest.approx(days)


def test_additions_one_after_the_other_add_up() -> None:
    one_by_one = [Addition(10.0, 0.5), Addition(20.0, 0.5)]

    # 10 days at 1, 10 days at 1.5, the rest of the 45 days at 2
    assert sped_up(np.array([45.0]), one_by_one[::-1]).tolist() == pytest.approx([20 + (45 - 25) / 2])


@given(
    days=st.lists(st.floats(0.1, 4_000), min_size=1, max_size=20),
    additions=st.lists(st.tuples(st.floats(0, 500), st.floats(0.01, 1)), max_size=4),
    extra=st.tuples(st.floats(0, 500), st.floats(0.01, 1)),
)
def test_adding_capacity_is_never_later(
    days: list[float], additions: list[tuple[float, float]], extra: tuple[float, float]
) -> None:
    before = sped_up(np.array(days), [Addition(*each) for each in additions])

    after = sped_up(np.array(days), [Addition(*each) for each in [*additions, extra]])

    assert (after <= before + 1e-9).all()
    assert (after > 0).all()


def test_capacity_agrees_with_the_preventive_action_of_the_forecast() -> None:
    trials = forecast().trials
    assert trials is not None
    days_left = days_until_over(basis(), TARGET)
    action = {each.code: each for each in action_effects(trials, days_left=days_left, accepted=0.85)}["ADD_CAPACITY"]

    option = asked(AddCapacity(share=0.2))

    assert option.p_on_time is not None
    assert option.p_on_time.value == pytest.approx(action.p_on_time_after, abs=2e-4)
    assert option.days_saved_p85 == pytest.approx(action.days_saved_p85)


def test_capacity_that_starts_later_helps_less() -> None:
    now, later = (
        asked(AddCapacity(share=0.3, start_date=day)) for day in (NOW.date(), NOW.date() + timedelta(days=40))
    )

    assert now.days_saved_p85 is not None
    assert later.days_saved_p85 is not None
    assert now.days_saved_p85 > later.days_saved_p85 > 0


def test_people_become_a_share_of_those_on_record_or_of_those_given() -> None:
    recorded = replace(basis(), flow=STEADY)

    assert asked(AddCapacity(people=1), of=recorded).quantiles == asked(AddCapacity(share=0.2)).quantiles
    assert asked(AddCapacity(people=1, team_size=5)).quantiles == asked(AddCapacity(share=0.2)).quantiles


def test_people_without_a_team_to_compare_with_are_no_number() -> None:
    outcome = asked(AddCapacity(people=1))

    assert (outcome.obstacles, outcome.quantiles) == ((Obstacle.TEAM_SIZE_UNKNOWN,), ())


def test_more_than_twice_the_team_is_another_team_however_it_is_asked_for() -> None:
    recorded = replace(basis(), flow=STEADY)
    twice, more = AddCapacity(people=5), AddCapacity(people=6)
    in_steps = [AddCapacity(share=0.6), AddCapacity(share=0.6)]

    assert asked(twice, of=recorded).quantiles
    for steps in ([more], in_steps):
        outcome = asked(*steps, of=recorded)
        assert (outcome.obstacles, outcome.quantiles) == ((Obstacle.CAPACITY_BEYOND_RECORD,), ())


# --- date, work in progress ---


def test_moved_date_changes_the_probability_and_no_duration() -> None:
    moved = asked(MoveDate(TARGET + 5 * WEEK))

    assert moved.quantiles == forecast().quantiles
    assert moved.days_saved_p85 == 0
    assert moved.p_on_time is not None
    assert moved.change is not None
    assert forecast().p_on_time is not None
    assert moved.change.value == pytest.approx(moved.p_on_time.value - forecast().p_on_time.value)  # type: ignore[union-attr]
    assert 0 < moved.change.low <= moved.change.value <= moved.change.high <= 1


def test_target_that_has_passed_has_an_answer_once_it_is_moved() -> None:
    finish = forecast_finish(
        team_history([5] * 40, open_items=20), as_of=NOW, target_date=NOW.date() - WEEK, trials=TRIALS
    )
    assert finish.basis is not None
    what_if = WhatIf(finish.basis)

    moved = what_if.outcome(Scenario("Move", (MoveDate(TARGET),)))

    assert (what_if.nothing.obstacles, what_if.nothing.quantiles) == ((Obstacle.TARGET_PASSED,), ())
    assert moved.p_on_time is not None
    assert (len(moved.quantiles), moved.change) == (4, None)


def test_limit_that_binds_shortens_cycle_time_and_moves_no_date() -> None:
    outcome = asked(LimitWip(5), of=replace(basis(), flow=STEADY))

    assert outcome.quantiles == forecast().quantiles
    assert outcome.cycle_time is not None
    assert (outcome.cycle_time.now_days, outcome.cycle_time.then_days) == (14.0, 7.0)
    assert any("Little's law" in text for text in outcome.assumptions)


@pytest.mark.parametrize(
    ("limit", "flow", "obstacle", "has_dates"),
    [
        (5, replace(STEADY, mean_in_progress=None, least_in_progress=None), Obstacle.WIP_UNKNOWN, False),
        (3, STEADY, Obstacle.WIP_BELOW_RECORD, False),
        (10, STEADY, Obstacle.LIMIT_DOES_NOT_BIND, True),
        (5, replace(STEADY, cycle_time_days=40.0), Obstacle.FLOW_NOT_STEADY, True),
    ],
)
def test_limit_of_which_the_record_says_nothing_is_no_guess(
    limit: int, flow: TeamFlow, obstacle: Obstacle, has_dates: bool
) -> None:
    outcome = asked(LimitWip(limit), of=replace(basis(), flow=flow))

    assert outcome.obstacles == (obstacle,)
    assert outcome.cycle_time is None
    assert bool(outcome.quantiles) is has_dates


# --- the change ---


@pytest.mark.parametrize("steps", [(DropItems(15),), (AddCapacity(share=0.3),), (MoveDate(TARGET - 3 * WEEK),)])
def test_change_lies_in_its_interval(steps: Sequence[Step]) -> None:
    outcome = asked(*steps)

    assert outcome.change is not None
    assert -1 <= outcome.change.low <= outcome.change.value <= outcome.change.high <= 1
    assert outcome.p_on_time is not None
    assert outcome.p_on_time.low <= outcome.p_on_time.value <= outcome.p_on_time.high


def test_steps_are_taken_together() -> None:
    both = asked(DropItems(10), AddCapacity(share=0.2))

    saved = [asked(step).days_saved_p85 for step in (DropItems(10), AddCapacity(share=0.2))]
    assert both.days_saved_p85 is not None
    assert all(one is not None and both.days_saved_p85 > one for one in saved)


def test_same_question_gets_the_same_answer() -> None:
    assert asked(DropItems(7), AddCapacity(share=0.1)) == asked(DropItems(7), AddCapacity(share=0.1))


# --- the smallest cut ---


@pytest.mark.parametrize("weeks", [6, 9, 12])
def test_cut_is_just_enough(weeks: int) -> None:
    before = NOW.date() + weeks * WEEK
    what_if = WhatIf(basis())

    cut = what_if.cut_items(before, candidates=50)

    assert cut.needed_items is not None
    enough = [
        count
        for count in range(50)
        if (day := what_if.outcome(Scenario("", (DropItems(count),) if count else ())).quantile(0.85)) is not None
        and day.finish_date is not None
        and day.finish_date <= before
    ]
    assert cut.needed_items == enough[0]
    assert cut.p85_after is not None
    assert cut.p85_after <= before < (cut.p85_with_one_less or date.max)


def test_cut_of_units_takes_as_few_as_possible() -> None:
    what_if, before = WhatIf(basis()), NOW.date() + 9 * WEEK
    needed = what_if.cut_items(before, candidates=50).needed_items
    assert needed is not None

    cut = what_if.cut_units(before, [CutUnit("small", 1), CutUnit("just enough", needed), CutUnit("large", needed + 5)])

    assert [unit.id for unit in cut.units] == ["just enough"]
    assert (cut.items, cut.needed_items) == (needed, needed)


def test_no_cut_suffices_for_yesterday_and_none_is_needed_for_a_day_far_off() -> None:
    what_if = WhatIf(basis())

    late = what_if.cut_items(NOW.date() - timedelta(days=1), candidates=50)
    early = what_if.cut_items(date(2034, 1, 2), candidates=50)

    assert (late.obstacle, late.needed_items) == (Obstacle.NO_CUT_SUFFICES, None)
    assert (early.needed_items, early.p85_with_one_less) == (0, None)


def test_calendar_decides_on_which_day_p85_falls() -> None:
    closed = WorkCalendar(holidays=frozenset(NOW.date() + timedelta(days=day) for day in range(366)))

    outcome = WhatIf(replace(basis(), calendar=closed)).nothing

    assert all(
        q.finish_date is not None and q.finish_date > NOW.date() + timedelta(days=365) for q in outcome.quantiles
    )


def test_counts_say_what_remains() -> None:
    assert basis().scope == ScopeCounts(existing=300, done=250, gone=0)
    assert basis().scope.remaining == 50

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from predictions.attribution.forecast_moves import (
    COMPONENTS,
    ForecastMove,
    MoveComponent,
    ToldForecast,
    decompose_move,
)
from predictions.forecasters.finish import FinishForecast, forecast_finish
from predictions.forecasters.finish_basis import FinishBasis, ScopeCounts
from predictions.forecasters.throughput import NewcomerShare
from projects.history import HistoryFact, ProjectHistory
from tests.project_histories import DAY, NOW, WEEK, generated_teams, team_facts, work_item

TARGET = NOW.date() + 12 * WEEK
TRIALS = 400


def told(finish: FinishForecast) -> ToldForecast:
    assert finish.basis is not None
    p85 = finish.quantile(0.85)
    return ToldForecast(
        finish.basis,
        None if p85 is None or p85.weeks is None else p85.weeks * 7,
        None if finish.p_on_time is None else finish.p_on_time.value,
    )


def forecast_of(facts: Sequence[HistoryFact], *, weeks_ago: int = 0, target_weeks: int | None = 12) -> FinishForecast:
    return forecast_finish(
        ProjectHistory.from_facts(facts),
        as_of=NOW - weeks_ago * WEEK,
        target_date=None if target_weeks is None else NOW.date() + target_weeks * WEEK,
        trials=TRIALS,
    )


def of_basis(basis: FinishBasis) -> ToldForecast:
    """What a basis says, as a forecast would tell it."""
    from predictions.forecasters.what_if import WhatIf  # noqa: PLC0415  # of this helper only

    nothing = WhatIf(basis).nothing
    p85 = nothing.quantile(0.85)
    return ToldForecast(
        basis,
        None if p85 is None or p85.weeks is None else p85.weeks * 7,
        None if nothing.p_on_time is None else nothing.p_on_time.value,
    )


def part(move: ForecastMove, component: str) -> tuple[float | None, float | None]:
    return next((each.days, each.probability) for each in move.parts if each.component == component)


def days_of(move: ForecastMove, component: str) -> float:
    days = part(move, component)[0]
    assert days is not None
    return days


def two_bases(**changes: object) -> tuple[FinishBasis, FinishBasis]:
    """One project at two moments a week apart, which differ in what is named and in the time."""
    then = forecast_of(team_facts([4, 6, 5] * 12, open_items=60)).basis
    assert then is not None
    now: FinishBasis = replace(then, as_of=then.as_of + WEEK, **changes)  # type: ignore[arg-type]
    return then, now


# --- efficiency ---


@settings(deadline=None, max_examples=25)  # a busy machine is not a failure
@given(facts=generated_teams(), weeks=st.integers(1, 3), before=st.integers(4, 20), after=st.integers(4, 20))
def test_parts_add_up_to_both_changes_to_the_last_bit(
    facts: list[HistoryFact], weeks: int, before: int, after: int
) -> None:
    then = forecast_of(facts, weeks_ago=weeks, target_weeks=before)
    now = forecast_of(facts, target_weeks=after)
    assume(then.trials is not None and now.trials is not None)

    move = decompose_move(told(then), told(now))

    assert [each.component for each in move.parts] == [*COMPONENTS, "MODEL", "DRAWS"]
    if move.days is not None:
        assert sum(each.days or 0.0 for each in move.parts) == move.days
    assert move.probability is not None
    assert sum(each.probability or 0.0 for each in move.parts) == move.probability


def test_whole_is_the_difference_of_what_was_told() -> None:
    facts = team_facts([4, 6, 5, 7, 3] * 10, open_items=40)
    then, now = told(forecast_of(facts, weeks_ago=2)), told(forecast_of(facts))

    move = decompose_move(then, now)

    assert then.p85_days is not None
    assert now.p85_days is not None
    assert then.p_on_time is not None
    assert now.p_on_time is not None
    assert move.days == pytest.approx(now.p85_days + 14 - then.p85_days, abs=1 / 1024)
    assert move.probability == pytest.approx(now.p_on_time - then.p_on_time, abs=1e-6)


# --- dummy ---


def test_component_that_did_not_change_has_no_part() -> None:
    then, now = two_bases()

    move = decompose_move(of_basis(then), of_basis(now))

    still = [component for component in COMPONENTS if component != MoveComponent.TIME_PASSED]
    assert [part(move, component) for component in still] == [(0.0, 0.0)] * len(still)
    assert days_of(move, MoveComponent.TIME_PASSED) == 7.0
    assert (part(move, "MODEL"), part(move, "DRAWS")) == ((0.0, 0.0), (0.0, 0.0))


def test_moved_target_moves_no_date_and_only_the_probability() -> None:
    then, now = two_bases(target_date=TARGET + 3 * WEEK)

    days, probability = part(decompose_move(of_basis(then), of_basis(now)), MoveComponent.TARGET_MOVED)

    assert days == 0.0
    assert probability is not None
    assert probability > 0.05


# --- symmetry ---


def test_items_finished_and_items_removed_count_alike() -> None:
    then, _ = two_bases()
    scope = replace(then.scope, done=then.scope.done + 8, gone=then.scope.gone + 8)
    _, now = two_bases(scope=scope)

    move = decompose_move(of_basis(then), of_basis(now))

    assert part(move, MoveComponent.WORK_FINISHED) == part(move, MoveComponent.SCOPE_REMOVED)
    assert days_of(move, MoveComponent.WORK_FINISHED) < 0


def test_added_and_removed_of_one_number_leave_the_date_where_it_was() -> None:
    then, _ = two_bases()
    scope = replace(then.scope, existing=then.scope.existing + 10, gone=then.scope.gone + 10)
    _, now = two_bases(scope=scope)

    move = decompose_move(of_basis(then), of_basis(now))

    assert days_of(move, MoveComponent.SCOPE_ADDED) == -days_of(move, MoveComponent.SCOPE_REMOVED) > 0
    assert move.days == 7.0


# --- what each means ---


def test_added_scope_is_what_moved_a_project_that_grew() -> None:
    facts = team_facts([5] * 40, open_items=40)
    grown = [*facts, *(work_item(9_000 + number, created_at=NOW - 3 * DAY) for number in range(20))]

    move = decompose_move(told(forecast_of(facts, weeks_ago=1)), told(forecast_of(grown)))

    largest = max(move.parts, key=lambda each: each.days or 0.0)
    assert largest.component == MoveComponent.SCOPE_ADDED
    assert largest.measured == "20 items came in."
    assert (largest.probability or 0.0) < 0


def test_progress_at_the_usual_rate_makes_up_for_the_time() -> None:
    facts = team_facts([5] * 60, open_items=40)

    move = decompose_move(told(forecast_of(facts, weeks_ago=4)), told(forecast_of(facts)))

    assert days_of(move, MoveComponent.TIME_PASSED) == 28.0
    # At the pace of a P85 twenty items finished are worth more than the four weeks that the team took for them.
    assert days_of(move, MoveComponent.WORK_FINISHED) < -28.0
    assert (part(move, MoveComponent.SCOPE_ADDED), part(move, MoveComponent.SCOPE_REMOVED)) == ((0.0, 0.0), (0.0, 0.0))


def test_slower_weeks_count_as_rate_and_not_as_time() -> None:
    then, _ = two_bases()
    _, now = two_bases(weekly=(*then.weekly[3:], 0, 0, 1))

    move = decompose_move(of_basis(then), of_basis(now))

    assert days_of(move, MoveComponent.RATE_CHANGED) > 7
    assert days_of(move, MoveComponent.TIME_PASSED) == 7.0


def test_more_newcomers_count_as_newcomers() -> None:
    then, now = two_bases(newcomers=NewcomerShare(newcomers=60, finished=120, window_weeks=12))

    move = decompose_move(of_basis(then), of_basis(now))

    assert days_of(move, MoveComponent.NEWCOMERS_CHANGED) > 7
    assert days_of(move, MoveComponent.RATE_CHANGED) == 0.0


def test_another_model_is_a_bar_of_its_own() -> None:
    then, now = (of_basis(basis) for basis in two_bases())
    assert then.p85_days is not None

    move = decompose_move(replace(then, p85_days=then.p85_days - 12.0), now)

    assert days_of(move, "MODEL") == pytest.approx(12.0, abs=1 / 1024)
    assert sum(each.days or 0.0 for each in move.parts) == move.days


def test_other_draws_are_a_bar_of_their_own() -> None:
    then, now = two_bases(seed=12345)

    move = decompose_move(of_basis(then), of_basis(now))

    assert days_of(move, "DRAWS") != 0.0
    assert abs(days_of(move, "DRAWS")) < 0.1 * (of_basis(then).p85_days or 0.0)
    assert days_of(move, MoveComponent.RATE_CHANGED) == 0.0


def test_more_finished_than_was_open_is_no_negative_work() -> None:
    then, _ = two_bases()
    scope = ScopeCounts(then.scope.existing + 100, then.scope.done + 90, then.scope.gone)
    _, now = two_bases(scope=scope)

    move = decompose_move(of_basis(then), of_basis(now))

    assert all(each.days is not None and np.isfinite(each.days) for each in move.parts)


def test_without_a_target_there_are_days_and_no_probability() -> None:
    facts = team_facts([5] * 40, open_items=30)

    move = decompose_move(
        told(forecast_of(facts, weeks_ago=2, target_weeks=None)), told(forecast_of(facts, target_weeks=10))
    )

    assert move.days is not None
    assert move.probability is None
    assert all(each.probability is None for each in move.parts)


def test_earlier_forecast_comes_first() -> None:
    then, now = (of_basis(basis) for basis in two_bases())

    with pytest.raises(ValueError, match="comes second"):
        decompose_move(now, then)
    assert timedelta(days=7) == now.basis.as_of - then.basis.as_of

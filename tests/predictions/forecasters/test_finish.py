from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.forecasters.finish import FINISH_PROBABILITIES, FinishForecast, forecast_finish
from projects.enums import Readiness
from projects.history import HistoryFact, ProjectHistory, WorkCalendar
from tests.project_histories import (
    DAY,
    NOW,
    WEEK,
    finished_item,
    generated_teams,
    team_facts,
    team_history,
    without_later_facts,
    work_item,
)

TRIALS = 500


def weeks_at(forecast: FinishForecast, probability: float) -> float:
    quantile = forecast.quantile(probability)
    assert quantile is not None
    assert quantile.weeks is not None
    return quantile.weeks


def test_steady_team_of_the_worked_example_needs_about_four_weeks() -> None:
    forecast = forecast_finish(team_history([5] * 52, open_items=20), as_of=NOW)

    assert forecast.readiness.readiness == Readiness.OK
    assert forecast.remaining_items == 20
    assert weeks_at(forecast, 0.5) == pytest.approx(4.4, rel=0.15)
    assert forecast.newcomers is not None
    assert forecast.newcomers.newcomers == 0


def test_newcomers_that_take_half_of_the_capacity_double_the_duration() -> None:
    facts = team_facts([5] * 52, open_items=20)
    for number in range(260):
        finished_at = NOW - number * WEEK / 5 - timedelta(hours=2)
        facts += finished_item(
            5_000 + number, created_at=finished_at - 2 * DAY, started_at=finished_at - DAY, finished_at=finished_at
        )

    forecast = forecast_finish(ProjectHistory.from_facts(facts), as_of=NOW)

    assert forecast.newcomers is not None
    assert forecast.newcomers.newcomers == pytest.approx(forecast.newcomers.finished / 2, abs=2)
    assert weeks_at(forecast, 0.5) == pytest.approx(4.0, rel=0.2)  # twice the rate, half of it for the scope
    assert forecast.demonstrated_rate == pytest.approx(10.0, rel=0.05)


def test_quantiles_come_in_order_and_fall_on_working_days() -> None:
    forecast = forecast_finish(team_history([4, 0, 7, 3] * 10, open_items=30), as_of=NOW)

    weeks = [quantile.weeks for quantile in forecast.quantiles]
    dates = [quantile.finish_date for quantile in forecast.quantiles]
    assert tuple(quantile.probability for quantile in forecast.quantiles) == FINISH_PROBABILITIES
    assert weeks == sorted(weeks)  # type: ignore[type-var]  # none is beyond ten years
    assert all(day is not None and day.weekday() < 5 for day in dates)


def test_probability_grows_with_the_target_and_lies_in_its_interval() -> None:
    history = team_history([4, 0, 7, 3] * 10, open_items=30)

    estimates = [
        forecast_finish(history, as_of=NOW, target_date=NOW.date() + weeks * WEEK).p_on_time for weeks in (2, 8, 20, 60)
    ]

    values = [estimate.value for estimate in estimates if estimate is not None]
    assert len(values) == 4
    assert values == sorted(values)
    assert all(0 < e.low <= e.value <= e.high < 1 for e in estimates if e is not None)


def test_target_day_counts_until_it_is_over_in_the_zone_of_the_project() -> None:
    history = team_history([5] * 30, open_items=3)
    late_evening = datetime(2024, 7, 3, 23, tzinfo=UTC)

    passed = forecast_finish(
        history, as_of=late_evening, target_date=date(2024, 7, 3), calendar=WorkCalendar("Europe/Berlin")
    )
    to_come = forecast_finish(history, as_of=late_evening, target_date=date(2024, 7, 3))

    assert passed.readiness.readiness == Readiness.MISCONFIGURED
    assert to_come.p_on_time is not None


def test_without_a_target_there_are_dates_and_no_probability() -> None:
    forecast = forecast_finish(team_history([5] * 30, open_items=10), as_of=NOW)

    assert len(forecast.quantiles) == 4
    assert (forecast.p_on_time, forecast.required_rate, forecast.drivers) == (None, None, ())


def test_backlog_that_outlasts_ten_years_has_no_date() -> None:
    forecast = forecast_finish(team_history([1] * 40, open_items=2_000), as_of=NOW)

    assert forecast.quantiles[-1].weeks is None
    assert forecast.quantiles[-1].finish_date is None


def test_evidence_counts_the_open_items_and_links_the_oldest() -> None:
    facts = [*team_facts([5] * 30, open_items=7), work_item(9_000, created_at=NOW - 400 * DAY)]

    forecast = forecast_finish(ProjectHistory.from_facts(facts), as_of=NOW)

    assert (forecast.evidence[0].field, forecast.evidence[0].value) == ("open_items", "8")
    assert forecast.evidence[1].label == "DEMO-9000"
    assert forecast.evidence[1].url == "https://tracker.example/DEMO-9000"


def test_driver_names_the_cost_of_newcomers() -> None:
    facts = team_facts([5] * 52, open_items=40)
    for number in range(260):
        finished_at = NOW - number * WEEK / 5 - timedelta(hours=2)
        facts += finished_item(
            5_000 + number, created_at=finished_at - 2 * DAY, started_at=finished_at - DAY, finished_at=finished_at
        )

    forecast = forecast_finish(ProjectHistory.from_facts(facts), as_of=NOW, target_date=NOW.date() + 7 * WEEK)

    assert forecast.drivers[0].code == "NEWCOMERS"
    assert forecast.drivers[0].effect < -0.2


def test_same_facts_give_the_same_result_and_other_facts_another_hash() -> None:
    facts = team_facts([5, 3] * 15, open_items=12)
    target = NOW.date() + 6 * WEEK

    one = forecast_finish(ProjectHistory.from_facts(facts), as_of=NOW, target_date=target)
    other = forecast_finish(ProjectHistory.from_facts(facts[::-1]), as_of=NOW, target_date=target)
    third = forecast_finish(
        ProjectHistory.from_facts([*facts, work_item(9_999, created_at=NOW - DAY)]), as_of=NOW, target_date=target
    )

    assert (one.inputs_hash, one.result_hash) == (other.inputs_hash, other.result_hash)
    assert third.inputs_hash != one.inputs_hash


@settings(deadline=None, max_examples=40)  # a busy machine is not a failure
@given(facts=generated_teams(), back_hours=st.integers(0, 24 * 21))
def test_deleting_every_later_fact_changes_nothing(facts: list[HistoryFact], back_hours: int) -> None:
    moment = NOW - timedelta(hours=back_hours)
    target = NOW.date() + 10 * WEEK

    whole, cut = (
        forecast_finish(ProjectHistory.from_facts(some), as_of=moment, target_date=target, trials=TRIALS)
        for some in (facts, without_later_facts(facts, moment))
    )

    assert cut.inputs_hash == whole.inputs_hash
    assert cut.result_hash == whole.result_hash
    assert cut.readiness == whole.readiness
    assert cut.evidence == whole.evidence
    assert cut.drivers == whole.drivers


@settings(deadline=None, max_examples=40)  # a busy machine is not a failure
@given(facts=generated_teams())
def test_any_team_gets_ordered_quantiles_or_an_abstention_with_a_reason(facts: list[HistoryFact]) -> None:
    forecast = forecast_finish(
        ProjectHistory.from_facts(facts), as_of=NOW, target_date=NOW.date() + 5 * WEEK, trials=TRIALS
    )

    if forecast.readiness.carries_value:
        weeks = [float("inf") if q.weeks is None else q.weeks for q in forecast.quantiles]
        assert weeks == sorted(weeks)
        assert weeks[0] > 0
    else:
        assert forecast.readiness.reasons
        assert (forecast.quantiles, forecast.p_on_time, forecast.remaining_items) == ((), None, None)

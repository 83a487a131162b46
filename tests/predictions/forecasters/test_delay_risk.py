from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.enums import PredictionType, Severity
from predictions.forecasters.answers import ProbabilityEstimate
from predictions.forecasters.delay_risk import expected_slip_if_late_days, forecast_delay_risk
from predictions.forecasters.finish import FinishTrials, forecast_finish
from projects.enums import Readiness
from projects.history import HistoryFact, ProjectHistory
from projects.history.readiness import ReasonCode
from tests.project_histories import NOW, WEEK, generated_teams, team_history, without_later_facts

STEADY = team_history([5] * 52, open_items=40)


def test_far_too_much_work_is_late_for_sure_and_so_was_it_always() -> None:
    risk = forecast_delay_risk(STEADY, as_of=NOW, target_date=NOW.date() + 4 * WEEK)

    assert risk.type == PredictionType.DELAY_RISK
    assert risk.probability is not None
    assert risk.probability.value > 0.85
    assert risk.base_rate is not None
    assert risk.base_rate > 0.85
    assert risk.impact in {Severity.HIGH, Severity.CRITICAL}


def test_plenty_of_time_is_little_risk() -> None:
    risk = forecast_delay_risk(STEADY, as_of=NOW, target_date=NOW.date() + 40 * WEEK)

    assert risk.probability is not None
    assert risk.probability.value < 0.1
    assert risk.base_rate is not None
    assert risk.base_rate < 0.5
    assert risk.prevention_window is None


def test_probability_is_the_complement_of_the_finish_forecast() -> None:
    erratic, target = team_history([9, 0, 2, 12, 0, 1] * 8, open_items=40), NOW.date() + 9 * WEEK
    finish = forecast_finish(erratic, as_of=NOW, target_date=target)

    risk = forecast_delay_risk(erratic, as_of=NOW, target_date=target, finish=finish)

    assert finish.p_on_time is not None
    assert risk.probability is not None
    assert risk.probability.value == pytest.approx(1 - finish.p_on_time.value)
    assert risk.probability.low < risk.probability.value < risk.probability.high


def test_what_moves_it_moves_it_as_much_as_the_chance_to_be_in_time_the_other_way() -> None:
    finish = forecast_finish(STEADY, as_of=NOW, target_date=NOW.date() + 9 * WEEK)

    risk = forecast_delay_risk(STEADY, as_of=NOW, target_date=finish.target_date, finish=finish)

    assert [driver.effect for driver in risk.drivers] == [-driver.effect for driver in finish.drivers]
    assert any(driver.effect for driver in risk.drivers)


def test_no_action_makes_a_hopeless_or_a_safe_date_certain_or_worse() -> None:
    for weeks in (1, 300):
        risk = forecast_delay_risk(STEADY, as_of=NOW, target_date=NOW.date() + weeks * WEEK)
        assert risk.probability is not None
        assert risk.options
        assert all(0 < option.probability_after <= risk.probability.value for option in risk.options)


def test_event_names_the_scope_and_the_target_that_it_will_be_settled_against() -> None:
    target = NOW.date() + 9 * WEEK

    risk = forecast_delay_risk(STEADY, as_of=NOW, target_date=target)

    assert risk.claim is not None
    assert (risk.claim.target_date, risk.claim.scope_items, len(risk.claim.scope_hash)) == (target, 40, 64)
    assert risk.claim.description == f"Not all of the 40 open items are done by the end of {target.isoformat()}."


def test_event_happens_when_the_target_day_ends() -> None:
    risk = forecast_delay_risk(STEADY, as_of=NOW, target_date=NOW.date() + 2 * WEEK)

    hours = 14 * 24 + 12  # asked at noon
    assert risk.time_to_occurrence is not None
    assert (risk.time_to_occurrence.p10, risk.time_to_occurrence.p90) == (hours, hours)


def test_risk_that_an_action_can_still_avert_has_a_window() -> None:
    risk = forecast_delay_risk(STEADY, as_of=NOW, target_date=NOW.date() + 15 * WEEK)

    assert risk.probability is not None
    assert risk.probability.value > 0.15
    assert risk.prevention_window is not None
    assert 0 <= risk.prevention_window.hours <= 15 * 7 * 24
    assert risk.options[0].probability_after <= 0.15
    assert risk.indicators[0].name == "throughput"
    assert sum(indicator.weight for indicator in risk.indicators) == pytest.approx(1.0)
    assert risk.evidence


def test_no_target_is_misconfigured_and_says_so() -> None:
    risk = forecast_delay_risk(STEADY, as_of=NOW, target_date=None)

    assert risk.readiness.readiness == Readiness.MISCONFIGURED
    assert [reason.code for reason in risk.readiness.reasons] == [ReasonCode.NO_TARGET]
    assert (risk.probability, risk.base_rate, risk.claim, risk.prevention_window) == (None, None, None, None)


def test_forecast_of_another_target_is_refused() -> None:
    finish = forecast_finish(STEADY, as_of=NOW, target_date=NOW.date() + WEEK)

    with pytest.raises(ValueError, match="another moment or target"):
        forecast_delay_risk(STEADY, as_of=NOW, target_date=NOW.date() + 2 * WEEK, finish=finish)


def test_expected_slip_is_the_median_of_the_late_trials() -> None:
    trials = FinishTrials(np.array([5.0, 12.0, 14.0, 90.0]), np.ones(4), 0.0)

    assert expected_slip_if_late_days(trials, 10.0) == 4.0
    assert expected_slip_if_late_days(trials, 100.0) == 0.0


@pytest.mark.parametrize(
    ("probability", "was_alerting", "alerts"),
    [(0.6, False, True), (0.59, False, False), (0.5, True, True), (0.4, True, False)],
)
def test_alert_has_hysteresis(probability: float, was_alerting: bool, alerts: bool) -> None:
    risk = replace(
        forecast_delay_risk(STEADY, as_of=NOW, target_date=NOW.date() + 4 * WEEK),
        probability=ProbabilityEstimate(probability, probability, probability),
    )

    assert risk.should_alert(was_alerting=was_alerting) is alerts


@settings(deadline=None, max_examples=25)  # a busy machine is not a failure
@given(facts=generated_teams(), back_hours=st.integers(0, 24 * 21))
def test_deleting_every_later_fact_changes_nothing(facts: list[HistoryFact], back_hours: int) -> None:
    moment = NOW - timedelta(hours=back_hours)
    target = NOW.date() + 7 * WEEK

    whole, cut = (
        forecast_delay_risk(ProjectHistory.from_facts(some), as_of=moment, target_date=target)
        for some in (facts, without_later_facts(facts, moment))
    )

    assert cut == whole

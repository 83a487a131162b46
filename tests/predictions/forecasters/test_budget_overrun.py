import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.enums import PredictionType, Severity
from predictions.forecasters.answers import ProbabilityEstimate
from predictions.forecasters.budget_overrun import ALERT_TCPI, BudgetOverrun, forecast_budget_overrun
from predictions.forecasters.finish import forecast_finish
from projects.enums import Readiness
from projects.history import BudgetFact, CostFact, HistoryFact, ProjectHistory
from projects.history.readiness import ReasonCode
from tests.project_histories import (
    DAY,
    NOW,
    WEEK,
    WEEKS,
    approved,
    generated_facts,
    generated_teams,
    team_facts,
    team_history,
    weekly_costs,
    without_later_facts,
)
from tests.project_histories import costly_project as project


def forecast(facts: list[HistoryFact]) -> BudgetOverrun:
    return forecast_budget_overrun(ProjectHistory.from_facts(facts), as_of=NOW)


def test_budget_far_too_small_is_crossed_for_sure_and_soon() -> None:
    risk = forecast(project(42_000))

    assert risk.type == PredictionType.BUDGET_OVERRUN
    assert risk.probability is not None
    assert risk.probability.value > 0.9
    assert risk.time_to_occurrence is not None
    assert 0 < risk.time_to_occurrence.p10 <= risk.time_to_occurrence.p50 <= risk.time_to_occurrence.p90
    assert risk.time_to_occurrence.p50 == pytest.approx(2 * 7 * 24, rel=0.5)  # 2,000 are left at 1,000 a week
    assert risk.impact in {Severity.HIGH, Severity.CRITICAL}
    assert risk.expected_overrun is not None
    assert risk.expected_overrun > 2_000
    assert risk.should_alert(was_alerting=False)


def test_plenty_of_money_is_little_risk() -> None:
    risk = forecast(project(90_000))

    assert risk.probability is not None
    assert risk.probability.value < 0.1
    assert risk.prevention_window is None
    assert risk.to_complete_performance is not None
    assert not risk.should_alert(was_alerting=True)


def test_costs_that_can_be_checked_by_hand() -> None:
    """200 of 240 items are done for 40,000: at a budget of 48,000 each item has cost what it may."""
    risk = forecast(project(48_000))

    assert (risk.spent, risk.currency) == (40_000, "EUR")
    assert risk.cost_performance == pytest.approx(1.0)
    assert risk.to_complete_performance == pytest.approx(1.0)
    claim = risk.claim
    assert claim is not None
    assert claim.description.startswith("More than 48,000.00 EUR is spent before the 40 open items are all done, and ")
    assert (claim.scope_items, claim.threshold, claim.unit, claim.target_date) == (40, 48_000, "EUR", None)
    assert claim.ends_at > NOW + 8 * WEEK


def test_more_budget_is_never_more_risk_and_its_interval_holds_it() -> None:
    risks = [forecast(project(budget)).probability for budget in (44_000, 50_000, 56_000, 70_000)]

    values = [risk.value for risk in risks if risk is not None]
    assert len(values) == 4
    assert values == sorted(values, reverse=True)
    assert all(0 < risk.low <= risk.value <= risk.high < 1 for risk in risks if risk is not None)


def test_risk_that_an_action_can_still_avert_has_a_window_that_is_the_latest_start() -> None:
    risk = forecast(project(51_000))

    assert risk.probability is not None
    assert risk.probability.value > 0.15
    window, best = risk.prevention_window, risk.options[0]
    assert window is not None
    assert window.hours == max(action.latest_start_h for action in risk.options if action.latest_start_h is not None)
    assert best.probability_after <= 0.15 < risk.probability.value
    assert best.money_saved_p85 is not None
    assert best.money_saved_p85 > 0


def test_answer_has_drivers_indicators_evidence_and_a_base_rate() -> None:
    risk = forecast(project(48_000))

    assert risk.base_rate is not None
    assert 0 < risk.base_rate < 1
    assert {driver.code for driver in risk.drivers} == {"COST_RATIO", "NEWCOMERS"}
    assert [indicator.name for indicator in risk.indicators] == ["burn_rate", "cpi", "tcpi"]
    assert sum(indicator.weight for indicator in risk.indicators) == pytest.approx(1.0)
    assert [fact.field for fact in risk.evidence[:3]] == ["budget", "actual_cost", "booked_on"]
    assert risk.quantiles is not None
    totals = [point.value for point in risk.quantiles.points if isinstance(point.value, float)]
    assert (risk.quantiles.unit, len(totals), totals) == ("EUR", 4, sorted(totals))
    assert totals[0] > 40_000


def test_spending_twice_as_much_of_late_is_more_risk() -> None:
    calm = project(60_000)
    dearer = [*team_facts([5] * WEEKS, open_items=40), *weekly_costs([1_000.0] * 28 + [2_000.0] * 12), approved(72_000)]

    low, high = forecast(calm).probability, forecast(dearer).probability

    assert low is not None
    assert high is not None
    assert high.value > low.value


def test_finish_forecast_at_hand_gives_the_same_answer_and_another_one_is_refused() -> None:
    history = ProjectHistory.from_facts(project(48_000))
    finish = forecast_finish(history, as_of=NOW)

    assert forecast_budget_overrun(history, as_of=NOW, finish=finish) == forecast_budget_overrun(history, as_of=NOW)
    with pytest.raises(ValueError, match="another moment"):
        forecast_budget_overrun(history, as_of=NOW - DAY, finish=finish)


def test_target_that_has_passed_says_nothing_about_the_budget() -> None:
    history = ProjectHistory.from_facts(project(48_000))
    abstained = forecast_finish(history, as_of=NOW, target_date=NOW.date() - 9 * DAY)

    assert abstained.trials is None
    assert forecast_budget_overrun(history, as_of=NOW, finish=abstained) == forecast_budget_overrun(history, as_of=NOW)


TEAM = team_facts([5] * WEEKS, open_items=40)
STEADY = weekly_costs([1_000.0] * WEEKS)
FUTURE = [CostFact(UUID(int=n), NOW.date() + (n + 9) * DAY, NOW - DAY, 500.0, "EUR") for n in range(1, 60)]
BAD: dict[str, tuple[Callable[[], list[HistoryFact]], ReasonCode]] = {
    "no costs": (lambda: [*TEAM, approved(48_000)], ReasonCode.NO_COSTS),
    "no budget": (lambda: [*TEAM, *STEADY], ReasonCode.NO_BUDGET),
    "budget of zero": (lambda: [*TEAM, *STEADY, approved(0)], ReasonCode.NO_BUDGET),
    "two currencies": (
        lambda: [*TEAM, *STEADY[1:], replace(STEADY[0], currency="USD"), approved(48_000)],
        ReasonCode.SEVERAL_CURRENCIES,
    ),
    "budget in another currency": (
        lambda: [*TEAM, *STEADY, approved(48_000, currency="CHF")],
        ReasonCode.SEVERAL_CURRENCIES,
    ),
    "costs of the future": (lambda: [*TEAM, *STEADY, *FUTURE, approved(48_000)], ReasonCode.FUTURE_COSTS),
    "everything reversed": (
        lambda: [*TEAM, *weekly_costs([1_000.0, -1_000.0] * 20), approved(48_000)],
        ReasonCode.COSTS_REVERSED,
    ),
    "reversed of late": (
        lambda: [*TEAM, *weekly_costs([3_000.0] * 14 + [-100.0] * 26), approved(48_000)],
        ReasonCode.COSTS_REVERSED,
    ),
    "one lump sum": (
        lambda: [*TEAM, replace(STEADY[0], amount=40_000.0), approved(48_000)],
        ReasonCode.TOO_FEW_COSTS,
    ),
    "two weeks of costs": (lambda: [*TEAM, *STEADY[-3:], approved(48_000)], ReasonCode.TOO_FEW_COSTS),
    "ledger forgotten": (lambda: [*TEAM, *STEADY[:-8], approved(48_000)], ReasonCode.COSTS_STALE),
    "budget spent": (lambda: [*TEAM, *STEADY, approved(39_000)], ReasonCode.BUDGET_SPENT),
    "not a number": (
        lambda: [*TEAM, *STEADY[1:], replace(STEADY[0], amount=math.nan), approved(48_000)],
        ReasonCode.COSTS_REVERSED,
    ),
    "nothing left to do": (
        lambda: [*team_facts([5] * WEEKS, open_items=0), *STEADY, approved(48_000)],
        ReasonCode.NOTHING_REMAINING,
    ),
    "no work items": (lambda: [*STEADY, approved(48_000)], ReasonCode.NO_ITEMS),
    "nothing at all": (list, ReasonCode.NO_ITEMS),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_gives_a_reason_and_an_unlocking_step_and_no_number(name: str) -> None:
    build, code = BAD[name]

    risk = forecast(build())

    assert not risk.readiness.carries_value
    assert code in {reason.code for reason in risk.readiness.reasons}
    assert all(reason.message and reason.unlock for reason in risk.readiness.reasons)
    numbers = (risk.probability, risk.base_rate, risk.claim, risk.prevention_window, risk.expected_overrun, risk.spent)
    assert numbers == (None,) * 6
    assert (risk.options, risk.indicators, risk.quantiles, risk.time_to_occurrence) == ((), (), None, None)


def test_a_few_weeks_of_costs_are_limited_and_say_so() -> None:
    risk = forecast([*TEAM, *STEADY[-8:], approved(48_000)])

    assert risk.readiness.readiness == Readiness.LIMITED
    assert risk.probability is not None


def test_project_without_costs_still_has_its_finish_forecast() -> None:
    """A ledger that is missing blocks the budget and nothing else."""
    assert forecast_finish(team_history([5] * WEEKS, open_items=40), as_of=NOW).readiness.carries_value


@settings(deadline=None, max_examples=25)
@given(facts=generated_teams(), back_hours=st.integers(0, 24 * 21), budget=st.sampled_from([30_000.0, 60_000.0]))
def test_deleting_every_later_fact_changes_nothing(facts: list[HistoryFact], back_hours: int, budget: float) -> None:
    moment = NOW - timedelta(hours=back_hours)
    rng = np.random.default_rng(back_hours)
    costs = weekly_costs(rng.uniform(-100, 1_500, 45).tolist())
    later = [
        CostFact(UUID(int=50_000 + number), (NOW + (30 + number) * DAY).date(), NOW + 40 * DAY, 900.0, "EUR")
        for number in range(9)
    ]
    everything = [*facts, *costs, *later, approved(budget), BudgetFact(NOW, NOW, 90_000.0, "EUR")]

    whole, cut, turned = (
        forecast_budget_overrun(ProjectHistory.from_facts(some), as_of=moment)
        for some in (everything, without_later_facts(everything, moment), everything[::-1])
    )

    assert cut == whole == turned


@settings(deadline=None, max_examples=60)
@given(facts=generated_facts(), back_hours=st.integers(0, 24 * 60))
def test_never_raises_on_any_facts(facts: list[HistoryFact], back_hours: int) -> None:
    risk = forecast_budget_overrun(ProjectHistory.from_facts(facts), as_of=NOW - timedelta(hours=back_hours))

    assert (risk.probability is not None) == risk.readiness.carries_value


@pytest.mark.parametrize(
    ("probability", "tcpi", "was_alerting", "alerts"),
    [
        (0.5, 1.0, False, True),
        (0.49, 1.0, False, False),
        (0.4, 1.0, True, True),
        (0.1, 1.11, False, True),
        (0.3, None, True, False),
    ],
)
def test_alert_has_hysteresis_and_sees_an_index_out_of_reach(
    probability: float, tcpi: float | None, was_alerting: bool, alerts: bool
) -> None:
    estimate = ProbabilityEstimate(probability, probability, probability)

    risk = replace(
        forecast(project(48_000)), probability=estimate, alerts_anyway=tcpi is not None and tcpi > ALERT_TCPI
    )

    assert risk.should_alert(was_alerting=was_alerting) is alerts


def test_index_out_of_reach_warns_whatever_the_trials_say() -> None:
    """A fifth of the budget is left for a third of the items."""
    risk = forecast(project(48_000, open_items=90))

    assert risk.to_complete_performance is not None
    assert risk.alerts_anyway == (risk.to_complete_performance > ALERT_TCPI)
    assert risk.alerts_anyway

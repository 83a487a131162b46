"""Does P mean what it says? Projects with a cost of their own, written apart from the forecaster, forecast half way."""

from datetime import timedelta
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.scoring import brier_score
from predictions.calibration.simulated_teams import simulate_teams
from predictions.forecasters.budget_overrun import forecast_budget_overrun
from projects.history import BudgetFact, CostFact, HistoryFact, ProjectHistory
from tests.project_histories import DAY, NOW, WEEK, finished_item, work_item

PROJECTS, SEED = 60, 11
MAX_ITEMS = 400


FloatArray = NDArray[np.float64]


def simulated_project(weekly: FloatArray, rng: np.random.Generator) -> tuple[list[HistoryFact], bool] | None:
    """The facts of one project half way, and whether its budget is crossed before its scope is done."""
    cumulative = np.cumsum(weekly)
    scope = int(min(cumulative[-1], MAX_ITEMS))
    finish = int(np.searchsorted(cumulative, scope)) + 1
    half = int(np.searchsorted(cumulative, scope / 2)) + 1
    if half < 13 or finish - half < 4 or cumulative[half - 1] >= scope:
        return None
    people = np.exp(np.cumsum(rng.normal(0, 0.03, finish)))
    costs = 1_000.0 * people * rng.lognormal(0, 0.2, finish)
    budget = float(costs.sum() * rng.lognormal(0, 0.35))
    spent = float(costs[:half].sum())
    if spent >= budget:
        return None
    begin = NOW - half * WEEK
    facts: list[HistoryFact] = [BudgetFact(begin, begin, budget, "EUR")]
    number = 0
    for week in range(half):
        day = (begin + week * WEEK + 6 * DAY).date()
        facts.append(CostFact(UUID(int=90_000 + week), day, NOW, float(costs[week]), "EUR"))
        for index in range(int(weekly[week])):
            at = begin + week * WEEK + timedelta(hours=168 * (index + 0.5) / weekly[week])
            facts += finished_item(number, created_at=begin - DAY, started_at=at - DAY, finished_at=at)
            number += 1
    facts += [work_item(number + rest, created_at=begin - DAY) for rest in range(max(scope - number, 0))]
    return facts, bool(costs.sum() > budget)


def test_probability_is_calibrated_and_better_than_the_base_rate() -> None:
    rng = np.random.default_rng(SEED)
    probabilities: list[float] = []
    base_rates: list[float] = []
    outcomes: list[bool] = []
    for weekly in simulate_teams(4 * PROJECTS, seed=SEED):
        project = simulated_project(weekly[: int(rng.integers(40, 120))], rng)
        if project is None or len(outcomes) == PROJECTS:
            continue
        risk = forecast_budget_overrun(ProjectHistory.from_facts(project[0]), as_of=NOW)
        if risk.probability is not None and risk.base_rate is not None:
            probabilities.append(risk.probability.value)
            base_rates.append(risk.base_rate)
            outcomes.append(project[1])

    assert len(outcomes) == PROJECTS
    score, frequency = brier_score(probabilities, outcomes), float(np.mean(outcomes))
    assert abs(float(np.mean(probabilities)) - frequency) < 0.12
    assert score < 0.8 * brier_score(base_rates, outcomes)
    assert score < 0.8 * frequency * (1 - frequency)  # better than knowing the frequency beforehand

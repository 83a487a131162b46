"""Does P mean what it says? Three hundred projects of a simulator apart from the forecaster, walked forward."""

from datetime import timedelta

from predictions.backtesting.risk_walk import score_walks, walk_risk
from predictions.backtesting.simulated_growth import simulate_growing_project
from predictions.forecasters.scope_creep import forecast_scope_creep
from predictions.forecasters.scope_creep_resolution import resolve_scope_creep
from projects.history import ProjectHistory

PROJECTS = 300
WEEKS = (10, 24, 38, 52)


def test_probability_is_calibrated_and_better_than_the_base_rate() -> None:
    walks = []
    for seed in range(5_000, 5_000 + PROJECTS):
        project = simulate_growing_project(seed)
        walks.append(
            walk_risk(
                ProjectHistory.from_facts(project.facts),
                ask=lambda known, moment: forecast_scope_creep(known, as_of=moment, trials=200),
                resolve=resolve_scope_creep,
                moments=[project.begins_at + timedelta(weeks=week, hours=12) for week in WEEKS],
                until=project.ends_at,
            )
        )

    score = score_walks(walks, bins=8)

    assert score.forecasts > 600
    assert score.events > 400
    assert 0.1 < score.frequency < 0.6
    assert score.calibration_error < 0.06
    assert sum(row.low - 0.03 <= row.forecast <= row.high + 0.03 for row in score.bins) >= 7
    assert score.skill is not None
    assert score.skill > 0.03

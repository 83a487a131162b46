"""Does P mean what it says? Three hundred projects of a simulator apart from the forecaster, walked forward."""

from datetime import timedelta

from predictions.backtesting.risk_walk import score_walks, walk_risk
from predictions.backtesting.simulated_bugs import simulate_buggy_project
from predictions.forecasters.quality_issue import forecast_quality_issue
from predictions.forecasters.quality_issue_resolution import resolve_quality_issue
from projects.history import ProjectHistory

PROJECTS = 300
WEEKS = (30, 52, 78, 100)


def test_probability_is_calibrated_and_better_than_the_base_rate() -> None:
    walks = []
    for seed in range(9_000, 9_000 + PROJECTS):
        project = simulate_buggy_project(seed)
        walks.append(
            walk_risk(
                ProjectHistory.from_facts(project.facts),
                ask=lambda known, moment: forecast_quality_issue(known, as_of=moment),
                resolve=resolve_quality_issue,
                moments=[project.begins_at + timedelta(weeks=week, hours=12) for week in WEEKS],
                until=project.ends_at,
            )
        )

    score = score_walks(walks, bins=8)

    assert (score.forecasts, score.events) == (PROJECTS * len(WEEKS), PROJECTS * len(WEEKS))
    assert 0.08 < score.frequency < 0.3
    assert score.calibration_error < 0.05
    assert sum(row.low - 0.02 <= row.forecast <= row.high + 0.02 for row in score.bins) >= 7
    assert score.skill is not None
    assert score.skill_interval is not None
    assert score.skill > 0.1
    assert score.skill_interval[0] > 0
    climate = score.frequency * (1 - score.frequency)
    assert score.brier < climate  # better than knowing the frequency of all projects beforehand

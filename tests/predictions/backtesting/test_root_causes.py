import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from predictions.backtesting.simulated_projects import PlantedCause, simulate_project, true_cost_days

SEEDS = range(4)


def run(*arguments: str) -> dict[str, Any]:
    answer = StringIO()
    call_command("benchmark", "root-causes", "--data", "nowhere", *arguments, stdout=answer)
    content: dict[str, Any] = json.loads(answer.getvalue())
    return content


def test_short_form_finds_what_was_planted_and_accuses_nobody_else() -> None:
    report = run("--size", "short", "--train", "nowhere")

    macro = report["macro"]
    assert macro["top1"] >= 0.9
    assert macro["relative_error"] <= 0.15
    assert 0.75 <= macro["coverage"] <= 1
    assert macro["placebo"] <= 0.05
    assert report["options"]["judged"] == report["options"]["seeds"] == 24
    assert macro["placebo"] >= macro["placebo_unplanted"]


@pytest.mark.parametrize("cause", list(PlantedCause))
def test_planted_cause_costs_days_and_the_luck_stays(cause: PlantedCause) -> None:
    for seed in SEEDS:
        planted, sound = simulate_project(seed, cause), simulate_project(seed, None)

        assert true_cost_days(planted) > 5
        assert planted.target_date == sound.target_date
        assert planted.planned_calendar == sound.planned_calendar


def test_project_without_a_cause_keeps_its_date_more_or_less() -> None:
    late_days = [
        (project.finished_at.date() - project.target_date).days
        for project in (simulate_project(seed, None) for seed in range(40))
    ]

    assert abs(sum(late_days) / len(late_days)) < 5


def test_simulator_knows_nothing_of_the_attribution() -> None:
    source = Path(__file__).parents[3] / "predictions" / "backtesting" / "simulated_projects.py"

    imports = [line for line in source.read_text(encoding="utf-8").splitlines() if line.startswith(("import", "from"))]

    assert not any("attribution" in line or "forecasters" in line or "spells" in line for line in imports)

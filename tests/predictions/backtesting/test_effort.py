import csv
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from predictions.calibration.effort_tasks import EffortTasks
from predictions.calibration.simulated_efforts import simulate_efforts

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "projects" / "effort"
COLUMNS = ("project_key", "task_plan_time_minutes", "task_actual_time_minutes", "task_actual_complete_date", "split")
BEGIN = datetime.fromisoformat("2020-01-06T09:00")


def rows_of(key: str, tasks: EffortTasks, *, split: str = "test") -> list[dict[str, Any]]:
    """One row a task, the last first: the reader has to put them into order."""
    return [
        {
            "project_key": key,
            "task_plan_time_minutes": 60 * plan,
            "task_actual_time_minutes": round(60 * actual, 3),
            "task_actual_complete_date": f"{BEGIN + timedelta(hours=number):%m/%d/%Y %H:%M}",
            "split": split,
        }
        for number, (plan, actual) in enumerate(zip(tasks.done_plan, tasks.done_actual, strict=True))
    ][::-1]


def write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def run(*arguments: str) -> dict[str, Any]:
    answer = StringIO()
    call_command("benchmark", "effort", *arguments, stdout=answer)
    content: dict[str, Any] = json.loads(answer.getvalue())
    return content


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    projects = simulate_efforts(6, seed=5)
    write(data / "tasks.csv", [row for n, tasks in enumerate(projects) for row in rows_of(str(n), tasks)])
    return data


def test_report_holds_every_level_and_the_same_twice(directory: Path, tmp_path: Path) -> None:
    arguments = ("--data", str(directory), "--train", str(directory))

    report = run(*arguments, "--json", str(tmp_path / "report.json"))

    assert (report["variant"], report["n"], report["options"]["at"]) == ("retrained", 6, 25)
    assert set(report["macro"]) == {"mape", "coverage_80", "coverage_80_pooled"}
    assert set(report["baseline"]) == {"mape", "mape_plan"}
    assert report["macro"] == run(*arguments)["macro"]
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["macro"] == report["macro"]
    assert report["shipped"]["macro"]["mape"] > 0


def test_worked_example_is_scored_as_by_hand(tmp_path: Path) -> None:
    tasks = EffortTasks.of(done=[(1.0, 2.0)] * 40, rest=[])
    write(tmp_path / "x.csv", rows_of("x", tasks))

    report = run("--data", str(tmp_path))

    assert report["variant"] == "shipped"
    assert report["baseline"] == {"mape": pytest.approx(0, abs=1e-3), "mape_plan": pytest.approx(0.5)}
    assert 0 < report["macro"]["mape"] < 0.5


def test_project_is_never_learned_from_when_it_is_tested(directory: Path, tmp_path: Path) -> None:
    """Its own outcome, moved far away after the cut, changes neither its own forecast nor what it learned."""
    changed = tmp_path / "changed"
    changed.mkdir()
    first, *others = simulate_efforts(6, seed=5)
    later = first.done_actual.copy()
    later[len(later) // 2 :] *= 10
    write(
        changed / "tasks.csv",
        rows_of("0", EffortTasks(first.done_plan, later, first.rest_plan))
        + [row for n, tasks in enumerate(others, start=1) for row in rows_of(str(n), tasks)],
    )

    scores = [
        {unit["name"]: unit["mape"] for unit in run("--data", str(data), "--train", str(directory))["units"]}
        for data in (directory, changed)
    ]

    possible = [
        [(1 + sign * score["0"]) * float(actual.sum()) for sign in (1, -1)]
        for score, actual in zip(scores, (first.done_actual, later), strict=True)
    ]
    assert any(one == pytest.approx(other) for one in possible[0] for other in possible[1])
    assert {name: score for name, score in scores[0].items() if name != "0"} == {
        name: score for name, score in scores[1].items() if name != "0"
    }


def test_traps_are_seen_and_listed(tmp_path: Path) -> None:
    usual = rows_of("usual", simulate_efforts(1, seed=8)[0])
    unplanned = [{**row, "project_key": "unplanned", "task_plan_time_minutes": 0} for row in usual]
    given_up = [{**row, "project_key": "given-up"} for row in usual]
    for row in given_up[::2]:
        row["task_actual_complete_date"] = "\\N"
    garbage = [{**usual[0], "task_plan_time_minutes": "nan", "task_actual_time_minutes": "-5"}] * 3
    tiny = rows_of("tiny", EffortTasks.of(done=[(1, 1)] * 6, rest=[]))
    write(tmp_path / "x.csv", [*usual, *unplanned, *given_up, *garbage, *tiny])

    report = run("--data", str(tmp_path))

    assert [unit["name"] for unit in report["units"]] == ["usual"]
    assert set(report["options"]["not_judged"]) == {"unplanned", "given-up", "tiny"}


def test_rows_of_split_train_are_learned_from_and_not_judged(tmp_path: Path) -> None:
    rows = [
        row
        for n, tasks in enumerate(simulate_efforts(6, seed=5))
        for row in rows_of(str(n), tasks, split="test" if n == 0 else "train")
    ]
    write(tmp_path / "x.csv", rows)

    report = run("--data", str(tmp_path))

    assert (report["variant"], [unit["name"] for unit in report["units"]]) == ("retrained", ["0"])


def test_directory_without_files_or_columns_is_refused_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="holds no file"):
        run("--data", str(tmp_path))

    (tmp_path / "x.csv").write_text("done\nyesterday\n", encoding="utf-8")

    with pytest.raises(CommandError, match="project_key"):
        run("--data", str(tmp_path))


@pytest.mark.skipif(not SHARED.is_dir(), reason="research data is not beside this checkout")
def test_real_projects_are_forecast_better_than_by_the_cost_ratio() -> None:
    report = run("--data", str(SHARED), "--train", str(SHARED))

    assert report["macro"]["mape"] <= 0.08
    assert report["macro"]["mape"] < report["baseline"]["mape"]
    assert report["coverage"]["coverage_80"]["low"] <= 0.8 <= report["coverage"]["coverage_80"]["high"]

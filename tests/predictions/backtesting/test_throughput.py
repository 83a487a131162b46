import json
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from predictions.calibration.simulated_teams import simulate_teams

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "projects" / "throughput"


def write_team(path: Path, weekly: "np.ndarray[Any, np.dtype[np.float64]]", *, split_at: int | None = None) -> None:
    begin = date(2020, 1, 6)
    rows = [
        (
            begin + timedelta(weeks=week, days=index % 5),
            "test" if split_at is not None and week >= split_at else "train",
        )
        for week, count in enumerate(weekly.tolist())
        for index in range(int(count))
    ]
    header = "resolved_at,split" if split_at is not None else "resolved_at"
    lines = [f"{day},{split}" if split_at is not None else str(day) for day, split in rows]
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


def run(*arguments: str) -> dict[str, Any]:
    answer = StringIO()
    call_command("benchmark", "throughput", *arguments, stdout=answer)
    content: dict[str, Any] = json.loads(answer.getvalue())
    return content


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for number, weekly in enumerate(simulate_teams(4, seed=12)):
        write_team(tmp_path / f"org{number}_team.csv", weekly[:90] + 1)
    return tmp_path


def test_report_holds_every_level_and_the_same_twice(directory: Path, tmp_path: Path) -> None:
    report = run("--data", str(directory), "--train", str(directory), "--json", str(tmp_path / "report.json"))
    again = run("--data", str(directory), "--train", str(directory))

    assert report["variant"] == "retrained"
    assert {"2", "4", "8", "13", "finish_p85_coverage"} <= set(report["macro"])
    for horizon in ("2", "4", "8", "13"):
        assert set(report["macro"][horizon]) == {"coverage_80", "crps", "crps_monte_carlo", "p85_hit"}
    assert report["macro"] == again["macro"]
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["macro"] == report["macro"]
    assert {"wall_time_s", "peak_memory_mib", "interval", "baseline", "coverage", "n"} <= set(report)


def test_split_column_says_where_the_test_begins(tmp_path: Path) -> None:
    weekly = np.full(80, 5.0)
    write_team(tmp_path / "steady_late.csv", weekly, split_at=70)

    report = run("--data", str(tmp_path))

    assert report["variant"] == "shipped"
    assert report["macro"]["2"]["coverage_80"] == 1.0
    assert report["n"] < 10


@pytest.mark.parametrize(
    ("weekly", "late"), [(np.full(100, 5.0), 0.0), (np.concatenate([np.full(70, 5.0), np.zeros(29), [1.0]]), 1.0)]
)
def test_what_was_told_of_dates_with_ample_time_stands_beside_what_came(
    weekly: "np.ndarray[Any, np.dtype[np.float64]]", late: float, tmp_path: Path
) -> None:
    write_team(tmp_path / "one_team.csv", weekly)

    bins = run("--data", str(tmp_path))["macro"]["late_with_ample_time"]

    assert {each["late"] for each in bins} == {late}
    assert [each["told"] for each in bins] == sorted(each["told"] for each in bins)
    assert late or bins[-1]["told"] < 0.5
    assert sum(each["n"] for each in bins) >= 16


def test_directory_without_files_or_columns_is_refused_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="holds no file"):
        run("--data", str(tmp_path))

    (tmp_path / "x_y.csv").write_text("done\nyesterday\n", encoding="utf-8")

    with pytest.raises(CommandError, match="resolved_at"):
        run("--data", str(tmp_path))


@pytest.mark.skipif(not SHARED.is_dir(), reason="research data is not beside this checkout")
def test_real_teams_are_covered_and_forecast_better_than_by_the_usual_monte_carlo(tmp_path: Path) -> None:
    for name in ("Apache_Usergrid", "Hyperledger_Sawtooth", "Command-Line_Interface", "Atlassian_Crowd"):
        (tmp_path / f"{name}.csv").write_bytes((SHARED / f"{name}.csv").read_bytes())

    macro = run("--data", str(tmp_path))["macro"]

    for horizon in ("2", "4", "8", "13"):
        assert macro[horizon]["coverage_80"] > 0.6
        assert macro[horizon]["crps"] <= 1.1 * macro[horizon]["crps_monte_carlo"]  # four teams are few

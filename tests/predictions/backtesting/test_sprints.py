import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from predictions.backtesting.sprints import FILE_COLUMNS, sprint_rows, walk_forward
from predictions.backtesting.tasks import BenchmarkRefused
from predictions.calibration.iterations import IterationTable
from predictions.calibration.simulated_iterations import simulate_iterations
from predictions.forecasters.iteration_delivery import IterationHistory
from predictions.priors.iterations import shipped_iterations

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "projects" / "sprints"
HEADER = (
    "boardid,sprintid,name,vel_diff,planday,no_issue_starttime,vel_starttime,no_issue_added,vel_added,"
    "no_issue_removed,vel_removed,no_issuetodo,vel_todo,no_issueinprogress,vel_inprogress,no_issuedone,vel_done,"
    "no_admin,no_teammember"
)
FIELDS = {column: name for name, column in FILE_COLUMNS.items()}


def lines_of(seed: int, *, split_at: int | None = None, sprints: int = 28) -> list[str]:
    """Two simulated boards of one project; every fifth sprint of the first stands on a third board too."""
    lines = []
    for board, columns in enumerate(simulate_iterations(2, elapsed=0.3, seed=seed)):
        for row in range(len(columns["iteration"])):
            values = {name: int(column[row]) for name, column in columns.items()} | {"iteration": 2 * row + board}
            scope = values["committed_points"] + values["added_points"] - values["removed_points"]
            values["board"] = board
            for copy in (board, 7) if board == 0 and row % 5 == 0 else (board,):
                values["board"] = copy
                known = {
                    "name": "Sprint 4, the long, one",
                    "vel_diff": values["delivered_points"] - scope,
                    "no_admin": 1,
                }
                cells = [known[name] if name in known else values[FIELDS[name]] for name in HEADER.split(",")]
                if values["iteration"] < sprints:
                    split = [] if split_at is None else ["test" if values["iteration"] >= split_at else "train"]
                    lines.append(",".join(map(str, [*cells, *split])))
    return lines


def write(path: Path, lines: list[str], *, header: str = HEADER) -> None:
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


def run(*arguments: str) -> dict[str, Any]:
    answer = StringIO()
    call_command("benchmark", "sprints", *arguments, stdout=answer)
    content: dict[str, Any] = json.loads(answer.getvalue())
    return content


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for number in range(2):
        write(tmp_path / f"org{number}_30.csv", lines_of(number))
    return tmp_path


def test_report_holds_every_level_whatever_the_order_of_rows(directory: Path, tmp_path: Path) -> None:
    arguments = ("--data", str(directory), "--train", str(directory), "--at", "30")

    report = run(*arguments, "--json", str(tmp_path / "report.json"))
    for number in range(2):
        lines = lines_of(number)
        write(directory / f"org{number}_30.csv", [lines[i] for i in np.random.default_rng(1).permutation(len(lines))])
    again = run(*arguments)

    assert report["variant"] == "retrained"
    assert {"skill", "coverage_80", "auc_under_80", "brier_skill"} <= set(report["macro"])
    assert report["macro"] == again["macro"]
    assert report["shipped"]["macro"] == again["shipped"]["macro"]
    assert report["macro"] != report["shipped"]["macro"]
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["macro"] == report["macro"]
    assert {"wall_time_s", "peak_memory_mib", "interval", "baseline", "coverage", "n"} <= set(report)


def test_an_organisation_learns_nothing_from_its_own_files(directory: Path, tmp_path: Path) -> None:
    train = tmp_path / "train"
    train.mkdir()
    write(train / "org1_30.csv", lines_of(1))
    before = run("--data", str(directory), "--train", str(train))["units"]
    write(train / "org0_30.csv", lines_of(5))

    after = run("--data", str(directory), "--train", str(train))["units"]

    assert before[0] == after[0]
    assert before[1] != after[1]


def test_split_column_says_where_the_test_begins(tmp_path: Path) -> None:
    lines = lines_of(3, split_at=24, sprints=30)
    write(tmp_path / "one_0.csv", lines, header=HEADER + ",split")

    report = run("--data", str(tmp_path), "--at", "0")

    assert report["variant"] == "shipped"
    assert report["n"] == 6


def test_a_sprint_on_two_boards_counts_once(tmp_path: Path) -> None:
    lines = lines_of(3, sprints=30)
    write(tmp_path / "one_30.csv", lines)
    once = run("--data", str(tmp_path))["n"]

    assert once == len({line.split(",")[1] for line in lines if int(line.split(",")[1]) >= 22})


def test_deleting_later_sprints_leaves_earlier_forecasts_as_they_were() -> None:
    (columns,) = simulate_iterations(1, elapsed=0.3, seed=2)
    pools = [IterationHistory.of(table) for table in shipped_iterations("30")[:2]]
    table = IterationTable.of_columns(columns)
    cut = table.where(table.ranks < 15)
    full, shorter = IterationHistory.of(table), IterationHistory.of(cut)

    judged = walk_forward(full, table.ranks >= 12, pools)
    again = walk_forward(shorter, cut.ranks >= 12, pools)

    assert np.isfinite(again.p50[12:]).all()
    for name in ("p10", "p50", "p90", "p_under"):
        assert np.array_equal(getattr(judged, name)[:15], getattr(again, name), equal_nan=True)


def test_name_with_commas_leaves_the_figures_in_their_columns() -> None:
    line = "1,8,Q2, a, b,-3,9,1,2,3,4,5,6,7,8,9,10,11,12,13,14"

    (row,) = sprint_rows([HEADER, line], source="x")

    assert row["name"] == "Q2, a, b"
    assert (row["vel_diff"], row["planday"], row["no_teammember"]) == ("-3", "9", "14")


def test_directory_file_or_row_in_another_format_is_refused_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"holds no file \*_30.csv"):
        run("--data", str(tmp_path))
    with pytest.raises(BenchmarkRefused, match="line 2: 3 fields for 19 columns"):
        sprint_rows([HEADER, "1,2,3"], source="x.csv")
    with pytest.raises(BenchmarkRefused, match="columns are missing: sprintid"):
        sprint_rows([HEADER.replace("sprintid,", "")], source="x.csv")

    write(tmp_path / "one_30.csv", [line.replace(",1,", ",one,") for line in lines_of(0)])
    with pytest.raises(CommandError, match="a number is needed"):
        run("--data", str(tmp_path))

    write(tmp_path / "one_30.csv", [])
    with pytest.raises(CommandError, match="has a sprint to judge"):
        run("--data", str(tmp_path))


@pytest.mark.skipif(not SHARED.is_dir(), reason="research data is not beside this checkout")
def test_real_sprints_are_forecast_better_than_by_the_median(tmp_path: Path) -> None:
    (tmp_path / "jboss_30.csv").write_bytes((SHARED / "jboss_30.csv").read_bytes())
    train = tmp_path / "train"
    train.mkdir()
    (train / "apache_30.csv").write_bytes((SHARED / "apache_30.csv").read_bytes())

    macro = run("--data", str(tmp_path), "--train", str(train))["macro"]

    assert macro["skill"] > 0.1
    assert macro["auc_under_80"] > 0.75
    assert macro["brier_skill"] > 0.15

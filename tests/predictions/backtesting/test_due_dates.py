"""`manage.py benchmark due-dates`, end to end on generated files, and the contract of the format."""

import csv
import json
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from predictions.backtesting import due_dates
from predictions.backtesting.due_dates import SNAPSHOTS
from predictions.backtesting.prior_building import build_item_delay_prior
from predictions.backtesting.simulated_due_dates import simulated_organisation
from predictions.forecasters.item_delay import shipped

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "projects" / "due_dates"
FINAL_VALUES = ("repetition", "no_fixversion", "no_issuelink", "no_blocking", "no_blockedby", "no_affectversion")
FIRST_DAY = date(2012, 1, 2)


def write_organisation(
    directory: Path, name: str, seed: int, *, items: int = 240, snapshot: str = "discussion", **changed: Any
) -> Path:
    """A simulated organisation in the documented format."""
    moments = simulated_organisation(np.random.default_rng(seed))
    moments = moments.take(np.argsort(moments.created_day, kind="stable")[:items])
    since_first = moments.created_day - moments.created_day[0]
    path = directory / f"{name}_{snapshot}.csv"
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(dict.fromkeys([*due_dates.COLUMNS, *FINAL_VALUES, *changed])))
        writer.writeheader()
        for row in range(len(moments)):
            share = moments.assignee_late_share[row]
            values = {
                **dict.fromkeys([*due_dates.COLUMNS, *FINAL_VALUES], 0),
                "issuekey": f"{name.upper()}{moments.unit[row]}-{row}",
                "delaydays": 3 if moments.late[row] else 0,
                "openeddate": f"{FIRST_DAY + timedelta(days=float(since_first[row]))} 00:00:00",
                "type": "Bug",
                "priority": "Major",
                "perofdelay": 0 if np.isnan(share) else round(100 * share),
                "ProgressTime": int(moments.moment_day[row] - moments.created_day[row]),
                "RemainingDay": int(moments.due_day[row] - moments.moment_day[row]),
            }
            writer.writerow(values | {key: value(row) for key, value in changed.items()})
    return path


def benchmark(*arguments: str) -> dict[str, Any]:
    output = StringIO()
    call_command("benchmark", "due-dates", *arguments, stdout=output)
    report: dict[str, Any] = json.loads(output.getvalue())
    return report


def test_the_benchmark_reports_both_variants_and_repeats_itself(tmp_path: Path) -> None:
    for name, seed in (("alpha", 1), ("beta", 2), ("gamma", 3)):
        write_organisation(tmp_path, name, seed)
    arguments = ("--data", str(tmp_path), "--train", str(tmp_path), "--json", str(tmp_path / "report.json"))

    report = benchmark(*arguments)

    assert json.loads((tmp_path / "report.json").read_text()) == report
    assert report["variant"] == "retrained"
    assert report["n"] == 3 * 60
    assert {"f1", "auc", "brier", "ece", "zero_shot_auc", "brier_skill", "as_published"} <= set(report["macro"])
    assert report["interval"]["brier"][0] <= report["macro"]["brier"] <= report["interval"]["brier"][1]
    assert report["shipped"]["model"]["prior"] == "40 simulated organisations"
    again = benchmark(*arguments)
    for volatile in ("wall_time_s", "peak_memory_mib"):
        del report[volatile], again[volatile]
    assert again == report


def test_a_split_column_decides_what_is_scored(tmp_path: Path) -> None:
    write_organisation(tmp_path, "alpha", 1, split=lambda row: "test" if row >= 200 else "train")

    assert benchmark("--data", str(tmp_path))["n"] == 40


def test_the_tested_organisation_is_never_in_its_own_pool(tmp_path: Path) -> None:
    path = write_organisation(tmp_path, "alpha", 1)
    (tmp_path / "renamed_discussion.csv").write_text(path.read_text())
    write_organisation(tmp_path, "beta", 2)
    alpha, beta, renamed = due_dates.organisations(tmp_path, "discussion")

    prior = due_dates._prior_without(alpha, [alpha, beta, renamed], shipped.shipped_prior())
    alone = due_dates._prior_without(alpha, [alpha, renamed], shipped.shipped_prior())

    assert prior.name == "beta"
    assert alone is shipped.shipped_prior()


def test_columns_of_final_values_are_never_read(tmp_path: Path) -> None:
    write_organisation(tmp_path, "alpha", 1)
    before = benchmark("--data", str(tmp_path))["macro"]
    rng = np.random.default_rng(0)
    write_organisation(tmp_path, "alpha", 1, reporterrep=lambda row: float(rng.random()))

    assert benchmark("--data", str(tmp_path))["macro"] == before


@pytest.mark.parametrize(("snapshot", "column"), [("discussion", "workload"), *((s, "perofdelay") for s in SNAPSHOTS)])
def test_columns_that_know_the_label_stay_out_of_the_headline(tmp_path: Path, snapshot: str, column: str) -> None:
    arguments = ("--data", str(tmp_path), "--snapshot", snapshot)
    path = write_organisation(tmp_path, "alpha", 1, snapshot=snapshot)
    before = benchmark(*arguments)["macro"]
    late = due_dates.read_organisation(path, snapshot).moments.late
    knowing: dict[str, Any] = {column: lambda row: 150 if late[row] else 0}
    write_organisation(tmp_path, "alpha", 1, snapshot=snapshot, **knowing)

    assert benchmark(*arguments)["macro"] == before


def test_workload_at_discussion_is_what_was_known_when_the_due_date_was_set(tmp_path: Path) -> None:
    path = write_organisation(tmp_path, "alpha", 1, items=3, ProgressTime=lambda row: 5, workload=lambda row: 99)
    missing = due_dates.read_organisation(path, "discussion").moments.assignee_open
    write_organisation(
        tmp_path, "alpha", 1, items=3, snapshot="due", ProgressTime=lambda row: 4 + row, workload=lambda row: 7 + row
    )

    known = due_dates.read_organisation(path, "discussion").moments.assignee_open

    assert np.isnan(missing).all()
    assert known == pytest.approx([7, 8, np.nan], nan_ok=True)


def test_at_creation_the_due_date_is_not_known(tmp_path: Path) -> None:
    path = write_organisation(tmp_path, "alpha", 1)
    path.rename(tmp_path / "alpha_creation.csv")

    (organisation,) = due_dates.organisations(tmp_path, "creation")

    assert np.isnan(organisation.table.column("left")).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "holds no file named"),
        ("issuekey,delaydays\nA-1,0\n", "lacks the columns openeddate"),
        (",".join(due_dates.COLUMNS) + "\n", "holds no rows"),
        (",".join(due_dates.COLUMNS) + "\nA-1,x,2012-01-01,Bug,0,0,0,Major,0,0,0,0,1,2\n", "line 2: delaydays is 'x'"),
        (",".join(due_dates.COLUMNS) + "\nA-1,0,soon,Bug,0,0,0,Major,0,0,0,0,1,2\n", "line 2: openeddate is 'soon'"),
        (",".join(due_dates.COLUMNS) + "\nA-1,0,2012-01-01,Bug,0,0,0,Major,0,0,0,0,1,-2\n", "RemainingDay is '-2'"),
        (",".join(due_dates.COLUMNS) + "\nA-1,0,2012-01-01,Bug,0,0,0,Major,0,0,0,0,1\n", "RemainingDay is None"),
    ],
)
def test_a_directory_that_cannot_be_judged_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "alpha_discussion.csv").write_text(content)

    with pytest.raises(CommandError, match=message):
        benchmark("--data", str(tmp_path))


def test_one_row_is_judged_without_a_number_that_is_not_defined(tmp_path: Path) -> None:
    write_organisation(tmp_path, "alpha", 1, items=1)

    report = benchmark("--data", str(tmp_path), "--train", str(tmp_path))

    assert report["macro"]["auc"] is None
    assert report["n"] == 1


def test_the_shipped_prior_is_what_its_command_builds() -> None:
    served, built = json.loads(shipped.PATH.read_text(encoding="utf-8")), build_item_delay_prior()

    assert "no real project" in served["made_on"]
    assert built.keys() == served.keys()
    for model in ("with_labels", "without_labels"):
        assert built[model]["terms"].keys() == served[model]["terms"].keys()
        for name, term in served[model]["terms"].items():
            assert built[model]["terms"][name] == pytest.approx(term, abs=2e-3)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the research data of {SHARED.parent.name} is not on this machine")
def test_one_research_file_is_forecast_better_than_its_base_rate() -> None:
    organisation = due_dates.read_organisation(SHARED / "jboss_discussion.csv", "discussion")

    judged = due_dates.judged(organisation, shipped.shipped_prior())

    skill, area = judged.metrics["brier_skill"], judged.metrics["auc"]
    assert skill is not None
    assert area is not None
    assert skill > 0.2
    assert area > 0.7

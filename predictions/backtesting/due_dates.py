"""`benchmark due-dates`: would the item forecaster have known which items miss their due date?

1. A file is one organisation; its rows become `ItemMoments`, the same columns that a project's history gives.
2. The forecaster walks through the whole file in the order of the forecast moments. A label counts from the day after
   the due date on, in the test part as before it.
3. Scored is the test part: the rows that `split` names, otherwise the last quarter of the items by opening date, so
   that all three snapshots are scored on the same items.
4. The shipped prior comes first. With `--train` a prior is fitted on the other organisations found there; a file with
   the same organisation name, or with an issue of the test file, is left out.

Dropped: columns that hold final values; at creation the due date, which is often set later. Two more columns know the
label, and are read otherwise or not at all:

- `workload` at discussion was filled in by how late the item was, where it was missing: in jira and jboss 0 stands for
  on time, 98 or 100 for up to 40 days, 150 for 15 to 133, 200 for 96 or more (876 and 326 rows, no exception). It is
  taken from the "due" snapshot of the item where the due date was set by the forecast moment, else missing.
- `perofdelay` counts outcomes that nobody knew yet. At "due" that of the item itself: where both snapshots are of one
  moment, items whose share is higher at "due" were late in 51 to 88 % of the cases in three files, those whose share is
  the same in 6 to 41 %. At discussion those of others: 310 of the 315 items of one release stand at 100, the first of
  them two years before any item of the project was due. It is missing.

`as_published` is the same with both columns as they stand, for comparison with published figures only.

Example: opened on day 0, ProgressTime 21, RemainingDay 14: forecast on day 21, due on day 35, label known on day 36.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from predictions.backtesting.reports import BenchmarkReport, Metrics, UnitResult, VariantResult, macro_average
from predictions.backtesting.tasks import BenchmarkRefused, BenchmarkRequest, BenchmarkTask
from predictions.calibration.classification import area_under_curve, f1_score
from predictions.calibration.reliability import expected_calibration_error
from predictions.calibration.scoring import brier_score, brier_skill
from predictions.forecasters.item_delay.features import FeatureTable, feature_table
from predictions.forecasters.item_delay.learner import Prior, fit_pool
from predictions.forecasters.item_delay.moments import Flags, FloatArray, ItemMoments, kind_of, priority_rank
from predictions.forecasters.item_delay.shipped import shipped_prior
from predictions.forecasters.item_delay.walk_forward import RUNGS, ItemForecasts, forecast_items

DISCUSSION, CREATION, DUE = SNAPSHOTS = ("discussion", "creation", "due")
COLUMNS = (
    "issuekey",
    "delaydays",
    "openeddate",
    "type",
    "discussion",
    "perofdelay",
    "workload",
    "priority",
    "no_comment",
    "no_priority_change",
    "no_fixversion_change",
    "no_des_change",
    "ProgressTime",
    "RemainingDay",
)
TEST_SHARE = 0.25
LABEL_LAG_DAYS = 1.0
"""Whether an item was late is known when the day after the due date begins."""
FULL_PERCENTAGE = 100.0


@dataclass(frozen=True, eq=False)
class Organisation:
    """One file: its items at one snapshot, which of them are scored, and the columns that know the label."""

    name: str
    keys: frozenset[str]
    moments: ItemMoments
    table: FeatureTable
    test: Flags
    workload: FloatArray
    late_share: FloatArray


def run(request: BenchmarkRequest) -> BenchmarkReport:
    """Judge the item forecaster.  Raises BenchmarkRefused for a directory without files of the snapshot."""
    snapshot = request.at or DISCUSSION
    tested = list(organisations(request.data, snapshot))
    pool = [] if request.train is None else list(organisations(request.train, snapshot))
    shipped_by = shipped_prior()
    leaky_pool = [_as_published(other) for other in pool]
    shipped, retrained, as_published = [], [], []
    for done, organisation in enumerate(tested):
        request.on_progress(done, len(tested), organisation.name)
        shipped.append(judged(organisation, shipped_by))
        if request.train is None:
            continue
        retrained.append(judged(organisation, _prior_without(organisation, pool, shipped_by)))
        if snapshot != CREATION:
            prior = _prior_without(organisation, leaky_pool, shipped_by)
            as_published.append(judged(_as_published(organisation), prior))
    model = {"forecaster": "item-delay.pooled-trees", "prior": shipped_by.name}
    return BenchmarkReport(
        task="due-dates",
        options={"snapshot": snapshot},
        shipped=VariantResult(tuple(shipped), model),
        retrained=VariantResult(tuple(retrained), {**model, "prior": _names(pool)}) if retrained else None,
        extra=_extra(as_published),
    )


def judged(organisation: Organisation, prior: Prior) -> UnitResult:
    """Walk through an organisation and score its test part."""
    forecasts = forecast_items(organisation.moments, prior, organisation.table)
    test, late = organisation.test, organisation.moments.late[organisation.test]
    return UnitResult(
        name=organisation.name,
        n=int(test.sum()),
        metrics=_metrics(forecasts, test, late),
        baseline=_baseline(forecasts.base_rate[test], late),
    )


def organisations(directory: Path, snapshot: str) -> Iterator[Organisation]:
    """The files of one snapshot, by name.  Raises BenchmarkRefused where there is none or one cannot be read."""
    pattern = f"*_{snapshot}.csv"
    paths = sorted(directory.glob(pattern)) or sorted((directory / "due_dates").glob(pattern))
    if not paths:
        raise BenchmarkRefused(f"{directory} holds no file named {pattern}")
    for path in paths:
        yield read_organisation(path, snapshot)


def read_organisation(path: Path, snapshot: str) -> Organisation:
    """One file in the documented format.  Raises BenchmarkRefused, naming the file, the line and what is wrong."""
    rows = _rows(path)
    moments = _moments(path, rows, snapshot)
    return Organisation(
        name=path.stem.removesuffix(f"_{snapshot}"),
        keys=frozenset(row["issuekey"] for row in rows),
        moments=moments,
        table=feature_table(moments),
        test=_test_rows(rows, moments),
        workload=_column(path.name, rows, "workload"),
        late_share=np.minimum(_column(path.name, rows, "perofdelay"), FULL_PERCENTAGE) / FULL_PERCENTAGE,
    )


def _moments(path: Path, rows: Sequence[Mapping[str, str]], snapshot: str) -> ItemMoments:
    file = path.name

    def numbers(name: str) -> FloatArray:
        return _column(file, rows, name)

    created = np.array([_day(file, line, row["openeddate"]) for line, row in enumerate(rows, 2)], dtype=np.float64)
    moment = created + numbers("ProgressTime")
    due = moment + numbers("RemainingDay")
    projects = [row["issuekey"].rpartition("-")[0] for row in rows]
    code_of = {name: code for code, name in enumerate(sorted(set(projects)))}
    return ItemMoments(
        unit=np.array([code_of[name] for name in projects], dtype=np.int64),
        number=np.array([_issue_number(row["issuekey"]) for row in rows], dtype=np.float64),
        created_day=created,
        moment_day=moment,
        due_day=due,
        due_known=np.full(len(rows), snapshot != CREATION),
        known_day=due + LABEL_LAG_DAYS,
        late=numbers("delaydays") > 0,
        kind=np.array([kind_of(row["type"]) for row in rows], dtype=np.float64),
        priority=np.array([priority_rank(row["priority"]) for row in rows], dtype=np.float64),
        comments=numbers("no_comment"),
        priority_changes=numbers("no_priority_change"),
        version_changes=numbers("no_fixversion_change"),
        description_changes=numbers("no_des_change"),
        discussion_days=numbers("discussion"),
        assignee_late_share=np.full(len(rows), np.nan),
        assignee_open=_workload_when_due_was_set(path, rows) if snapshot == DISCUSSION else numbers("workload"),
    )


def _workload_when_due_was_set(path: Path, rows: Sequence[Mapping[str, str]]) -> FloatArray:
    """The workload in the "due" file beside a "discussion" file, NaN where the due date was set later, or unknown."""
    beside = path.with_name(f"{path.stem.removesuffix(f'_{DISCUSSION}')}_{DUE}.csv")
    known: dict[str, tuple[float, float]] = {}
    if beside.is_file():
        due_rows = _rows(beside)
        at, workload = (_column(beside.name, due_rows, name) for name in ("ProgressTime", "workload"))
        keys = (row["issuekey"] for row in due_rows)
        known = dict(zip(keys, zip(at.tolist(), workload.tolist(), strict=True), strict=True))
    asked = _column(path.name, rows, "ProgressTime").tolist()
    found = [known.get(row["issuekey"], (np.inf, np.nan)) for row in rows]
    return np.array([load if at <= now else np.nan for (at, load), now in zip(found, asked, strict=True)])


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise BenchmarkRefused(f"{path.name} lacks the columns {', '.join(missing)}")
        rows = list(reader)
    if not rows:
        raise BenchmarkRefused(f"{path.name} holds no rows")
    return rows


def _column(file: str, rows: Sequence[Mapping[str, str]], name: str) -> FloatArray:
    return np.array([_number(file, line, name, row[name]) for line, row in enumerate(rows, 2)], dtype=np.float64)


def _test_rows(rows: Sequence[Mapping[str, str]], moments: ItemMoments) -> Flags:
    if "split" in rows[0]:
        return np.array([(row["split"] or "").strip().casefold() == "test" for row in rows], dtype=np.bool_)
    order = np.argsort(moments.created_day, kind="stable")
    test = np.zeros(len(rows), dtype=np.bool_)
    test[order[int(len(rows) * (1 - TEST_SHARE)) :]] = True
    return test


def _number(file: str, line: int, name: str, text: str | None) -> float:
    try:
        value = float(text) if text else float("nan")
    except ValueError:
        value = float("inf")
    needed = name in {"delaydays", "ProgressTime", "RemainingDay"}
    if np.isinf(value) or value < 0 or (needed and np.isnan(value)):
        raise BenchmarkRefused(f"{file}, line {line}: {name} is {text!r}, not a number from 0 on")
    return value


def _day(file: str, line: int, text: str | None) -> float:
    """Days since a Monday; the time of day is left out, as the other columns are in whole days."""
    try:
        return float(datetime.fromisoformat(text or "").date().toordinal() - 1)
    except ValueError:
        raise BenchmarkRefused(f"{file}, line {line}: openeddate is {text!r}, not a date") from None


def _issue_number(key: str) -> float:
    digits = key.rpartition("-")[2]
    return float(digits) if digits.isdecimal() else 0.0


def _prior_without(held_out: Organisation, pool: Sequence[Organisation], otherwise: Prior) -> Prior:
    """A prior fitted on organisations that share neither name nor issue with one; the other prior if none is left."""
    others = [
        other
        for other in pool
        if other.name.casefold() != held_out.name.casefold() and other.keys.isdisjoint(held_out.keys)
    ]
    late = np.concatenate([np.zeros(0, dtype=np.bool_), *(other.moments.late for other in others)])
    if late.all() or not late.any():
        return otherwise
    return fit_pool(_names(others), [(other.moments, other.table) for other in others])


def _as_published(organisation: Organisation) -> Organisation:
    moments = replace(
        organisation.moments, assignee_open=organisation.workload, assignee_late_share=organisation.late_share
    )
    return replace(organisation, moments=moments, table=feature_table(moments))


def _metrics(forecasts: ItemForecasts, test: Flags, late: Flags) -> Metrics:
    probability = forecasts.probability[test]
    if len(late) == 0:
        return {}
    base = forecasts.base_rate[test].tolist()
    served = np.bincount(forecasts.rung[test], minlength=len(RUNGS)) / len(late)
    return {
        "f1": f1_score(probability >= forecasts.threshold[test], late),
        "auc": area_under_curve(probability, late),
        "brier": brier_score(probability.tolist(), late.tolist()),
        "ece": expected_calibration_error(probability, late),
        "zero_shot_auc": area_under_curve(forecasts.without_history[test], late),
        "brier_skill": brier_skill(probability.tolist(), late.tolist(), base),
        "share_late": float(late.mean()),
        **{f"served_{rung.lower()}": float(share) for rung, share in zip(RUNGS, served, strict=True)},
    }


def _baseline(base_rate: FloatArray, late: Flags) -> Metrics:
    if len(late) == 0:
        return {}
    return {
        "f1": f1_score(np.ones_like(late), late),
        "auc": area_under_curve(base_rate, late),
        "brier": brier_score(base_rate.tolist(), late.tolist()),
        "ece": expected_calibration_error(base_rate, late),
    }


def _extra(as_published: Sequence[UnitResult]) -> dict[str, float | None]:
    """The macro averages with the columns that know the label, to compare with published figures; never a claim."""
    averages = macro_average([unit.metrics for unit in as_published])
    return {f"as_published.{name}": value for name, value in averages.items()}


def _names(pool: Sequence[Organisation]) -> str:
    return ", ".join(organisation.name for organisation in pool)


TASK = BenchmarkTask(
    run=run,
    help="Which items miss their due date: P(late) per item, over files of past items.",
    option="snapshot",
    choices=SNAPSHOTS,
)

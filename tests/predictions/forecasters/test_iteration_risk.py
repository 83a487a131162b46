from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.calibration.iterations import COLUMNS, IterationTable
from predictions.calibration.simulated_iterations import simulate_iterations
from predictions.forecasters.iteration_delivery import IterationDeliveryForecaster, IterationHistory, Rung
from predictions.forecasters.iteration_risk import IterationRisk, forecast_iteration
from predictions.priors.iterations import shipped_iterations
from projects.enums import Readiness

POOL = [IterationHistory.of(table) for table in shipped_iterations("30")[:6]]


def steady_columns(iterations: int = 20, **changed: float) -> dict[str, Any]:
    """A team that commits 20 points and delivers 10, each time; the last iteration differs as told and is running."""
    usual = {
        "planned_days": 14, "team_size": 4, "committed_items": 8, "committed_points": 20, "todo_items": 5,
        "todo_points": 12, "in_progress_items": 2, "in_progress_points": 5, "done_items": 1, "done_points": 3,
        "delivered_points": 10,
    }  # fmt: skip
    columns = {name: np.full(iterations, float(usual.get(name, 0.0))) for name in COLUMNS}
    columns["iteration"] = np.arange(iterations, dtype=np.float64)
    columns["delivered_points"] += np.arange(iterations) % 3 - 1.0
    columns["delivered_points"][-1] = np.nan
    for name, value in changed.items():
        columns[name][-1] = value
    return columns


def forecast_last(columns: dict[str, Any]) -> IterationRisk:
    table = IterationTable.of_columns(columns)
    return forecast_iteration(table, iteration=float(table.iteration.max()), board=0.0, pools=POOL)


def test_team_that_delivers_half_is_expected_to_deliver_half() -> None:
    answer = forecast_last(steady_columns())

    assert answer.readiness.readiness is Readiness.OK
    assert answer.delivered is not None
    assert answer.delivered.p10 <= 10 <= answer.delivered.p90
    assert answer.delivered.p50 == pytest.approx(10, abs=2)
    assert answer.p_under is not None
    assert answer.p_under > 0.8
    assert answer.base_rate is not None
    assert answer.base_rate > 0.9
    assert answer.rung in set(Rung)


def test_work_done_already_lowers_the_risk_and_is_named_as_a_driver() -> None:
    """Every third iteration is nearly done when it is looked at, and then delivers all but one point."""
    columns = steady_columns(30)
    early = {"done_points": 17, "done_items": 7, "todo_points": 3, "todo_items": 1, "in_progress_points": 0}
    for name, value in (early | {"delivered_points": 19}).items():
        columns[name][:-1:3] = value
    running_early = {name: values.copy() for name, values in columns.items()}
    for name, value in early.items():
        running_early[name][-1] = value

    risky, safer = forecast_last(columns), forecast_last(running_early)

    assert risky.p_under is not None
    assert safer.p_under is not None
    assert safer.p_under < risky.p_under
    assert safer.under_rung is Rung.LEARNED
    assert {driver.code for driver in safer.drivers} == {"load", "progress", "scope_changes", "record"}
    assert all(-1 <= driver.effect <= 1 for driver in safer.drivers)


@pytest.mark.parametrize(
    ("columns", "verdict"),
    [
        (steady_columns(committed_points=0), Readiness.INSUFFICIENT),
        (steady_columns(removed_points=20), Readiness.INSUFFICIENT),
        (steady_columns(committed_points=np.nan), Readiness.INSUFFICIENT),
        (steady_columns(done_points=np.inf), Readiness.INSUFFICIENT),
        ({name: np.zeros(0) for name in COLUMNS}, Readiness.MISCONFIGURED),
    ],
)
def test_nothing_to_fall_short_of_yields_no_number_but_the_step_that_unlocks(
    columns: dict[str, Any], verdict: Readiness
) -> None:
    answer = forecast_iteration(IterationTable.of_columns(columns), iteration=19.0, board=0.0, pools=POOL)

    assert answer.readiness.readiness is verdict
    assert answer.readiness.reasons[0].unlock
    assert (answer.delivered, answer.p_under, answer.base_rate, answer.rung) == (None, None, None, None)


def test_first_iteration_is_answered_from_others_and_says_so() -> None:
    answer = forecast_last(steady_columns(1))
    alone = forecast_iteration(IterationTable.of_columns(steady_columns(1)), iteration=0.0, board=0.0, pools=[])

    assert answer.readiness.readiness is Readiness.LIMITED
    assert answer.delivered is not None
    assert answer.base_rate == 0.5
    assert alone.readiness.readiness is Readiness.INSUFFICIENT
    assert alone.delivered is None


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 10_000), at=st.integers(5, 14))
def test_order_and_the_future_change_nothing(seed: int, at: int) -> None:
    (columns,) = simulate_iterations(1, elapsed=0.3, seed=seed)
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(columns["iteration"]))
    earlier = columns["iteration"] <= at
    changed = {name: np.where(earlier, values, rng.integers(0, 99)) for name, values in columns.items()}
    changed["iteration"] = columns["iteration"]
    changed["delivered_points"] = np.where(columns["iteration"] < at - 2, columns["delivered_points"], 77.0)
    variants = [
        columns,
        {name: values[shuffled] for name, values in columns.items()},
        {name: values[earlier] for name, values in columns.items()},
        changed,
    ]

    answers = [
        forecast_iteration(IterationTable.of_columns(variant), iteration=float(at), board=0.0, pools=POOL[:1])
        for variant in variants
    ]

    assert all(answer == answers[0] for answer in answers)


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_garbage_never_raises_and_probabilities_stay_probabilities(data: st.DataObject) -> None:
    figures = st.sampled_from([0.0, 1.0, -5.0, 3.5, 1e300, -1e300, float("nan"), float("inf")])
    rows = data.draw(st.integers(1, 12))
    columns = {name: np.array(data.draw(st.lists(figures, min_size=rows, max_size=rows))) for name in COLUMNS}
    columns["iteration"] = np.arange(rows, dtype=np.float64)

    answer = forecast_iteration(
        IterationTable.of_columns(columns), iteration=rows - 1.0, board=float(columns["board"][-1]), pools=POOL[:2]
    )

    assert answer.p_under is None or 0 <= answer.p_under <= 1
    if answer.delivered is not None:
        assert 0 <= answer.delivered.p10 <= answer.delivered.p50 <= answer.delivered.p90


def test_range_holds_four_of_five_outcomes_of_teams_never_seen() -> None:
    inside = []
    for columns in simulate_iterations(6, elapsed=0.3, seed=4):
        history = IterationHistory.of(IterationTable.of_columns(columns))
        middle = len(history.table) // 2
        forecaster = IterationDeliveryForecaster(history.where(history.table.ranks < middle - 2), POOL)
        rows = history.where((history.table.ranks >= middle) & (history.table.scope_points > 0))
        answer = forecaster.forecast_by(Rung.LEARNED, rows)
        delivered = rows.table.delivered_points
        inside += ((answer.p10 <= delivered) & (delivered <= answer.p90)).tolist()

    assert len(inside) > 40
    assert 0.68 <= np.mean(inside) <= 0.92


def test_erratic_features_leave_the_simple_rung_to_be_served() -> None:
    """Delivery is always 10 points, whatever else is said: nothing errs less than the median."""
    rng = np.random.default_rng(0)
    columns = steady_columns(40)
    for name in COLUMNS:
        if name not in {"iteration", "board", "delivered_points"}:
            columns[name] = rng.integers(1, 60, 40).astype(np.float64)
    columns["delivered_points"] = np.full(40, 10.0)
    history = IterationHistory.of(IterationTable.of_columns(columns))

    forecaster = IterationDeliveryForecaster(history, POOL)

    assert forecaster.rung is Rung.BASE_RATE
    assert forecaster.forecast(history.where(history.table.ranks == 39)).p50.tolist() == [10.0]

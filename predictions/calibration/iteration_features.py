"""What is known of an iteration when it is forecast, free of the scale on which a team estimates.

1. Points are compared with the iteration's own scope, its commitment, or the board's trailing velocity.
2. Trailing figures weigh past iterations of the same board by age, with half-lives of 1, 3, 5 and 10 iterations; those
   of the project stand beside them. Only settled iterations count, the two before the forecast one never.
3. One point is added to both sides of a log-ratio, so that nothing delivered is a number too.
4. What is not known is NaN.

Example: 20 points in scope, 4 done, trailing velocity 10: share done 0.2, ln(21 / 11) over velocity.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.iterations import EMBARGO_ITERATIONS, IterationTable

FloatArray = NDArray[np.float64]
Rows = NDArray[np.intp]

VELOCITY_HALF_LIVES = (1.0, 3.0, 10.0)
RECORD_HALF_LIFE = 5.0
PROJECT_HALF_LIFE = 30.0
BOARD_STRENGTH = 2.0
"""Own iterations of a board that weigh as much as the project's."""
UNDER_SHARE = 0.8
"""Less than four fifths of the commitment is what counts as not delivering it."""

FEATURE_NAMES = (
    "commitment_over_velocity", "scope_over_velocity", "velocity_1", "velocity_3", "velocity_10", "median_delivered",
    "last_delivered", "done_share", "in_progress_share", "todo_share", "done_over_velocity", "added_ratio",
    "removed_ratio", "delivered_over_commitment", "delivered_over_scope", "under_rate", "zero_rate",
    "delivered_over_done", "velocity_variation", "project_delivered_over_scope", "project_under_rate",
    "project_delivered_over_done", "planned_days", "planned_days_ratio", "team_size", "scope_items", "points_per_item",
    "done_items_share", "in_progress_items_share", "todo_items_share", "added_items_share", "done_items_per_person",
    "done_over_usual", "commitment_over_usual", "iterations_seen", "log_scope", "is_uncommitted", "is_empty",
    "log_done", "log_done_or_in_progress",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class IterationFeatures:
    """values: shape (rows, features);  velocities: points an iteration, 0 or above, shape (rows,)

    medians: expanding median of what the board (without a record: the project) delivered, 0 without any record
    """

    values: FloatArray
    velocities: FloatArray
    medians: FloatArray


def features_of(table: IterationTable) -> IterationFeatures:
    """The features of every row, each from what was known then."""
    rows = [_row_features(table, row) for row in range(len(table))]
    values = np.array([[known.get(name, np.nan) for name in FEATURE_NAMES] for known in rows], dtype=np.float64)
    return IterationFeatures(
        values.reshape(len(rows), len(FEATURE_NAMES)),
        np.array([known["velocity"] for known in rows], dtype=np.float64),
        np.array([known["median"] for known in rows], dtype=np.float64),
    )


def _row_features(table: IterationTable, row: int) -> dict[str, float]:
    known = np.flatnonzero((table.ranks < table.ranks[row] - EMBARGO_ITERATIONS) & table.is_settled)
    board = known[table.board[known] == table.board[row]]
    past = _project_features(table, row, known) | _board_features(table, row, board)
    share = len(board) / (len(board) + BOARD_STRENGTH)
    velocity = share * past.get("board_velocity", 0.0) + (1 - share) * past.get("project_velocity", 0.0)
    delivered = table.delivered_points
    if len(board):
        median = float(np.median(delivered[board]))
    else:
        median = weighted_median(delivered[known], table.weights[known])
    return past | _present_features(table, row, velocity, median) | {"velocity": velocity, "median": median}


def weighted_median(values: FloatArray, weights: FloatArray) -> float:
    """The value that half of the weight does not exceed; 0 where there is none."""
    if values.size == 0:
        return 0.0
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2 - 1e-9)])


def _project_features(table: IterationTable, row: int, known: Rows) -> dict[str, float]:
    if not len(known):
        return {}
    weights = table.weights[known] * 0.5 ** ((table.ranks[row] - table.ranks[known]) / PROJECT_HALF_LIFE)
    delivered, committed = table.delivered_points[known], table.committed_points[known]
    return {
        "project_velocity": float(np.average(delivered, weights=weights)),
        "project_delivered_over_scope": _ratio(float(weights @ delivered), float(weights @ table.scope_points[known])),
        "project_delivered_over_done": _ratio(float(weights @ delivered), float(weights @ table.done_points[known])),
        "project_under_rate": _rate(delivered < UNDER_SHARE * committed, weights * (committed > 0)),
    }


def _board_features(table: IterationTable, row: int, board: Rows) -> dict[str, float]:
    if not len(board):
        return {"iterations_seen": 0.0}
    ages = np.arange(len(board))[::-1]
    weights = 0.5 ** (ages / RECORD_HALF_LIFE)
    delivered, committed = table.delivered_points[board], table.committed_points[board]
    scope = float(table.scope_points[row])
    velocities = {
        half_life: float(np.average(delivered, weights=0.5 ** (ages / half_life))) for half_life in VELOCITY_HALF_LIVES
    }
    velocity = velocities[3.0]
    spread = float(np.sqrt(np.average((delivered - velocity) ** 2, weights=weights)))
    return {
        "board_velocity": velocity,
        **{f"velocity_{half_life:.0f}": _log_ratio(value, scope) for half_life, value in velocities.items()},
        "median_delivered": _log_ratio(float(np.median(delivered)), scope),
        "last_delivered": _log_ratio(float(delivered[-1]), scope),
        "delivered_over_commitment": _ratio(
            float(weights @ np.minimum(delivered, 2 * committed)), float(weights @ committed)
        ),
        "delivered_over_scope": _ratio(float(weights @ delivered), float(weights @ table.scope_points[board])),
        "delivered_over_done": _ratio(float(weights @ delivered), float(weights @ table.done_points[board])),
        "under_rate": _rate(delivered < UNDER_SHARE * committed, weights * (committed > 0)),
        "zero_rate": _rate(delivered == 0, weights),
        "velocity_variation": spread / (velocity + 1),
        "planned_days_ratio": _log_ratio(
            float(table.planned_days[row]), float(np.average(table.planned_days[board], weights=weights))
        ),
        "done_over_usual": _log_ratio(
            float(table.done_points[row]), float(np.average(table.done_points[board], weights=weights))
        ),
        "commitment_over_usual": _log_ratio(
            float(table.committed_points[row]), float(np.average(committed, weights=weights))
        ),
        "iterations_seen": float(len(board)),
    }


def _present_features(table: IterationTable, row: int, velocity: float, median: float) -> dict[str, float]:
    committed, scope = float(table.committed_points[row]), float(table.scope_points[row])
    added, removed = float(table.added_points[row]), float(table.removed_points[row])
    done, in_progress = float(table.done_points[row]), float(table.in_progress_points[row])
    items, people = max(float(table.scope_items[row]), 1.0), max(float(table.team_size[row]), 1.0)
    return {
        "commitment_over_velocity": _log_ratio(committed, velocity),
        "scope_over_velocity": _log_ratio(scope, velocity),
        "median_delivered": _log_ratio(median, scope),
        "done_share": _ratio(done, scope),
        "in_progress_share": _ratio(in_progress, scope),
        "todo_share": _ratio(float(table.todo_points[row]), scope),
        "done_over_velocity": done / (velocity + 1),
        "added_ratio": added / (committed + 1),
        "removed_ratio": removed / (committed + added + 1),
        "planned_days": float(table.planned_days[row]),
        "team_size": float(table.team_size[row]),
        "scope_items": float(table.scope_items[row]),
        "points_per_item": scope / items,
        "done_items_share": float(table.done_items[row]) / items,
        "in_progress_items_share": float(table.in_progress_items[row]) / items,
        "todo_items_share": float(table.todo_items[row]) / items,
        "added_items_share": float(table.added_items[row]) / items,
        "done_items_per_person": float(table.done_items[row]) / people,
        "log_scope": float(np.log1p(scope)),
        "is_uncommitted": float(committed == 0),
        "is_empty": float(scope == 0),
        "log_done": float(np.log1p(max(done, 0.0))),
        "log_done_or_in_progress": float(np.log1p(max(done + in_progress, 0.0))),
    }


def _log_ratio(numerator: float, denominator: float) -> float:
    return float(np.log((max(numerator, 0.0) + 1) / (max(denominator, 0.0) + 1)))


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator > 0 else float("nan")


def _rate(happened: NDArray[np.bool_], weights: FloatArray) -> float:
    return float((weights @ happened + 0.5) / (weights.sum() + 1))

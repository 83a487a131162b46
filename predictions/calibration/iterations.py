"""Iterations of one project at one moment of each: the table that an adapter or the record of the work fills.

Every row is a board and an iteration as known when a fixed share of its planned days had passed. The same iteration
may stand on several boards: its rows share a weight of one. What an iteration delivered is known once it has ended;
since iterations run side by side, the two begun last before another are taken to run still when that one is forecast.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Flags = NDArray[np.bool_]

EMBARGO_ITERATIONS = 2
MAX_PLANNED_DAYS = 90.0
"""Longer ones are containers that nobody closes, not iterations."""
MAX_FIGURE = 1e6


@dataclass(frozen=True, eq=False)
class IterationTable:
    """Columns of shape (rows,), ordered by iteration and board. Points are story points; NaN where not known.

    iteration: rising with time;  delivered_points: NaN while it runs
    committed: at its start;  added, removed, todo, in_progress, done: as of the moment of the row
    """

    iteration: FloatArray
    board: FloatArray
    planned_days: FloatArray
    team_size: FloatArray
    committed_items: FloatArray
    committed_points: FloatArray
    added_items: FloatArray
    added_points: FloatArray
    removed_items: FloatArray
    removed_points: FloatArray
    todo_items: FloatArray
    todo_points: FloatArray
    in_progress_items: FloatArray
    in_progress_points: FloatArray
    done_items: FloatArray
    done_points: FloatArray
    delivered_points: FloatArray

    @classmethod
    def of_columns(cls, columns: Mapping[str, Sequence[float] | FloatArray]) -> "IterationTable":
        """From columns in any order of rows: the same rows give the same table."""
        arrays = {name: _finite(np.asarray(columns[name], dtype=np.float64)) for name in COLUMNS}
        arrays["planned_days"] = np.clip(arrays["planned_days"], 0, MAX_PLANNED_DAYS)
        arrays["delivered_points"] = np.maximum(arrays["delivered_points"], 0)
        order = np.lexsort([arrays[name] for name in reversed(COLUMNS)])
        return cls(**{name: values[order] for name, values in arrays.items()})

    def __len__(self) -> int:
        return len(self.iteration)

    def where(self, chosen: Flags) -> "IterationTable":
        """The chosen rows."""
        return IterationTable(**{name: getattr(self, name)[chosen] for name in COLUMNS})

    def as_known_at(self, iteration: float) -> "IterationTable":
        """What is known when an iteration is forecast: none begun later, nothing delivered by those that may still run.

        A row keeps its features; those that begin later are left out, so that what they hold cannot matter.
        """
        known = self.where(self.iteration <= iteration)
        rank = float(np.searchsorted(known.iterations, iteration))
        hidden = known.ranks >= rank - EMBARGO_ITERATIONS
        return replace(known, delivered_points=np.where(hidden, np.nan, known.delivered_points))

    @cached_property
    def iterations(self) -> FloatArray:
        """Every iteration once, ascending."""
        return np.unique(self.iteration)

    @cached_property
    def ranks(self) -> FloatArray:
        """The place of each row's iteration among all: 0 is the first."""
        return np.searchsorted(self.iterations, self.iteration).astype(np.float64)

    @cached_property
    def weights(self) -> FloatArray:
        """One over the number of boards an iteration stands on."""
        ranks = self.ranks.astype(np.intp)
        weights: FloatArray = 1.0 / np.bincount(ranks)[ranks]
        return weights

    @cached_property
    def scope_points(self) -> FloatArray:
        """Points in the iteration at the moment of the row, 0 or above."""
        scope: FloatArray = np.maximum(self.committed_points + self.added_points - self.removed_points, 0.0)
        return scope

    @cached_property
    def scope_items(self) -> FloatArray:
        """Items in the iteration at the moment of the row, 0 or above."""
        items: FloatArray = np.maximum(self.committed_items + self.added_items - self.removed_items, 0.0)
        return items

    @cached_property
    def is_settled(self) -> Flags:
        """Whether what was delivered, and out of what, is known."""
        return np.isfinite(self.delivered_points + self.scope_points)


def _finite(values: FloatArray) -> FloatArray:
    """Infinite is not known; a figure beyond a million is a slip of the pen."""
    return np.clip(np.where(np.isinf(values), np.nan, values), -MAX_FIGURE, MAX_FIGURE)


COLUMNS = tuple(field.name for field in fields(IterationTable))

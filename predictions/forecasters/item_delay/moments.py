"""What was known of each item at the moment it was forecast: the one input of the item forecaster, whatever the source.

A project's history and a file of past projects are both brought into these columns; what a source does not hold is NaN,
never a guess. Days are real numbers from any common origin that falls on a Monday.
"""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Codes = NDArray[np.int64]
Flags = NDArray[np.bool_]

BUG, FEATURE, IMPROVEMENT, TASK, SUBTASK, OTHER_KIND = range(6)
KINDS: dict[str, int] = {
    "bug": BUG,
    "defect": BUG,
    "feature": FEATURE,
    "story": FEATURE,
    "improvement": IMPROVEMENT,
    "enhancement": IMPROVEMENT,
    "suggestion": IMPROVEMENT,
    "wish": IMPROVEMENT,
    "subtask": SUBTASK,
    "task": TASK,
}
"""Words that name a kind of work, by the first one that the tool's name contains; the order decides."""

PRIORITY_RANKS: dict[str, int] = {
    "blocker": 4,
    "highest": 4,
    "critical": 3,
    "urgent": 3,
    "high": 3,
    "major": 2,
    "medium": 2,
    "normal": 2,
    "minor": 1,
    "low": 1,
    "trivial": 0,
    "lowest": 0,
    "optional": 0,
}


@dataclass(frozen=True, eq=False)
class ItemMoments:
    """One row per item at the moment it is forecast; equally long arrays.

    unit: code of the team or sub-project that works on it;  number: order of creation within the unit
    created_day, moment_day, due_day: created <= moment <= due, in days
    due_known: whether the due date was set by then
    known_day: when it is known whether the item was late, +inf while it is not;  late: meaningless before known_day
    kind, priority: code and rank, NaN where unknown;  comments, ..., discussion_days: counts and days until the moment
    assignee_late_share: share of the assignee's earlier items that were late, in [0, 1];  assignee_open: items in hand
    """

    unit: Codes
    number: FloatArray
    created_day: FloatArray
    moment_day: FloatArray
    due_day: FloatArray
    due_known: Flags
    known_day: FloatArray
    late: Flags
    kind: FloatArray
    priority: FloatArray
    comments: FloatArray
    priority_changes: FloatArray
    version_changes: FloatArray
    description_changes: FloatArray
    discussion_days: FloatArray
    assignee_late_share: FloatArray
    assignee_open: FloatArray

    def __len__(self) -> int:
        return len(self.moment_day)

    def take(self, rows: Codes | Flags) -> Self:
        """The same columns with only these rows (indices or a mask)."""
        return type(self)(**{column.name: getattr(self, column.name)[rows] for column in fields(self)})

    def lot_weights(self) -> FloatArray:
        """What each row tells, in (0, 1]: one over the root of the number of its unit's items due on the same day.

        Ten items of one release share their fate, and tell about what three would that do not: shape (rows,).
        """
        _, day = np.unique(self.due_day, return_inverse=True)
        _, lot, sizes = np.unique(self.unit * (len(self) + 1) + day, return_inverse=True, return_counts=True)
        weights: FloatArray = sizes[lot] ** -0.5
        return weights

    def known_by(self, day: float) -> Flags:
        """Rows whose label is known at a day."""
        known: Flags = self.known_day <= day
        return known


def kind_of(name: str) -> float:
    """Code of a kind of work by the tool's name for it, NaN for an empty name."""
    plain = name.casefold().replace("-", "").replace(" ", "")
    if not plain:
        return float("nan")
    return float(next((code for word, code in KINDS.items() if word in plain), OTHER_KIND))


def priority_rank(name: str) -> float:
    """Rank of a priority by its usual name, NaN for any other."""
    return float(PRIORITY_RANKS.get(name.strip().casefold(), float("nan")))

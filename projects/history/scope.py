"""What belongs to the scope: items that exist and were not taken out again.

An item leaves the scope when it is found gone or hidden before it was done; what was done stays, whatever becomes of
its ticket. Items that were all created in one go came from an import or a script: somebody moved a list, nobody asked
for so much in a minute.

Example: 10 items created on Monday, one deleted on Tuesday and one done on Tuesday and deleted on Wednesday: the scope
is 9 from Tuesday on.
"""

import numpy as np

from projects.history.calendar import WorkCalendar
from projects.history.columns import DONE, UNKNOWN, Flags
from projects.history.instants import NEVER, Instants
from projects.history.project_history import ProjectHistory
from projects.history.readiness import bulk_closed


def left_scope_us(known: ProjectHistory) -> Instants:
    """When each item left the scope, NEVER where it did not; never before it was created: shape (items,)."""
    gone_us = known.items.gone_us
    moves = known.statuses.take(
        known.statuses.at_us <= np.minimum(gone_us[known.statuses.item], known.known_at_us),
    )
    category = np.full(len(known.items), UNKNOWN, dtype=np.int8)
    category[moves.item] = moves.category  # rows are ordered, so the last assignment is the latest move
    left_us = np.where(category == DONE, NEVER, gone_us)
    return np.maximum(left_us, known.items.created_us)


def created_in_bulk(known: ProjectHistory) -> Flags:
    """Which items were created in one go with many others: shape (items,); as `readiness.bulk_closed` has it.

    Days are those of UTC: a source that keeps no time of day keeps no time zone either.
    """
    exists = np.flatnonzero(known.states.exists)
    rows = exists[np.argsort(known.items.created_us[exists], kind="stable")]
    flags = np.zeros(len(known.items), dtype=np.bool_)
    flags[rows] = bulk_closed(known.items.created_us[rows], WorkCalendar())
    return flags

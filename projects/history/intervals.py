"""How long values held: the spans between the changes of one item, as known at a moment."""

from dataclasses import dataclass

import numpy as np

from projects.history.columns import Columns, FieldColumns, Flags, Rows, StatusColumns
from projects.history.instants import Instants


@dataclass(frozen=True, eq=False)
class Spans(Columns):
    """One row per time a value held: of which item, from when, until when."""

    item: Rows
    begin_us: Instants
    end_us: Instants

    def within(self, first_us: Instants, last_us: Instants) -> "Spans":
        """The same spans, cut to a range per item: shape (items,) each; empty spans stay with length 0."""
        begin = np.clip(self.begin_us, first_us[self.item], last_us[self.item])
        end = np.clip(self.end_us, first_us[self.item], last_us[self.item])
        return Spans(self.item.copy(), begin, np.maximum(begin, end))

    def totals_us(self, items: int) -> Instants:
        """Time covered per item: shape (items,). Spans of one item do not overlap."""
        totals = np.zeros(items, dtype=np.int64)
        np.add.at(totals, self.item, self.end_us - self.begin_us)
        return totals

    def count_at(self, edges_us: Instants) -> Instants:
        """Items in such a span just before each edge: shape (edges,)."""
        begun = np.searchsorted(np.sort(self.begin_us), edges_us, side="left")
        ended = np.searchsorted(np.sort(self.end_us), edges_us, side="left")
        return (begun - ended).astype(np.int64)


def spans_of(changes: StatusColumns | FieldColumns, chosen: Flags, *, moment_us: int) -> Spans:
    """The spans in which the chosen changes were the latest of their item.

    changes: of one field, ordered by item and time, none after the moment;  chosen: shape (changes,)
    A span that still goes on ends one microsecond after the moment, so that an edge there counts it.
    """
    end_us = np.full(len(changes), moment_us + 1, dtype=np.int64)
    if len(changes) > 1:
        goes_on = changes.item[1:] == changes.item[:-1]
        end_us[:-1][goes_on] = changes.at_us[1:][goes_on]
    return Spans(changes.item[chosen], changes.at_us[chosen], end_us[chosen])

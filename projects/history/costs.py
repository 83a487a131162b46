"""What was spent, as columns, and as it stood at one moment: the actual cost of earned value."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from projects.history.columns import Columns, Flags, Texts
from projects.history.facts import CostFact
from projects.history.instants import Instants, to_us

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CostColumns(Columns):
    """One row per observed cost, ordered by id, then by when it was recorded.

    at_us: from when on it counts;  recorded_us: when our record first held it;  amount: in its currency
    hours: of work that it pays for, NaN where the ledger does not say;  contributor_ids: whose, None likewise
    """

    ids: Texts
    at_us: Instants
    recorded_us: Instants
    amount: FloatArray
    currency: Texts
    hours: FloatArray
    contributor_ids: Texts
    is_labour: Flags

    def __len__(self) -> int:
        return len(self.at_us)

    def newest(self) -> "CostColumns":
        """One row per cost, the one recorded last."""
        is_last = np.ones(len(self), dtype=np.bool_)
        is_last[:-1] = self.ids[1:] != self.ids[:-1]
        return self.take(is_last)

    def hash_key(self) -> list[object]:
        """Every value a forecast or a gap can depend on, as plain values; whose work it was moves none of them."""
        return [
            self.ids.tolist(),
            self.at_us.tolist(),
            self.amount.tolist(),
            self.currency.tolist(),
            self.hours.tolist(),
        ]


def cost_columns(facts: Iterable[CostFact]) -> CostColumns:
    """Columns of cost facts in any order; doubles collapse."""
    ordered = sorted(set(facts), key=lambda fact: (fact.id.int, fact.recorded_at, repr(fact)))
    return CostColumns(
        ids=_texts([fact.id for fact in ordered]),
        at_us=np.array([to_us(fact.incurred_at) for fact in ordered], dtype=np.int64),
        recorded_us=np.array([to_us(fact.recorded_at) for fact in ordered], dtype=np.int64),
        amount=np.array([fact.amount for fact in ordered], dtype=np.float64),
        currency=_texts([fact.currency for fact in ordered]),
        hours=np.array([np.nan if fact.hours is None else fact.hours for fact in ordered], dtype=np.float64),
        contributor_ids=_texts([fact.contributor_id for fact in ordered]),
        is_labour=np.array([fact.is_labour for fact in ordered], dtype=np.bool_),
    )


def _texts(values: list[object]) -> Texts:
    column = np.empty(len(values), dtype=np.object_)
    column[:] = values
    return column

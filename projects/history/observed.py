"""Columns of facts that a source tells under an identifier: each observation is a row, the newest known one holds.

A table names its dated columns, which are known from their instant on, and its undated ones with what stands for
"unknown"; `known_at` then is the rule of two_clocks for all of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from projects.history.columns import Codes, Columns, Flags, Texts
from projects.history.instants import NEVER, Instants


@dataclass(frozen=True, eq=False)
class ObservedColumns(Columns):
    """One row per observation, ordered by id, then by when it was recorded.

    DATED: columns that are instants;  UNDATED: column -> unknown value;  LABELS: for the reader, never an input
    """

    DATED: ClassVar[tuple[str, ...]] = ()
    UNDATED: ClassVar[Mapping[str, object]] = {}
    LABELS: ClassVar[frozenset[str]] = frozenset()

    ids: Texts
    recorded_us: Instants

    def __len__(self) -> int:
        return len(self.recorded_us)

    def known_at(self, moment_us: int) -> Self:
        """What was known at a moment, with what was not yet known taken out."""
        first_us = np.minimum.reduce([self.recorded_us, *(getattr(self, name) for name in self.DATED)])
        kept = self.take(first_us <= moment_us)
        is_recorded = kept.recorded_us <= moment_us
        values = dict(vars(kept))
        for name in self.DATED:
            values[name] = np.where(is_recorded | (values[name] <= moment_us), values[name], NEVER)
        for name, unknown in self.UNDATED.items():
            values[name] = _where(is_recorded, values[name], unknown)
        return type(kept)(**values).ordered()

    def ordered(self) -> Self:
        """The same rows in the one canonical order, each once.

        Rows of one id that were recorded at once stand by their values, as they are known now: an order by what is not
        yet known would tell of it, and so would a double of rows that differ in nothing else.
        """
        ties = (self.ids[1:] == self.ids[:-1]) & (self.recorded_us[1:] == self.recorded_us[:-1])
        if not bool(np.any(ties)):
            return self
        columns = [getattr(self, column.name).tolist() for column in fields(self)]
        rows = [repr(row) for row in zip(*columns, strict=True)]
        keys = [
            (id_.int, at_us, row) for id_, at_us, row in zip(self.ids.tolist(), self.recorded_us, rows, strict=True)
        ]
        place_of = {key: place for place, key in enumerate(keys)}
        return self.take(np.array([place_of[key] for key in sorted(place_of)], dtype=np.intp))

    def newest(self) -> Self:
        """One row per id: of several observations the one recorded last."""
        is_last = np.ones(len(self), dtype=np.bool_)
        is_last[:-1] = self.ids[1:] != self.ids[:-1]
        return self.take(is_last)

    def digest(self) -> str:
        """SHA-256 over everything that a result can depend on: 64 hex digits."""
        return digest_of(self, without=self.LABELS | {"recorded_us"})

    def has_later(self, moment_us: int) -> bool:
        """Whether some row was recorded only after a moment, so that the moment is rebuilt from a surviving log."""
        return bool((self.recorded_us > moment_us).any())


def digest_of(columns: Columns, *, without: frozenset[str] | set[str] = frozenset()) -> str:
    """SHA-256 over the values of columns, but some: 64 hex digits."""
    digest = sha256()
    for column in fields(columns):
        if column.name not in without:
            array = getattr(columns, column.name)
            is_object = array.dtype == np.object_
            digest.update(repr(array.tolist()).encode() if is_object else np.ascontiguousarray(array).tobytes())
            digest.update(b"|")
    return digest.hexdigest()


def objects(values: Sequence[object]) -> Texts:
    """A column of any values: shape (values,)."""
    column = np.empty(len(values), dtype=np.object_)
    column[:] = values
    return column


def instants(values: Iterable[int]) -> Instants:
    """A column of microseconds."""
    return np.fromiter(values, dtype=np.int64)


def codes(values: Iterable[int]) -> Codes:
    """A column of codes of a closed set."""
    return np.fromiter(values, dtype=np.int8)


def _where(chosen: Flags, values: NDArray[Any], unknown: object) -> NDArray[Any]:
    result = values.copy()
    result[~chosen] = unknown
    return result

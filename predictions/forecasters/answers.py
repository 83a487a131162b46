"""The parts every answer has: who computed it, how sure it is, what it rests on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from projects.history.columns import Flags, Rows
from projects.history.instants import from_us
from projects.history.project_history import ProjectHistory

MAX_EVIDENCE_ITEMS = 5
"""A person opens five items, not fifty; the count of all stands beside them."""


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which code answered: the version rises when the same facts may give another answer."""

    id: str
    version: str


@dataclass(frozen=True, slots=True)
class Money:
    """amount: in the currency, which is three capital letters"""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class ProbabilityEstimate:
    """A probability and its 80 % interval, all in (0, 1): the interval speaks of the inputs, not of the model."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Driver:
    """Something that moves the probability, with how much.

    value: in the unit named;  effect: change of the probability that it causes, in [-1, 1], other things as they are
    """

    code: str
    label: str
    value: float
    unit: str
    effect: float


@dataclass(frozen=True, slots=True)
class EvidenceFact:
    """One fact of the record that an answer rests on.

    object_type: "project", "work_item", "milestone", "iteration", "incident" or "cost_entry"
    object_id: its identifier, empty for the project;  value: as text
    """

    object_type: str
    object_id: str
    label: str
    field: str
    value: str
    observed_at: datetime
    url: str = ""


def cost_fact(entry_id: str, booked_at: datetime) -> EvidenceFact:
    """A cost by its day alone: who may see the gap or the forecast may not see each amount; the entry tells it."""
    return EvidenceFact("cost_entry", entry_id, "Cost", "booked_on", booked_at.date().isoformat(), booked_at)


def oldest_open_items(known: ProjectHistory) -> tuple[EvidenceFact, ...]:
    """The count of the open items and the oldest of them, as known at the history's moment."""
    states = known.states
    moment = known.as_of_moment
    total = EvidenceFact("project", "", "Remaining work", "open_items", str(int(states.open.sum())), moment)
    return (total, *oldest_items(known, states.open))


def oldest_items(known: ProjectHistory, chosen: Flags) -> list[EvidenceFact]:
    """The oldest of some items, the oldest first.  chosen: shape (items,)"""
    rows = np.flatnonzero(chosen)
    return _creations(known, rows[np.argsort(known.items.created_us[rows], kind="stable")])


def newest_items(known: ProjectHistory, chosen: Flags) -> list[EvidenceFact]:
    """The newest of some items, the newest first.  chosen: shape (items,)"""
    rows = np.flatnonzero(chosen)
    return _creations(known, rows[np.argsort(-known.items.created_us[rows], kind="stable")])


def _creations(known: ProjectHistory, rows: Rows) -> list[EvidenceFact]:
    """When the first few of these items were created."""
    items = known.items
    return [
        EvidenceFact(
            object_type="work_item",
            object_id=str(items.ids[row]),
            label=str(items.keys[row]),
            field="created_at",
            value=created_at.isoformat(),
            observed_at=created_at,
            url=str(items.urls[row]),
        )
        for row in rows[:MAX_EVIDENCE_ITEMS]
        for created_at in [from_us(int(items.created_us[row]))]
    ]


def seed_of(inputs_hash: str) -> int:
    """The seed that the facts themselves fix: same facts, same trials."""
    return int(inputs_hash[:16], 16)


def hash_of(values: Mapping[str, object]) -> str:
    """SHA-256 of a result in a canonical form: 64 hex digits."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()

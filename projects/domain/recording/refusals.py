"""Batches of which the database refuses something: all of it is recorded but the facts that are refused.

A mapping checks what it brings, and the tables check once more. Where the two do not agree, one fact would take all
others of its batch with it. So a batch that was refused is written again in parts:

1. It is cut into units: what a source says of one item, and every other fact by itself. Statuses, accounts,
   iterations and milestones come first, for others name them.
2. A part is written in a savepoint. One that is refused is halved, until it is a single unit.
3. A unit that is refused is written fact by fact, the item first, and claims no longer to be whole.
4. A fact that is refused is named, with the rule that it breaks, and left out.

Example: of the units a b c d the database refuses c. Written: (a b c d) no, (a b) yes, (c d) no, (c) no, its facts one
by one, (d) yes. One bad unit among 5,000 costs about 26 savepoints, a good batch none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

from django.db import DatabaseError, DataError, transaction

from projects.domain.recording.observations import RecordingResult, record_observations
from projects.domain.recording.pseudonyms import Pseudonyms
from projects.models import Project
from projects.observations import IterationObservation, MilestoneObservation, ObservationBatch

MOST_REFUSED: Final = 100
"""Of one batch. Where more is refused it is not the facts: the error is raised, as if nothing were written in parts."""
_REFUSING_STATES: Final = frozenset({"21000", "23502", "23505", "23514", "23P01", "54000"})
_DATA_EXCEPTIONS: Final = "22"
"""https://www.postgresql.org/docs/current/errcodes-appendix.html. Not among them: what asks for another try, such as a
deadlock, and references (23503), which break when somebody removes what is referred to."""

_LEADING: Final = ("statuses", "accounts", "iterations", "milestones")
_OF_ITEMS: Final = ("items", "changes", "iteration_memberships", "milestone_memberships", "links", "time_entries")
_FOLLOWING: Final = ("ci_runs", "deployments", "incidents")
_GROUPS_OF: Final = {"iteration_memberships": "iterations", "milestone_memberships": "milestones"}
_WHOLES: Final = tuple(each.name for each in fields(ObservationBatch) if each.name.startswith("whole_"))


@dataclass(frozen=True, slots=True)
class RefusedFact:
    """A fact that the database refuses.

    external_id: of the item that it belongs to, else its own;  rule: name of the constraint or column, "" if unknown
    """

    external_id: str
    rule: str


def is_refusal(error: DatabaseError) -> bool:
    """Whether it is about the data that were written, which no other try would make better."""
    state = getattr(error.__cause__, "sqlstate", None)
    if state is None:
        return isinstance(error, DataError)  # the driver's own, such as a NUL character in a text
    return str(state) in _REFUSING_STATES or str(state).startswith(_DATA_EXCEPTIONS)


def record_in_parts(
    *, project: Project, source: str, observations: ObservationBatch, at: datetime, pseudonyms: Pseudonyms
) -> tuple[RecordingResult, list[RefusedFact]]:
    """As `record_observations`, for a batch that it was refused, and what was left out. In the caller's transaction.

    Raises the database's error where more than MOST_REFUSED are refused, and every other error that is no refusal.
    """
    writing = _Writing(project, source, at, pseudonyms)
    for name in _LEADING:
        writing.take([_alone(name, fact) for fact in getattr(observations, name)])
    writing.take(_units_of_items(observations, writing.without_refused_groups(observations)))
    writing.take([_alone("activities", fact) for fact in observations.activities if not fact.item_id])
    for name in _FOLLOWING:
        writing.take([_alone(name, fact) for fact in getattr(observations, name)])
    return writing.result, writing.refused


class _Writing:
    """One batch that is written in parts. result: of what was written;  refused: what was not"""

    def __init__(self, project: Project, source: str, at: datetime, pseudonyms: Pseudonyms) -> None:
        self._project = project
        self._source = source
        self._at = at
        self._pseudonyms = pseudonyms
        self.result = RecordingResult()
        self.refused: list[RefusedFact] = []
        self._refused_groups: set[tuple[str, str]] = set()

    def take(self, units: Sequence[ObservationBatch]) -> None:
        """Write units, halving what is refused."""
        if not units:
            return
        error = self._try(ObservationBatch.merged(units))
        if error is None:
            return
        if len(units) > 1:
            middle = len(units) // 2
            self.take(units[:middle])
            self.take(units[middle:])
            return
        for kind, fact, part in _facts_of(units[0]):
            error = self._try(part)
            if error is not None:
                self._refuse(kind, fact, error)

    def without_refused_groups(self, batch: ObservationBatch) -> ObservationBatch:
        left: dict[str, Any] = {
            kind: tuple(each for each in getattr(batch, kind) if (kind, each.external_id) not in self._refused_groups)
            for kind in _GROUPS_OF.values()
        }
        return replace(batch, **left)

    def _try(self, part: ObservationBatch) -> DatabaseError | None:
        try:
            with transaction.atomic():
                self.result += record_observations(
                    project=self._project,
                    source=self._source,
                    observations=part,
                    at=self._at,
                    pseudonyms=self._pseudonyms,
                )
        except DatabaseError as error:
            if not is_refusal(error):
                raise
            return error
        return None

    def _refuse(self, kind: str, fact: Any, error: DatabaseError) -> None:
        if len(self.refused) == MOST_REFUSED:
            raise error
        if kind in _GROUPS_OF.values():
            self._refused_groups.add((kind, fact.external_id))
        self.refused.append(RefusedFact(_name_of(fact), _rule_of(error)))


# --- units and facts ---


def _alone(kind: str, fact: Any) -> ObservationBatch:
    batch: dict[str, Any] = {kind: (fact,)}
    return ObservationBatch(**batch)


def _units_of_items(batch: ObservationBatch, groups: ObservationBatch) -> list[ObservationBatch]:
    """What the batch says of each item, with the groups that it is in, in the order of the items' identifiers."""
    facts: defaultdict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for kind in (*_OF_ITEMS, "activities"):
        for fact in getattr(batch, kind):
            if item := fact.external_id if kind == "items" else fact.item_id:
                facts[item][kind].append(fact)
    for name in _WHOLES:
        for item in getattr(batch, name):
            facts[item]  # an item of which it is said that there is nothing
    named = {kind: _by_id(getattr(groups, kind)) for kind in _GROUPS_OF.values()}
    return [_unit(batch, item, facts[item], named) for item in sorted(facts)]


def _unit(
    batch: ObservationBatch, item: str, facts: Mapping[str, Sequence[Any]], groups: Mapping[str, Mapping[str, Any]]
) -> ObservationBatch:
    """Without stays in groups that were refused; what lacks one of these is not whole."""
    kinds: dict[str, Any] = {kind: tuple(found) for kind, found in facts.items()}
    wholes: dict[str, Any] = {name: frozenset({item}) & getattr(batch, name) for name in _WHOLES}
    for kind, group_kind in _GROUPS_OF.items():
        stays = facts.get(kind, ())
        kinds[kind] = tuple(stay for stay in stays if stay.group_id in groups[group_kind])
        ids = dict.fromkeys(stay.group_id for stay in kinds[kind])
        kinds[group_kind] = tuple(each for group in ids for each in groups[group_kind][group])
        if len(kinds[kind]) < len(stays):
            wholes = {}
    return ObservationBatch(**kinds, **wholes)


def _by_id(
    groups: Sequence[IterationObservation] | Sequence[MilestoneObservation],
) -> dict[str, list[IterationObservation | MilestoneObservation]]:
    """All that is said of each: a group may be told and mentioned in one batch."""
    found: dict[str, list[IterationObservation | MilestoneObservation]] = {}
    for each in groups:
        found.setdefault(each.external_id, []).append(each)
    return found


def _facts_of(unit: ObservationBatch) -> Iterator[tuple[str, Any, ObservationBatch]]:
    """Each fact of a unit by itself: its kind, the fact, and the batch to write. The item comes first."""
    is_of_item = any(getattr(unit, kind) for kind in (*_OF_ITEMS, "activities"))
    kinds = (*_OF_ITEMS, "activities") if is_of_item else (*_LEADING, *_FOLLOWING)
    for kind in kinds:
        group_kind = _GROUPS_OF.get(kind)
        for fact in getattr(unit, kind):
            part = _alone(kind, fact)
            if group_kind:
                groups: dict[str, Any] = {
                    group_kind: tuple(each for each in getattr(unit, group_kind) if each.external_id == fact.group_id)
                }
                part = replace(part, **groups)
            yield kind, fact, part


def _name_of(fact: Any) -> str:
    for name in ("item_id", "external_id", "account_id"):
        if value := getattr(fact, name, ""):
            return str(value)
    return ""


def _rule_of(error: DatabaseError) -> str:
    """The constraint or column alone: the rest of what the database says repeats the row."""
    told = getattr(error.__cause__, "diag", None)
    return str(getattr(told, "constraint_name", None) or getattr(told, "column_name", None) or "")

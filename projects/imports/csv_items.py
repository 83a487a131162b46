"""From a row of a CSV file, under a profile, to observations of one item."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from typing import Final, TypeVar, get_args

from projects.enums import MilestoneState, StatusCategory
from projects.imports.csv_profiles import Cells, CsvProfile, Fact, plain_name
from projects.imports.csv_reader import CsvRow
from projects.imports.errors import FieldRefused, ImportFileRefused, LineError
from projects.imports.records import ParsedRecord
from projects.imports.statuses import guess_status_category
from projects.imports.values import (
    LABEL_COUNT,
    TERM_LENGTH,
    URL_LENGTH,
    calendar_date,
    count,
    cut_text,
    epoch_ms,
    finite_number,
    identifier,
    instant,
    short_text,
)
from projects.imports.written_dates import as_iso
from projects.observations import (
    BY_NAME,
    KEPT_IF_UNSAID,
    IterationObservation,
    MembershipObservation,
    MilestoneObservation,
    ObservationBatch,
    StatusObservation,
    WorkItemObservation,
)

SPOKEN_CATEGORIES: Final = {
    "todo": StatusCategory.TODO,
    "new": StatusCategory.TODO,
    "inprogress": StatusCategory.IN_PROGRESS,
    "done": StatusCategory.DONE,
    "complete": StatusCategory.DONE,
}
NO_ITEMS: Final[frozenset[str]] = frozenset()
_ATTRIBUTES: Final[Mapping[str, str]] = {"assignee": "assignee_ids", "reporter": "reporter_id"}
"""Facts whose attribute of an observation is called otherwise."""
Value = TypeVar("Value")


class RowReader:
    """Reads the rows of one file. Columns are found once; what many rows name (a status, a release) is made once."""

    def __init__(
        self,
        profile: CsvProfile,
        header: Sequence[str],
        *,
        zone: tzinfo | None,
        date_order: str = "",
        read_at: datetime | None = None,
    ) -> None:
        """zone: for instants without a UTC offset;  date_order: of days between slashes, "" to refuse them
        read_at: what stands in for a creation that is not told

        Raises ImportFileRefused when a necessary column is missing.
        """
        self._profile = profile
        self._header = header
        self._zone = UTC if profile.is_utc else zone
        self._date_order = date_order
        self._read_at = read_at
        self._columns = _find_columns(profile, header)
        self._first_column = {fact: columns[0] for fact, columns in self._columns.items()}
        self._repeated = {fact for fact, columns in self._columns.items() if len(columns) > 1}
        self._statuses: dict[tuple[str, str, bool], StatusObservation] = {}
        self._milestones: dict[tuple[str, str, str, str], MilestoneObservation] = {}
        self._iterations: dict[str, IterationObservation] = {}
        shows_all_groups = "milestones" in self._columns and "iterations" in self._columns
        self._shows_whole_state = shows_all_groups and not profile.of_tool
        self._unsaid = _unsaid(self._columns) if profile.of_tool else frozenset()

    def read(self, row: CsvRow) -> ParsedRecord:
        """One row, whole or not at all."""
        try:
            batch, status = self._batch([value.strip() for value in row.values])
        except FieldRefused as refused:
            error = LineError(row.first_line, refused.reason, field=self._column_name(refused.field))
            return ParsedRecord(row.first_line, row.last_line, errors=(error,))
        is_unknown = status.is_guessed and guess_status_category(status.name) is None
        return ParsedRecord(
            row.first_line, row.last_line, batches=(batch,), notes=("STATUS_GUESSED",) if is_unknown else ()
        )

    def _batch(self, values: list[str]) -> tuple[ObservationBatch, StatusObservation]:
        item_id, key = self._identity(values)
        resolved_at = self._read(values, "resolved_at", self._instant)
        status = self._status(values, is_resolved=resolved_at is not None)
        milestones = self._read_milestones(values)
        iterations = self._read_iterations(values)
        batch = ObservationBatch(
            items=(self._item(values, item_id=item_id, key=key, status=status, resolved_at=resolved_at),),
            statuses=(status,),
            iterations=iterations,
            iteration_memberships=_undated(item_id, [iteration.external_id for iteration in iterations]),
            milestones=milestones,
            milestone_memberships=_undated(item_id, [milestone.external_id for milestone in milestones]),
            whole_states=frozenset((item_id,)) if self._shows_whole_state else NO_ITEMS,
        )
        return batch, status

    def _identity(self, values: list[str]) -> tuple[str, str]:
        if self._profile.identify is not None:
            return self._profile.identify(self._cells_of(values))
        key = identifier(self._cell(values, "key"), field="key")
        return identifier(self._cell(values, "id"), field="id") if "id" in self._columns else key, key

    def _item(
        self, values: list[str], *, item_id: str, key: str, status: StatusObservation, resolved_at: datetime | None
    ) -> WorkItemObservation:
        updated_at = self._read(values, "updated_at", self._instant)
        created_at = self._created_at(values)
        if created_at is None and self._read_at is None:
            raise FieldRefused("created_at", "is empty")
        begun_at = created_at or updated_at or resolved_at or self._read_at
        assert begun_at is not None  # noqa: S101 - refused above
        is_done = status.category == StatusCategory.DONE
        assignee = self._account(values, "assignee")
        return WorkItemObservation(
            external_id=item_id,
            key=key,
            container=self._term(values, "container"),
            item_type=self._term(values, "item_type"),
            title=cut_text(self._cell(values, "title"), field="title"),
            status_id=status.external_id,
            status_name=status.name,
            status_category=status.category,
            priority=self._term(values, "priority"),
            resolution=self._term(values, "resolution"),
            created_at=begun_at,
            is_creation_known=created_at is not None,
            updated_at=updated_at,
            resolved_at=(resolved_at or self._last_sign(updated_at, begun_at)) if is_done else None,
            due_date=self._read(values, "due_date", self._day),
            estimate_points=self._read(values, "estimate_points", finite_number),
            estimate_s=self._read(values, "estimate_s", self._profile.seconds),
            spent_s=self._read(values, "spent_s", self._profile.seconds),
            assignee_ids=() if assignee is None else (assignee,),
            reporter_id=self._account(values, "reporter"),
            parent_id=self._read(values, "parent_id", identifier) or "",
            parent_key=self._read(values, "parent_key", identifier) or "",
            labels=self._labels(values),
            comment_count=self._read(values, "comment_count", count),
            url=self._read(values, "url", _web_address) or "",
            source_version=None if updated_at is None else epoch_ms(updated_at) - self._profile.of_tool,
            unsaid=self._unsaid,
        )

    def _created_at(self, values: list[str]) -> datetime | None:
        told = self._profile.created
        return self._read(values, "created_at", self._instant) if told is None else told(self._cells_of(values))

    def _last_sign(self, updated_at: datetime | None, begun_at: datetime) -> datetime | None:
        """When a tool's item was done at the latest, where its export does not say when."""
        return max(updated_at or begun_at, begun_at) if self._profile.of_tool else None

    def _status(self, values: list[str], *, is_resolved: bool) -> StatusObservation:
        if self._profile.status is not None:
            return self._profile.status(self._cells_of(values))
        name, spoken = self._cell(values, "status"), self._cell(values, "status_category")
        known = self._statuses.get((name, spoken, is_resolved))
        if known is None:
            known = self._statuses[name, spoken, is_resolved] = self._named_status(
                _make_status(name, spoken, is_resolved=is_resolved)
            )
        return known

    def _named_status(self, status: StatusObservation) -> StatusObservation:
        return replace(status, external_id=self._by_name(status.name, "status")) if self._profile.of_tool else status

    def _by_name(self, name: str, fact: Fact) -> str:
        return identifier(f"{BY_NAME}{name}" if self._profile.of_tool else name, field=fact)

    def _read_milestones(self, values: list[str]) -> tuple[MilestoneObservation, ...]:
        """The dates of a row belong to its milestone if it has one, and nobody knows to which if it has several."""
        names = self._cells(values, "milestones")
        if not names:
            return ()
        container = self._cell(values, "container")
        target, released = "", ""
        if len(names) == 1:
            target, released = self._cell(values, "milestone_target"), self._cell(values, "milestone_released")
        return tuple(self._milestone(container, name, target, released) for name in names)

    def _milestone(self, container: str, name: str, target: str, released: str) -> MilestoneObservation:
        known = self._milestones.get((container, name, target, released))
        if known is None:
            # Two projects of one file may each have a "1.0".
            named = f"{container}:{name}" if container and not self._profile.of_tool else name
            known = MilestoneObservation(
                external_id=self._by_name(named, "milestones"),
                name=identifier(name, field="milestones"),
                state=MilestoneState.RELEASED if released else None,
                target_date=calendar_date(target, field="milestone_target") if target else None,
                released_date=calendar_date(released, field="milestone_released") if released else None,
            )
            self._milestones[container, name, target, released] = known
        return known

    def _read_iterations(self, values: list[str]) -> tuple[IterationObservation, ...]:
        names = self._cells(values, "iterations")
        for name in names:
            if name not in self._iterations:
                self._iterations[name] = IterationObservation(
                    external_id=self._by_name(name, "iterations"), name=identifier(name, field="iterations")
                )
        return tuple(self._iterations[name] for name in names)

    def _labels(self, values: list[str]) -> tuple[str, ...]:
        labels = self._cells(values, "labels")
        if len(labels) > LABEL_COUNT:
            raise FieldRefused("labels", f"holds more than {LABEL_COUNT}")
        return tuple(short_text(label, field="labels") for label in labels)

    def _column_name(self, fact: str) -> str:
        """What the person who mends the file sees above the column."""
        columns = next((columns for known, columns in self._columns.items() if known == fact), ())
        return self._header[columns[0]] if columns else fact

    def _cell(self, values: list[str], fact: Fact) -> str:
        """The first of the fact's columns that is not empty."""
        column = self._first_column.get(fact)
        if column is None:
            return ""
        if values[column] or fact not in self._repeated:
            return values[column]
        return next((values[other] for other in self._columns[fact] if values[other]), "")

    def _cells_of(self, values: list[str]) -> Cells:
        return lambda fact: self._cell(values, fact)

    def _cells(self, values: list[str], fact: Fact) -> tuple[str, ...]:
        """Every value of the fact, each once."""
        texts = [text for column in self._columns.get(fact, ()) if (text := values[column])]
        if not texts:
            return ()
        separator = self._profile.separator
        if len(texts) == 1 and separator not in texts[0]:
            return (texts[0],)
        parts = (part.strip() for text in texts for part in text.split(separator))
        return tuple(dict.fromkeys(part for part in parts if part))

    def _read(self, values: list[str], fact: Fact, parse: Callable[..., Value]) -> Value | None:
        text = self._cell(values, fact)
        return parse(text, field=fact) if text else None

    def _term(self, values: list[str], fact: Fact) -> str:
        text = self._cell(values, fact)
        return _known_term(text, fact) if text else ""

    def _account(self, values: list[str], fact: Fact) -> str | None:
        text = self._cell(values, fact)
        return _known_account(text, fact) if text else None

    def _instant(self, text: str, *, field: str) -> datetime:
        return instant(self._iso(text, field), field=field, zone=self._zone)

    def _day(self, text: str, *, field: str) -> date:
        """A due date; of a tool that writes an hour with it, too, its day."""
        return calendar_date(self._iso(text, field).partition("T")[0] if self._profile.of_tool else text, field=field)

    def _iso(self, text: str, field: str) -> str:
        is_free = self._profile.of_tool or self._date_order
        return as_iso(text, field=field, order=self._date_order) if is_free else text


@lru_cache(maxsize=10_000)
def _known_term(text: str, fact: str) -> str:
    """A checked type, priority or the like; a file repeats a few of them in every row."""
    return short_text(text, field=fact, limit=TERM_LENGTH)


@lru_cache(maxsize=10_000)
def _known_account(text: str, fact: str) -> str:
    return identifier(text, field=fact)


def _find_columns(profile: CsvProfile, header: Sequence[str]) -> dict[Fact, tuple[int, ...]]:
    """For each fact its columns, those with the profile's preferred name first."""
    plain = [plain_name(column) for column in header]
    found: dict[Fact, tuple[int, ...]] = {}
    for fact, names in profile.columns.items():
        columns = tuple(index for name in names for index, column in enumerate(plain) if column == name)
        if columns:
            found[fact] = columns
    missing = [fact.removesuffix("_at") for fact in profile.necessary if fact not in found]
    if "status_category" in found:
        missing = [fact for fact in missing if fact != "status"]
    if missing:
        raise ImportFileRefused(
            f"The file lacks a column that the profile {profile.name} needs: {', '.join(missing)}. "
            f"It must be named {' or '.join(_names(profile, missing))}."
        )
    return found


def _unsaid(columns: Mapping[Fact, tuple[int, ...]]) -> frozenset[str]:
    """What the file has no column for, in the words of an observation."""
    return frozenset(
        _ATTRIBUTES.get(fact, fact)
        for fact in get_args(Fact)
        if fact not in columns and _ATTRIBUTES.get(fact, fact) in KEPT_IF_UNSAID
    )


def _names(profile: CsvProfile, facts: Sequence[str]) -> list[str]:
    return [name for fact, names in profile.columns.items() if fact.removesuffix("_at") in facts for name in names]


def _make_status(name: str, spoken: str, *, is_resolved: bool) -> StatusObservation:
    category = SPOKEN_CATEGORIES.get(plain_name(spoken))
    if spoken and category is None:
        raise FieldRefused("status_category", "is none of To do, In progress and Done")
    label = identifier(name or spoken, field="status")
    finished = StatusCategory.DONE if is_resolved else StatusCategory.IN_PROGRESS
    return StatusObservation(
        external_id=label,
        name=label,
        category=category or guess_status_category(label) or finished,
        is_guessed=category is None,
    )


def _undated(item_id: str, group_ids: Sequence[str]) -> tuple[MembershipObservation, ...]:
    """A table shows that an item is in a group, and never since when."""
    return tuple(MembershipObservation(item_id=item_id, group_id=group_id) for group_id in group_ids)


def _web_address(text: str, *, field: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise FieldRefused(field, "is not an address that begins with https:// or http://")
    return short_text(text, field=field, limit=URL_LENGTH)

"""Which column of a board means what. Boards are drawn freely; titles and types tell, and people may say otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from integrations.connectors.monday.payloads import Column, Item, Value

PEOPLE: Final = ("people", "multiple-person", "multiple_person", "person")
DUE_WORDS: Final = ("due", "deadline", "target date", "end date")
ESTIMATE_WORDS: Final = ("estimat", "story point", "points", "effort")
HOUR_WORDS: Final = ("hour", "(h)")
OWNER_WORDS: Final = ("owner", "assignee", "assigned", "person", "people", "responsible", "developer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """The columns of a board that fill fields of ours, None where it has none.

    status: 1. the one that settings name, 2. called Status or with the id "status", 3. the first with a "done" label,
        4. the first of that type
    due, estimate: the one that settings name, else by title;  assignee: by title, else the first of people
    """

    status: Column | None = None
    due: Column | None = None
    estimate: Column | None = None
    assignee: Column | None = None
    priority: Column | None = None
    item_type: Column | None = None
    tags: Column | None = None
    number: Column | None = None

    @property
    def estimate_is_hours(self) -> bool:
        return self.estimate is not None and any(word in self.estimate.title.casefold() for word in HOUR_WORDS)


def roles_of(columns: Sequence[Column], wanted: Mapping[str, str]) -> Roles:
    """wanted: setting -> title or id of a column"""
    statuses = _of_kind(columns, "status", "color")
    priority, item_type = _titled(statuses, "priority"), _titled(statuses, "type")
    others = [column for column in statuses if column not in (priority, item_type)]
    dates = _of_kind(columns, "date", "timeline", "timerange")
    people = _of_kind(columns, *PEOPLE)
    numbers = [each for each in _of_kind(columns, "numbers", "numeric") if "actual" not in each.title.casefold()]
    return Roles(
        status=_named(columns, wanted.get("status_column", "")) or _status(others),
        due=_named(columns, wanted.get("due_date_column", "")) or _worded(dates, DUE_WORDS) or _due(dates),
        estimate=_named(columns, wanted.get("estimate_column", "")) or _worded(numbers, ESTIMATE_WORDS),
        assignee=_worded(people, OWNER_WORDS) or _first(people),
        priority=priority,
        item_type=item_type,
        tags=_first(_of_kind(columns, "tags", "tag")),
        number=_first(_of_kind(columns, "item_id", "pulse_id", "pulse-id")),
    )


def roles_by_values(item: Item) -> Roles:
    """For an item whose board is not shown: the types of its cells tell, as far as they go."""
    columns = [_column_of(value) for value in item.values.values()]
    return roles_of([column for column in columns if column.kind], {})


def _column_of(value: Value) -> Column:
    kinds = {"StatusValue": "status", "DateValue": "date", "PeopleValue": "people", "TagsValue": "tags"}
    kind = kinds.get(value.kind, "")
    if not kind and "index" in value.raw:
        kind = "status"
    title = value.column_id.replace("_", " ").rstrip("0123456789")  # ids are made of titles: date4, task_status
    return Column(id=value.column_id, title=title, kind=kind)


def _of_kind(columns: Iterable[Column], *kinds: str) -> list[Column]:
    return [column for column in columns if column.kind in kinds]


def _status(columns: Sequence[Column]) -> Column | None:
    called = [column for column in columns if "status" in (column.title.casefold().strip(), column.id)]
    return _first(called) or _first([column for column in columns if column.done]) or _first(columns)


def _due(dates: Sequence[Column]) -> Column | None:
    """A timeline ends when the work is due; a single date called no more than Date is one, too."""
    timelines = _of_kind(dates, "timeline", "timerange")
    return _first(timelines) or _first([column for column in dates if column.title.casefold().strip() == "date"])


def _named(columns: Iterable[Column], name: str) -> Column | None:
    wanted = name.casefold().strip()
    return _first([column for column in columns if wanted and wanted in (column.id, column.title.casefold().strip())])


def _titled(columns: Iterable[Column], word: str) -> Column | None:
    return _first([column for column in columns if word in column.title.casefold().split()])


def _worded(columns: Iterable[Column], words: Iterable[str]) -> Column | None:
    known = list(columns)
    found = (column for word in words for column in known if word in column.title.casefold())
    return next(found, None)


def _first(columns: Sequence[Column]) -> Column | None:
    return columns[0] if columns else None

"""Past projects as facts: from files in the documented formats, simulated, and in all their contradictions.

- Throughput (`resolved_at` in a CSV): the finishes are real, starts and creations before them are drawn, and so are due
  dates, without which nothing is said of single items.
- Jira issues in REST form (JSONL): everything the import reads of them, read by the import's own parser.
- Simulated projects, with a plan, flags, links and a cause of delay.
- Contradictory facts: out of order, recorded before they were true or long after, about items nobody knows.
"""

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from uuid import NAMESPACE_OID, UUID, uuid5

import numpy as np

from predictions.backtesting.contradictory_context import contradictory_context
from predictions.backtesting.simulated_projects import PlantedCause, simulate_project
from predictions.backtesting.tasks import BenchmarkRefused
from projects.enums import LinkDirection, Presence, StatusCategory, TrackedField
from projects.history.calendar import WorkCalendar
from projects.history.facts import (
    BaselineFact,
    BlockingLinkFact,
    FieldChangeFact,
    HistoryFact,
    StatusChangeFact,
    WorkItemFact,
)
from projects.imports import jira_rest
from projects.imports.errors import ImportFileRefused, LineError
from projects.imports.lines import open_unpacked, read_lines
from projects.observations import ObservationBatch, WorkItemObservation

MAX_ITEMS = 400
"""Consecutive finishes of one file: a leak in 400 items is a leak, and 30,000 would only take longer."""
MEAN_WAIT_D, MEAN_WORK_D, DUE_AFTER_START = 15.0, 4.0, timedelta(days=4)
OPEN_ITEMS = 30
JIRA_BLOCKS = "block"
CONTRADICTORY_ITEMS, CONTRADICTORY_FACTS = 8, 20
EPOCH = datetime(2024, 7, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class PastRecord:
    """The facts of one project. begins_at, ends_at: where moments to ask at may lie"""

    name: str
    facts: tuple[HistoryFact, ...]
    begins_at: datetime
    ends_at: datetime
    calendar: WorkCalendar = field(default_factory=WorkCalendar)
    planned_calendar: WorkCalendar = field(default_factory=WorkCalendar)


def records_in(directory: Path) -> Iterator[PastRecord]:
    """Every file below a directory that is in one of the two formats, ordered by name; others are passed over.

    Raises BenchmarkRefused for a file that looks like one and cannot be read.
    """
    for path in sorted(directory.rglob("*")) if directory.is_dir() else []:
        name = path.name.removesuffix(".gz")
        if name.endswith(".jsonl"):
            yield _jira_record(path)
        elif name.endswith(".csv") and (days := _finish_days(path)):
            yield _throughput_record(path.stem, days)


def simulated_record(seed: int) -> PastRecord:
    """A simulated project, each with another cause in turn."""
    causes = [None, *PlantedCause]
    project = simulate_project(seed, causes[seed % len(causes)])
    begins_at = project.as_of - timedelta(weeks=12)
    return PastRecord(
        name=f"simulated {seed}",
        facts=project.facts,
        begins_at=begins_at,
        ends_at=project.finished_at,
        calendar=project.calendar,
        planned_calendar=project.planned_calendar,
    )


def contradictory_record(seed: int) -> PastRecord:
    """Facts that no tracker should hold, about a few items and some nobody knows; each observed once, as on record."""
    rng = np.random.default_rng(seed)

    def moment() -> datetime:
        return EPOCH + timedelta(hours=int(rng.integers(-24 * 120, 24 * 20)))

    def perhaps() -> datetime | None:
        return moment() if rng.integers(2) else None

    def item() -> UUID:
        return UUID(int=int(rng.integers(1, CONTRADICTORY_ITEMS + 3)))

    facts: list[HistoryFact] = []
    categories, presences = list(StatusCategory), list(Presence)
    for number in range(1, CONTRADICTORY_ITEMS + 1):
        category = rng.integers(len(categories) + 1)
        facts.append(
            WorkItemFact(
                id=UUID(int=number),
                key=f"ITEM-{number}",
                created_at=moment(),
                recorded_at=moment(),
                item_type="Bug" if perhaps() else "",
                status_category=categories[category] if category < len(categories) else None,
                resolved_at=perhaps(),
                due_date=date(2024, 8, 1) if perhaps() else None,
                presence=presences[rng.integers(len(presences))],
                presence_changed_at=perhaps(),
                assignee_id=item() if perhaps() else None,
            )
        )
    for sequence in range(CONTRADICTORY_FACTS):
        to, is_blocked = categories[rng.integers(len(categories))], not rng.integers(5)
        facts.append(StatusChangeFact(item(), to, moment(), moment(), None, sequence, is_blocked, item()))
        name, value = str(rng.choice([choice.value for choice in TrackedField])), str(rng.choice(["a", "b"]))
        facts.append(FieldChangeFact(item(), name, None, value, moment(), moment(), sequence, item()))
        facts.append(BlockingLinkFact(item(), item(), moment(), perhaps(), perhaps()))
        facts += contradictory_context(rng, moment, perhaps, item)
    facts.append(BaselineFact(moment(), moment(), date(2024, 9, 1), CONTRADICTORY_ITEMS, date(2024, 4, 1)))
    facts.append(BaselineFact(moment(), moment(), date(2024, 10, 1), CONTRADICTORY_ITEMS))
    return PastRecord(f"contradictory {seed}", tuple(facts), EPOCH - timedelta(days=120), EPOCH + timedelta(days=20))


def _finish_days(path: Path) -> list[date]:
    """Consecutive finishes of a file; none where it has no column for them."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream)
        if "resolved_at" not in (rows.fieldnames or ()):
            return []
        try:
            days = sorted(date.fromisoformat(row["resolved_at"][:10]) for row in rows if row["resolved_at"])
        except ValueError as error:
            raise BenchmarkRefused(
                f"{path.name}: resolved_at holds something else than ISO dates ({error})."
            ) from error
    return days[-MAX_ITEMS:]


def _throughput_record(name: str, days: list[date]) -> PastRecord:
    rng = np.random.default_rng(len(days))
    facts: list[HistoryFact] = []
    begins_at, ends_at = (datetime.combine(day, datetime.min.time(), tzinfo=UTC) for day in (days[0], days[-1]))
    imported_at = begins_at + 0.7 * (
        ends_at - begins_at
    )  # what was done before is in the log, later comes as it happens
    for number, day in enumerate(days, start=1):
        finished_at = datetime.combine(day, datetime.min.time(), tzinfo=UTC) + timedelta(
            hours=float(rng.uniform(8, 18))
        )
        started_at = finished_at - timedelta(days=float(rng.exponential(MEAN_WORK_D)))
        created_at = started_at - timedelta(days=float(rng.exponential(MEAN_WAIT_D)))
        recorded_at = max(imported_at, finished_at)
        item = UUID(int=number)
        facts += [
            WorkItemFact(item, f"ITEM-{number}", created_at, recorded_at, resolved_at=finished_at),
            StatusChangeFact(item, StatusCategory.IN_PROGRESS, started_at, max(imported_at, started_at)),
            StatusChangeFact(item, StatusCategory.DONE, finished_at, recorded_at),
            _due(item, started_at + DUE_AFTER_START, created_at, max(imported_at, created_at)),
        ]
    for number in range(len(days) + 1, len(days) + OPEN_ITEMS + 1):
        created_at = begins_at + float(rng.random()) * (ends_at - begins_at)
        facts.append(WorkItemFact(UUID(int=number), f"ITEM-{number}", created_at, created_at))
        facts.append(_due(UUID(int=number), ends_at + DUE_AFTER_START, created_at, created_at))
    facts.append(BaselineFact(begins_at, begins_at, days[-1], len(days) // 2 + 1, days[0]))
    return PastRecord(name, tuple(facts), begins_at, ends_at)


def _due(item: UUID, due_at: datetime, set_at: datetime, recorded_at: datetime) -> FieldChangeFact:
    return FieldChangeFact(item, TrackedField.DUE_DATE.value, None, due_at.date().isoformat(), set_at, recorded_at)


def _jira_record(path: Path) -> PastRecord:
    """Raises BenchmarkRefused where nothing can be read."""
    batches: list[ObservationBatch] = []
    try:
        with path.open("rb") as stream:
            for line in islice(read_lines(open_unpacked(stream)), MAX_ITEMS):
                record = None if isinstance(line, LineError) else jira_rest.parse_line(line)
                batches += [] if record is None else record.batches
    except ImportFileRefused as refused:
        raise BenchmarkRefused(f"{path.name}: {refused}") from refused
    whole = ObservationBatch.merged(batches)
    if not whole.items:
        raise BenchmarkRefused(f"{path.name} holds no Jira issue.")
    last = max(change.changed_at for change in whole.changes) if whole.changes else whole.items[-1].created_at
    begins_at = min(item.created_at for item in whole.items)
    return PastRecord(path.stem, tuple(_observed_facts(whole, imported_at=last)), begins_at, last)


def _observed_facts(batch: ObservationBatch, *, imported_at: datetime) -> Iterator[HistoryFact]:
    """Facts as if everything had been imported at one moment: what has no date is unknown before it."""
    status_of = {status.external_id: status for status in batch.statuses}
    key_of = {item.external_id: item.external_id for item in batch.items} | {
        item.key: item.external_id for item in batch.items
    }
    for item in batch.items:
        yield _item_fact(item, imported_at)
    for sequence, change in enumerate(batch.changes):
        item_id = _id(change.item_id)
        if change.field == TrackedField.STATUS:
            status = status_of.get(change.to_id)
            if status is not None:
                yield StatusChangeFact(
                    item_id, status.category, change.changed_at, imported_at, None, sequence, to_state=status.name
                )
        else:
            value = change.to_id or change.to_text or None
            yield FieldChangeFact(item_id, change.field, None, value, change.changed_at, imported_at, sequence)
    for link in batch.links:
        target = key_of.get(link.target_id) or key_of.get(link.target_key)
        if target is not None and JIRA_BLOCKS in link.link_type.casefold():
            ends = (_id(target), _id(link.item_id))
            waiting, blocker = ends if link.direction == LinkDirection.OUTWARD else ends[::-1]
            yield BlockingLinkFact(waiting, blocker, imported_at, link.linked_at)


def _item_fact(item: WorkItemObservation, imported_at: datetime) -> WorkItemFact:
    return WorkItemFact(
        id=_id(item.external_id),
        key=item.key,
        created_at=item.created_at,
        recorded_at=imported_at,
        item_type=item.item_type,
        status_category=item.status_category,
        resolved_at=item.resolved_at,
        due_date=item.due_date,
        estimate_points=item.estimate_points,
        presence=item.presence,
    )


def _id(external_id: str) -> UUID:
    return uuid5(NAMESPACE_OID, external_id)

"""A person's create, update or delete of one row, kept whatever the model: what the doors wrap their writes in.

Models that leave entries by themselves are left alone. For the others (facts that tools write in bulk) these calls
write the one entry, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import models

from tenants.audit.containment import remember_contained
from tenants.audit.edits import leaves_entries_by_itself, row_changes, stored_row
from tenants.audit.entries import write_entry
from tenants.audit.enums import Operation
from tenants.audit.resources import draft_of_change


def record_creation(row: models.Model) -> None:
    """Keep that a person made the row, after it was saved."""
    if not leaves_entries_by_itself(type(row)):
        write_entry(draft_of_change(row, operation=Operation.CREATE, changes=row_changes(None, row)))


@contextmanager
def recorded_change(row: models.Model) -> Iterator[None]:
    """Keep what a person changes in the row while it is saved inside; nothing where nothing differs."""
    if leaves_entries_by_itself(type(row)):
        yield
        return
    before = stored_row(row)
    yield
    changes = row_changes(before, row)
    if changes:
        write_entry(draft_of_change(row, operation=Operation.UPDATE, changes=changes))


@contextmanager
def recorded_deletion(*rows: models.Model) -> Iterator[None]:
    """Keep that a person deletes the rows, which happens inside: an entry each, with how much went along."""
    kept = [row for row in rows if not leaves_entries_by_itself(type(row))]
    for row in kept:
        remember_contained(instance=row)
    # Made before: Django takes the id from a row that it has deleted.
    drafts = [draft_of_change(row, operation=Operation.DELETE, changes=row_changes(row, None)) for row in kept]
    yield
    for draft in drafts:
        write_entry(draft)

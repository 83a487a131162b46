"""Time entries as rows: recorded once, corrected, marked when they are gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from projects.domain.recording import record_observations
from projects.enums import StatusCategory
from projects.models import Contributor, Project, TimeEntry
from projects.observations import ObservationBatch, TimeEntryObservation, WorkItemObservation
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TUESDAY = MONDAY + timedelta(days=1)
ITEM = WorkItemObservation(external_id="1", key="ABC-1", status_category=StatusCategory.TODO, created_at=MONDAY)
HOUR = TimeEntryObservation(
    external_id="w1", item_id="1", worked_on_date=MONDAY.date(), duration_s=3600, started_at=MONDAY, actor_id="ann"
)
HALF = TimeEntryObservation(external_id="w2", item_id="1", worked_on_date=date(2026, 3, 1), duration_s=-1800)
WHOLE = frozenset({"1"})


@pytest.fixture
def project(in_tenant: LookAlike) -> Project:
    made: Project = ProjectFactory.create()
    return made


def record(project: Project, *entries: TimeEntryObservation, at: datetime = MONDAY, **facts: Any) -> int:
    """Returns the number of facts written."""
    batch = ObservationBatch(items=(ITEM,), time_entries=entries, **facts)
    return record_observations(project=project, source="tool", observations=batch, at=at).facts


def told(project: Project) -> list[tuple[str, int, datetime | None]]:
    rows = TimeEntry.objects.filter(project=project).order_by("external_id")
    return list(rows.values_list("external_id", "duration_s", "removed_at"))


def test_entries_are_rows_with_day_length_and_account(project: Project) -> None:
    record(project, HOUR, HALF)

    hour, half = TimeEntry.objects.filter(project=project).order_by("external_id")
    assert (hour.worked_on_date, hour.started_at, hour.duration_s) == (date(2026, 3, 2), MONDAY, 3600)
    assert hour.contributor == Contributor.objects.get(source="tool")
    assert (half.worked_on_date, half.started_at, half.duration_s, half.contributor) == (
        date(2026, 3, 1),
        None,
        -1800,
        None,
    )


def test_second_reading_writes_nothing_and_moves_no_moment(project: Project) -> None:
    record(project, HOUR, HALF, whole_times=WHOLE)

    again = record(project, HOUR, HALF, whole_times=WHOLE, at=TUESDAY)

    assert again == 0
    assert set(TimeEntry.objects.filter(project=project).values_list("recorded_at", flat=True)) == {MONDAY}


def test_corrected_entry_is_corrected_and_removed_one_is_marked_until_it_is_back(project: Project) -> None:
    record(project, HOUR, HALF)

    record(project, replace(HOUR, duration_s=7200), whole_times=WHOLE, at=TUESDAY)
    removed = told(project)
    record(project, HOUR, HALF, whole_times=WHOLE, at=TUESDAY)

    assert removed == [("w1", 7200, None), ("w2", -1800, TUESDAY)]
    assert told(project) == [("w1", 3600, None), ("w2", -1800, None)]


def test_part_of_an_items_entries_takes_none_away(project: Project) -> None:
    record(project, HOUR, HALF)

    record(project, HOUR, at=TUESDAY)

    assert told(project) == [("w1", 3600, None), ("w2", -1800, None)]


def test_older_answer_changes_no_entry(project: Project) -> None:
    newer, older = replace(ITEM, source_version=5), replace(ITEM, source_version=4)
    batch = ObservationBatch(items=(newer,), time_entries=(HOUR,), whole_times=WHOLE)
    record_observations(project=project, source="tool", observations=batch, at=MONDAY)

    late = ObservationBatch(items=(older,), time_entries=(replace(HOUR, duration_s=1),), whole_times=WHOLE)
    record_observations(project=project, source="tool", observations=late, at=TUESDAY)

    assert told(project) == [("w1", 3600, None)]


def test_entry_of_an_item_that_is_not_recorded_is_left_out(project: Project) -> None:
    record(project, replace(HOUR, item_id="unknown"))

    assert told(project) == []


def test_look_alike_in_another_tenant_keeps_its_own(project: Project, theirs: LookAlike) -> None:
    with tenant_context(theirs.tenant.pk):
        foreign = ProjectFactory.create()
        record(foreign, HOUR)
    record(project, HALF, whole_times=WHOLE)

    with tenant_context(theirs.tenant.pk):
        assert told(foreign) == [("w1", 3600, None)]

"""What the database refuses of a batch is named and left out, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import psycopg
import pytest
from django.db import DataError, IntegrityError, OperationalError, connection

from projects.domain.recording import RefusedFact, is_refusal, load_pseudonyms, record_in_parts, record_observations
from projects.domain.recording.refusals import MOST_REFUSED
from projects.models import FieldChange, IterationMembership, Milestone, Project, WorkItem, WorkItemLink
from projects.observations import IterationObservation, MembershipObservation, ObservationBatch
from tests.projects.domain.test_recording import MONDAY, full_batch, item, project, snapshot

__all__ = ["project"]

pytestmark = pytest.mark.django_db
TOO_FEW = "projects_workitem_estimate_points_range"


def write(project: Project, batch: ObservationBatch) -> Any:
    return record_in_parts(
        project=project, source="test-tool", observations=batch, at=MONDAY, pseudonyms=load_pseudonyms()
    )


def of(project: Project, model: Any) -> Any:
    path = model.project_path
    return model.objects.filter(**{path: project})


def test_in_parts_a_good_batch_gives_the_same_rows(project: Project) -> None:
    whole = record_observations(project=project, source="test-tool", observations=full_batch(), at=MONDAY)
    before = snapshot()

    result, refused = write(project, full_batch())

    assert (refused, result.created, result.updated, result.facts) == ([], 0, 0, 0)
    assert snapshot() == before
    assert whole.created == 2


@pytest.mark.parametrize("bad", [0, 4, 9])
def test_refused_item_is_named_and_all_others_are_recorded(project: Project, bad: int) -> None:
    items = [item(str(number)) for number in range(10)]
    items[bad] = item(str(bad), estimate_points=-1.0)

    result, refused = write(project, ObservationBatch(items=tuple(items)))

    assert refused == [RefusedFact(str(bad), TOO_FEW)]
    assert result.created == 9
    assert not WorkItem.objects.filter(external_id=str(bad)).exists()


def test_refused_change_costs_neither_its_item_nor_the_other_facts(project: Project) -> None:
    batch = full_batch()
    nameless = replace(batch.changes[0], external_id="8:0", field="")

    result, refused = write(project, replace(batch, changes=(nameless, *batch.changes)))

    assert refused == [RefusedFact("1", "projects_fieldchange_field_given")]
    assert result.created == 2
    assert list(of(project, FieldChange).values_list("external_id", flat=True)) == ["7:0"]
    assert of(project, IterationMembership).count() == of(project, WorkItemLink).count() == 1


def test_item_of_which_a_fact_is_refused_is_not_taken_for_whole(project: Project) -> None:
    record_observations(project=project, source="test-tool", observations=full_batch(), at=MONDAY)
    before = list(of(project, WorkItemLink).values())
    batch = full_batch()
    nameless = replace(batch.changes[0], external_id="8:0", field="")

    write(project, replace(batch, links=(), changes=(nameless,)))

    assert len(before) == 1
    assert list(of(project, WorkItemLink).values()) == before


def test_refused_iteration_is_named_once_and_its_items_are_recorded(project: Project) -> None:
    bad = IterationObservation(external_id="s1", starts_at=MONDAY, ends_at=MONDAY.replace(year=2025))
    stays = tuple(MembershipObservation(item_id=str(number), group_id="s1") for number in range(4))
    batch = ObservationBatch(
        items=tuple(item(str(number)) for number in range(4)),
        iterations=(bad, IterationObservation(external_id="s2", name="Sprint 2")),
        iteration_memberships=(*stays, MembershipObservation(item_id="1", group_id="s2")),
    )

    result, refused = write(project, batch)

    assert [each.external_id for each in refused] == ["s1"]
    assert (result.created, of(project, IterationMembership).count()) == (4, 1)


def test_refused_milestone_among_facts_without_item(project: Project) -> None:
    good = full_batch().milestones[0]
    bad = replace(good, external_id="v2", start_date=date(2026, 5, 2), target_date=date(2026, 5, 1))

    _, refused = write(project, ObservationBatch(milestones=(good, bad)))

    assert [each.external_id for each in refused] == ["v2"]
    assert list(of(project, Milestone).values_list("external_id", flat=True)) == ["v1"]


def test_text_that_the_driver_refuses_is_a_refused_fact(project: Project) -> None:
    items = (item("1"), item("2", title="a\x00b"))

    with pytest.raises(DataError) as refused:
        record_observations(project=project, source="test-tool", observations=ObservationBatch(items=items), at=MONDAY)

    assert is_refusal(refused.value)


def test_batch_of_which_too_much_is_refused_is_an_error(project: Project) -> None:
    items = tuple(item(str(number), estimate_points=-1.0) for number in range(MOST_REFUSED + 1))

    with pytest.raises(IntegrityError):
        write(project, ObservationBatch(items=items))


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.DeadlockDetected,
        psycopg.errors.SerializationFailure,
        psycopg.errors.QueryCanceled,
        psycopg.errors.LockNotAvailable,
        psycopg.errors.AdminShutdown,
        psycopg.errors.ForeignKeyViolation,
        psycopg.errors.InsufficientPrivilege,
    ],
)
def test_error_that_is_not_about_the_data_is_no_refusal(error: type[psycopg.Error]) -> None:
    wrapped = OperationalError("no")
    wrapped.__cause__ = error("no")

    assert not is_refusal(wrapped)


def test_statement_that_takes_too_long_is_raised_from_any_part(project: Project) -> None:
    items = (item("1", estimate_points=-1.0), *(item(str(number)) for number in range(2, 2000)))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '1ms'")

    with pytest.raises(OperationalError) as raised:
        write(project, ObservationBatch(items=items))

    assert isinstance(raised.value.__cause__, psycopg.errors.QueryCanceled)

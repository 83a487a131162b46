"""Things that a file calls by key or name, and the tool by identifiers, are one; and silence takes nothing away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from projects.domain.recording import RecordingResult, record_observations
from projects.enums import CategoryOrigin, ImportStatus, StatusCategory
from projects.models import (
    CoAssignee,
    ImportRun,
    Milestone,
    MilestoneMembership,
    Project,
    WorkflowStatus,
    WorkItem,
)
from projects.observations import (
    MembershipObservation,
    MilestoneObservation,
    ObservationBatch,
    StatusObservation,
    WorkItemObservation,
)
from tests.factories.look_alike import LookAlike
from tests.projects.domain.test_recording import MONDAY, TUESDAY, item

pytestmark = pytest.mark.django_db
Record = Callable[..., RecordingResult]


@pytest.fixture
def project(in_tenant: LookAlike) -> Project:
    made: Project = Project.objects.create(name="Named")
    _imported(made)
    return made


@pytest.fixture
def neighbour(in_tenant: LookAlike) -> Project:
    """Another project of the tenant, with things of the same names."""
    made: Project = Project.objects.create(name="Named alike")
    _imported(made)
    _record(made, items=(_keyed("abc/web#1"),), statuses=(_named("Done"),))
    return made


def _imported(project: Project) -> None:
    ImportRun.objects.create(
        project=project, profile="x", source="gitlab", file_digest="0" * 64, status=ImportStatus.COMPLETED,
        started_at=MONDAY, finished_at=MONDAY,
    )  # fmt: skip


def _record(project: Project, **facts: Any) -> RecordingResult:
    return record_observations(project=project, source="gitlab", observations=ObservationBatch(**facts), at=TUESDAY)


def _keyed(key: str, **values: Any) -> WorkItemObservation:
    return item(f"key {key}", key=key, **values)


def _named(name: str) -> StatusObservation:
    return StatusObservation(external_id=f"name {name}", name=name, category=StatusCategory.DONE, is_guessed=True)


def _ids(project: Project) -> list[str]:
    return sorted(WorkItem.objects.filter(project=project).values_list("external_id", flat=True))


def _statuses(project: Project) -> list[str]:
    return sorted(WorkflowStatus.objects.filter(project=project).values_list("status_id", flat=True))


@pytest.mark.parametrize("key", ["abc/web#1", "7#1"], ids=["by key", "by place"])
def test_identifier_of_the_tool_takes_the_place_of_a_key(project: Project, neighbour: Project, key: str) -> None:
    first = _record(project, items=(_keyed(key),))
    [before] = WorkItem.objects.filter(project=project)

    told = _record(project, items=(item("901", key="abc/web#1", container="7"),))

    [after] = WorkItem.objects.filter(project=project)
    assert (first.created, told.created, after.pk, after.external_id) == (1, 0, before.pk, "901")
    assert _ids(neighbour) == ["key abc/web#1"]


@pytest.mark.parametrize("key", ["abc/web#1", "7#1"], ids=["by key", "by place"])
def test_key_of_a_recorded_item_means_that_item(project: Project, neighbour: Project, key: str) -> None:
    _record(project, items=(item("901", key="abc/web#1", container="7", source_version=5),))

    named = _keyed(key, title="Newer", source_version=6, unsaid=frozenset({"key", "container"}))
    stay = MembershipObservation(item_id=named.external_id, group_id="name v1")
    milestone = MilestoneObservation(external_id="name v1", name="v1", in_passing=True)
    result = _record(project, items=(named,), milestones=(milestone,), milestone_memberships=(stay,))

    [found] = WorkItem.objects.filter(project=project)
    assert (result.created, result.updated) == (0, 1)
    assert (found.external_id, found.key, found.container, found.title) == ("901", "abc/web#1", "7", "Newer")
    assert MilestoneMembership.objects.get(milestone__project=project).work_item_id == found.pk
    assert _ids(neighbour) == ["key abc/web#1"]


def test_status_of_the_tool_takes_the_place_of_its_name_with_what_a_person_said_of_it(
    project: Project, neighbour: Project
) -> None:
    _record(project, items=(item("1", status_id="name Done"),), statuses=(_named("Done"),))
    WorkflowStatus.objects.filter(project=project).update(
        category=StatusCategory.IN_PROGRESS, category_origin=CategoryOrigin.PERSON
    )

    _record(project, statuses=(StatusObservation(external_id="31", name="Done", category=StatusCategory.DONE),))

    [found] = WorkflowStatus.objects.filter(project=project)
    assert (found.status_id, found.category, found.category_origin) == ("31", "IN_PROGRESS", "PERSON")
    assert _statuses(neighbour) == ["name Done"]


def test_name_of_a_recorded_status_means_it_and_a_name_of_two_means_neither(project: Project) -> None:
    known = [
        StatusObservation(external_id=status_id, name=name, category=StatusCategory.TODO)
        for status_id, name in (("31", "Open"), ("32", "Twice"), ("33", "Twice"))
    ]
    _record(project, statuses=tuple(known))

    items = (item("1", status_id="name Open"), item("2", status_id="name Twice"))
    _record(project, items=items, statuses=(_named("Open"), _named("Twice")))

    assert list(
        WorkItem.objects.filter(project=project).order_by("external_id").values_list("status_id", flat=True)
    ) == [
        "31",
        "name Twice",
    ]
    assert _statuses(project) == ["31", "32", "33", "name Twice"]


def test_name_of_a_recorded_milestone_means_it_and_takes_nothing_from_it(project: Project) -> None:
    _record(project, milestones=(MilestoneObservation(external_id="40", name="1.0", target_date=MONDAY.date()),))

    _record(project, milestones=(MilestoneObservation(external_id="name 1.0", name="1.0"),))

    [found] = Milestone.objects.filter(project=project)
    assert (found.external_id, found.target_date) == ("40", MONDAY.date())


def test_what_a_source_has_no_place_for_stays_and_what_it_says_is_empty_goes(project: Project) -> None:
    people = {"assignee_ids": ("ann", "bob"), "reporter_id": "cyd"}
    _record(project, items=(item("1", **people, container="7", labels=("a",), priority="High"),))

    _record(project, items=(item("1", title="New", unsaid=frozenset({"assignee_ids", "reporter_id", "container"})),))

    found = WorkItem.objects.get(project=project)
    assert found.title == "New"
    assert found.assignee_id is not None
    assert found.reporter_id is not None
    assert found.container == "7"
    assert CoAssignee.objects.filter(work_item=found).count() == 1
    assert (found.labels, found.priority) == ([], "")


def test_items_of_which_different_things_are_unsaid_are_recorded_together(project: Project) -> None:
    _record(project, items=(item("1", container="7"), item("2", container="7")))

    _record(project, items=(item("1", unsaid=frozenset({"container"})), item("2"), item("3", container="8")))

    found = WorkItem.objects.filter(project=project).order_by("external_id")
    assert list(found.values_list("external_id", "container")) == [("1", "7"), ("2", ""), ("3", "8")]

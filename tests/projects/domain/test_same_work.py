"""One piece of work in two tools: who may say so, which item counts, and what that changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.domain.open_items import CountedItems
from projects.domain.queries.history import load_history
from projects.domain.queries.same_work import LinkRow, leading, originals_of
from projects.domain.same_work import say_same_work
from projects.enums import LinkDirection, Presence
from projects.history.project_history import ProjectHistory
from projects.models import Project, WorkItem, WorkItemLink
from projects.models.work_item_link import MENTIONS, SAME_TITLE_AS, SAME_WORK_AS
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry
from tests.factories.look_alike import LookAlike
from tests.factories.projects import (
    MONDAY,
    ActivityEventFactory,
    FieldChangeFactory,
    IterationMembershipFactory,
    ProjectFactory,
    WorkflowStatusFactory,
    WorkItemFactory,
    WorkItemLinkFactory,
)

pytestmark = pytest.mark.django_db

A, B, C, D = (UUID(int=number) for number in range(1, 5))


def row(
    item: UUID, target: UUID, said: bool | None = None, *, kind: str = SAME_WORK_AS, ended: bool = False
) -> LinkRow:
    return LinkRow(item, target, kind, LinkDirection.OUTWARD, MONDAY, None, MONDAY if ended else None, said)


@pytest.mark.parametrize(
    ("links", "originals"),
    [
        ([row(A, B)], {}),  # the word of one tool
        ([row(A, B), row(B, A)], {A: B, B: A}),  # of both
        ([row(A, B), row(B, A, ended=True)], {}),
        ([row(A, B, True)], {A: B}),
        ([row(A, B, True, ended=True)], {A: B}),  # people have said it, whatever the tool shows
        ([row(A, B, True, kind=MENTIONS)], {A: B}),
        ([row(A, B, kind=MENTIONS), row(B, A, kind=MENTIONS)], {}),
        ([row(A, B), row(B, A, kind=SAME_TITLE_AS)], {}),  # a title is not enough
        ([row(A, B, True, kind=SAME_TITLE_AS)], {A: B}),
        ([row(A, B), row(B, A, False)], {}),  # a person's no outweighs the tools
        ([row(A, B, True), row(B, A, False)], {}),
        ([row(A, A, True)], {}),
    ],
)
def test_who_may_say_that_two_items_are_one(links: list[LinkRow], originals: dict[UUID, UUID]) -> None:
    assert originals_of(links) == originals == originals_of(links[::-1])


@pytest.mark.parametrize(
    ("originals", "live", "copies"),
    [
        ({A: B}, {A, B}, {A: B}),
        ({A: B}, {A}, {}),  # the original is gone
        ({A: B, B: C}, {A, B, C}, {A: C, B: C}),
        ({A: B, B: C}, {A, B}, {A: B}),
        ({A: B, B: A}, {A, B}, {B: A}),
        ({B: A, A: B}, {B}, {}),
        ({A: B, B: C, C: B}, {A, B, C}, {A: B, C: B}),
    ],
)
def test_which_item_counts(originals: dict[UUID, UUID], live: set[UUID], copies: dict[UUID, UUID]) -> None:
    assert leading(originals, live) == copies


@given(
    st.dictionaries(st.sampled_from([A, B, C, D]), st.sampled_from([A, B, C, D])),
    st.sets(st.sampled_from([A, B, C, D])),
)
def test_what_counts_is_live_and_no_copy_itself(originals: dict[UUID, UUID], live: set[UUID]) -> None:
    copies = leading({item: target for item, target in originals.items() if item != target}, live)

    assert set(copies.values()) <= live - copies.keys()


@pytest.fixture
def project(in_tenant: LookAlike) -> Project:
    made: Project = ProjectFactory.create()
    WorkflowStatusFactory.create(project=made, source="code", status_id="3")
    return made


@pytest.fixture
def link(project: Project) -> WorkItemLink:
    """An issue of the code with everything that hangs on one, which calls a planned item the same work."""
    planned = WorkItemFactory.create(project=project, source="planner", key="PROJ-12")
    copy = WorkItemFactory.create(project=project, source="code", key="app#1")
    blocked = WorkItemFactory.create(project=project, source="planner", key="PROJ-13")
    FieldChangeFactory.create(work_item=copy)
    IterationMembershipFactory.create(iteration__project=project, work_item=copy)
    ActivityEventFactory.create(work_item=copy)
    WorkItemLinkFactory.create(work_item=copy, target_item=blocked)
    made: WorkItemLink = WorkItemLinkFactory.create(work_item=copy, target_item=planned, link_type=SAME_WORK_AS)
    return made


def now(project: Project) -> ProjectHistory:
    return load_history(project.pk).as_of(datetime.now(UTC) + timedelta(minutes=1))


def say(link: WorkItemLink, *, is_same: bool) -> int:
    return say_same_work(WorkItemLink.objects.filter(pk=link.pk), is_same=is_same)


def test_confirmed_copy_counts_once_and_what_hangs_on_it_is_the_originals(project: Project, link: WorkItemLink) -> None:
    before = now(project)
    say(link, is_same=True)
    history = now(project)
    say(link, is_same=False)

    assert sorted(before.items.keys.tolist()) == ["PROJ-12", "PROJ-13", "app#1"] == sorted(now(project).items.keys)
    assert sorted(history.items.keys.tolist()) == ["PROJ-12", "PROJ-13"]
    keys, links = history.items.keys, history.links
    assert (keys[links.item].tolist(), keys[links.blocker].tolist()) == (["PROJ-13"], ["PROJ-12"])


def test_open_items_leave_a_confirmed_copy_out_until_its_original_is_gone(project: Project, link: WorkItemLink) -> None:
    say(link, is_same=True)
    once = set(CountedItems.of(project).open_from(datetime.now(UTC)).values_list("key", flat=True))
    WorkItem.objects.filter(key="PROJ-12", project=project).update(presence=Presence.GONE)

    assert once == {"PROJ-12", "PROJ-13"}
    assert set(CountedItems.of(project).open_from(datetime.now(UTC)).values_list("key", flat=True)) == {
        "app#1",
        "PROJ-13",
    }
    assert "app#1" in now(project).items.keys.tolist()


def test_open_items_are_those_that_the_history_counts_where_both_tools_say_it(
    project: Project, link: WorkItemLink
) -> None:
    WorkItemLinkFactory.create(work_item=link.target_item, target_item=link.work_item, link_type=SAME_WORK_AS)

    open_keys = sorted(CountedItems.of(project).open_from(datetime.now(UTC)).values_list("key", flat=True))

    assert open_keys == sorted(now(project).items.keys.tolist()) == ["PROJ-12", "PROJ-13"]


def test_word_of_a_person_is_kept_once_and_audited(link: WorkItemLink) -> None:
    assert [say(link, is_same=True), say(link, is_same=True)] == [1, 0]
    assert AuditEntry.objects.filter(resource_id=str(link.pk)).count() == 1


def test_suggestion_alone_changes_nothing_and_asks_nothing_more(
    project: Project, link: WorkItemLink, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(18):
        history = load_history(project.pk)

    assert len(history.items) == 3


def test_items_that_count_once_take_one_query_more(
    project: Project, link: WorkItemLink, django_assert_num_queries: Any
) -> None:
    say(link, is_same=True)

    with django_assert_num_queries(19):
        load_history(project.pk)


def test_look_alike_in_another_tenant_counts_both(project: Project, link: WorkItemLink, theirs: LookAlike) -> None:
    say(link, is_same=True)
    with tenant_context(theirs.tenant.pk):
        foreign = ProjectFactory.create()
        planned = WorkItemFactory.create(project=foreign, source="planner", key="PROJ-12")
        copy = WorkItemFactory.create(project=foreign, source="code", key="app#1")
        WorkItemLinkFactory.create(work_item=copy, target_item=planned, link_type=SAME_WORK_AS)

        assert len(load_history(foreign.pk).items) == 2

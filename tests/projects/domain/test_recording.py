from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import Model

from projects.domain.recording import RecordingResult, record_observations, resolve_links
from projects.enums import (
    CategoryOrigin,
    IterationState,
    LinkDirection,
    MilestoneState,
    Presence,
    StatusCategory,
    TrackedField,
)
from projects.models import (
    CoAssignee,
    Contributor,
    FieldChange,
    Iteration,
    IterationMembership,
    Milestone,
    MilestoneMembership,
    Project,
    PseudonymKey,
    WorkflowStatus,
    WorkItem,
    WorkItemLink,
)
from projects.observations import (
    FieldChangeObservation,
    IterationObservation,
    LinkObservation,
    MembershipObservation,
    MilestoneObservation,
    ObservationBatch,
    StatusObservation,
    WorkItemObservation,
)
from tenants.encryption.secret import Secret
from tenants.isolation.context import CrossTenantWrite
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TUESDAY = MONDAY + timedelta(days=1)
RECORD: tuple[type[Model], ...] = (
    WorkItem, CoAssignee, FieldChange, WorkflowStatus, Contributor, Iteration, IterationMembership, Milestone,
    MilestoneMembership, WorkItemLink,
)  # fmt: skip


def item(external_id: str = "1", **values: Any) -> WorkItemObservation:
    defaults: dict[str, Any] = {
        "key": f"ABC-{external_id}",
        "status_id": "10",
        "status_name": "Open",
        "status_category": StatusCategory.TODO,
        "created_at": MONDAY,
    }
    return WorkItemObservation(external_id=external_id, **(defaults | values))


def full_batch() -> ObservationBatch:
    """Two items with one fact of every kind."""
    return ObservationBatch(
        items=(
            item("1", title="Paint the fence", assignee_ids=("ann", "bob"), reporter_id="cyd", labels=("garden",)),
            item("2", status_category=StatusCategory.DONE, resolved_at=TUESDAY, source_version=5),
        ),
        changes=(
            FieldChangeObservation(
                external_id="7:0", item_id="1", field=TrackedField.ASSIGNEE, to_id="ann", changed_at=MONDAY,
                actor_id="cyd",
            ),
        ),
        statuses=(StatusObservation(external_id="10", name="Open", category=StatusCategory.TODO),),
        iterations=(IterationObservation(external_id="s1", name="Sprint 1", state=IterationState.ACTIVE),),
        iteration_memberships=(MembershipObservation(item_id="1", group_id="s1", joined_at=MONDAY),),
        milestones=(MilestoneObservation(external_id="v1", name="1.0", target_date=TUESDAY.date()),),
        milestone_memberships=(MembershipObservation(item_id="2", group_id="v1"),),
        links=(
            LinkObservation(
                external_id="l1", item_id="1", link_type="Blocks", direction=LinkDirection.OUTWARD, target_id="2",
                target_key="ABC-2",
            ),
        ),
        whole_states=frozenset({"1", "2"}),
        whole_histories=frozenset({"1", "2"}),
    )  # fmt: skip


def _replace_pseudonym_key() -> None:
    """Give the tenant a key of its own: the look-alike tenants have the same one."""
    row = PseudonymKey.objects.get()
    row.key = Secret(b"\x01" * 32)
    row.save()


@pytest.fixture
def project(in_tenant: LookAlike) -> Project:
    made: Project = Project.objects.create(name="Recorded")
    return made


@pytest.fixture
def record(project: Project) -> Callable[..., RecordingResult]:
    """Record facts of the project, on Monday unless told otherwise."""

    def run(batch: ObservationBatch | None = None, *, at: datetime = MONDAY, **facts: Any) -> RecordingResult:
        return record_observations(
            project=project, source="test-tool", observations=batch or ObservationBatch(**facts), at=at
        )

    return run


def snapshot(**where: Any) -> dict[str, list[dict[str, Any]]]:
    """Every value of every row of the record that the current tenant has."""
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in RECORD}


def test_unknown_creation_counts_from_the_first_reading(record: Callable[..., RecordingResult]) -> None:
    record(items=(item(created_at=MONDAY, is_creation_known=False),))

    again = record(items=(item(created_at=TUESDAY, is_creation_known=False),), at=TUESDAY)

    assert (again.updated, again.unchanged, WorkItem.objects.get(external_id="1").opened_at) == (0, 1, MONDAY)


def test_creation_that_becomes_known_replaces_the_first_reading(record: Callable[..., RecordingResult]) -> None:
    record(items=(item(created_at=TUESDAY, is_creation_known=False),))

    record(items=(item(created_at=MONDAY),), at=TUESDAY)

    assert WorkItem.objects.get(external_id="1").opened_at == MONDAY


def test_every_kind_of_fact_becomes_a_row(record: Callable[..., RecordingResult], project: Project) -> None:
    result = record(full_batch())

    first, second = WorkItem.objects.filter(project=project).order_by("external_id")
    assert result == RecordingResult(created=2, facts=8)
    assert (first.key, first.title, first.labels, first.opened_at) == ("ABC-1", "Paint the fence", ["garden"], MONDAY)
    assert (second.resolved_at, second.source_version, second.presence) == (TUESDAY, 5, Presence.LIVE)
    assert (first.recorded_at, first.last_seen_at) == (MONDAY, MONDAY)
    assert CoAssignee.objects.get(work_item=first).contributor != first.assignee
    assert WorkflowStatus.objects.get(project=project).category_origin == CategoryOrigin.SOURCE
    assert Iteration.objects.get(project=project).name == "Sprint 1"
    assert IterationMembership.objects.get(work_item=first).joined_at == MONDAY
    assert Milestone.objects.get(project=project).target_date == TUESDAY.date()
    assert MilestoneMembership.objects.get(work_item=second).joined_at is None
    assert WorkItemLink.objects.get(work_item=first).target_item == second


def test_same_observations_again_change_no_row(record: Callable[..., RecordingResult]) -> None:
    record(full_batch())
    before = snapshot()

    result = record(full_batch(), at=TUESDAY)

    assert result == RecordingResult(unchanged=2)
    assert snapshot() == before


def test_changed_value_moves_the_moment_of_recording(record: Callable[..., RecordingResult], project: Project) -> None:
    record(items=(item("1"), item("2")))

    result = record(items=(item("1", title="New"), item("2")), at=TUESDAY)

    assert result == RecordingResult(updated=1, unchanged=1)
    found = WorkItem.objects.filter(project=project).order_by("external_id").values_list("title", "recorded_at")
    assert list(found) == [("New", TUESDAY), ("", MONDAY)]


def test_older_observation_changes_nothing_but_adds_history(
    record: Callable[..., RecordingResult], project: Project
) -> None:
    newer = MembershipObservation(item_id="1", group_id="s1", joined_at=MONDAY)
    sprint = (IterationObservation(external_id="s1", name="Sprint 1"),)
    record(items=(item(title="Newer", source_version=8),), iterations=sprint, iteration_memberships=(newer,))
    change = FieldChangeObservation(external_id="7:0", item_id="1", field="status", changed_at=MONDAY)

    result = record(
        items=(item(title="Older", source_version=7),), changes=(change,), whole_states=frozenset({"1"}), at=TUESDAY
    )

    assert result == RecordingResult(unchanged=1, facts=1)
    assert WorkItem.objects.get(project=project).title == "Newer"
    assert IterationMembership.objects.get(work_item__project=project).left_at is None


def test_newest_of_several_observations_of_one_item_counts(
    record: Callable[..., RecordingResult], project: Project
) -> None:
    result = record(items=(item(title="New", source_version=2), item(title="Old", source_version=1)))

    assert result == RecordingResult(created=1)
    assert WorkItem.objects.get(project=project).title == "New"


def test_category_that_a_person_gave_a_status_counts(record: Callable[..., RecordingResult], project: Project) -> None:
    WorkflowStatus.objects.create(
        project=project, source="test-tool", status_id="20", name="Ready to ship",
        category=StatusCategory.IN_PROGRESS, category_origin=CategoryOrigin.PERSON,
    )  # fmt: skip
    told = StatusObservation(external_id="20", name="Ready to ship", category=StatusCategory.DONE)

    record(items=(item(status_id="20", status_category=StatusCategory.DONE, resolved_at=TUESDAY),), statuses=(told,))

    found = WorkItem.objects.get(project=project)
    assert (found.status_category, found.resolved_at) == (StatusCategory.IN_PROGRESS, None)
    assert WorkflowStatus.objects.get(project=project).category == StatusCategory.IN_PROGRESS


def test_tools_own_category_replaces_a_guess_and_no_guess_replaces_it(
    record: Callable[..., RecordingResult], project: Project
) -> None:
    guess = StatusObservation(external_id="20", name="Ready", category=StatusCategory.TODO, is_guessed=True)
    told = StatusObservation(external_id="20", name="Bereit", category=StatusCategory.DONE)

    record(statuses=(guess,))
    record(statuses=(told, guess))
    record(statuses=(guess,))

    found = WorkflowStatus.objects.get(project=project)
    assert (found.name, found.category, found.category_origin) == ("Bereit", StatusCategory.DONE, CategoryOrigin.SOURCE)


def test_accounts_are_kept_as_pseudonyms_only(record: Callable[..., RecordingResult], project: Project) -> None:
    record(full_batch())

    found = WorkItem.objects.get(project=project, external_id="1")
    change = FieldChange.objects.get(project=project)
    assert (change.to_id, change.to_text) == (str(found.assignee_id), "")
    assert change.actor_id == found.reporter_id
    text = repr(snapshot())
    assert not any(f"'{account}'" in text for account in ("ann", "bob", "cyd"))


def test_contributor_is_the_same_in_every_project_and_another_in_every_tenant(
    record: Callable[..., RecordingResult], theirs: LookAlike
) -> None:
    other = Project.objects.create(name="Other")
    batch = ObservationBatch(items=(item(reporter_id="ann"),))

    record(batch)
    record_observations(project=other, source="test-tool", observations=batch, at=MONDAY)
    with tenant_context(theirs.tenant.pk):
        _replace_pseudonym_key()
        far = Project.objects.create(name="Recorded")
        record_observations(project=far, source="test-tool", observations=batch, at=MONDAY)
        their_digest = Contributor.objects.get(source="test-tool").external_id_digest

    digests = Contributor.objects.filter(source="test-tool").values_list("external_id_digest", flat=True)
    assert len(digests) == 1
    assert their_digest not in digests


def test_identifiers_may_meet_in_projects_sources_and_tenants(
    record: Callable[..., RecordingResult], project: Project, in_tenant: LookAlike, theirs: LookAlike
) -> None:
    other = Project.objects.create(name="Other")
    with tenant_context(theirs.tenant.pk):
        their_project = Project.objects.create(name="Recorded")
        record_observations(project=their_project, source="test-tool", observations=full_batch(), at=MONDAY)
        before = snapshot()

    record(full_batch())
    record_observations(project=other, source="test-tool", observations=full_batch(), at=MONDAY)
    record_observations(project=project, source="other-tool", observations=full_batch(), at=MONDAY)
    record(items=(item("1", title="Ours alone"),), at=TUESDAY)

    assert WorkItem.objects.filter(project__in=[project, other]).count() == 6
    with tenant_context(theirs.tenant.pk):
        assert snapshot() == before


def test_project_of_another_tenant_is_refused(in_tenant: LookAlike, theirs: LookAlike) -> None:
    their_project = theirs.rows[Project]
    assert isinstance(their_project, Project)

    with pytest.raises(CrossTenantWrite):
        record_observations(project=their_project, source="test-tool", observations=full_batch(), at=MONDAY)


def test_whole_history_replaces_what_was_not_dated(record: Callable[..., RecordingResult]) -> None:
    sprint = (IterationObservation(external_id="s1"), IterationObservation(external_id="s2"))
    undated = tuple(MembershipObservation(item_id="1", group_id=group) for group in ("s1", "s2"))
    record(items=(item(),), iterations=sprint, iteration_memberships=undated)

    dated = MembershipObservation(item_id="1", group_id="s1", joined_at=MONDAY, left_at=TUESDAY)
    record(
        items=(item(),), iterations=sprint, iteration_memberships=(dated,), whole_histories=frozenset({"1"}),
        whole_states=frozenset({"1"}),
    )  # fmt: skip

    found = IterationMembership.objects.filter(work_item__key="ABC-1").values_list("joined_at", "left_at")
    assert list(found) == [(MONDAY, TUESDAY)]


def test_present_state_ends_what_it_no_longer_shows_and_keeps_dates(record: Callable[..., RecordingResult]) -> None:
    sprints = (IterationObservation(external_id="s1"), IterationObservation(external_id="s2"))
    dated = tuple(MembershipObservation(item_id="1", group_id=group, joined_at=MONDAY) for group in ("s1", "s2"))
    record(items=(item(),), iterations=sprints, iteration_memberships=dated)

    shown = MembershipObservation(item_id="1", group_id="s2")
    record(
        items=(item(),), iterations=sprints, iteration_memberships=(shown,), whole_states=frozenset({"1"}), at=TUESDAY
    )

    found = IterationMembership.objects.filter(work_item__key="ABC-1").order_by("iteration__external_id")
    assert list(found.values_list("joined_at", "left_at")) == [(MONDAY, TUESDAY), (MONDAY, None)]


def test_link_that_is_gone_ends_and_may_come_back(record: Callable[..., RecordingResult]) -> None:
    link = LinkObservation(
        external_id="l1", item_id="1", link_type="Blocks", direction=LinkDirection.OUTWARD, target_key="XYZ-9"
    )
    whole = frozenset({"1"})
    record(items=(item(),), links=(link,), whole_states=whole)

    record(items=(item(),), whole_states=whole, at=TUESDAY)
    ended = WorkItemLink.objects.get(work_item__key="ABC-1").unlinked_at
    record(items=(item(),), links=(link,), whole_states=whole, at=TUESDAY)

    assert ended == TUESDAY
    assert WorkItemLink.objects.get(work_item__key="ABC-1").unlinked_at is None


def test_link_finds_a_target_that_comes_later(record: Callable[..., RecordingResult], project: Project) -> None:
    link = LinkObservation(
        external_id="l1", item_id="1", link_type="Blocks", direction=LinkDirection.OUTWARD, target_id="2"
    )
    record(items=(item("1"),), links=(link,))
    record(items=(item("2"),))

    assert resolve_links(project=project, source="test-tool") == 1
    assert resolve_links(project=project, source="test-tool") == 0
    assert record(items=(item("1"),), links=(link,)) == RecordingResult(unchanged=1)
    assert WorkItemLink.objects.get(work_item__project=project).target_item == WorkItem.objects.get(external_id="2")


def test_release_keeps_the_promise_and_unrelease_takes_the_release_back(
    record: Callable[..., RecordingResult], project: Project
) -> None:
    def milestone(state: MilestoneState, **dates: Any) -> tuple[MilestoneObservation, ...]:
        return (MilestoneObservation(external_id="v1", name="1.0", state=state, **dates),)

    promised, met = MONDAY.date(), TUESDAY.date()
    record(milestones=milestone(MilestoneState.PLANNED, target_date=promised))
    record(milestones=milestone(MilestoneState.RELEASED, released_date=met))
    released = Milestone.objects.get(project=project)
    record(milestones=milestone(MilestoneState.PLANNED, target_date=promised))

    assert (released.target_date, released.released_date, released.state) == (promised, met, MilestoneState.RELEASED)
    planned = Milestone.objects.get(project=project)
    assert (planned.target_date, planned.released_date, planned.state) == (promised, None, MilestoneState.PLANNED)


def test_contradicting_dates_lose_the_lesser_one(record: Callable[..., RecordingResult], project: Project) -> None:
    early, late = MONDAY.date(), TUESDAY.date()
    record(milestones=(MilestoneObservation(external_id="v1", start_date=late),))

    record(milestones=(MilestoneObservation(external_id="v1", target_date=early),))

    found = Milestone.objects.get(project=project)
    assert (found.start_date, found.target_date) == (None, early)


def test_mention_in_passing_overwrites_nothing(record: Callable[..., RecordingResult], project: Project) -> None:
    record(iterations=(IterationObservation(external_id="s1", name="Sprint 1", state=IterationState.CLOSED),))

    record(iterations=(IterationObservation(external_id="s1", name="Old name", in_passing=True),))

    found = Iteration.objects.get(project=project)
    assert (found.name, found.state) == ("Sprint 1", IterationState.CLOSED)


def test_co_assignees_follow_the_item(record: Callable[..., RecordingResult]) -> None:
    record(items=(item(assignee_ids=("ann", "bob", "cyd")),))

    record(items=(item(assignee_ids=("ann", "dan")),), at=TUESDAY)

    found = CoAssignee.objects.filter(work_item__key="ABC-1")
    assert [each.recorded_at for each in found] == [TUESDAY]


def test_facts_may_come_without_their_item(record: Callable[..., RecordingResult], project: Project) -> None:
    record(items=(item(),))
    change = FieldChangeObservation(external_id="7:0", item_id="1", field="status", changed_at=MONDAY)
    lost = FieldChangeObservation(external_id="8:0", item_id="unknown", field="status", changed_at=MONDAY)

    result = record(changes=(change, lost))

    assert result == RecordingResult(facts=1)
    assert FieldChange.objects.filter(project=project).count() == 1


def test_presence_is_dated_when_it_changes(record: Callable[..., RecordingResult], project: Project) -> None:
    record(items=(item(),))
    record(items=(item(presence=Presence.GONE),), at=TUESDAY)
    record(items=(item(presence=Presence.GONE, title="Still gone"),), at=TUESDAY + timedelta(days=1))

    found = WorkItem.objects.get(project=project)
    assert (found.presence, found.presence_changed_at) == (Presence.GONE, TUESDAY)


@pytest.mark.parametrize("count", [1, 300])
def test_statements_do_not_grow_with_items(
    record: Callable[..., RecordingResult], django_assert_num_queries: Any, count: int
) -> None:
    items = tuple(item(str(number), reporter_id=f"account-{number}") for number in range(count))

    with django_assert_num_queries(11):
        record(items=items)

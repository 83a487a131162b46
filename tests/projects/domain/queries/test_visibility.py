"""Who sees which rows: every role, against a tenant and a project that are not theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from projects.domain.queries.visibility import restrict_to_visible, visible_projects
from projects.models import (
    Contributor,
    FieldChange,
    Goal,
    IterationMembership,
    Project,
    WorkItem,
    WorkItemLink,
)
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tenants.models import User
from tests.factories.look_alike import LookAlike
from tests.factories.projects import (
    ContributorFactory,
    FieldChangeFactory,
    GoalFactory,
    IterationMembershipFactory,
    ProjectFactory,
    ProjectMembershipFactory,
    StakeholderFactory,
    WorkItemLinkFactory,
)
from tests.factories.tenants import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_tenant")]


@dataclass(frozen=True)
class Cast:
    """Two projects of one tenant; one person of each role, with a row in the first project only."""

    own: Project
    other: Project
    people: dict[Role, User]

    def of_these(self, model: Any) -> Any:
        return model.objects.filter(**{f"{model.project_path}__in": [self.own.pk, self.other.pk]})


@pytest.fixture
def cast(in_tenant: LookAlike) -> Cast:
    own, other = ProjectFactory.create_batch(2)
    people = {role: UserFactory.create(role=role) for role in Role}
    ProjectMembershipFactory.create(project=own, user=people[Role.TEAM_LEADER])
    StakeholderFactory.create(project=own, user=people[Role.STAKEHOLDER])
    return Cast(own, other, people)


def facts_in(project: Project) -> dict[type[Any], Any]:
    change = FieldChangeFactory.create(work_item__project=project)
    return {
        Goal: GoalFactory.create(project=project),
        WorkItem: change.work_item,
        FieldChange: change,
        IterationMembership: IterationMembershipFactory.create(iteration__project=project, work_item=change.work_item),
        WorkItemLink: WorkItemLinkFactory.create(work_item=change.work_item, target_item=change.work_item),
    }


@pytest.mark.parametrize("role", [Role.ADMIN, Role.PROJECT_MANAGER, Role.ANALYST])
def test_roles_of_the_whole_tenant_see_every_project(cast: Cast, role: Role) -> None:
    seen = visible_projects(cast.people[role])

    assert {cast.own, cast.other} <= set(seen)


@pytest.mark.parametrize("role", [Role.TEAM_LEADER, Role.STAKEHOLDER])
def test_roles_of_some_projects_see_theirs_only(cast: Cast, role: Role) -> None:
    assert list(visible_projects(cast.people[role])) == [cast.own]


def test_stakeholder_entry_opens_nothing_to_a_team_leader(cast: Cast) -> None:
    StakeholderFactory.create(project=cast.other, user=cast.people[Role.TEAM_LEADER])

    assert list(visible_projects(cast.people[Role.TEAM_LEADER])) == [cast.own]


def test_two_memberships_do_not_double_a_project(cast: Cast) -> None:
    leader = cast.people[Role.TEAM_LEADER]
    ProjectMembershipFactory.create(project=cast.other, user=leader)

    assert sorted(p.pk for p in visible_projects(leader)) == sorted([cast.own.pk, cast.other.pk])


@pytest.mark.parametrize("model", [Goal, WorkItem, FieldChange, IterationMembership, WorkItemLink])
def test_team_leader_sees_facts_of_own_projects_at_any_depth(cast: Cast, model: Any) -> None:
    own = facts_in(cast.own)[model]
    facts_in(cast.other)

    seen = restrict_to_visible(cast.of_these(model), cast.people[Role.TEAM_LEADER])

    assert [row.pk for row in seen] == [own.pk]


def test_stakeholder_does_not_see_the_record_of_the_work(cast: Cast) -> None:
    facts_in(cast.own)
    stakeholder = cast.people[Role.STAKEHOLDER]

    assert restrict_to_visible(cast.of_these(Goal), stakeholder).count() == 1
    assert restrict_to_visible(cast.of_these(WorkItem), stakeholder).count() == 0


def test_contributors_are_closed_to_roles_of_some_projects(cast: Cast) -> None:
    contributor = ContributorFactory.create()
    everyone = Contributor.objects.filter(pk=contributor.pk)

    assert restrict_to_visible(everyone, cast.people[Role.ANALYST]).count() == 1
    assert restrict_to_visible(everyone, cast.people[Role.TEAM_LEADER]).count() == 0


def test_team_leader_sees_the_people_of_own_projects(cast: Cast) -> None:
    leader = cast.people[Role.TEAM_LEADER]
    colleague = ProjectMembershipFactory.create(project=cast.own).user
    stranger = ProjectMembershipFactory.create(project=cast.other).user
    people = User.objects.filter(pk__in=[leader.pk, colleague.pk, stranger.pk])

    assert set(restrict_to_visible(people, leader)) == {leader, colleague}


def test_stakeholder_sees_no_person_but_themselves(cast: Cast) -> None:
    stakeholder = cast.people[Role.STAKEHOLDER]
    ProjectMembershipFactory.create(project=cast.own)

    assert list(restrict_to_visible(User.objects.all(), stakeholder)) == [stakeholder]


def test_inactive_person_sees_nothing(cast: Cast) -> None:
    former = UserFactory.create(role=Role.ADMIN, is_active=False)

    assert not visible_projects(former).exists()


def test_operator_sees_what_the_tenant_entered_holds(cast: Cast) -> None:
    operator = User(is_operator=True, role="")

    assert {cast.own, cast.other} <= set(visible_projects(operator))


@pytest.mark.parametrize("role", list(Role))
def test_nobody_sees_a_project_of_the_other_tenant(cast: Cast, theirs: LookAlike, role: Role) -> None:
    with tenant_context(theirs.tenant.pk):
        foreign = set(Project.objects.values_list("pk", flat=True))

    assert foreign
    assert foreign.isdisjoint(project.pk for project in visible_projects(cast.people[role]))


def test_membership_of_a_user_opens_nothing_in_another_tenant(cast: Cast, theirs: LookAlike) -> None:
    with tenant_context(theirs.tenant.pk):
        assert not visible_projects(cast.people[Role.TEAM_LEADER]).exists()


def test_visible_rows_take_one_query(cast: Cast, django_assert_num_queries: Any) -> None:
    facts_in(cast.own)

    with django_assert_num_queries(1):
        list(restrict_to_visible(FieldChange.objects.all(), cast.people[Role.TEAM_LEADER]))

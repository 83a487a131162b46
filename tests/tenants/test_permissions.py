"""The role matrix says what the product description says, and closes what it does not name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.enums import ApiScope, Role
from tenants.permissions import (
    MATRIX,
    MODELS,
    RESOURCE_OF,
    SCOPE,
    SYSTEM_WRITTEN,
    Action,
    Resource,
    Scope,
    allowed,
    allowed_by_name,
    key_allows,
    scope,
)

WRITES = (Action.ADD, Action.CHANGE, Action.DELETE)


def test_every_role_has_a_row_and_a_scope() -> None:
    assert set(MATRIX) == set(Role) == set(SCOPE)


def test_every_model_belongs_to_one_resource() -> None:
    listed = [label for labels in MODELS.values() for label in labels]

    assert len(listed) == len(set(listed)) == len(RESOURCE_OF)
    assert set(MODELS) == set(Resource)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("resource", sorted(SYSTEM_WRITTEN))
def test_nobody_writes_what_the_system_writes(role: Role, resource: Resource) -> None:
    granted = [action for label in MODELS[resource] for action in WRITES if allowed(role, action, label)]

    assert granted == []


def test_an_analyst_changes_nothing() -> None:
    assert [(label, action) for label in RESOURCE_OF for action in WRITES if allowed(Role.ANALYST, action, label)] == []
    assert allowed(Role.ANALYST, Action.ANALYSE, "projects.Project")
    assert allowed(Role.ANALYST, Action.EXPORT, "gaps.Gap")


def test_a_stakeholder_only_views() -> None:
    granted = {action for actions in MATRIX[Role.STAKEHOLDER].values() for action in actions}

    assert granted == {Action.VIEW}


def test_a_team_leader_writes_gaps_actions_and_reports_only() -> None:
    written = {label for label in RESOURCE_OF for action in WRITES if allowed(Role.TEAM_LEADER, action, label)}

    assert written == {
        "gaps.gap",
        "gaps.rootcause",
        "gaps.affectedarea",
        "gaps.evidence",
        "gaps.correctiveaction",
        "predictions.preventiveaction",
        "predictions.missedevent",
    }


ADMINISTRATORS_ALONE = (Resource.API_KEY, Resource.AUDIT, Resource.INVITATION, Resource.KEPT_ANSWER)


@pytest.mark.parametrize(
    ("role", "closed"),
    [
        (Role.ADMIN, set()),
        (Role.PROJECT_MANAGER, {*ADMINISTRATORS_ALONE}),
        (Role.ANALYST, {*ADMINISTRATORS_ALONE}),
        (
            Role.TEAM_LEADER,
            {
                *ADMINISTRATORS_ALONE,
                *(Resource.CONTRIBUTOR, Resource.PULSE, Resource.MONEY),
                *(Resource.INTEGRATION, Resource.SYNC_RESULT, Resource.DESTINATION, Resource.DELIVERY),
            },
        ),
        (
            Role.STAKEHOLDER,
            {
                *ADMINISTRATORS_ALONE,
                *(Resource.CONTRIBUTOR, Resource.PULSE, Resource.MONEY),
                *(Resource.INTEGRATION, Resource.SYNC_RESULT, Resource.DESTINATION, Resource.DELIVERY),
                *(Resource.PEOPLE, Resource.RECORD, Resource.RUN),
            },
        ),
    ],
)
def test_what_is_closed_to_a_role(role: Role, closed: set[Resource]) -> None:
    """Written out: tests that ask the matrix what to expect of it notice no change of it."""
    assert {resource for resource in Resource if Action.VIEW not in MATRIX[role].get(resource, ())} == closed


@pytest.mark.parametrize("resource", [Resource.TENANT, Resource.USER, Resource.API_KEY])
def test_only_an_administrator_writes_the_organisation_and_its_people(resource: Resource) -> None:
    writers = {role for role in Role for action in WRITES if action in MATRIX[role].get(resource, ())}

    assert writers == {Role.ADMIN}


def test_only_an_administrator_reaches_keys_and_the_audit_log() -> None:
    for label in ("tenants.ApiKey", "tenants.AuditEntry"):
        assert [role for role in Role if allowed(role, Action.VIEW, label)] == [Role.ADMIN]


@pytest.mark.parametrize("role", Role)
def test_nobody_creates_or_deletes_a_tenant_from_inside_one(role: Role) -> None:
    assert not allowed(role, Action.ADD, "tenants.Tenant")
    assert not allowed(role, Action.DELETE, "tenants.Tenant")


@pytest.mark.parametrize(
    ("role", "label", "expected"),
    [
        (Role.ADMIN, "gaps.Gap", Scope.TENANT),
        (Role.PROJECT_MANAGER, "gaps.Gap", Scope.TENANT),
        (Role.ANALYST, "projects.CostEntry", Scope.TENANT),
        (Role.TEAM_LEADER, "gaps.Gap", Scope.MEMBER_PROJECTS),
        (Role.TEAM_LEADER, "tenants.User", Scope.MEMBER_PROJECTS),
        (Role.STAKEHOLDER, "gaps.Gap", Scope.STAKEHOLDER_PROJECTS),
        (Role.STAKEHOLDER, "tenants.User", Scope.SELF),
        (Role.STAKEHOLDER, "tenants.Tenant", Scope.TENANT),
        (Role.TEAM_LEADER, "tenants.AuditEntry", Scope.NONE),
        (None, "gaps.Gap", Scope.NONE),
    ],
)
def test_scope_of_a_role(role: Role | None, label: str, expected: Scope) -> None:
    assert scope(role, label) == expected


@given(role=st.text(), action=st.text(), label=st.text())
def test_what_is_unknown_is_not_allowed(role: str, action: str, label: str) -> None:
    assert not allowed(role, Action.VIEW, "gaps.Gap") or role in Role.values
    assert not allowed(Role.ADMIN, Action.VIEW, label) or label.lower() in RESOURCE_OF
    assert not allowed(Role.ADMIN, action, "gaps.Gap") or action in set(Action)


def test_django_permission_names_read_the_same_table() -> None:
    assert allowed_by_name(Role.TEAM_LEADER, "gaps.change_rootcause")
    assert not allowed_by_name(Role.TEAM_LEADER, "projects.change_project")
    assert not allowed_by_name(Role.ADMIN, "gaps.change")
    assert not allowed_by_name(Role.ADMIN, "")


def test_a_key_is_held_to_its_scopes() -> None:
    assert key_allows([ApiScope.READ], Action.VIEW, "gaps.Gap")
    assert not key_allows([ApiScope.READ], Action.CHANGE, "gaps.Gap")
    assert key_allows([ApiScope.WRITE], Action.TRANSITION, "gaps.Gap")
    assert not key_allows([ApiScope.WRITE], Action.IMPORT, "projects.Project")
    assert not key_allows([], Action.VIEW, "gaps.Gap")
    assert not key_allows(["no such scope"], Action.VIEW, "gaps.Gap")


@pytest.mark.parametrize("label", ["tenants.ApiKey", "tenants.User"])
def test_a_key_makes_neither_keys_nor_users(label: str) -> None:
    assert not key_allows(ApiScope.values, Action.ADD, label)

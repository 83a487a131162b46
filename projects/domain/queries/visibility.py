"""Which rows a person may see: the one place where a role's scope becomes a filter.

Isolation between tenants is not done here; it holds below, whatever this module does. This narrows within a tenant.
"""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from projects.models import Project, ProjectMembership, Stakeholder
from tenants.enums import Role
from tenants.models import User
from tenants.permissions import Scope, scope

M = TypeVar("M", bound=Model)


def visible_projects(user: User) -> QuerySet[Project]:
    """The projects of the current tenant that a person may see, by role."""
    return restrict_to_visible(Project.objects.all(), user)


def restrict_to_visible(queryset: QuerySet[M], user: User) -> QuerySet[M]:
    """Narrow any queryset to the rows that a person may see, by the role matrix and the model's `project_path`.

    A model without a path to a project is closed to roles that see only some projects; people are the exception: who
    shares a project with them. An operator sees what an administrator sees of the tenant they entered.
    """
    model = queryset.model
    match scope(role_in_tenant(user), model._meta.label):
        case Scope.TENANT:
            return queryset
        case Scope.MEMBER_PROJECTS:
            return _within(queryset, _member_project_ids(user), user)
        case Scope.STAKEHOLDER_PROJECTS:
            return _within(queryset, _stakeholder_project_ids(user), user)
        case Scope.SELF if model is User:
            return queryset.filter(pk=user.pk)
        case _:
            return queryset.none()


def search_scope(model: type[Model], user: User) -> list[UUID] | None:
    """The ids within which a person's search of a model may look: of projects, or of rows where it has no project.

    None: the whole tenant. A search counts its matches before rows are read, so what is hidden must be left out there.
    """
    manager: Any = model._default_manager
    found: QuerySet[Any, Any]
    match scope(role_in_tenant(user), model._meta.label):
        case Scope.TENANT:
            return None
        case Scope.MEMBER_PROJECTS if _has_project(model):
            found = _member_project_ids(user)
        case Scope.STAKEHOLDER_PROJECTS if _has_project(model):
            found = _stakeholder_project_ids(user)
        case _:
            found = restrict_to_visible(manager.all(), user).values("pk")
    return sorted({row_id for row in found for row_id in row.values()})


def _has_project(model: type[Model]) -> bool:
    return getattr(model, "project_path", None) is not None


def role_in_tenant(user: User) -> str | None:
    """The role by which the matrix judges a person; None for one who is not active."""
    if not user.is_active:
        return None
    return Role.ADMIN if user.is_operator else user.role


def _within(queryset: QuerySet[M], project_ids: QuerySet[Any, Any], user: User) -> QuerySet[M]:
    """Rows of these projects. The ids stay a subquery: one round trip however many projects there are."""
    if queryset.model is User:
        colleagues = ProjectMembership.objects.filter(project_id__in=project_ids).values("user_id")
        return queryset.filter(Q(pk=user.pk) | Q(pk__in=colleagues))
    project_path: str | None = getattr(queryset.model, "project_path", None)
    if project_path is None:
        return queryset.none()
    return queryset.filter(**{f"{project_path}__in": project_ids})


def _member_project_ids(user: User) -> QuerySet[Any, Any]:
    return ProjectMembership.objects.filter(user_id=user.pk).values("project_id")


def _stakeholder_project_ids(user: User) -> QuerySet[Any, Any]:
    return Stakeholder.objects.filter(user_id=user.pk).values("project_id")

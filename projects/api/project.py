"""Projects and the people around them."""

from __future__ import annotations

from projects.models import Project, ProjectMembership, Stakeholder
from tenants.api.filters import EXACT, NULLABLE_RANGE, RANGE, SET
from tenants.api.serializers import serializer_for
from tenants.api.viewsets import Routes, TenantViewSet


class ProjectViewSet(TenantViewSet[Project]):
    """Projects: a scope, a date, perhaps a budget, and the tolerances that say when a deviation counts."""

    model = Project
    serializer_class = serializer_for(Project)
    filters = {"status": SET, "owner": EXACT, "name": EXACT, "end_date": NULLABLE_RANGE, "created_at": RANGE}
    orderings = ("id", "status")


class ProjectMembershipViewSet(TenantViewSet[ProjectMembership]):
    """Who works on a project: what a team leader is allowed to see follows from it."""

    model = ProjectMembership
    serializer_class = serializer_for(ProjectMembership, fixed=("project", "user"))
    filters = {"project": EXACT, "user": EXACT, "role": SET}


class StakeholderViewSet(TenantViewSet[Stakeholder]):
    """People with an interest in a project, who may or may not log in here."""

    model = Stakeholder
    serializer_class = serializer_for(Stakeholder, fixed=("project",))
    filters = {"project": EXACT, "user": EXACT, "email": EXACT}


PROJECT_ROUTES: Routes = {
    "projects": ProjectViewSet,
    "memberships": ProjectMembershipViewSet,
    "stakeholders": StakeholderViewSet,
}

"""Projects and the people around them."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request

from projects.api.imports import ImportAnswerSerializer, ImportSerializer, import_upload, replay_address
from projects.api.runs import ImportRunSerializer
from projects.imports.reading import title_of
from projects.models import ImportRun, Project, ProjectMembership, Stakeholder
from tenants.api.access import requester
from tenants.api.filters import EXACT, NULLABLE_RANGE, RANGE, SET
from tenants.api.parsers import UploadParser
from tenants.api.serializers import serializer_for
from tenants.api.viewsets import Routes, TenantViewSet, created
from tenants.permissions import Action


class ProjectViewSet(TenantViewSet[Project]):
    """Projects: a scope, a date, perhaps a budget, and the tolerances that say when a deviation counts."""

    model = Project
    serializer_class = serializer_for(Project)
    filters = {"status": SET, "owner": EXACT, "name": EXACT, "end_date": NULLABLE_RANGE, "created_at": RANGE}
    orderings = ("id", "status")
    custom_actions = {"imports": Action.IMPORT}

    @extend_schema(request={"multipart/form-data": ImportSerializer}, responses={201: ImportAnswerSerializer})
    @action(detail=True, methods=["post"], parser_classes=[UploadParser])
    def imports(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Read a history file into the project's record. The same file again changes nothing.

        Broken lines are reported with their numbers and the rest is imported, or nothing with `strict`: then the
        run's status is REFUSED. After a first import `replay` is where a look back over the past is started, in a
        request of its own.
        """
        project = self.find()
        upload = ImportSerializer(data=request.data)
        upload.is_valid(raise_exception=True)
        run = import_upload(project=project, upload=upload.validated_data, by=requester(request))
        row = ImportRun.objects.filter(pk=run.pk).values(*ImportRunSerializer.columns())[0]
        row["format"] = title_of(run.profile)
        row["replay"] = replay_address(project, run)
        return created(request, row, f"/api/v1/import-runs/{run.pk}")


class ProjectMembershipViewSet(TenantViewSet[ProjectMembership]):
    """Who works on a project: what a team leader is allowed to see follows from it."""

    model = ProjectMembership
    serializer_class = serializer_for(ProjectMembership)
    filters = {"project": EXACT, "user": EXACT, "role": SET}


class StakeholderViewSet(TenantViewSet[Stakeholder]):
    """People with an interest in a project, who may or may not log in here."""

    model = Stakeholder
    serializer_class = serializer_for(Stakeholder)
    filters = {"project": EXACT, "user": EXACT, "email": EXACT}


PROJECT_ROUTES: Routes = {
    "projects": ProjectViewSet,
    "memberships": ProjectMembershipViewSet,
    "stakeholders": StakeholderViewSet,
}

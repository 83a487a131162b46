"""The backoffice's button that analyses a project now."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from projects.models import Project
from stratibreak.pipeline import RefreshOutcome, refresh_project
from tenants.admin.base import reads_across_tenants
from tenants.domain.auditing import AuditAction, record


def analyse_project(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Analyse a project as it is known now, as ``POST /projects/{id}/refresh`` does, and go back to its page."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if reads_across_tenants() or not request.user.has_perm("projects.analyse_project"):
        raise PermissionDenied
    project = get_object_or_404(Project, pk=project_id)
    now = timezone.now()
    found = refresh_project(project=project, as_of=now, at=now)
    if found.outcome == RefreshOutcome.BUSY:
        messages.warning(request, "Another analysis of this project is running. Nothing was changed; try again soon.")
    else:
        record(action=AuditAction.RUN_ANALYSIS, resource=project)
        messages.success(request, "The project was analysed just now.")
    return HttpResponseRedirect(reverse("admin:projects_project_change", args=[project.pk]))

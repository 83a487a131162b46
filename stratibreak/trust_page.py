"""The backoffice's page "Can it be trusted?": what our settled predictions were worth."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone

from predictions.enums import PredictionType
from predictions.models import Prediction
from projects.models import Project
from stratibreak.page_plots.trust import trust_report
from stratibreak.reading_page import reading_page
from tenants.api.access import visible_of
from tenants.api.reads import record_read


@reading_page("predictions.view_prediction")
def trust(request: HttpRequest) -> HttpResponse:
    """Show the record of the organisation that is chosen, or of one project or type of it."""
    user: Any = request.user
    project, chosen = _project(request, user), _type(request)
    context = {
        **admin.site.each_context(request),
        "title": "Can it be trusted?",
        "report": trust_report(project=project, prediction_type=chosen, user=user, at=timezone.now()),
        "project": project,
        "chosen": chosen,
        "types": PredictionType.choices,
    }
    record_read(Prediction, [])
    return TemplateResponse(request, "admin/trust.html", context)


def _project(request: HttpRequest, user: Any) -> Project | None:
    asked = request.GET.get("project")
    if not asked:
        return None
    try:
        project_id = UUID(asked)
    except ValueError:
        raise Http404 from None
    found: Project = get_object_or_404(visible_of(Project.objects.all(), user), pk=project_id)
    return found


def _type(request: HttpRequest) -> PredictionType | None:
    asked = request.GET.get("type")
    if not asked:
        return None
    if asked not in PredictionType.values:
        raise Http404
    return PredictionType(asked)

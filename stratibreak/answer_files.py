"""Tables inside answers as files of the backoffice: those of the API, for whoever may export what they are about.

A page names its answers with `{% answer_files "forecast" project.pk %}`, and gets a link for each table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404
from django.utils import timezone

from gaps.answer_tables import BRIEFING, CAUSE_MAP, EFFICACY, PORTFOLIO
from gaps.domain.acting import describe_action_efficacy
from gaps.domain.briefing import describe_briefing
from gaps.domain.cause_map import describe_cause_map
from gaps.models import CorrectiveAction, Gap
from predictions.answer_tables import CALIBRATION, FORECAST, REPLAY, SLIP
from predictions.domain.calibrating import describe_calibration
from predictions.domain.forecast_answer import describe_full_forecast
from predictions.domain.replaying import describe_replay
from predictions.domain.slip import describe_slip
from predictions.enums import PredictionType
from predictions.models import MissedEvent, Prediction, PredictionOverride, PreventiveAction
from projects.answer_tables import DATA_QUALITY
from projects.domain.data_quality import describe_data_quality
from projects.models import AnalysisRecord, Project
from stratibreak.portfolio_page import portfolio_of
from tenants.admin.base import reads_across_tenants
from tenants.api.access import visible_of
from tenants.api.organisation import SUSPICIOUS_ACTIVITY, describe_suspicious_activity
from tenants.api.problems import InvalidParameter
from tenants.api.tables import AnswerFile, TableOf, Told, asked_file, file_head, file_response, tables_of
from tenants.models import AuditEntry
from tenants.permissions import Action

NARROWING = ("project", "type")
"""What a page of the record of predictions was narrowed by."""


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """An answer that pages show.

    about: what it answers, on a link;  address: where the API gives it, with the id as {}
    model: whose readers may ask;  tell: for a person, of a row
    """

    about: str
    address: str
    model: type[Any]
    shape: Sequence[TableOf]
    tell: Callable[[HttpRequest, UUID | None], Told]

    def may_leave(self, request: HttpRequest) -> bool:
        """Whether a person may export it. Not while an operator reads across tenants: no trail would hold it."""
        label = self.model._meta
        user: Any = request.user
        may: bool = user.has_perm(f"{label.app_label}.{Action.EXPORT}_{label.model_name}")
        return may and not reads_across_tenants()


def answer_file(request: HttpRequest, answer: str, row_id: UUID | None = None) -> HttpResponse:
    """Send the tables of an answer: ?format= and ?table= as in the API."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    found = PAGE_ANSWERS.get(answer)
    if found is None or (row_id is None) == ("{}" in found.address):
        raise Http404
    if not found.may_leave(request):
        raise PermissionDenied
    query = request.GET.dict()
    try:
        wanted = asked_file(query, found.shape, otherwise="xlsx")
    except InvalidParameter as error:
        raise Http404 from error
    tables = tables_of(found.shape, found.tell(request, row_id))
    file = AnswerFile(found.address.format(row_id), found.model._meta.label_lower, tables, query)
    respond = file_head if request.method == "HEAD" else file_response
    return respond(file, wanted, at=timezone.now())


def _project(request: HttpRequest, row_id: UUID | None) -> Project:
    found: Project = get_object_or_404(visible_of(Project.objects.all(), request.user), pk=row_id)
    return found


def _briefing(request: HttpRequest, _: UUID | None) -> Told:
    user = request.user
    return describe_briefing(
        projects=visible_of(Project.objects.all(), user),
        gaps=visible_of(Gap.objects.all(), user),
        predictions=visible_of(Prediction.objects.all(), user),
        at=timezone.now(),
    )


def _efficacy(request: HttpRequest, _: UUID | None) -> Told:
    corrective = visible_of(CorrectiveAction.objects.all(), request.user)
    return describe_action_efficacy(corrective, visible_of(PreventiveAction.objects.all(), request.user))


def _calibration(request: HttpRequest, _: UUID | None) -> Told:
    """Of a project or a type where the page was narrowed to it."""
    user, asked = request.user, request.GET
    predictions = visible_of(Prediction.objects.all(), user)
    overrides = visible_of(PredictionOverride.objects.all(), user)
    reports = visible_of(MissedEvent.objects.all(), user)
    if chosen := asked.get("type"):
        if chosen not in PredictionType.values:
            raise Http404
        predictions, reports = predictions.filter(type=chosen), reports.filter(type=chosen)
        overrides = overrides.filter(prediction__type=chosen)
    if asked.get("project"):
        project = _project(request, _id(asked["project"]))
        predictions, overrides, reports = (rows.filter(project=project) for rows in (predictions, overrides, reports))
    return describe_calibration(predictions=predictions, overrides=overrides, reports=reports, at=timezone.now())


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


def _forecast(request: HttpRequest, row_id: UUID | None) -> Told:
    rows = visible_of(Prediction.objects.all(), request.user)
    return describe_full_forecast(_project(request, row_id), predictions=rows, at=timezone.now())


def _quality(request: HttpRequest, row_id: UUID | None) -> Told:
    user: Any = request.user
    return describe_data_quality(_project(request, row_id), with_examples=user.has_perm("projects.view_workitem"))


def _cause_map(request: HttpRequest, row_id: UUID | None) -> Told:
    return describe_cause_map(get_object_or_404(visible_of(Gap.objects.all(), request.user), pk=row_id))


PAGE_ANSWERS: Mapping[str, PageAnswer] = MappingProxyType(
    {
        "portfolio": PageAnswer(
            "how all projects stand", "portfolio", Gap, PORTFOLIO, lambda request, _: portfolio_of(request.user)
        ),
        "briefing": PageAnswer("what to deal with first", "me/briefing", Gap, BRIEFING, _briefing),
        "action-efficacy": PageAnswer("what helped", "action-efficacy", CorrectiveAction, EFFICACY, _efficacy),
        "calibration": PageAnswer("can it be trusted?", "calibration", Prediction, CALIBRATION, _calibration),
        "forecast": PageAnswer("when will it be done?", "projects/{}/forecast", Prediction, FORECAST, _forecast),
        "slip": PageAnswer(
            "why it slips",
            "projects/{}/slip",
            Prediction,
            SLIP,
            lambda request, row_id: describe_slip(_project(request, row_id)),
        ),
        "replay": PageAnswer(
            "what the past would have shown",
            "projects/{}/replay",
            AnalysisRecord,
            REPLAY,
            lambda request, row_id: describe_replay(_project(request, row_id)),
        ),
        "data-quality": PageAnswer(
            "can the record be believed?", "projects/{}/data-quality", AnalysisRecord, DATA_QUALITY, _quality
        ),
        "cause-map": PageAnswer("the causes and their order", "gaps/{}/cause-map", Gap, CAUSE_MAP, _cause_map),
        "suspicious-activity": PageAnswer(
            "what deserves a look",
            "suspicious-activity",
            AuditEntry,
            SUSPICIOUS_ACTIVITY,
            lambda _, __: describe_suspicious_activity(at=timezone.now()),
        ),
    }
)
"""By the name that a page gives them."""

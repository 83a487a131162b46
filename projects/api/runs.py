"""What the system ran over a project: analyses and imports. Written by it, read by people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from projects.answer_tables import DATA_QUALITY
from projects.domain.data_quality import describe_data_quality, without_examples
from projects.enums import Readiness
from projects.models import AnalysisRecord, ImportRun, Project, WorkItem
from tenants.api.access import requester
from tenants.api.filters import EXACT, RANGE, SET, TenantFilterBackend
from tenants.api.serializers import serializer_for
from tenants.api.tables import file_handler, file_view
from tenants.api.viewsets import ReadOnlyTenantViewSet, Routes, answer
from tenants.permissions import Action, allowed

ImportRunSerializer = serializer_for(ImportRun)


class AnalysisRecordViewSet(ReadOnlyTenantViewSet[AnalysisRecord]):
    """Runs of analyses: what each read, what it said, how long it took."""

    model = AnalysisRecord
    serializer_class = serializer_for(AnalysisRecord)
    filters = {"project": EXACT, "kind": SET, "readiness": SET, "as_of": RANGE, "created_at": RANGE}
    read_is_audited = True

    def shown(self, rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        """Without examples of bad data for whoever may not see the work: they are its items."""
        if _may_see_work(self.request):
            return rows
        return [{**row, "results": without_examples(row["results"])} for row in rows]


class DataQualitySerializer(serializers.Serializer[Any]):
    """What is wrong with a project's record, the gravest first; null without an analysis."""

    project = serializers.UUIDField()
    as_of = serializers.DateTimeField(allow_null=True)
    readiness = serializers.ChoiceField(choices=Readiness.choices, help_text="Of the analysis that found it.")
    readiness_reasons = serializers.ListField(child=serializers.DictField())
    analysis = serializers.UUIDField(allow_null=True, help_text="The analysis record that keeps the list.")
    issues = serializers.ListField(
        child=serializers.DictField(),
        allow_null=True,
        help_text="rule, severity, count, at most five examples (id, key, url), and how to fix it.",
    )


class DataQualityViewSet(ReadOnlyTenantViewSet[Project]):
    """How far a project's record can be believed."""

    model = Project
    serializer_class = serializer_for(Project)
    custom_actions = {"data_quality": Action.VIEW, "data_quality_file": Action.EXPORT}
    pagination_class = None
    filter_backends = [TenantFilterBackend]  # none is declared: a parameter nobody reads is refused

    def permission_label(self) -> str:
        return AnalysisRecord._meta.label_lower

    def own_parameters(self) -> frozenset[str]:
        return self.file_parameters

    @extend_schema(operation_id="projects_data_quality_retrieve", responses=DataQualitySerializer)
    def data_quality(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """What is wrong with the record, with examples and how to fix it, as the newest analysis found it."""
        return answer(request, self._told(request))

    def _told(self, request: Request) -> dict[str, Any]:
        self.filter_queryset(self.get_queryset())  # refuses a parameter that nobody reads
        return describe_data_quality(self.find(), with_examples=_may_see_work(request))

    data_quality_file = file_handler(_told, DATA_QUALITY, operation_id="projects_data_quality_export")


def _may_see_work(request: Request) -> bool:
    return allowed(requester(request).role, Action.VIEW, WorkItem._meta.label_lower)


class ImportRunViewSet(ReadOnlyTenantViewSet[ImportRun]):
    """Readings of files: how far each came, and what became of every record."""

    model = ImportRun
    serializer_class = ImportRunSerializer
    filters = {"project": EXACT, "status": SET, "started_at": RANGE}


RUN_ROUTES: Routes = {"analysis-records": AnalysisRecordViewSet, "import-runs": ImportRunViewSet}

ITEM_VIEWS: dict[str, Callable[..., Any]] = {
    "projects/<str:pk>/data-quality": DataQualityViewSet.as_view({"get": "data_quality"}),
    "projects/<str:pk>/data-quality/export": file_view(DataQualityViewSet, "data_quality_file"),
}
"""Further things to ask of an item, by address."""

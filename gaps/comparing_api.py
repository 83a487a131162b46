"""Comparing two runs of an analysis through the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from gaps.answer_tables import COMPARISON
from gaps.domain.comparing import RunsNotComparable, describe_comparison
from gaps.models import Gap
from projects.models import AnalysisRecord, Project
from tenants.api.access import visible
from tenants.api.database_errors import MISSING_REFERENCE
from tenants.api.problems import InvalidParameter
from tenants.api.reads import record_read
from tenants.api.serializers import serializer_for
from tenants.api.tables import file_handler, file_view
from tenants.api.viewsets import ReadOnlyTenantViewSet, answer
from tenants.permissions import Action

NAMES = ("from", "to")
TWO_RUNS = [
    OpenApiParameter(name, {"type": "string", "format": "uuid"}, required=True, description="Analysis record.")
    for name in NAMES
]


class ComparisonSerializer(serializers.Serializer[Any]):
    """What changed between two runs of one kind, and why."""

    project = serializers.UUIDField()
    kind = serializers.CharField()
    to = serializers.DictField(help_text="The later run; `from`, of the same shape, is the earlier one.")
    inputs_are_same = serializers.BooleanField()
    results_are_same = serializers.BooleanField()
    model_is_same = serializers.BooleanField()
    readiness = serializers.DictField(help_text="changed, and the reasons that came and went.")
    forecast = serializers.DictField(help_text="P(on time) and P85 beside each, how far they moved; moves: the parts.")
    gaps = serializers.DictField(help_text="Counts of all changes between the runs, and the first hundred of them.")
    comparison_hash = serializers.CharField(help_text="SHA-256 of the answer: the same two runs give the same.")

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": serializers.DictField(help_text="The earlier run.")}


class ComparisonViewSet(ReadOnlyTenantViewSet[Project]):
    """Two runs of one analysis."""

    model = Project
    serializer_class = serializer_for(Project)
    custom_actions = {"compare": Action.VIEW, "compare_file": Action.EXPORT}
    pagination_class = None
    filter_backends = []

    def permission_label(self) -> str:
        return AnalysisRecord._meta.label_lower

    @extend_schema(
        operation_id="projects_analyses_compare",
        parameters=TWO_RUNS,
        responses=ComparisonSerializer,
    )
    def compare(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """What changed between two analyses of the project, and why: gaps, forecast, readiness, inputs."""
        told = self._told(request)
        record_read(Gap, [])
        return answer(request, told)

    def _told(self, request: Request) -> dict[str, Any]:
        project = self.find()
        earlier, later = _runs(request, project, known=self.file_parameters)
        try:
            return describe_comparison(earlier, later)
        except RunsNotComparable as refused:
            raise InvalidParameter({refused.field: [str(refused)]}) from refused

    compare_file = file_handler(_told, COMPARISON, operation_id="projects_analyses_compare_export", parameters=TWO_RUNS)


def _runs(request: Request, project: Project, *, known: frozenset[str]) -> tuple[AnalysisRecord, AnalysisRecord]:
    """The two runs asked for, in one query. Raises InvalidParameter; a run one may not see does not exist."""
    if unknown := sorted(set(request.query_params) - {*NAMES, *known}):
        raise InvalidParameter({name: ["There is no such parameter here."] for name in unknown})
    wanted = {name: _id(request, name) for name in NAMES}
    rows = visible(AnalysisRecord, request).filter(project=project, pk__in=wanted.values())
    found = {row.pk: row for row in rows}
    if missing := [name for name, identifier in wanted.items() if identifier not in found]:
        raise InvalidParameter({name: [MISSING_REFERENCE] for name in missing})
    return found[wanted["from"]], found[wanted["to"]]


def _id(request: Request, name: str) -> UUID:
    if name not in request.query_params:
        raise InvalidParameter({name: ["Name an analysis record of the project."]})
    try:
        return UUID(request.query_params[name])
    except ValueError:
        raise InvalidParameter({name: [MISSING_REFERENCE]}) from None


ITEM_VIEWS: dict[str, Callable[..., Any]] = {
    "projects/<str:pk>/analyses/compare": ComparisonViewSet.as_view({"get": "compare"}),
    "projects/<str:pk>/analyses/compare/export": file_view(ComparisonViewSet, "compare_file"),
}
"""By address."""

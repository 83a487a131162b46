"""What can be asked of a connection: whether it works, what it would bring, that it is read now, and how that went."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from integrations.connectors.base import ConnectionReport
from integrations.domain.connecting import begin_connection_test, described_report, end_connection_test
from integrations.domain.environment import Environment
from integrations.domain.mappings import change_mappings, chosen_categories, known_statuses
from integrations.domain.previewing import Preview, PreviewedStream, begin_preview, end_preview
from integrations.domain.progress import RunState, RunUnderWay, run_under_way
from integrations.domain.starting import start_sync, switch_off
from integrations.domain.syncing.mapped_fields import FieldRule
from integrations.enums import InternalField, Transformation
from integrations.http.errors import ToolError
from integrations.models import FieldMapping, Integration, SyncResult
from projects.enums import CategoryOrigin, StatusCategory
from projects.models import Project
from projects.models.fields import EXTERNAL_ID_MAX_LENGTH
from tenants.api.access import visible
from tenants.api.filters import PAGE_PARAMETERS, TenantFilterBackend
from tenants.api.pagination import MAX_SIZE, page_of
from tenants.api.problems import CONTENT_TYPE, ToolFailed
from tenants.api.serializers import serializer_for
from tenants.api.viewsets import ReadOnlyTenantViewSet, answer, said
from tenants.outside import Question, is_answered, told
from tenants.permissions import Action

SyncResultSerializer = serializer_for(SyncResult)
MOST_MAPPINGS = 500
TOOL_FAILED = {
    (HTTPStatus.FAILED_DEPENDENCY, CONTENT_TYPE): OpenApiResponse(
        OpenApiTypes.OBJECT,
        "The tool did not do its part. `detail` says it for people; `errors[0].code` for machines: "
        "credentials_missing, unauthorized, forbidden, not_found, gone, rate_limited, server_error, unreachable, "
        "address_refused and others.",
    )
}


class AskingViewSet(ReadOnlyTenantViewSet[Integration]):
    """Something asked of one integration."""

    model = Integration
    serializer_class = serializer_for(Integration)
    pagination_class = None
    filter_backends = [TenantFilterBackend]  # none is declared: a parameter nobody reads is refused

    def own_parameters(self) -> frozenset[str]:
        return frozenset()

    def find_asked(self) -> Integration:
        """The row in the address. Raises InvalidParameter, or NotFound when there is none to see."""
        self.filter_queryset(self.get_queryset())
        return self.find()


# --- the connection test ---


class ConnectionReportSerializer(serializers.Serializer[Any]):
    """What the tool said of itself and of our credentials."""

    ok = serializers.BooleanField(help_text="It answers, and nothing that we need is missing.")
    account = serializers.CharField(help_text="Whose credentials these are; empty where the tool does not say.")
    server = serializers.CharField(help_text="Kind and version.")
    scopes = serializers.ListField(child=serializers.CharField())
    missing_scopes = serializers.ListField(child=serializers.CharField(), help_text="Needed, and not granted.")
    expires_at = serializers.DateTimeField(allow_null=True, help_text="When the credentials end, where it is known.")
    notes = serializers.ListField(child=serializers.CharField())


class ConnectionTestViewSet(AskingViewSet):
    """Whether a connection works."""

    custom_actions = {"test": Action.CHANGE}

    @extend_schema(
        operation_id="integrations_test_create",
        request=None,
        responses={200: ConnectionReportSerializer, **TOOL_FAILED},
    )
    def test(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Ask the tool who we are, with the stored credentials, which are never shown. What it refuses is a 424."""
        integration = self.find_asked()
        if not is_answered(request._request):
            return Question(begin_connection_test(integration, Environment.configured()))
        report: ConnectionReport = told(request._request)
        end_connection_test(integration, report)
        if report.error is not None:
            raise tool_failed(report.error, *report.notes)
        return answer(request, described_report(report))


def tool_failed(error: ToolError, *notes: str) -> ToolFailed:
    return ToolFailed(" ".join((error.message, *notes)), error.code, wait_s=error.retry_after_s)


# --- a sync, now ---


class StartedSyncSerializer(serializers.Serializer[Any]):
    """Where to look for a run that was asked for."""

    integration = serializers.UUIDField()
    state = serializers.ChoiceField(
        choices=[("STARTED", "STARTED"), ("QUEUED", "QUEUED")],
        help_text="STARTED: carried out before this answer arrives. QUEUED: the next job of a worker.",
    )
    runs = serializers.CharField(help_text="The address of its runs.")


class SyncViewSet(AskingViewSet):
    """Reads a tool now."""

    custom_actions = {"sync": Action.IMPORT}

    def permission_label(self) -> str:
        return Project._meta.label_lower

    @extend_schema(operation_id="integrations_sync_create", request=None, responses={202: StartedSyncSerializer})
    def sync(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Read the tool now, and switch the connection on if it was off. 409 while it is being read, or held back.

        Short runs are carried out at once; a first run and long ones by the worker. Both are to be seen at `runs`.
        """
        integration = self.find_asked()
        is_started = start_sync(integration=integration, at=timezone.now())
        runs = f"/api/v1/integrations/{integration.pk}/runs"
        told = {"integration": integration.pk, "state": "STARTED" if is_started else "QUEUED", "runs": runs}
        response = answer(request, told, status=HTTPStatus.ACCEPTED)
        response["Location"] = runs
        return response


class SwitchOffViewSet(AskingViewSet):
    """Reads a tool no more."""

    custom_actions = {"switch_off": Action.CHANGE}

    @extend_schema(operation_id="integrations_switch_off_create", request=None, responses={204: None})
    def switch_off(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Read the tool no more, until a sync is asked for. A run under way ends with its next step; what came stays.

        The same again changes nothing.
        """
        switch_off(integration=self.find_asked())
        return HttpResponse(status=HTTPStatus.NO_CONTENT)


# --- runs ---


class StreamProgressSerializer(serializers.Serializer[Any]):
    """How far one stream has come."""

    name = serializers.CharField()
    done = serializers.IntegerField(help_text="Partitions (repositories, boards, projects) that are through.")
    total = serializers.IntegerField(allow_null=True, help_text="Null until the tool has told them.")
    counts = serializers.DictField(help_text="As in the streams of a run.")


class RunUnderWaySerializer(serializers.Serializer[Any]):
    """A run that is going on, or whose worker is gone."""

    run_id = serializers.UUIDField()
    state = serializers.ChoiceField(
        choices=[(state.value, state.value) for state in RunState],
        help_text="INTERRUPTED: nobody is at it; the next run carries it on.",
    )
    started_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField(help_text="When it last brought something.")
    pass_number = serializers.IntegerField()
    requests = serializers.IntegerField()
    waited_ms = serializers.IntegerField()
    streams = StreamProgressSerializer(many=True)


class RunsSerializer(serializers.Serializer[Any]):
    """The run under way, and a page of those that ended."""

    under_way = RunUnderWaySerializer(allow_null=True)
    results = SyncResultSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="The address of the next page, null on the last one.")


class RunsViewSet(AskingViewSet):
    """How an integration was read."""

    custom_actions = {"runs": Action.VIEW}

    def permission_label(self) -> str:
        return SyncResult._meta.label_lower

    def own_parameters(self) -> frozenset[str]:
        return PAGE_PARAMETERS

    @extend_schema(
        operation_id="integrations_runs_retrieve",
        responses=RunsSerializer,
        parameters=[
            OpenApiParameter("cursor", str, description="Where the page starts, as given in `next`."),
            OpenApiParameter("page_size", {"type": "integer", "minimum": 1, "maximum": MAX_SIZE}),
            OpenApiParameter("ordering", str, enum=["id", "-id"], description="-id, the newest first, if left out."),
        ],
    )
    def runs(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """The run under way, with its progress by stream, and the runs that ended, newest first."""
        integration = self.find_asked()
        page = page_of(
            request._request,
            visible(SyncResult, request).filter(integration=integration),
            columns=SyncResultSerializer.columns(),
            orderings=self.orderings,
            default=self.default_ordering,
        )
        told = {"under_way": _described_run(run_under_way(integration)), "results": page.rows, "next": page.next_url}
        return answer(request, told)


def _described_run(run: RunUnderWay | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "run_id": run.run_id,
        "state": run.state.value,
        "started_at": run.started_at,
        "seen_at": run.seen_at,
        "pass_number": run.pass_number,
        "requests": run.requests,
        "waited_ms": run.waited_ms,
        "streams": [
            {"name": each.name, "done": each.done, "total": each.total, "counts": each.counts} for each in run.streams
        ],
    }


# --- mappings ---


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses a member that nobody reads."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := [name for name in data if name not in self.fields]):
            raise serializers.ValidationError({str(name): ["There is no such field."] for name in unknown})
        return super().to_internal_value(data)


class FieldRuleSerializer(StrictSerializer):
    """A field of the tool, and the field of ours that it fills."""

    external_field = serializers.CharField(max_length=200, help_text="Its name, or a path with dots.")
    internal_field = serializers.ChoiceField(choices=InternalField.choices)
    transformation = serializers.ChoiceField(
        choices=Transformation.choices, required=False, default=Transformation.COPY.value
    )
    is_required = serializers.BooleanField(
        required=False, default=False, help_text="Records without it are refused and counted."
    )


class StatusSerializer(serializers.Serializer[Any]):
    """A status of the tool, and what it counts as."""

    status_id = serializers.CharField()
    name = serializers.CharField()
    category = serializers.ChoiceField(choices=StatusCategory.choices)
    origin = serializers.ChoiceField(choices=CategoryOrigin.choices)
    is_chosen = serializers.BooleanField(help_text="Whether `status_categories` says so.")


class MappingsSerializer(serializers.Serializer[Any]):
    """What the tool's fields and statuses mean."""

    fields_ = FieldRuleSerializer(many=True)
    status_categories = serializers.DictField(child=serializers.ChoiceField(choices=StatusCategory.choices))
    statuses = StatusSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        """`fields` is taken by the class."""
        return {name.rstrip("_"): field for name, field in super().get_fields().items()}


class MappingsChangeSerializer(StrictSerializer):
    """What to put in place; a member that is left out stays."""

    fields_ = serializers.ListField(child=FieldRuleSerializer(), required=False, max_length=MOST_MAPPINGS)
    status_categories = serializers.DictField(
        child=serializers.ChoiceField(choices=StatusCategory.choices),
        required=False,
        help_text="By the tool's status id, over its own category and our guess.",
    )

    def get_fields(self) -> dict[str, Any]:
        """`fields` is taken by the class."""
        return {name.rstrip("_"): field for name, field in super().get_fields().items()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        names = [rule["external_field"] for rule in attrs.get("fields", ())]
        if len(names) != len(set(names)):
            raise serializers.ValidationError({"fields": "An external field is mapped once."})
        return attrs

    def validate_status_categories(self, value: dict[str, str]) -> dict[str, str]:
        if len(value) > MOST_MAPPINGS:
            raise serializers.ValidationError(f"At most {MOST_MAPPINGS}.")
        if any(len(status_id) > EXTERNAL_ID_MAX_LENGTH for status_id in value):
            raise serializers.ValidationError(f"No status id is longer than {EXTERNAL_ID_MAX_LENGTH} characters.")
        return value


class MappingsViewSet(AskingViewSet):
    """What a tool's fields and statuses mean."""

    custom_actions = {"mappings": Action.VIEW, "change": Action.CHANGE}

    def permission_label(self) -> str:
        return FieldMapping._meta.label_lower

    def held(self, instance: Integration) -> dict[str, Any]:
        return _described_mappings(instance)

    @extend_schema(operation_id="integrations_mappings_retrieve", responses=MappingsSerializer)
    def mappings(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Field mappings, chosen status categories, and every status that is known with what it counts as."""
        return answer(request, _described_mappings(self.find_asked()))

    @extend_schema(
        operation_id="integrations_mappings_partial_update",
        request=MappingsChangeSerializer,
        responses={200: MappingsSerializer},
    )
    def change(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Put field mappings, status categories or both in place. The next run reads everything anew. Busy: 409."""
        self.filter_queryset(self.get_queryset())
        integration = self.find_locked()
        wanted = said(MappingsChangeSerializer, request)
        rules = wanted.get("fields")
        change_mappings(
            integration=integration,
            rules=None if rules is None else [FieldRule(**rule) for rule in rules],
            categories=wanted.get("status_categories"),
        )
        return answer(request, _described_mappings(integration))


def _described_mappings(integration: Integration) -> dict[str, Any]:
    columns = ("external_field", "internal_field", "transformation", "is_required")
    return {
        "fields": list(
            FieldMapping.objects.filter(integration=integration).order_by("external_field").values(*columns)
        ),
        "status_categories": chosen_categories(integration.config),
        "statuses": [
            {
                "status_id": each.status_id,
                "name": each.name,
                "category": each.category,
                "origin": each.origin,
                "is_chosen": each.is_chosen,
            }
            for each in known_statuses(integration)
        ],
    }


# --- the preview ---


class PreviewedStreamSerializer(serializers.Serializer[Any]):
    """The first page of a stream."""

    name = serializers.CharField()
    partition = serializers.CharField(help_text="The repository, board or project that was asked.")
    read = serializers.IntegerField(help_text="Records that the tool sent.")
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Facts by kind.")
    skipped = serializers.DictField(child=serializers.IntegerField())
    failed = serializers.ListField(child=serializers.DictField(), help_text="where, field and reason.")
    error = serializers.DictField(allow_null=True, help_text="code and message; null where the stream can be read.")


class PreviewSerializer(serializers.Serializer[Any]):
    """What a sync would bring. Nothing of it is kept."""

    partitions = serializers.ListField(child=serializers.CharField(), help_text="What there is to read.")
    hidden = serializers.ListField(child=serializers.DictField(), help_text="Named, and not shown: name and error.")
    streams = PreviewedStreamSerializer(many=True)
    items = serializers.ListField(child=serializers.DictField(), help_text="The first few, as they would be recorded.")
    unmapped_statuses = serializers.ListField(
        child=serializers.DictField(), help_text="status_id, name and the category that was guessed."
    )
    unmapped_fields = serializers.ListField(child=serializers.CharField())


class PreviewViewSet(AskingViewSet):
    """What a sync would bring. It uses the stored credentials and the tool's quota, so it takes the right to change."""

    custom_actions = {"preview": Action.CHANGE}

    @extend_schema(operation_id="integrations_preview_retrieve", responses={200: PreviewSerializer, **TOOL_FAILED})
    def preview(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """The first page of each stream, mapped and counted, with what nobody has mapped yet. Nothing is written."""
        integration = self.find_asked()
        try:
            if not is_answered(request._request):
                return Question(begin_preview(integration, Environment.configured()))
            found: Preview = told(request._request)
        except ToolError as error:
            end_preview(integration, error)
            raise tool_failed(error) from error
        return answer(request, _described_preview(found))


def _described_preview(found: Preview) -> dict[str, Any]:
    return {
        "partitions": list(found.partitions),
        "hidden": [{"name": name, "error": _described_error(error)} for name, error in found.hidden],
        "streams": [_described_stream(stream) for stream in found.streams],
        "items": [dict(item) for item in found.items],
        "unmapped_statuses": [
            {"status_id": each.status_id, "name": each.name, "category": each.category}
            for each in found.unmapped_statuses
        ],
        "unmapped_fields": list(found.unmapped_fields),
    }


def _described_stream(stream: PreviewedStream) -> dict[str, Any]:
    return {
        "name": stream.name,
        "partition": stream.partition,
        "read": stream.read,
        "counts": dict(stream.counts),
        "skipped": dict(stream.skipped),
        "failed": [dict(each) for each in stream.failed],
        "error": None if stream.error is None else _described_error(stream.error),
    }


def _described_error(error: ToolError) -> dict[str, str]:
    return {"code": error.code, "message": error.message}


ITEM_VIEWS: dict[str, Callable[..., Any]] = {
    "integrations/<str:pk>/test": ConnectionTestViewSet.as_view({"post": "test"}),
    "integrations/<str:pk>/sync": SyncViewSet.as_view({"post": "sync"}),
    "integrations/<str:pk>/switch-off": SwitchOffViewSet.as_view({"post": "switch_off"}),
    "integrations/<str:pk>/runs": RunsViewSet.as_view({"get": "runs"}),
    "integrations/<str:pk>/mappings": MappingsViewSet.as_view({"get": "mappings", "patch": "change"}),
    "integrations/<str:pk>/preview": PreviewViewSet.as_view({"get": "preview"}),
}
"""Further things to ask of an integration, by address."""

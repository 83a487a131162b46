"""The view set every endpoint stands on.

A request passes the same steps everywhere: who asks (authentication), whether they may (role matrix), which rows they
can meet (role scope, before any handler runs), and only then the handler. A change locks the row first and compares
If-Match with it afterwards, so of two parallel changes of one version exactly one succeeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Generic, TypeVar, cast
from uuid import UUID

from django.db.models import Model, QuerySet
from django.db.models.expressions import Combinable
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer, Serializer
from rest_framework.viewsets import GenericViewSet

from tenants.api.access import visible
from tenants.api.encoding import encode
from tenants.api.etags import check_if_match, etag_of, is_not_modified
from tenants.api.exports import FORMATS, Export, asked_format, export_response, file_headers, renderers
from tenants.api.filters import EXPORT_PARAMETERS, PAGE_PARAMETERS, TenantFilterBackend
from tenants.api.idempotency import answered_once, is_marked
from tenants.api.pagination import KeysetPagination, ordering_of, page_of
from tenants.api.problems import InvalidParameter
from tenants.api.reads import record_read
from tenants.api.search import SEARCH_PARAMETER, WordSearchBackend
from tenants.api.serializers import TenantModelSerializer
from tenants.domain.recorded_edits import record_creation, recorded_change, recorded_deletion
from tenants.permissions import Action
from tenants.unnamed import named_for

M = TypeVar("M", bound=Model)

ACTION_OF_HANDLER: Mapping[str, Action] = {
    "list": Action.VIEW,
    "retrieve": Action.VIEW,
    "export": Action.EXPORT,
    "create": Action.ADD,
    "update": Action.CHANGE,
    "partial_update": Action.CHANGE,
    "destroy": Action.DELETE,
}


class ReadOnlyTenantViewSet(GenericViewSet[M], Generic[M]):
    """Lists and details of one model: what the system writes has nothing more.

    annotations: readable values that are not columns, by name; each joins the same statement
    orderings: columns that are never null and that an index orders within the tenant
    custom_actions: what a further handler asks of the matrix, by its name
    read_is_audited: whether every reading leaves an audit entry
    """

    model: ClassVar[type[Model]]
    serializer_class: type[TenantModelSerializer[M]]
    filters: ClassVar[Mapping[str, Sequence[str]]] = {}
    orderings: ClassVar[Sequence[str]] = ("id",)
    default_ordering: ClassVar[str] = "-id"
    annotations: ClassVar[Mapping[str, Combinable]] = {}
    custom_actions: ClassVar[Mapping[str, Action]] = {}
    read_is_audited: ClassVar[bool] = False

    filter_backends = [TenantFilterBackend, WordSearchBackend]
    file_parameters: frozenset[str] = frozenset()  # of this request, where it asks for an answer's tables as a file
    more_matches: bool | None = None  # of this request's search; None: nothing was searched
    pagination_class: type[KeysetPagination] | None = KeysetPagination
    lookup_value_converter = "str"

    def permission_label(self) -> str:
        """The model the role matrix is asked about."""
        return self.model._meta.label_lower

    def required_action(self) -> Action | None:
        """The action of this request in the role matrix, None for a method that is not offered."""
        if (self.request.method or "").lower() not in self.http_method_names:
            return None
        handler = self.action or ""
        return self.custom_actions.get(handler) or ACTION_OF_HANDLER.get(handler)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Decide which rows exist for this request before any handler can ask for one."""
        super().initial(request, *args, **kwargs)
        self.visible_rows: QuerySet[Any] = visible(self.model, request)
        if is_marked(request._request) and (handler := getattr(self, "post", None)) is not None:
            # DRF looks the handler up after this: who asks and whether they may is settled here.
            self.post = answered_once(request, handler)

    def get_queryset(self) -> QuerySet[M]:
        """The rows that exist for this request."""
        if getattr(self, "swagger_fake_view", False):
            return cast("Any", self.model)._default_manager.none()  # type: ignore[no-any-return]  # of any model
        return self.visible_rows

    def readable_rows(self) -> QuerySet[M]:
        """The same rows with what a reader gets beside the columns."""
        rows = self.get_queryset()
        return rows.annotate(**self.annotations) if self.annotations else rows

    def shown(self, rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        """The rows as this requester gets them: a view set leaves out here what a role may not see of a column."""
        return rows

    # Reading

    def list(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        page = page_of(
            request._request,
            self.filter_queryset(self.readable_rows()),
            columns=self.serializer_class.columns(),
            orderings=self.orderings,
            default=self.default_ordering,
        )
        if self.read_is_audited:
            record_read(self.model, [row["id"] for row in page.rows])
        searched = {} if self.more_matches is None else {"more_matches": self.more_matches}
        return answer(request, {"results": self.shown(page.rows), "next": page.next_url, **searched})

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        [row] = self.shown([self.read_row(self.row_id())])
        if self.read_is_audited:
            record_read(self.model, [row["id"]])
        return answer(request, row)

    @extend_schema(
        responses={
            (HTTPStatus.OK, FORMATS["csv"].media_type): OpenApiTypes.STR,
            (HTTPStatus.OK, FORMATS["xlsx"].media_type): OpenApiTypes.BINARY,
        }
    )
    @action(detail=False, methods=["get"], renderer_classes=renderers(), pagination_class=None)
    def export(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Everything of this list as one file, narrowed and ordered like the list. The export is in the audit log.

        CSV in UTF-8 with a byte order mark, or a workbook; the columns are the fields of the list. In CSV, text that
        a spreadsheet would take for a formula has an apostrophe in front of it.
        """
        query = request.query_params.dict()
        ordering = ordering_of(query.get("ordering") or self.default_ordering, self.orderings, self.default_ordering)
        format_name = asked_format(query, otherwise=cast("Any", request.accepted_renderer).format)
        rows = self.filter_queryset(self.get_queryset()).order_by(*ordering.names())
        if self.more_matches:
            raise InvalidParameter(
                {SEARCH_PARAMETER: ["More rows match than a search returns: the file would lack some."]}
            )
        export = Export(type(self), rows, asked=query)
        if request.method == "HEAD":
            headers = file_headers(export, format_name=format_name, at=timezone.now())
            return HttpResponse(content_type=FORMATS[format_name].content_type, headers=headers)
        return export_response(export, format_name=format_name, at=timezone.now())

    def own_parameters(self) -> frozenset[str]:
        """Query parameters that are not filters."""
        return EXPORT_PARAMETERS if self.action == "export" else PAGE_PARAMETERS

    def row_id(self) -> UUID:
        """The id in the address. Raises NotFound for anything that is no id: the answer to an unknown one."""
        text = str(self.kwargs[self.lookup_url_kwarg or self.lookup_field])
        try:
            identifier = UUID(text)
        except ValueError as error:
            raise NotFound from error
        if str(identifier) != text.lower():
            # UUID() also reads braces, URNs and bare digits; one object has one address.
            raise NotFound
        return identifier

    def read_row(self, row_id: UUID) -> dict[str, Any]:
        """One row as a reader gets it, in one query. Raises NotFound when there is none to see."""
        row = self.readable_rows().filter(pk=row_id).values(*self.serializer_class.columns()).first()
        if row is None:
            raise NotFound
        return row

    def find(self) -> M:
        """The row in the address. Raises NotFound when there is none to see."""
        instance = self.get_queryset().filter(pk=self.row_id()).first()
        if instance is None:
            raise NotFound
        return instance

    def find_locked(self) -> M:
        """The row in the address, locked until the request ends, in the version that If-Match names.

        Raises NotFound, PreconditionRequired or PreconditionFailed.
        """
        instance = self.readable_rows().filter(pk=self.row_id()).select_for_update(of=("self",)).first()
        if instance is None:
            raise NotFound
        check_if_match(self.request._request, etag_of(encode(self.held(instance))))
        return instance

    def held(self, instance: M) -> dict[str, Any]:
        """What a reader holds a version of: the row, unless the view set shows something else of it."""
        return {name: getattr(instance, attribute) for name, attribute in self.serializer_class.attributes()}


class TenantViewSet(ReadOnlyTenantViewSet[M], Generic[M]):
    """Full create, read, update and delete of what people own."""

    def create(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        instance = self.perform_create(serializer)
        record_creation(instance)
        return created(request, self.read_row(instance.pk), f"{request.path.rstrip('/')}/{instance.pk}")

    def update(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._change(request, partial=False)

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._change(request, partial=True)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        instance = self.find_locked()
        with recorded_deletion(instance):
            self.perform_destroy(instance)
        return HttpResponse(status=HTTPStatus.NO_CONTENT)

    def _change(self, request: Request, *, partial: bool) -> HttpResponse:
        instance = self.find_locked()
        serializer = self.get_serializer(instance, data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        with recorded_change(instance):
            self.perform_update(serializer)
        return answer(request, self.read_row(instance.pk))

    # Where a noun has a domain function for the write, its view set calls that here.

    def perform_create(self, serializer: BaseSerializer[M]) -> M:
        """Save a new row. Returns it."""
        return serializer.save()

    def perform_update(self, serializer: BaseSerializer[M]) -> M:
        """Save the changed row. Returns it."""
        return serializer.save()

    def perform_destroy(self, instance: M) -> None:
        """Delete the row with all it contains."""
        instance.delete()


Routes = dict[str, type[ReadOnlyTenantViewSet[Any]]]
"""View sets by the last part of their address."""


def answer(request: Request, told: Any, *, status: int = HTTPStatus.OK) -> HttpResponse:
    """What is told as a JSON body with its entity tag, or 304 without one where the client holds it already.

    The one place where answers are put into words: what the requester's role may not list is not named in any.
    """
    body = encode(named_for(getattr(request.user, "role", None), told))
    etag = etag_of(body)
    if status == HTTPStatus.OK and is_readable(request._request) and is_not_modified(request._request, etag):
        response = HttpResponse(status=HTTPStatus.NOT_MODIFIED)
        del response["Content-Type"]
    else:
        response = HttpResponse(body, content_type="application/json", status=status)
    response["ETag"] = etag
    # Private data: no shared cache keeps it, and a browser asks again each time.
    response["Cache-Control"] = "private, no-cache"
    return response


def created(request: Request, told: Any, location: str) -> HttpResponse:
    """The answer to a creation: the new object and where it is."""
    response = answer(request, told, status=HTTPStatus.CREATED)
    response["Location"] = location
    return response


def created_step(
    request: Request, steps: QuerySet[Any], serializer: type[TenantModelSerializer[Any]], address: str
) -> HttpResponse:
    """The answer to a move of a row: the newest of its steps, which the move has just written.

    address: of the list of steps
    """
    row = steps.order_by("-id").values(*serializer.columns())[0]
    return created(request, row, f"{address}/{row['id']}")


def said(serializer: type[Serializer[Any]], request: Request, **options: Any) -> dict[str, Any]:
    """The body of a request, checked by a serializer. Raises ValidationError."""
    checked = serializer(data=request.data, **options)
    checked.is_valid(raise_exception=True)
    values: dict[str, Any] = checked.validated_data
    return values


def is_readable(request: HttpRequest) -> bool:
    """Whether the method only reads, so that If-None-Match means what a cache means by it."""
    return request.method in ("GET", "HEAD")

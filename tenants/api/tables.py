"""Tables inside answers as files: beside the list of rows, whatever else the API and the backoffice show as a table.

1. An answer has named tables (`TableOf`). A column is a field of its rows; a dot leads into an object, as in
   `p_on_time.low`. What is a list inside a row is its JSON text.
2. The file is made of the answer that the requester gets, so nothing is in it that they could not see, and sums agree.
3. A workbook holds every table as a sheet of its own, or the one that is named; a CSV holds one, the first unless
   another is named.
4. Formats, protection against formulas, headers and the entry in the audit trail are those of exported lists.

Example: `GET /portfolio/export?format=csv&table=heat_map` is a line for each project with a column for each gap type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.apps import apps
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from tenants.api.exports import FORMATS, ROW_COUNT, asked_format, file_disposition, renderers
from tenants.api.problems import InvalidParameter
from tenants.api.reads import record_export
from tenants.api.xlsx_rows import XlsxFormat
from tenants.unnamed import named_for

FILE_PARAMETERS = frozenset({"format", "table"})
EXPORT_END = "/export"
API_ROOT = "/api/v1/"

Row = Mapping[str, Any]
Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TableOf:
    """One table of an answer.  columns: paths into a row;  rows: found in the answer, None where it abstains"""

    name: str
    columns: tuple[str, ...]
    rows: Callable[[Told], Iterable[Row] | None]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its values, by column."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class AskedFile:
    """What is asked for.  table: its name, empty for all of them (a workbook) or the first (a CSV)"""

    format_name: str
    table: str = ""


@dataclass(frozen=True, slots=True)
class AnswerFile:
    """What leaves.

    answer: its address below the root of the API, which names the file and stands in the audit trail
    label: the model whose readers may ask;  asked: as the requester said it
    """

    answer: str
    label: str
    tables: tuple[Table, ...]
    asked: Mapping[str, Any]


def under(*path: str) -> Callable[[Told], Iterable[Row] | None]:
    """The rows that an answer holds at a path; None where something on it is null or not there."""
    return lambda told: value_at(told, path)


def alone(told: Told) -> Iterable[Row]:
    """The answer as the one row of a table, for what it says once."""
    return (told,)


def listed(*path: str, column: str) -> Callable[[Told], Iterable[Row]]:
    """A list of plain values as rows of one column."""
    return lambda told: [{column: value} for value in value_at(told, path) or ()]


def counted(*path: str, of: str, number: str = "number") -> Callable[[Told], Iterable[Row]]:
    """An object of numbers by name as rows.  of: the column of the names"""
    return lambda told: [{of: name, number: value} for name, value in (value_at(told, path) or {}).items()]


def value_at(row: Any, path: Sequence[str]) -> Any:
    """What stands at a path; None where something on it is null or not there, as in what an earlier version kept."""
    for name in path:
        if row is None:
            return None
        row = row.get(name)
    return row


def tables_of(shape: Sequence[TableOf], told: Told) -> tuple[Table, ...]:
    """The tables of an answer, all of them, also the empty ones."""
    return tuple(
        Table(
            one.name,
            one.columns,
            tuple({name: _cell(row, name) for name in one.columns} for row in one.rows(told) or ()),
        )
        for one in shape
    )


def _cell(row: Row, column: str) -> Any:
    value = row[column] if column in row else value_at(row, column.split("."))
    return list(value) if isinstance(value, tuple | set | frozenset) else value


# --- the file ---


def asked_file(query: Mapping[str, str], shape: Sequence[TableOf], *, otherwise: str) -> AskedFile:
    """What a request asks for.  otherwise: the format where none is named.  Raises InvalidParameter."""
    names = [one.name for one in shape]
    if (table := query.get("table", "")) not in ("", *names):
        raise InvalidParameter({"table": [f"One of: {', '.join(names)}."]})
    return AskedFile(asked_format(query, otherwise=otherwise), table)


def file_response(file: AnswerFile, wanted: AskedFile, *, at: datetime) -> HttpResponse:
    """Record that tables of an answer leave, and answer with them."""
    chosen = _chosen(file.tables, wanted)
    rows = sum(len(table.rows) for table in chosen)
    record_export(
        apps.get_model(file.label),
        row_count=rows,
        format_name=wanted.format_name,
        asked=file.asked,
        answer=file.answer,
    )
    response = HttpResponse(_body(chosen, wanted), content_type=FORMATS[wanted.format_name].content_type)
    response[ROW_COUNT] = str(rows)
    return _named(response, file, wanted, at=at)


def file_head(file: AnswerFile, wanted: AskedFile, *, at: datetime) -> HttpResponse:
    """The headers of the same answer; nothing leaves."""
    return _named(HttpResponse(content_type=FORMATS[wanted.format_name].content_type), file, wanted, at=at)


def _chosen(tables: Sequence[Table], wanted: AskedFile) -> tuple[Table, ...]:
    if wanted.table:
        return tuple(table for table in tables if table.name == wanted.table)
    return tuple(tables) if _holds_all(wanted) else tuple(tables[:1])


def _holds_all(wanted: AskedFile) -> bool:
    return isinstance(FORMATS[wanted.format_name], XlsxFormat)


def _body(tables: Sequence[Table], wanted: AskedFile) -> bytes:
    row_format = FORMATS[wanted.format_name]
    if isinstance(row_format, XlsxFormat):
        return b"".join(row_format.sheets((table.name, table.columns, table.rows) for table in tables))
    [table] = tables
    return b"".join(row_format.chunks(table.columns, table.rows))


def _named(response: HttpResponse, file: AnswerFile, wanted: AskedFile, *, at: datetime) -> HttpResponse:
    """The answer under a name: the words of its address without ids, and the table where it is one."""
    words = [part for part in file.answer.split("/") if not _is_id(part)]
    table = "" if _holds_all(wanted) and not wanted.table else wanted.table or file.tables[0].name
    name = "-".join(filter(None, (*words, table.replace("_", "-"))))
    for header, value in file_disposition(name, format_name=wanted.format_name, at=at).items():
        response[header] = value
    return response


def _is_id(part: str) -> bool:
    try:
        UUID(part)
    except ValueError:
        return False
    return True


# --- as handlers of view sets ---


def file_handler(
    tell: Callable[[Any, Request], Told],
    shape: Sequence[TableOf],
    *,
    operation_id: str,
    parameters: Sequence[OpenApiParameter] = (),
    request_body: type[Serializer[Any]] | None = None,
) -> Callable[..., HttpResponse]:
    """A handler that answers with the tables of an answer.

    tell: the answer, of the view set and the request;  parameters, request_body: what it takes beside format and table
    """
    names = [one.name for one in shape]

    @extend_schema(
        operation_id=operation_id,
        request=request_body,
        responses={
            (HTTPStatus.OK, each.media_type): OpenApiTypes.STR if name == "csv" else OpenApiTypes.BINARY
            for name, each in FORMATS.items()
        },
        parameters=[
            *parameters,
            OpenApiParameter("format", str, enum=list(FORMATS), description="Left out: what Accept names."),
            OpenApiParameter(
                "table",
                str,
                enum=names,
                description=f"Left out: every table as a sheet of a workbook, in CSV {names[0]}.",
            ),
        ],
    )
    def export(self: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """The tables of this answer as a file. The export is in the audit log.

        A workbook with a sheet for each table, or one table as CSV in UTF-8 with a byte order mark; columns are the
        fields of the answer. In CSV, text that a spreadsheet would take for a formula has an apostrophe in front of it.
        """
        self.file_parameters = FILE_PARAMETERS
        query = request.query_params.dict()
        renderer: Any = request.accepted_renderer
        wanted = asked_file(query, shape, otherwise=renderer.format)
        told = named_for(getattr(request.user, "role", None), tell(self, request))
        tables = tables_of(shape, told)
        file = AnswerFile(answer_name(request._request), self.permission_label(), tables, query)
        respond = file_head if request.method == "HEAD" else file_response
        return respond(file, wanted, at=timezone.now())

    return export


def file_view(view: Any, handler: str, *, method: str = "get") -> Callable[..., Any]:
    """The view of such a handler, which takes Accept for the format of a file."""
    found: Callable[..., Any] = view.as_view({method: handler}, renderer_classes=renderers())
    return found


def answer_name(request: HttpRequest) -> str:
    """The address of the answer that a file is of, below the root of the API."""
    return request.path.removeprefix(API_ROOT).removesuffix(EXPORT_END)

"""Whole lists as files. API and backoffice export through the one function here; tables inside answers: `tables.py`.

What leaves is in the audit trail before the first row is read: the entry belongs to the request's own transaction,
which commits before the server asks for the body. So a client that hangs up after one row has exported all of them, as
far as the trail knows; the number it holds was counted then.

Where the database fails in the middle, the status has been sent long ago, and a server may end the body as if it were
whole. So the file then says in its last line that it is not, and `Export-Row-Count` says how many rows to expect.

The body is one statement read through a cursor, in a transaction of its own (`tenants.middleware`): rows written
meanwhile are neither in it nor shift it, and memory stays flat whatever the number of rows.

Another kind of file is another `RowFormat` in `FORMATS`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, cast

from django.conf import settings
from django.db.models import Model, QuerySet
from django.http import StreamingHttpResponse
from django.utils.module_loading import import_string
from rest_framework.renderers import BaseRenderer

from tenants.api.csv_rows import CsvFormat
from tenants.api.problems import InvalidParameter
from tenants.api.reads import record_export
from tenants.api.xlsx_rows import XlsxFormat

if TYPE_CHECKING:
    from tenants.api.viewsets import ReadOnlyTenantViewSet

logger = logging.getLogger(__name__)

ROW_COUNT = "Export-Row-Count"
ROWS_PER_FETCH = 200
"""How many rows are in memory at a time: a row may hold a description of megabytes."""


class RowFormat(Protocol):
    """A kind of file that rows are written to, piece by piece."""

    media_type: str
    content_type: str
    extension: str

    def chunks(self, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
        """The file, in pieces that need no later row."""

    def broken_off(self) -> bytes:
        """What ends a file that is not whole, so that nobody takes it for one; b"" where a torn file cannot be read."""


FORMATS: Mapping[str, RowFormat] = MappingProxyType({"csv": CsvFormat(), "xlsx": XlsxFormat()})
"""By the name that ?format= takes. The first is used where nothing else is asked for."""


@dataclass(frozen=True, slots=True)
class Export:
    """What leaves in one file.

    rows: those the requester may see, filtered and in order
    asked: what narrowed them, as the requester said it, for the audit trail
    """

    view: type[ReadOnlyTenantViewSet[Any]]
    rows: QuerySet[Any]
    asked: Mapping[str, Any]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the API's fields, in its order: what it shows nobody is in no file either."""
        return self.view.serializer_class.columns()

    def readings(self) -> Iterator[dict[str, Any]]:
        """The rows, from one statement that is begun when the first is asked for."""
        annotated = self.rows.annotate(**self.view.annotations) if self.view.annotations else self.rows
        return annotated.values(*self.columns).iterator(chunk_size=ROWS_PER_FETCH)


def export_response(export: Export, *, format_name: str, at: datetime) -> StreamingHttpResponse:
    """Record an export and answer with its file, whose rows are read while it is sent."""
    row_count = export.rows.order_by().count()
    record_export(export.rows.model, row_count=row_count, format_name=format_name, asked=export.asked)
    row_format = FORMATS[format_name]
    response = StreamingHttpResponse(_body(export, row_format), content_type=row_format.content_type)
    response[ROW_COUNT] = str(row_count)
    for name, value in file_headers(export, format_name=format_name, at=at).items():
        response[name] = value
    return response


def _body(export: Export, row_format: RowFormat) -> Iterator[bytes]:
    """The file; one that breaks off says so before the failure goes on to the server."""
    try:
        yield from row_format.chunks(export.columns, export.readings())
    except Exception:
        logger.exception("An export of %s broke off.", export.rows.model._meta.label)
        yield row_format.broken_off()
        raise


def file_headers(export: Export, *, format_name: str, at: datetime) -> dict[str, str]:
    """What an answer says of its file: to be saved under a name, and kept by no cache."""
    return file_disposition(_names()[export.view], format_name=format_name, at=at)


def file_disposition(name: str, *, format_name: str, at: datetime) -> dict[str, str]:
    """The same of a file under another name, which has no extension and no day yet."""
    file_name = f"{name}-{at:%Y-%m-%d}.{FORMATS[format_name].extension}"
    return {"Content-Disposition": f'attachment; filename="{file_name}"', "Cache-Control": "no-store"}


def asked_format(query: Mapping[str, str], *, otherwise: str) -> str:
    """The name of the format that a request asks for.  otherwise: where it names none.  Raises InvalidParameter."""
    format_name = query.get("format") or otherwise
    if format_name not in FORMATS:
        raise InvalidParameter({"format": [f"One of: {', '.join(FORMATS)}."]})
    return format_name


def view_of(model: type[Model]) -> type[ReadOnlyTenantViewSet[Any]] | None:
    """The view set that lists a model, None for a model that no list shows."""
    return next((view for view in _names() if view.model is model), None)


@cache
def _names() -> dict[type[ReadOnlyTenantViewSet[Any]], str]:
    """View sets with the names of their lists. Named in the settings, because the lists are put together above."""
    routes = cast("Mapping[str, type[ReadOnlyTenantViewSet[Any]]]", import_string(settings.STRATIBREAK_API_ROUTES))
    return {view: name for name, view in routes.items()}


def renderers() -> list[type[BaseRenderer]]:
    """What the formats look like to the negotiation of the Accept header; none of them renders."""
    return [
        type(f"{name.title()}Renderer", (BaseRenderer,), {"media_type": each.media_type, "format": name})
        for name, each in FORMATS.items()
    ]

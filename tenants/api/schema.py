"""The OpenAPI 3.1 description: what the generator cannot see of the kit is added here."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.renderers import OpenApiJsonRenderer

from tenants.api import exports, idempotency
from tenants.api.encoding import encode
from tenants.api.etags import etag_of, is_not_modified
from tenants.api.pagination import ordering_parameter
from tenants.api.problems import CONTENT_TYPE, KIND_OF_STATUS, TITLES, URN

ALWAYS = (401, 403, 406, 429, 500, 503)
BY_METHOD = {
    "get": (),
    "post": (400, 409, 413, 415),
    "put": (400, 404, 409, 412, 413, 415, 428),
    "patch": (400, 404, 409, 412, 413, 415, 428),
    "delete": (404, 409, 412, 428),
}
CHANGES_A_VERSION = ("put", "patch", "delete")
SIGNING_IN = "/api/v1/session"
"""The one POST that takes no Idempotency-Key: its answer is a cookie, which is not kept."""

FORMAT_PARAMETER = {
    "name": "format",
    "in": "query",
    "required": False,
    "description": "The kind of file; left out: what Accept names.",
    "schema": {"type": "string", "enum": list(exports.FORMATS)},
}

IDEMPOTENCY_KEY = {
    "name": idempotency.HEADER,
    "in": "header",
    "required": False,
    "description": (
        "A new random text, such as a UUID, for each thing to be done once. Sent again within a day with the same "
        "request it gets the first answer again; with another request a 422; while the first is under way a 409. "
        "What failed is not kept."
    ),
    "schema": {"type": "string", "pattern": idempotency.KEY_PATTERN},
}
EXPORT_HEADERS = {
    exports.ROW_COUNT: {
        "description": "Rows to expect: counted before they are read. A file that broke off says so in its last line.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Content-Disposition": {"description": "A name to save the file under.", "schema": {"type": "string"}},
}
REPLAYED = {
    idempotency.REPLAYED: {
        "description": "Present where this is the answer of an earlier request with the same Idempotency-Key.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}

PROBLEM_SCHEMA = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "enum": sorted(f"{URN}{kind}" for kind in TITLES)},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "The id of the request, to be quoted when asking for help."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail", "code"],
                "properties": {
                    "pointer": {"type": "string", "description": "A JSON pointer into the body, such as #/name."},
                    "parameter": {"type": "string", "description": "The name of a query parameter."},
                    "detail": {"type": "string"},
                    "code": {"type": "string"},
                },
            },
        },
    },
}


class RequestUserScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers by subclassing
    """A browser's session, or an API key."""

    target_class = "tenants.api.authentication.RequestUserAuthentication"
    name = ["session", "apiKey"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        return [
            {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME},
            {"type": "http", "scheme": "bearer", "bearerFormat": "sbk_<id>.<secret>"},
        ]


class ProblemAwareSchema(AutoSchema):
    """Names operations plainly and takes the description of an operation from its handler or its view set."""

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix("/api/v1/").split("/")[0]]

    def get_filter_backends(self) -> list[Any]:
        """An export is narrowed like its list."""
        view: Any = self.view
        return list(view.filter_backends if self._is_export() else super().get_filter_backends())

    def _get_pagination_parameters(self) -> list[dict[str, Any]]:
        if self._is_export():
            return [ordering_parameter(self.view), FORMAT_PARAMETER]
        generator: Any = super()
        return list(generator._get_pagination_parameters())

    def _is_export(self) -> bool:
        return getattr(self.view, "action", None) == "export"


def add_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add to every operation the problems it may answer with, and the headers of versions."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    components.setdefault("responses", {}).update({_name(status): _response(status) for status in KIND_OF_STATUS})
    for path, operations in result.get("paths", {}).items():
        for method, operation in operations.items():
            if method in BY_METHOD:
                _complete(path, method, operation)
    return result


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation.setdefault("responses", {})
    found_by_id = "{" in path
    if method == "post" and path != SIGNING_IN:
        _take_idempotency_key(operation)
    if "text/csv" in responses.get("200", {}).get("content", {}):
        responses["200"].setdefault("headers", {}).update(EXPORT_HEADERS)
    for status in (*ALWAYS, *BY_METHOD[method], *((404,) if found_by_id else ()), *((400,) if method == "get" else ())):
        responses.setdefault(str(status), {"$ref": f"#/components/responses/{_name(status)}"})
    if found_by_id and method in CHANGES_A_VERSION:
        operation.setdefault("parameters", []).append(
            {
                "name": "If-Match",
                "in": "header",
                "required": True,
                "description": "The ETag of the version being changed.",
                "schema": {"type": "string"},
            }
        )


def _take_idempotency_key(operation: dict[str, Any]) -> None:
    """Describe the header, how an answer says that it is not new, and what a key of another request gets."""
    operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    responses = operation["responses"]
    for success in (response for status, response in responses.items() if status.startswith("2")):
        success.setdefault("headers", {}).update(REPLAYED)
    responses["422"] = {"$ref": f"#/components/responses/{_name(422)}"}


def _name(status: int) -> str:
    return "".join(word.capitalize() for word in KIND_OF_STATUS[status].split("-"))


def _response(status: int) -> dict[str, Any]:
    return {
        "description": TITLES[KIND_OF_STATUS[status]],
        "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


@lru_cache(maxsize=1)
def schema_json() -> bytes:
    """The description as JSON. It follows from the code, so it is made once in a process."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    # Through the generator's own renderer first: it knows its lazy texts and special numbers.
    return encode(json.loads(OpenApiJsonRenderer().render(schema, renderer_context={})))


def openapi_view(request: HttpRequest) -> HttpResponse:
    """The OpenAPI description, open to everybody: it tells of the API and of nobody's data."""
    body = schema_json()
    etag = etag_of(body)
    if is_not_modified(request, etag):
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(body, content_type="application/json")
    response["ETag"] = etag
    return response


def docs_view(request: HttpRequest) -> HttpResponse:
    """A page to read and try the API. Everything on it comes from here, so a strict content security policy holds."""
    folder = "drf_spectacular_sidecar/swagger-ui-dist"
    context = {
        "schema_url": reverse("openapi"),
        "stylesheets": [static(f"{folder}/swagger-ui.css"), static("tenants/api_docs.css")],
        "scripts": [static(f"{folder}/swagger-ui-bundle.js"), static("tenants/api_docs.js")],
    }
    return render(request, "tenants/api_docs.html", context)

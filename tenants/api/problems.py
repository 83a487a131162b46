"""Every error of the API as one `application/problem+json` document (RFC 9457).

A problem says what went wrong, never where in our code. A missing object and another tenant's object get the same
document: only `instance`, which is the id of the request, differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework import exceptions

from tenants.api.encoding import encode

CONTENT_TYPE = "application/problem+json"
URN = "urn:stratibreak:problem:"

TITLES: Mapping[str, str] = {
    "malformed-request": "The request cannot be read",
    "invalid-values": "Some values are not acceptable",
    "not-authenticated": "Sign in first",
    "not-allowed": "You may not do this",
    "not-found": "There is no such object",
    "method-not-allowed": "This method is not offered here",
    "not-acceptable": "No representation of this kind is offered",
    "conflict": "This conflicts with what is there already",
    "request-under-way": "The same request is being answered right now",
    "precondition-failed": "The object has changed since you read it",
    "too-large": "The request is too large",
    "unsupported-media-type": "A body of this kind is not understood",
    "idempotency-key-reused": "This key belongs to another request",
    "tool-failed": "The connected tool did not do its part",
    "precondition-required": "Say which version you are changing",
    "too-many-requests": "Too many attempts",
    "internal-error": "Something went wrong on our side",
    "unavailable": "The service cannot answer right now",
}
"""What each kind of problem is called. The kind is the last part of the document's `type`."""

KIND_OF_STATUS: Mapping[int, str] = {
    400: "malformed-request",
    401: "not-authenticated",
    403: "not-allowed",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    409: "conflict",
    412: "precondition-failed",
    413: "too-large",
    415: "unsupported-media-type",
    422: "idempotency-key-reused",
    424: "tool-failed",
    428: "precondition-required",
    429: "too-many-requests",
    500: "internal-error",
    503: "unavailable",
}


@dataclass(frozen=True, slots=True)
class UnacceptableValue:
    """One unacceptable value: where it stands, and what is wrong with it.

    place: a JSON pointer into the body ("#/goal/unit"), or the name of a query parameter
    """

    place: str
    detail: str
    code: str
    in_query: bool = False

    def as_document(self) -> dict[str, str]:
        return {"parameter" if self.in_query else "pointer": self.place, "detail": self.detail, "code": self.code}


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem document, before it is told which request it answers."""

    status: int
    detail: str
    kind: str = ""
    errors: tuple[UnacceptableValue, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_document(self, instance: str) -> dict[str, Any]:
        kind = self.kind or KIND_OF_STATUS.get(self.status, "internal-error")
        document: dict[str, Any] = {
            "type": URN + kind,
            "title": TITLES[kind],
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        }
        if self.errors:
            document["errors"] = [error.as_document() for error in self.errors]
        return document


class Conflict(exceptions.APIException):
    """The request is well formed and meets something that is there already."""

    status_code = HTTPStatus.CONFLICT
    default_detail = "This conflicts with what is there already."
    default_code = "conflict"


class PreconditionFailed(exceptions.APIException):
    """If-Match names a version that is no longer current."""

    status_code = HTTPStatus.PRECONDITION_FAILED
    default_detail = "The object has changed since you read it. Read it again and repeat the change."
    default_code = "precondition_failed"


class PreconditionRequired(exceptions.APIException):
    """A change without If-Match could overwrite somebody else's."""

    status_code = HTTPStatus.PRECONDITION_REQUIRED
    default_detail = "Send If-Match with the ETag of the version you are changing."
    default_code = "precondition_required"


class TooLarge(exceptions.APIException):
    """The body is longer than this endpoint reads."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large."
    default_code = "too_large"


class ToolFailed(exceptions.APIException):
    """A tool that the request depends on refused, or did not answer. No failure of ours: it is not logged as one."""

    status_code = HTTPStatus.FAILED_DEPENDENCY

    def __init__(self, detail: str, code: str, *, wait_s: float | None = None) -> None:
        """detail: for people;  code: what went wrong, for machines;  wait_s: how long the tool asks to be left alone"""
        super().__init__(detail, code)
        self.code = code
        if wait_s is not None:
            self.wait = wait_s


class InvalidParameter(exceptions.ValidationError):
    """A query parameter is unknown or has an unacceptable value; `detail` maps its name to messages."""


def request_id(request: HttpRequest | None) -> str:
    """The id under which this request stands in log and audit, as a URN; "about:blank" before it has one."""
    identifier = getattr(request, "request_id", None)
    return f"urn:request:{identifier}" if identifier else "about:blank"


def problem_response(request: HttpRequest | None, problem: Problem) -> HttpResponse:
    """Answer with a problem document. Needs neither database nor tenant, so middleware may use it at any moment."""
    response = HttpResponse(
        encode(problem.as_document(request_id(request))), content_type=CONTENT_TYPE, status=problem.status
    )
    for name, value in problem.headers.items():
        response[name] = value
    response["Cache-Control"] = "no-store"
    return response

"""From whatever a view raises to one problem document."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.signals import got_request_exception
from django.db import Error as DatabaseError
from django.http import Http404, HttpResponse
from rest_framework import exceptions
from rest_framework.fields import get_error_detail
from rest_framework.settings import api_settings

from tenants.api.database_errors import problem_of_database_error
from tenants.api.problems import (
    Conflict,
    InvalidParameter,
    Problem,
    TooLarge,
    ToolFailed,
    UnacceptableValue,
    problem_response,
    request_id,
)
from tenants.domain.refusals import Refusal

logger = logging.getLogger(__name__)


def problem_handler(exc: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """Turn whatever a view raised into a problem document; the middleware rolls back on its status."""
    request = getattr(context.get("request"), "_request", None)
    problem = problem_of(exc)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("The API failed to answer %s", request_id(request), exc_info=exc)
        # Error reporters and the test client listen to this signal; without it a bug would look like an answer.
        got_request_exception.send(sender=None, request=request)
    return problem_response(request, problem)


def problem_of(exc: Exception) -> Problem:
    """Which problem an exception is. What is not foreseen is an internal error that tells nothing."""
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    elif isinstance(exc, DjangoValidationError):
        exc = exceptions.ValidationError(get_error_detail(exc))
    elif isinstance(exc, RequestDataTooBig):
        exc = TooLarge()
    elif isinstance(exc, Refusal):
        exc = Conflict({exc.field: [str(exc)]} if exc.field else str(exc))
    elif isinstance(exc, SuspiciousOperation):
        exc = exceptions.ParseError("The request is not acceptable.")
    if isinstance(exc, exceptions.APIException):
        return _problem_of_api_exception(exc)
    if isinstance(exc, DatabaseError):
        return problem_of_database_error(exc)
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "The failure has been recorded under this id.")


def _problem_of_api_exception(exc: exceptions.APIException) -> Problem:
    if isinstance(exc, exceptions.ValidationError):
        in_query = isinstance(exc, InvalidParameter)
        errors = tuple(_unacceptable_values(exc.detail, in_query=in_query))
        return Problem(HTTPStatus.BAD_REQUEST, "Nothing was changed. See errors.", "invalid-values", errors)
    if isinstance(exc, Conflict) and not isinstance(exc.detail, str):
        return Problem(exc.status_code, exc.default_detail, "conflict", tuple(_unacceptable_values(exc.detail)))
    headers: dict[str, str] = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait_s := getattr(exc, "wait", None)) is not None:
        headers["Retry-After"] = str(int(wait_s))
    kind: str = getattr(exc, "problem_kind", "")
    detail = str(exc.detail)
    errors = (UnacceptableValue("#", detail, exc.code),) if isinstance(exc, ToolFailed) else ()
    return Problem(exc.status_code, detail, kind, errors, headers)


def _unacceptable_values(detail: Any, place: str = "#", *, in_query: bool = False) -> Iterator[UnacceptableValue]:
    """Flatten DRF's nested messages, each with the place it speaks of."""
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            name = str(key)
            if name in (api_settings.NON_FIELD_ERRORS_KEY, NON_FIELD_ERRORS):
                yield from _unacceptable_values(inner, place, in_query=in_query)
            elif in_query:
                yield from _unacceptable_values(inner, name, in_query=True)
            else:
                yield from _unacceptable_values(inner, f"{place}/{_escape(name)}")
    elif isinstance(detail, list | tuple):
        for position, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list | tuple) and not in_query
            yield from _unacceptable_values(inner, f"{place}/{position}" if nested else place, in_query=in_query)
    else:
        yield UnacceptableValue(place, str(detail), getattr(detail, "code", None) or "invalid", in_query)


def _escape(name: str) -> str:
    """One step of a JSON pointer (RFC 6901, section 3)."""
    return name.replace("~", "~0").replace("/", "~1")

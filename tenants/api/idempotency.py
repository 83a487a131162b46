"""The Idempotency-Key header: a POST that is sent again does not happen again.

Sits between the role matrix and the handler, so that a repeated request is asked for its rights anew, and only then
gets the answer of the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import wraps
from http import HTTPStatus
from typing import Any, cast
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework.exceptions import APIException, ParseError
from rest_framework.request import Request

from tenants.api.problems import TooLarge
from tenants.domain.idempotency import (
    AnswerTooLong,
    KeptAnswer,
    KeyOfAnotherRequest,
    MarkedRequest,
    SameRequestUnderWay,
    keep_answer,
    kept_answer,
)
from tenants.models.idempotent_request import KEY_MAX_CHARS
from tenants.outside import Question

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEPT_HEADERS = ("Content-Type", "Content-Disposition", "Export-Row-Count", "Location", "ETag", "Cache-Control")
"""What belongs to the answer; the rest (request id, cookies, security policy) belongs to the exchange."""

# A structured string (RFC 8941, section 3.3.3), as the draft has it, or the same without quotes, as most clients that
# know the header from payment services send it. Parameters and lists are refused.
KEY_PATTERN = r'^("([ !#-\[\]-~]|\\["\\]){1,255}"|[A-Za-z0-9._~:+/=-]{1,255})$'
_KEY = re.compile(KEY_PATTERN, re.ASCII)
_ESCAPED = re.compile(r"\\(.)")
_SALT = "tenants.api.idempotency"

Handler = Callable[..., HttpResponse]


class RequestUnderWay(APIException):
    """The first request with this key has not been answered yet."""

    status_code = HTTPStatus.CONFLICT
    default_detail = "The request with this Idempotency-Key is still under way. Ask again in a moment."
    default_code = "under_way"
    problem_kind = "request-under-way"
    wait = 1


class KeyReused(APIException):
    """The key was used for another request."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    default_detail = "This Idempotency-Key was sent with a different request. Make a new key for a new request."
    default_code = "key_reused"


def answered_once(request: Request, handler: Handler) -> Handler:
    """Return the handler as it answers a request with an Idempotency-Key: the first time by itself, then as before.

    The returned one raises ParseError (the key is malformed), RequestUnderWay, KeyReused, TooLarge.
    """

    @wraps(handler)
    def once(*args: Any, **kwargs: Any) -> HttpResponse:
        marked = marked_request(request)
        try:
            kept = kept_answer(request=marked, at=timezone.now())
        except SameRequestUnderWay as error:
            raise RequestUnderWay from error
        except KeyOfAnotherRequest as error:
            raise KeyReused from error
        if kept is not None:
            return _replayed(kept)
        response = handler(*args, **kwargs)
        if response.status_code < HTTPStatus.BAD_REQUEST and not isinstance(response, Question):
            _keep(marked, response)
        return response

    return once


def marked_request(request: Request) -> MarkedRequest:
    """The request with its key and fingerprint. Reads the body."""
    bare = request._request
    actor: Any = request.auth or request.user
    return MarkedRequest(
        actor_id=cast("UUID", actor.pk),
        key=parse_key(bare.headers[HEADER]),
        fingerprint=fingerprint_of(request),
        method=bare.method or "",
        path=bare.path,
    )


def parse_key(text: str) -> str:
    """The key in a header's text. Raises ParseError for anything but one string of 1 to 255 printable characters."""
    text = text.strip()
    if _KEY.fullmatch(text) is None:
        raise ParseError(f'{HEADER} is one string of 1 to {KEY_MAX_CHARS} printable characters, such as "9f7c…".')
    return _ESCAPED.sub(r"\1", text[1:-1]) if text.startswith('"') else text


def fingerprint_of(request: Request) -> str:
    """A keyed SHA-256 of method, address, kind of body and body; equal for two requests only if these are.

    Of a form the parts are taken and not the bytes: a client that sends it again draws a new boundary.
    """
    bare = request._request
    media_type = (bare.content_type or "").lower()
    digest = salted_hmac(_SALT, "", algorithm="sha256")
    parts = _form_parts(request) if media_type == "multipart/form-data" else iter([bare.body])
    for part in (_text(bare.method), _text(bare.get_full_path()), _text(media_type), *parts):
        digest.update(len(part).to_bytes(8, "big") + part)
    return str(digest.hexdigest())


def _form_parts(request: Request) -> Iterator[bytes]:
    """The parts of a form, files by their content, in chunks of 64 KiB."""
    for name, values in sorted(cast("Any", request.data).lists()):
        for value in values:
            yield _text(name)
            if isinstance(value, UploadedFile):
                yield _text(value.name)
                yield value.size.to_bytes(8, "big") if value.size is not None else b""
                yield from value.chunks()
                value.seek(0)
            else:
                yield _text(value)


def _text(value: str | None) -> bytes:
    return (value or "").encode("utf-8", "surrogatepass")


def _keep(marked: MarkedRequest, response: HttpResponse) -> None:
    headers = {name: response[name] for name in KEPT_HEADERS if name in response}
    answer = KeptAnswer(response.status_code, headers, response.content)
    try:
        keep_answer(request=marked, answer=answer, at=timezone.now())
    except AnswerTooLong as error:
        raise TooLarge(f"{error} Nothing was changed. Send the request without {HEADER}.") from error


def _replayed(kept: KeptAnswer) -> HttpResponse:
    response = HttpResponse(kept.body, status=kept.status, headers=dict(kept.headers))
    response[REPLAYED] = "true"
    return response


def is_marked(request: HttpRequest) -> bool:
    """Whether the client asked for the request to be carried out once: a POST, the one method that is not idempotent.

    PUT, PATCH and DELETE name the version they change (If-Match), so a second one changes nothing anyway.
    """
    return request.method == "POST" and HEADER in request.headers

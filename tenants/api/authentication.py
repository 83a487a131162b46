"""Who is asking, as the middleware found out.

The middleware resolves session or API key in one short transaction, because the tenant must be known before the
request's own transaction opens. What is left for the API is to require the CSRF token of people who come with a
cookie, and to tell a refused key from no key at all.
"""

from __future__ import annotations

from copy import copy
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

CHALLENGE = 'Bearer realm="stratibreak", error="invalid_token"'


class _Csrf(CsrfViewMiddleware):
    """Django's own check, answering with the reason instead of a page."""

    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


def _no_response(request: HttpRequest) -> HttpResponse:
    raise AssertionError("The CSRF check never calls its view.")


def check_csrf(request: HttpRequest) -> None:
    """Refuse a change that another site may have made the browser send.

    Raises PermissionDenied without a matching token or from a foreign origin.
    """
    middleware = _Csrf(_no_response)
    middleware.process_request(request)
    # For a POST Django would look for the token in the form, and read a whole upload for it. The header must have it.
    asked = copy(request)
    asked.method = "PUT" if request.method == "POST" else request.method
    if reason := middleware.process_view(asked, _no_response, (), {}):
        raise PermissionDenied(f"CSRF check failed: {reason}")


class RequestUserAuthentication(BaseAuthentication):
    """The user and, for machines, the API key that the middleware put on the request."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        bare: HttpRequest = request._request
        if getattr(bare, "api_key_refused", False):
            raise AuthenticationFailed("This API key is not valid.")
        user = getattr(bare, "user", None)
        if user is None or not user.is_authenticated or not user.is_active:
            return None
        key = getattr(bare, "api_key", None)
        if key is None:
            check_csrf(bare)
        return user, key

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE if "Authorization" in request.headers else 'Bearer realm="stratibreak"'

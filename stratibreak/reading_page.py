"""Pages of the backoffice that only read, of one organisation at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from tenants.admin.base import reads_across_tenants

View = Callable[[HttpRequest], HttpResponse]


def reading_page(permission: str) -> Callable[[View], View]:
    """A page for whoever has a permission. Refused while reading across organisations: it would be nobody's answer."""

    def opened_by(view: View) -> View:
        @wraps(view)
        def page(request: HttpRequest) -> HttpResponse:
            if request.method not in ("GET", "HEAD"):
                return HttpResponseNotAllowed(["GET", "HEAD"])
            user: Any = request.user
            if reads_across_tenants() or not user.has_perm(permission):
                raise PermissionDenied
            return view(request)

        return page

    return opened_by

"""Every address under /api/v1/, from the tables of the apps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.urls import include, path, re_path
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView

import gaps.api
import integrations.api
import predictions.api
import projects.api
import stratibreak.api
import tenants.api.organisation
from tenants.api.invitations import InvitationAcceptanceView
from tenants.api.schema import docs_view, openapi_view
from tenants.api.session import SessionView
from tenants.api.viewsets import Routes

ROUTES: Routes = {
    **tenants.api.organisation.ROUTES,
    **projects.api.ROUTES,
    **gaps.api.ROUTES,
    **predictions.api.ROUTES,
    **integrations.api.ROUTES,
}
"""View sets by the last part of their address."""


ITEM_VIEWS = {
    **projects.api.ITEM_VIEWS,
    **gaps.api.ITEM_VIEWS,
    **predictions.api.ITEM_VIEWS,
    **integrations.api.ITEM_VIEWS,
    **stratibreak.api.ITEM_VIEWS,
}
"""Further things to ask of an item, by address."""

REPORT_VIEWS: dict[str, Callable[..., Any]] = {
    **tenants.api.organisation.REPORT_VIEWS,
    **gaps.api.REPORT_VIEWS,
    **predictions.api.REPORT_VIEWS,
}
"""Reports over many rows, by address."""


class UnknownAddressView(APIView):
    """Whatever else lies under /api/: a problem document, and not the page a browser would get."""

    authentication_classes = []
    permission_classes = [AllowAny]
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        raise NotFound


def _router() -> SimpleRouter:
    router = SimpleRouter(trailing_slash=False, use_regex_path=False)
    for prefix, viewset in ROUTES.items():
        router.register(prefix, viewset, basename=prefix)
    return router


api_urlpatterns = [
    path("api/v1/session", SessionView.as_view(), name="session"),
    path("api/v1/invitation-acceptances", InvitationAcceptanceView.as_view(), name="invitation-acceptances"),
    path("api/v1/openapi.json", openapi_view, name="openapi"),
    path("api/v1/docs", docs_view, name="api-docs"),
    path("api/v1/", include(_router().urls)),
    path("api/v1/", include([path(route, view) for route, view in ITEM_VIEWS.items()])),
    path("api/v1/", include([path(route, view) for route, view in REPORT_VIEWS.items()])),
    re_path(r"^api/", UnknownAddressView.as_view()),
]

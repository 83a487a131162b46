"""Whose accounts are whose: what people say about it."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from projects.domain.people import link_accounts, set_apart, user_changed
from projects.models import Contributor
from tenants.api.fields import VisibleReference
from tenants.api.filters import EXACT
from tenants.api.serializers import serializer_for
from tenants.api.viewsets import ReadOnlyTenantViewSet, TenantViewSet, answer, said
from tenants.permissions import Action

ContributorSerializer = serializer_for(Contributor)


class ContributorViewSet(TenantViewSet[Contributor]):
    """Accounts of sources, known by a pseudonym. Those with the same `person` are one human being, counted once."""

    model = Contributor
    serializer_class = ContributorSerializer
    filters = {"source": EXACT, "user": EXACT, "is_active": EXACT, "person": EXACT}
    http_method_names = ["get", "head", "put", "patch", "delete"]

    def perform_update(self, serializer: BaseSerializer[Contributor]) -> Contributor:
        saved = serializer.save()
        if "user" in serializer.validated_data:
            user_changed()
        return saved


class SamePersonSerializer(serializers.Serializer[Any]):
    """Another account of the same person."""

    same_as = VisibleReference(queryset=Contributor._default_manager.none())


class PersonViewSet(ReadOnlyTenantViewSet[Contributor]):
    """Whose an account is."""

    model = Contributor
    serializer_class = ContributorSerializer
    custom_actions = {"link": Action.CHANGE, "part": Action.CHANGE}
    pagination_class = None
    http_method_names = ["post", "delete"]

    @extend_schema(
        operation_id="contributors_person_create",
        request=SamePersonSerializer,
        responses={200: ContributorSerializer},
    )
    def link(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Say that two accounts are one person's; with them, all that either is linked to already."""
        account = self.find()
        link_accounts(account, said(SamePersonSerializer, request, context={"request": request})["same_as"])
        return answer(request, self.read_row(account.pk))

    @extend_schema(operation_id="contributors_person_destroy", responses={204: None})
    def part(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Say that the account is nobody else's, whatever its address or user say. Linking it takes that back."""
        set_apart(self.find())
        return HttpResponse(status=HTTPStatus.NO_CONTENT)


PEOPLE_VIEWS: dict[str, Callable[..., Any]] = {
    "contributors/<str:pk>/person": PersonViewSet.as_view({"post": "link", "delete": "part"}),
}
"""Further things to ask of an account, by address."""

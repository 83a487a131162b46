"""Which rows a request may meet, and whether it may do what it asks, both read from the role matrix."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any, Protocol, TypeVar, cast
from uuid import UUID

from django.conf import settings
from django.db.models import Model, QuerySet
from django.utils.module_loading import import_string
from rest_framework.request import Request

from tenants.models import User
from tenants.permissions import allowed, key_allows

M = TypeVar("M", bound=Model)


class Bearer(Protocol):
    """An API key, as far as permissions care."""

    scopes: list[str]


@lru_cache(maxsize=1)
def _visible_to() -> Callable[[QuerySet[Any], Any], QuerySet[Any]]:
    """The function that knows memberships. Named in the settings, because tenants is below projects."""
    return cast("Callable[[QuerySet[Any], Any], QuerySet[Any]]", import_string(settings.STRATIBREAK_VISIBILITY))


def requester(request: Request) -> User:
    """The user who asks; behind `MatrixPermission` there always is one."""
    return cast("User", request.user)


def visible(model: type[M], request: Request) -> QuerySet[M]:
    """The rows of a model that the requester's role lets them see, within their tenant, not yet read."""
    return visible_of(cast("Any", model)._default_manager.all(), request.user)


def visible_of(rows: QuerySet[M], user: Any) -> QuerySet[M]:
    """Those of the rows that a person's role lets them see, not yet read."""
    return _visible_to()(rows, user)


@lru_cache(maxsize=1)
def _search_scope() -> Callable[[type[Model], Any], Collection[UUID] | None]:
    """The same knowledge as ids. Named in the settings for the same reason."""
    return cast(
        "Callable[[type[Model], Any], Collection[UUID] | None]", import_string(settings.STRATIBREAK_SEARCH_SCOPE)
    )


def search_scope(model: type[Model], request: Request) -> Collection[UUID] | None:
    """The projects (of a model without projects: the rows) within which a search may look, None: the whole tenant."""
    return _search_scope()(model, request.user)


def may(request: Request, action: str, model_label: str) -> bool:
    """Whether the requester's role, and the scopes of their key if they came with one, allow an action."""
    key = cast("Bearer | None", request.auth)
    if key is not None and not key_allows(key.scopes, action, model_label):
        return False
    return allowed(getattr(request.user, "role", None), action, model_label)

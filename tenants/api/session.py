"""Signing in and out, for people. Machines send an API key with every request and need no session."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from tenants.api.access import requester
from tenants.api.authentication import check_csrf
from tenants.api.viewsets import answer
from tenants.authentication import WrongCredentials, check_credentials
from tenants.domain.login_attempts import LockedOut
from tenants.enums import Role
from tenants.isolation.transaction import auth_context
from tenants.models import User
from tenants.permissions import MATRIX, MODELS


class SignInSerializer(serializers.Serializer[Any]):
    """What a person types."""

    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=1_000, trim_whitespace=False, write_only=True)


class SignedInUserSerializer(serializers.Serializer[Any]):
    """Who is signed in, and what they may do: model label to actions."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    tenant = serializers.UUIDField(allow_null=True)
    allowed = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))


class SessionSerializer(serializers.Serializer[Any]):
    """The session of this browser."""

    user = SignedInUserSerializer(allow_null=True)
    csrf_token = serializers.CharField(help_text="To be sent as X-CSRFToken with every change.")


class TooManyAttempts(APIException):
    """Account or network address has to wait."""

    status_code = 429
    default_code = "locked_out"

    def __init__(self, locked: LockedOut) -> None:
        super().__init__(str(locked))
        self.wait = locked.retry_after_s


class SessionView(APIView):
    """The session of this browser: who is signed in, sign in, sign out."""

    permission_classes = [AllowAny]

    @extend_schema(responses=SessionSerializer)
    def get(self, request: Request) -> HttpResponse:
        """Who is signed in, and the token that changes need; also for strangers."""
        return _session(request)

    @extend_schema(request=SignInSerializer, responses=SessionSerializer)
    def post(self, request: Request) -> HttpResponse:
        """Sign in, in place of whoever is signed in. After a few bad tries account and network address have to wait."""
        bare = request._request
        check_csrf(bare)
        form = SignInSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = sign_in(bare, email=form.validated_data["email"], password=form.validated_data["password"])
        request.user = user
        return _session(request)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request) -> HttpResponse:
        """Sign out. The session opens nothing any more."""
        if request.auth is not None:
            # Its user would be on record as having left.
            raise PermissionDenied("An API key has no session to end. Revoke it instead.")
        logout(request._request)
        return HttpResponse(status=204)


def sign_in(request: HttpRequest, *, email: str, password: str) -> User:
    """Check a password and begin a session.

    Raises AuthenticationFailed without saying what was wrong, TooManyAttempts while account or address have to wait.
    """
    try:
        user = check_credentials(request, email=email, password=password)
    except LockedOut as locked:
        raise TooManyAttempts(locked) from locked
    except WrongCredentials as wrong:
        raise AuthenticationFailed(str(wrong)) from wrong
    with auth_context(durable=True):
        login(request, user)
    return user


def _session(request: Request) -> HttpResponse:
    user = _described(requester(request)) if request.user.is_authenticated else None
    body = {"user": user, "csrf_token": get_token(request._request)}
    response = answer(request, body)
    # The token is masked anew in each answer, so a tag would never match.
    del response["ETag"]
    response["Cache-Control"] = "no-store"
    return response


def _described(user: User) -> dict[str, Any]:
    granted = MATRIX.get(cast("Role", user.role), {})
    return {
        "id": user.pk,
        "email": user.email,
        "name": user.get_full_name(),
        "role": user.role,
        "tenant": user.tenant_id,
        "allowed": {
            label: sorted(granted[resource])
            for resource, labels in MODELS.items()
            if resource in granted
            for label in labels
        },
    }

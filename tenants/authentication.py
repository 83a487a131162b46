"""Who logs in: the one path behind the API's session and the backoffice.

`check_credentials`, then Django's `login()`: together they leave no session key of before usable, and nothing of a
session of somebody else. Both doors stand outside every transaction (`tenants.strangers`).
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth import SESSION_KEY, authenticate
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import check_password
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest
from django.utils import timezone

from tenants.domain.auditing import AuditAction, record_login_failed
from tenants.domain.login_attempts import Attempt, LockedOut, attempt_succeeded, begin_attempt
from tenants.isolation.transaction import auth_step
from tenants.models.user import User
from tenants.request_info import current_request_info


class WrongCredentials(Exception):
    """Address or password is wrong, or the account is closed: which of them is not said."""

    def __init__(self) -> None:
        super().__init__("E-mail address or password is wrong.")


def check_credentials(request: HttpRequest, *, email: str, password: str) -> User:
    """Return whose e-mail address and password these are; the try is counted, and a session in use gets a new key.

    Raises WrongCredentials; LockedOut while account or network address have to wait.
    """
    user = authenticate(request, username=email, password=password)
    if isinstance(user, User):
        if SESSION_KEY in request.session:
            request.session.cycle_key()  # `login()` would let the same person go on under the same key
        return user
    locked: LockedOut | None = getattr(request, "locked_out", None)
    raise locked or WrongCredentials


class TenantBackend(BaseBackend):
    """Logs in by e-mail address and password, and resolves the user of a session.

    Both happen under the auth purpose, the moment before the tenant is known.  A person of an inactive organisation is
    treated like a deactivated one: at login and in every request after it.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """Return the user, or None; an unknown address costs the same time as a wrong password.

        Raises PermissionDenied while account or network address have to wait after bad tries; the refusal is put on
        the request as ``locked_out``, for doors that can say how long.
        """
        address = (username or kwargs.get("email") or "").strip().lower()
        if not address or password is None or "\0" in address:
            return None
        attempt = self._begin(request, address)
        with auth_step():
            user = User.objects.select_related("tenant").filter(email=address).first()
        if user is None:
            User().set_password(password)
            return None
        # No setter: rehashing with a newer hasher happens when the password is next set.
        if check_password(password, user.password) and self.user_can_authenticate(user):
            attempt_succeeded(attempt)
            return user
        return None

    def _begin(self, request: HttpRequest | None, address: str) -> Attempt:
        try:
            return begin_attempt(login=address, ip_address=current_request_info().ip, at=timezone.now())
        except LockedOut as locked:
            if request is not None:
                request.locked_out = locked  # type: ignore[attr-defined]  # read by check_credentials
            record_login_failed(login=address, reason=str(locked), action=AuditAction.LOCKED_OUT)
            raise PermissionDenied from locked

    def user_can_authenticate(self, user: User) -> bool:
        """Whether the person and their organisation are active."""
        return user.is_active and (user.tenant is None or user.tenant.is_active)

    def get_user(self, user_id: Any) -> User | None:
        """Return the active user of a session, None when they or their organisation were deactivated."""
        try:
            with auth_step():
                user = User.objects.select_related("tenant").filter(pk=UUID(str(user_id))).first()
        except (ValueError, ValidationError):
            return None
        return user if user is not None and self.user_can_authenticate(user) else None

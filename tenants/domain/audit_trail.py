"""Switching the audit trail on when Django starts: what records itself, without a call in the code that does it.

1. Creates, updates and deletes of every audited model, through auditlog's receivers.
2. Logins, logouts and failed logins, from Django's own signals: every door that authenticates sends them.
3. An operator's read across tenants, committed before it reads.
4. System checks of partitions and triggers.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed

from tenants.audit.checks import register_audit_checks
from tenants.audit.registration import register_audited_models
from tenants.isolation.platform_access import record_platform_access_with
from tenants.models.user import User

from .auditing import record_login, record_login_failed, record_logout, record_operator_read

_LOGIN_NAMES = ("email", "username", "login")


def start_audit_trail() -> None:
    """Connect everything above; again without harm. Called by the app's configuration once all apps are loaded."""
    register_audited_models()
    user_logged_in.connect(_logged_in, dispatch_uid="stratibreak.audit.logged_in")
    user_logged_out.connect(_logged_out, dispatch_uid="stratibreak.audit.logged_out")
    user_login_failed.connect(_login_failed, dispatch_uid="stratibreak.audit.login_failed")
    record_platform_access_with(record_operator_read)
    register_audit_checks()


def _logged_in(*, user: Any, **kwargs: Any) -> None:
    if isinstance(user, User):
        record_login(user=user)


def _logged_out(*, user: Any, **kwargs: Any) -> None:
    if isinstance(user, User):  # a logout without a login has nobody to name
        record_logout(user=user)


def _login_failed(*, credentials: dict[str, Any], **kwargs: Any) -> None:
    typed = next((credentials[name] for name in _LOGIN_NAMES if credentials.get(name)), "")
    record_login_failed(login=str(typed))

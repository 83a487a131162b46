"""System checks of an installation: none of the demo's passwords, and an address for the links in mails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core import checks
from django.db import DatabaseError

from .default_users import DEFAULT_USERS
from .domain.invitation_mail import public_url_problem
from .isolation.transaction import auth_context
from .models import User


def register_checks() -> None:
    """Register the checks with Django (called once, when the app is ready)."""
    checks.register(check_default_passwords, checks.Tags.database)
    checks.register(check_default_passwords_deployed, checks.Tags.security, deploy=True)
    checks.register(check_public_url, checks.Tags.security, deploy=True)


def check_default_passwords(
    app_configs: Any, databases: Iterable[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """With DEBUG off, nobody can log in with a password of the demo (`check --database default`)."""
    if settings.DEBUG or "default" not in (databases or ()):
        return []
    return _default_passwords()


def check_default_passwords_deployed(
    app_configs: Any, databases: Iterable[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """The same under `check --deploy`, unless the database is checked anyway."""
    if settings.DEBUG or "default" in (databases or ()):
        return []
    return _default_passwords()


def check_public_url(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Links in mails need an address that people reach, over TLS (`check --deploy`)."""
    problem = public_url_problem(settings.PUBLIC_URL)
    if not problem and not settings.PUBLIC_URL.startswith("https://"):
        problem = "PUBLIC_URL does not begin with https://: the links in mails carry secrets."
    hint = "Set PUBLIC_URL=https://…, the address people reach this installation at."
    return [checks.Error(problem, hint=hint, id="tenants.E051")] if problem else []


def _default_passwords() -> list[checks.CheckMessage]:
    """Look up the known addresses only: one query, and one slow hash for each address that is there."""
    try:
        with auth_context():
            hashes = dict(
                User.objects.filter(email__in=[user.email for user in DEFAULT_USERS], is_active=True).values_list(
                    "email", "password"
                )
            )
    except DatabaseError as error:
        return [
            checks.Warning(
                f"Whether users have default passwords could not be looked up: {type(error).__name__}.",
                hint="Start the database, run `manage.py migrate`, then check again.",
                id="tenants.W050",
            )
        ]
    return [
        checks.Error(
            f"{user.email} has the password of the demo, which everybody knows.",
            hint="Deactivate the user or give it another password; never load the demo's fixtures where DEBUG is off.",
            id="tenants.E050",
        )
        for user in DEFAULT_USERS
        if user.email in hashes and check_password(user.password, hashes[user.email])
    ]

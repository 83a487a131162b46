"""Slowing down guessing: after a few bad tries an account, and a network address, have to wait.

A try is counted before the password is looked at, under a lock, so that a hundred tries at once are a hundred tries.
An address that belongs to nobody is counted like any other, so being locked out tells nothing about who exists. The
counting has its own transaction, whatever is answered afterwards: inside another one it refuses to work, because that
one could take the count back. Doors therefore try passwords and tokens before they open a transaction
(``tenants.strangers``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.utils.crypto import salted_hmac

from tenants.isolation.transaction import auth_context
from tenants.models.login_attempt import LoginAttempt

KEPT_FOR = timedelta(days=1)
_SALT = "tenants.login_attempts"


class LockedOut(Exception):
    """Too many bad tries.  retry_after_s: seconds until the next try is looked at."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many attempts. Try again in {max(1, round(retry_after_s / 60))} minutes.")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try that was let through and waits for its outcome."""

    id: UUID
    account_digest: str


def begin_attempt(*, login: str, ip_address: str | None, at: datetime) -> Attempt:
    """Count one try, before the password is looked at.

    login: what was typed, in any case;  ip_address: as far as the network can be believed, None where unknown
    Raises LockedOut, without counting the try, when account or address have used up theirs; RuntimeError inside a
    transaction.
    """
    digest = _digest_of(login)
    since = at - timedelta(seconds=settings.LOGIN_LOCKOUT_S)
    with auth_context(durable=True):
        _one_at_a_time(digest, ip_address)
        _check_limit(LoginAttempt.objects.filter(account_digest=digest), since, settings.LOGIN_FAILURES_PER_ACCOUNT, at)
        if ip_address is not None:
            of_address = LoginAttempt.objects.filter(ip_address=ip_address)
            _check_limit(of_address, since, settings.LOGIN_FAILURES_PER_ADDRESS, at)
        attempt = LoginAttempt.objects.create(account_digest=digest, ip_address=ip_address, tried_at=at)
    return Attempt(attempt.pk, digest)


def attempt_succeeded(attempt: Attempt) -> None:
    """Forget the bad tries of the account: the password was right."""
    with auth_context(durable=True):
        LoginAttempt.objects.filter(account_digest=attempt.account_digest).delete()


def forget_old_attempts(*, at: datetime) -> int:
    """Remove tries that no longer count. Returns how many."""
    with auth_context():
        removed, _ = LoginAttempt.objects.filter(tried_at__lt=at - KEPT_FOR).delete()
    return removed


def _digest_of(login: str) -> str:
    return salted_hmac(_SALT, login.strip().lower(), algorithm="sha256").hexdigest()


def _one_at_a_time(*names: str | None) -> None:
    """Hold a lock for account and address until the transaction ends, always in one order."""
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        for name in sorted(name for name in names if name):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{_SALT} {name}"])


def _check_limit(tries: models.QuerySet[LoginAttempt], since: datetime, limit: int, at: datetime) -> None:
    """Raise LockedOut when the limit is reached; the wait ends when the oldest try that counts grows too old."""
    recent = list(tries.filter(tried_at__gt=since).order_by("-tried_at").values_list("tried_at", flat=True)[:limit])
    if len(recent) >= limit:
        raise LockedOut(max(1, round((recent[-1] - since).total_seconds())))

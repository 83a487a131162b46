"""Making, checking and revoking the keys that machines show.

A key reads `sbk_<id>.<secret>`: the id finds the row in one query, the secret is compared with its digest
(`tenants.domain.peppers`). An old pepper is removed when the keys made under it have expired.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils import timezone

from tenants.domain.auditing import AuditAction, Operation, record, record_refusal
from tenants.domain.peppers import keyed_digest, newest_pepper_version, secret_fits
from tenants.models.api_key import ApiKey
from tenants.models.user import User

PREFIX = "sbk_"
SECRET_BYTES = 32
MAX_LIFETIME = timedelta(days=366)
"""A key that nobody renews for a year is a key nobody remembers."""
CLOSED_KEY = "The API key is revoked or has expired, or its account is closed."
LAST_USED_PRECISION = timedelta(minutes=5)
"""How often `last_used_at` is written: to the second it would make every read a write."""

_HEADER = re.compile(r"(?i:Bearer) +sbk_([0-9a-f]{32})\.([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key just made, with the text that is shown once."""

    key: ApiKey
    secret_text: str

    def __repr__(self) -> str:
        return f"<NewApiKey {self.key.pk}>"


def create_api_key(
    *, name: str, user: User, scopes: Sequence[str], expires_at: datetime, by: User, at: datetime
) -> NewApiKey:
    """Make a key for a machine that acts as `user`.

    Raises ValidationError: unknown scopes, an expiry in the past or more than a year away, an inactive user.
    """
    _check_expiry(expires_at, at)
    if not user.is_active:
        raise ValidationError({"user": "This user is deactivated."})
    secret = secrets.token_urlsafe(SECRET_BYTES)
    version = newest_pepper_version()
    key = ApiKey(
        name=name,
        user=user,
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
        created_by_id=by.pk,
        secret_digest=keyed_digest(secret, version=version),
        pepper_version=version,
    )
    key.clean_fields(exclude={"tenant"})
    key.save(force_insert=True)
    return NewApiKey(key, f"{PREFIX}{key.pk.hex}.{secret}")


def revoke_api_key(*, key: ApiKey, by: User, at: datetime) -> ApiKey:
    """Make a key open nothing from now on. A second time changes nothing."""
    if key.revoked_at is None:
        key.revoked_at = at
        # update() and not save(): one entry that says "revoked" instead of one that says "changed".
        ApiKey.objects.filter(pk=key.pk).update(revoked_at=at, updated_at=at)
        record(action=AuditAction.API_KEY_REVOKED, operation=Operation.UPDATE, resource=key, actor_id=by.pk)
    return key


def authenticate_api_key(header: str, *, at: datetime | None = None) -> ApiKey | None:
    """Find the key in an Authorization header, with its user and their tenant, in one query.

    Runs under the auth purpose (`auth_context`). Returns None for anything that opens nothing, without saying which
    part was wrong; an unknown id takes as long as a wrong secret. That a key was shown which opens nothing any more is
    kept in the audit trail, where its secret proves that it is that key.
    """
    at = at or timezone.now()
    found = _HEADER.fullmatch(header.strip())
    if found is None:
        return None
    key_id, secret = UUID(hex=found[1]), found[2]
    key = ApiKey.for_authentication.select_related("user", "user__tenant").filter(pk=key_id).first()
    kept = (key.secret_digest, key.pepper_version) if key else None
    if not secret_fits(secret, kept) or key is None:
        return None
    if not _opens(key, at):
        record_refusal(reason=CLOSED_KEY, resource=key, tenant_id=key.tenant_id, actor_id=key.user_id)
        return None
    if key.last_used_at is None or at - key.last_used_at >= LAST_USED_PRECISION:
        ApiKey.for_authentication.filter(pk=key_id).update(last_used_at=at)
    return key


def _opens(key: ApiKey, at: datetime) -> bool:
    user = cast("User", key.user)
    return key.is_usable(at=at) and user.is_active and user.tenant is not None and user.tenant.is_active


def _check_expiry(expires_at: datetime, at: datetime) -> None:
    if expires_at <= at:
        raise ValidationError({"expires_at": "Must lie in the future."})
    if expires_at - at > MAX_LIFETIME:
        raise ValidationError({"expires_at": f"At most {MAX_LIFETIME.days} days from now."})

"""Answering an invitation: from the text of a link to a person of the organisation.

1. The try is counted, by invitation and by network address, before the token is looked at (`login_attempts`).
2. Under the auth purpose, which reads invitations and writes none, the id in the token finds the row, and the tenant
   comes from that row and from nowhere else.
3. In that tenant the row is locked and looked at again, so that of two answers at once one counts; the person is made
   and the invitation closed in one transaction.

An address that is used somewhere already stops step 3 and undoes it: its holder is told, and the organisation's rows
and audit trail stay as they were. Each step refuses to run inside another transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.views.decorators.debug import sensitive_variables

from tenants.domain.auditing import INSTALLATION, AuditAction, record_refusal
from tenants.domain.invitations import bound_secret, parse_token
from tenants.domain.login_attempts import LockedOut, attempt_succeeded, begin_attempt
from tenants.domain.people import UNIQUE_VIOLATION
from tenants.domain.peppers import secret_fits
from tenants.enums import Role
from tenants.isolation.identifiers import uuid7
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import Invitation, Tenant, User
from tenants.validators import validate_line


class InvitationInvalid(Exception):
    """The link opens nothing; whether it never did, was used, revoked or is too old is not said."""

    def __init__(self) -> None:
        super().__init__("This invitation is not valid: it was used, withdrawn or is too old. Ask for a new one.")


class AddressInUse(Exception):
    """The invited address has an account already. Told to its holder, and to nobody else."""

    def __init__(self) -> None:
        super().__init__(
            "This e-mail address already has an account on this installation, and an address has only one. "
            "Nobody was told. Sign in with that account, or ask to be invited under another address."
        )


@dataclass(frozen=True, slots=True)
class OpenInvitation:
    """An invitation as its holder sees it."""

    invitation: Invitation
    organisation: Tenant


@sensitive_variables("token", "parsed")
def open_invitation(token: str, *, ip_address: str | None, at: datetime) -> OpenInvitation:
    """Find the invitation that a token opens. Changes nothing but the count of tries.

    Raises InvitationInvalid; LockedOut while invitation or network address have to wait after bad tries.
    """
    parsed = parse_token(token)
    account = f"invitation {parsed[0].hex}" if parsed else f"invitation of {ip_address}"
    try:
        attempt = begin_attempt(login=account, ip_address=ip_address, at=at)
    except LockedOut as locked:
        record_refusal(reason=str(locked), action=AuditAction.LOCKED_OUT, tenant_id=INSTALLATION)
        raise
    with auth_context(durable=True):
        candidate = Invitation.for_authentication.filter(pk=parsed[0]).first() if parsed else None
        found = _opened(candidate, parsed[1] if parsed else "", at)
    if found is None:
        record_refusal(
            reason="A token that opens no invitation.",
            resource=candidate,
            tenant_id=candidate.tenant_id if candidate else INSTALLATION,
        )
        raise InvitationInvalid
    attempt_succeeded(attempt)
    return found


@sensitive_variables("token", "password")
def accept_invitation(
    token: str,
    *,
    password: str,
    first_name: str | None = None,
    last_name: str | None = None,
    ip_address: str | None,
    at: datetime,
) -> User:
    """Make the holder of a token a person of the organisation, who can sign in with the password.

    first_name, last_name: None: as the invitation has them
    Raises InvitationInvalid, LockedOut, AddressInUse; ValidationError for a weak password or an unacceptable name.
    """
    found = open_invitation(token, ip_address=ip_address, at=at)
    invitation = found.invitation
    user = User(
        id=uuid7(),
        tenant_id=found.organisation.pk,
        email=invitation.email,
        role=invitation.role,
        first_name=invitation.first_name if first_name is None else first_name,
        last_name=invitation.last_name if last_name is None else last_name,
    )
    _check_names(user)
    _check_password(password, user)
    user.password = make_password(password)  # slow, so before anything is locked
    user.clean_fields(exclude={"tenant"})
    try:
        with tenant_context(found.organisation.pk, actor_id=user.pk, reason="accepts an invitation", durable=True):
            _close(invitation, at)
            user.save(force_insert=True)
    except IntegrityError as error:
        if getattr(error.__cause__, "sqlstate", "") != UNIQUE_VIOLATION:
            raise
        # Under the installation, whose entries operators read and administrators do not.
        record_refusal(reason="The address of an invitation has an account already.", tenant_id=INSTALLATION)
        raise AddressInUse from error
    return user


def _opened(candidate: Invitation | None, secret: str, at: datetime) -> OpenInvitation | None:
    if candidate is None or candidate.tenant_id is None:
        secret_fits(secret, None)
        return None
    bound = bound_secret(tenant_id=candidate.tenant_id, invitation_id=candidate.pk, secret=secret)
    if not secret_fits(bound, (candidate.secret_digest, candidate.pepper_version)) or not candidate.is_open(at=at):
        return None
    organisation = Tenant.objects.filter(pk=candidate.tenant_id, is_active=True).first()
    if organisation is None or not _inviter_may_invite(candidate):
        return None
    return OpenInvitation(candidate, organisation)


def _inviter_may_invite(invitation: Invitation) -> bool:
    """Whether who sent it could send it today: an administrator who had to go leaves no door open behind them."""
    inviter = User.objects.filter(pk=invitation.invited_by_id, is_active=True).first()
    if inviter is None:
        return False
    return inviter.is_operator or (inviter.tenant_id == invitation.tenant_id and inviter.role == Role.ADMIN)


def _close(seen: Invitation, at: datetime) -> None:
    """Lock the row and mark it accepted. Raises InvitationInvalid where it changed since it was looked up."""
    held = Invitation.objects.select_for_update().filter(pk=seen.pk, secret_digest=seen.secret_digest).first()
    if held is None or not held.is_open(at=at):
        raise InvitationInvalid
    held.accepted_at = at
    held.save(update_fields=["accepted_at", "updated_at"])


def _check_names(user: User) -> None:
    for field in ("first_name", "last_name"):
        try:
            validate_line(getattr(user, field))
        except ValidationError as error:
            raise ValidationError({field: error.messages}) from error


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error

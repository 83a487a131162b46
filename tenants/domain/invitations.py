"""Inviting people into an organisation: sending, sending again, revoking.

Nothing here looks beyond the organisation, so an address that is used elsewhere is invited, listed and left pending
like any other, by the same statements. What the address is elsewhere comes up when its holder opens the link
(`tenants.domain.joining`), and is told to them alone.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from tenants.domain.invitation_mail import check_public_url, invitation_message, send_after_commit
from tenants.domain.people import UNIQUE_VIOLATION
from tenants.domain.peppers import keyed_digest, newest_pepper_version
from tenants.isolation.context import require_tenant_id
from tenants.models import Invitation, Tenant, User

PREFIX = "sbi_"
SECRET_BYTES = 32
MAX_SENDS = 5
"""How often one invitation is sent: after that somebody is being bothered."""
COUNTED_OVER = timedelta(days=1)
_TOKEN = re.compile(r"sbi_([0-9a-f]{32})\.([A-Za-z0-9_-]{43})", re.ASCII)


class InvitationRefused(Exception):
    """An invitation cannot be sent, sent again or revoked; the message says why, for the administrator."""


def invite(*, email: str, role: str, by: User, at: datetime, first_name: str = "", last_name: str = "") -> Invitation:
    """Send an invitation by mail, once the transaction commits.

    Raises ValidationError: no address, somebody here has it, or an invitation for it is open; InvitationRefused: too
    many in a day; MailNotConfigured.
    """
    check_public_url()
    _check_daily_limit(at)
    invitation = Invitation(
        email=email.strip().lower(),
        role=role,
        first_name=first_name,
        last_name=last_name,
        invited_by_id=by.pk,
        sent_at=at,
        expires_at=at + timedelta(seconds=settings.INVITATION_LIFETIME_S),
    )
    token = _new_token(invitation)
    invitation.clean_fields(exclude={"tenant"})
    check_address(invitation)
    try:
        with transaction.atomic():
            invitation.save(force_insert=True)
    except IntegrityError as error:
        if getattr(error.__cause__, "sqlstate", "") != UNIQUE_VIOLATION:
            raise
        raise _open_already() from error  # somebody else invited them a moment ago
    _send(invitation, token, by)
    return invitation


def resend_invitation(*, invitation: Invitation, by: User, at: datetime) -> Invitation:
    """Send an open or expired invitation once more; the link sent before stops working.

    Raises InvitationRefused: answered or revoked already, or sent too often; ValidationError: somebody here has the
    address by now; MailNotConfigured.
    """
    check_public_url()
    held = _locked(invitation)
    _check_unanswered(held)
    if held.sent_count >= MAX_SENDS:
        raise InvitationRefused(f"It was sent {MAX_SENDS} times. Revoke it and invite the person anew.")
    check_address(held)
    token = _new_token(held)
    held.invited_by_id, held.sent_at, held.sent_count = by.pk, at, held.sent_count + 1
    held.expires_at = at + timedelta(seconds=settings.INVITATION_LIFETIME_S)
    held.save()
    _send(held, token, by)
    return held


def revoke_invitation(*, invitation: Invitation, at: datetime) -> Invitation:
    """Make the link of an invitation work no more. A second time changes nothing.

    Raises InvitationRefused when the person has joined already.
    """
    held = _locked(invitation)
    if held.revoked_at is None:
        _check_unanswered(held)
        held.revoked_at = at
        held.save(update_fields=["revoked_at", "updated_at"])
    return held


def check_address(invitation: Invitation) -> None:
    """Raises ValidationError where somebody of the organisation has the address, or is asked to join with it."""
    if User.objects.filter(email=invitation.email).exists():
        raise ValidationError({"email": "Somebody in your organisation has this address."})
    others = Invitation.objects.exclude(pk=invitation.pk)
    if others.filter(email=invitation.email, accepted_at=None, revoked_at=None).exists():
        raise _open_already()


def _open_already() -> ValidationError:
    message = "There is an open invitation for this address: send it again or revoke it."
    return ValidationError({"email": ValidationError(message, code="unique")})


def parse_token(text: str) -> tuple[UUID, str] | None:
    """Return (invitation id, secret) of the text in a link, None for anything that is no token."""
    found = _TOKEN.fullmatch(text.strip())
    return (UUID(hex=found[1]), found[2]) if found else None


def bound_secret(*, tenant_id: UUID, invitation_id: UUID, secret: str) -> str:
    """What is digested: the secret with the row it belongs to, so that a digest fits in no other row or tenant."""
    return f"invitation|{tenant_id.hex}|{invitation_id.hex}|{secret}"


def _new_token(invitation: Invitation) -> str:
    """Give the invitation a new secret. Returns the text of the link, which is kept nowhere."""
    secret, version = secrets.token_urlsafe(SECRET_BYTES), newest_pepper_version()
    bound = bound_secret(tenant_id=require_tenant_id(), invitation_id=invitation.pk, secret=secret)
    invitation.secret_digest, invitation.pepper_version = keyed_digest(bound, version=version), version
    return f"{PREFIX}{invitation.pk.hex}.{secret}"


def _send(invitation: Invitation, token: str, by: User) -> None:
    organisation = Tenant.objects.get(pk=require_tenant_id())
    send_after_commit(invitation_message(invitation, organisation=organisation, by=by, token=token), invitation.pk)


def _locked(invitation: Invitation) -> Invitation:
    found: Invitation = Invitation.objects.select_for_update().get(pk=invitation.pk)
    return found


def _check_unanswered(invitation: Invitation) -> None:
    if invitation.accepted_at is not None:
        raise InvitationRefused("The person has joined already.")
    if invitation.revoked_at is not None:
        raise InvitationRefused("The invitation was revoked. Invite the person anew.")


def _check_daily_limit(at: datetime) -> None:
    if Invitation.objects.filter(created_at__gt=at - COUNTED_OVER).count() >= settings.INVITATIONS_PER_DAY:
        raise InvitationRefused("Your organisation has sent as many invitations today as it may. Try again tomorrow.")

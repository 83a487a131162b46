"""The mail that carries an invitation's link.

The link is built from PUBLIC_URL and never from a request, whose Host header is the client's to write. The token stands
behind the `#`: browsers keep that part to themselves, so no access log, proxy or Referer header sees it.
"""

from __future__ import annotations

import logging
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from tenants.models import Invitation, Tenant, User
from tenants.request_info import printable

logger = logging.getLogger(__name__)


class MailNotConfigured(Exception):
    """No link can be put into a mail; the message says what the operator has to set."""


_NAME_MAX_CHARS = 100


def public_url_problem(url: str) -> str:
    """Say what keeps links from being built on a PUBLIC_URL, "" where nothing does."""
    if not url:
        return "PUBLIC_URL is not set: no link can be put into a mail."
    parts = urlsplit(url)
    if (
        parts.scheme not in ("http", "https")
        or not parts.netloc
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        return "PUBLIC_URL must read https://host, with nothing behind the path."
    return ""


def check_public_url() -> None:
    """Raises MailNotConfigured where no link can be built."""
    if problem := public_url_problem(settings.PUBLIC_URL):
        raise MailNotConfigured(problem)


def invitation_link(token: str) -> str:
    """Return the address at which an invitation is answered."""
    check_public_url()
    return f"{settings.PUBLIC_URL.rstrip('/')}{reverse('invitation')}#{token}"


def invitation_message(invitation: Invitation, *, organisation: Tenant, by: User, token: str) -> EmailMessage:
    """Return the mail, not yet sent. What people named themselves enters its text as one printable line each."""
    context = {
        "organisation": printable(organisation.shown_name, _NAME_MAX_CHARS),
        "inviter": "An operator of this installation" if by.is_operator else printable(by.email, 254),
        "role": invitation.get_role_display(),
        "link": invitation_link(token),
        "expires_at": invitation.expires_at,
    }
    subject = render_to_string("tenants/invitation_subject.txt", context)
    body = render_to_string("tenants/invitation_mail.txt", context)
    return EmailMessage(subject=" ".join(subject.split()), body=body, to=[invitation.email])


def send_after_commit(message: EmailMessage, invitation_id: UUID) -> None:
    """Send once the transaction has committed: an invitation that is rolled back sends nothing, and no transaction
    waits for a mail server. What goes wrong is logged; the invitation stands, to be sent again."""

    def send() -> None:
        try:
            message.send()
        except OSError as error:  # smtplib's errors are OSErrors too
            # Neither address nor text: the log is not to know who was invited, nor the token.
            logger.error("Invitation %s could not be mailed: %s", invitation_id, type(error).__name__)

    transaction.on_commit(send, robust=True)

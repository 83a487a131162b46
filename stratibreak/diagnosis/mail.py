"""Whether mails and links go out: invitations, and notices to people who chose mail."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator

from django.conf import settings
from django.core.mail import get_connection

from tenants.domain.invitation_mail import public_url_problem

from .finding import Finding

SMTP = "django.core.mail.backends.smtp.EmailBackend"
_MEND = "Set EMAIL_URL; until then neither invitations nor notices by mail arrive."


def mail_findings() -> Iterator[Finding]:
    """Asks the mail server for its greeting and our login; sends nothing. Who uses no mail has no problem."""
    problem = public_url_problem(settings.PUBLIC_URL)
    yield Finding("public address", problem or settings.PUBLIC_URL, mend="Set PUBLIC_URL." if problem else "")
    if settings.EMAIL_BACKEND != SMTP:
        name = settings.EMAIL_BACKEND.rsplit(".", 2)[-2]
        yield Finding("mail", f"no mail server: {name}", mend="" if settings.DEBUG else _MEND)
        return
    server = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    connection = get_connection()
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        yield Finding("mail", f"{server} does not take us: {type(error).__name__}", mend=_MEND)
    else:
        connection.close()
        yield Finding("mail", f"{server} answers")

"""Mail, through the mail server of the installation.

1. What is entered are addresses and groups of the organisation's people, with commas between them. A group becomes the
   addresses of those people when a message is sent (`integrations.domain.outgoing.recipients`).
2. Each address gets a mail of its own, so nobody reads who else is told, and a mail server that refuses one address
   refuses no other.
3. Whoever has it does not get it again: the digests of addresses that were reached are kept with the delivery. A
   server that may take an address later is asked again; one that never will is not, as long as another one has it.
"""

from __future__ import annotations

import hashlib
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import parseaddr
from time import monotonic
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.validators import validate_email

from integrations.destinations.base import AddressUnfit, Network, Parcel, Sender
from integrations.enums import MailGroup
from integrations.http.addresses import AddressGuard
from integrations.http.errors import Refused, ServerFailed, ToolError, Unauthorized, Unreachable
from integrations.messages.mail import Mail, mail_of
from integrations.messages.notice import notice_of_json

MOST_ADDRESSES: Final = 20
LONGEST_S: Final = 60.0
"""After that a slow server is left alone for a while; who has the mail by then does not get it again."""
_PERMANENT: Final = 500
REACHED, REFUSED = "reached", "refused"
"""In the memory of a delivery: digests of addresses that have it, and how many never will."""


class MailRefused(Refused):
    code = "mail_refused"
    sentence = "The mail server does not accept the mail."


class MailServerBusy(ServerFailed):
    code = "mail_server_busy"
    sentence = "The mail server cannot take the mail now."


class MailServerUnreachable(Unreachable):
    code = "mail_server_unreachable"
    sentence = "The mail server did not answer in time, or the connection broke."


class MailLoginRefused(Unauthorized):
    code = "mail_login_refused"
    sentence = "The mail server does not accept the installation's login."


class NobodyToTell(Refused):
    code = "nobody_to_tell"
    sentence = "None of the groups has anybody in it who may see this."


class EmailSender(Sender):
    """See the module. It needs no door: the mail server is the operator's, and not for an organisation to name."""

    def described(self, address: str, guard: AddressGuard) -> str:
        groups, addresses = parsed_recipients(address)
        domains = sorted({each.rpartition("@")[2] for each in addresses})
        people = "1 address" if len(addresses) == 1 else f"{len(addresses)} addresses"
        at = f"{people} at {', '.join(domains)}" if addresses else ""
        return ", ".join(part for part in (*(group.label.lower() for group in groups), at) if part)

    def send(self, parcel: Parcel, network: Network) -> int | None:
        recipients = [each for each in parcel.address.split(",") if each]
        if not recipients:
            raise NobodyToTell
        name = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
        mail = mail_of(notice_of_json(parcel.notice), message_name=str(parcel.message_id), domain=name)
        reached = set(parcel.memory.get(REACHED, []))
        errors: list[ToolError] = []
        until_s = monotonic() + LONGEST_S
        with _server() as server:
            for recipient in recipients:
                if _digest(recipient) in reached:
                    continue
                if monotonic() > until_s:
                    raise MailServerBusy
                error = _sent(server, mail, recipient)
                if error is None:
                    reached.add(_digest(recipient))
                    parcel.memory[REACHED] = sorted(reached)
                else:
                    errors.append(error)
        parcel.memory[REFUSED] = sum(not error.is_transient for error in errors)
        _raise_what_matters(errors, has_reached_somebody=bool(reached))
        return None


def parsed_recipients(text: str) -> tuple[list[MailGroup], list[str]]:
    """The groups and the addresses that were entered. Raises AddressUnfit for anything else, and for too many."""
    entries = [each.strip() for each in text.split(",") if each.strip()]
    groups = [MailGroup(each.upper()) for each in entries if each.upper() in MailGroup.values]
    addresses = list(dict.fromkeys(each.lower() for each in entries if each.upper() not in MailGroup.values))
    for each in addresses:
        try:
            validate_email(each)
        except ValidationError:
            raise AddressUnfit(_what_to_enter()) from None
    if not entries:
        raise AddressUnfit(_what_to_enter())
    if len(addresses) > MOST_ADDRESSES:
        raise AddressUnfit(f"At most {MOST_ADDRESSES} addresses: take a list of your mail server for more.")
    return list(dict.fromkeys(groups)), addresses


def _what_to_enter() -> str:
    return f"Enter mail addresses or groups ({', '.join(MailGroup.values).lower()}), with commas between them."


def _digest(address: str) -> str:
    """So that the delivery, which many may read, names nobody."""
    return hashlib.sha256(address.encode()).hexdigest()[:16]


@contextmanager
def _server() -> Iterator[BaseEmailBackend]:
    server = get_connection(fail_silently=False)
    try:
        server.open()
    except smtplib.SMTPException as failure:
        raise _error_of(failure) from None
    except OSError:
        raise MailServerUnreachable from None
    try:
        yield server
    finally:
        with suppress(OSError, smtplib.SMTPException):
            server.close()


def _sent(server: BaseEmailBackend, mail: Mail, recipient: str) -> ToolError | None:
    """Send to one address. Returns what was wrong with it; raises what is wrong with the server."""
    message = EmailMultiAlternatives(mail.subject, mail.text, to=[recipient], headers=dict(mail.headers))
    message.attach_alternative(mail.html, "text/html")
    try:
        server.send_messages([message])
    except smtplib.SMTPException as failure:
        error = _error_of(failure)
        if isinstance(failure, smtplib.SMTPRecipientsRefused):
            return error
        raise error from None
    except OSError:
        raise MailServerUnreachable from None
    return None


def _error_of(failure: smtplib.SMTPException) -> ToolError:
    """In our words: a server's own may repeat an address."""
    if isinstance(failure, smtplib.SMTPAuthenticationError):
        return MailLoginRefused()
    if isinstance(failure, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in failure.recipients.values()]
        return MailRefused() if codes and min(codes) >= _PERMANENT else MailServerBusy()
    if isinstance(failure, smtplib.SMTPResponseException):
        return MailRefused() if failure.smtp_code >= _PERMANENT else MailServerBusy()
    return MailServerUnreachable()


def _raise_what_matters(errors: list[ToolError], *, has_reached_somebody: bool) -> None:
    """What may pass is tried again; what will not matters only where nobody has it."""
    for error in errors:
        if error.is_transient or not has_reached_somebody:
            raise error

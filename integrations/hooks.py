"""The door of webhooks: `/hooks/<token>/`, outside sessions, cookies and every transaction.

It knows the address by its token, hands the body over as it came, and answers at once. A token that opens nothing is a
404, whether it was revoked, is of a closed organisation or never was; after a few of these the network address that
they came from is told to wait. One that is right is always answered, whatever others from the same network address
tried: a tool sends the messages of many organisations from one.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables

from integrations.connectors.webhooks import Greeting, RefusalReason, Sent
from integrations.domain.receiving import Outcome, Receipt, receive
from integrations.domain.webhook_addresses import address_of, find_address
from tenants.domain.login_attempts import LockedOut, begin_attempt
from tenants.request_info import current_request_info

MOST_BYTES: Final = 1024 * 1024
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
METHODS: Final = ("GET", "HEAD", "POST")
STATUS_OF: Final = {
    RefusalReason.MALFORMED: HTTPStatus.BAD_REQUEST,
    RefusalReason.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}
"""Every other refusal is a 401."""


@csrf_exempt
@sensitive_variables("token", "sent", "address")
def hook_view(request: HttpRequest, token: str) -> HttpResponse:
    """Take what a tool sends. GET and HEAD say that the address is right, as Trello asks before it uses one."""
    if request.method not in METHODS:
        return _said(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": ", ".join(METHODS)})
    address = find_address(token)
    if address is None:
        return _unknown()
    if request.method != "POST":
        return _said(HTTPStatus.OK, "This address takes webhooks.")
    try:
        sent = _sent(request, token)
    except UnreadablePostError:  # hung up half-way
        return _said(HTTPStatus.BAD_REQUEST)
    receipt = receive(address, sent, at=timezone.now())
    if receipt.outcome is Outcome.UNKNOWN:
        return _unknown()
    return _answer(receipt)


def _sent(request: HttpRequest, token: str) -> Sent | None:
    """What was sent, None where it is too large: then it is not read."""
    size = request.META.get("CONTENT_LENGTH") or "0"
    if not _NUMBER.fullmatch(size) or int(size) > MOST_BYTES:
        return None
    return Sent(
        request.read(MOST_BYTES),
        headers={name.lower(): value for name, value in request.headers.items()},
        query=request.GET.dict(),
        addresses=(address_of(token), request.build_absolute_uri(request.path)),
    )


def _answer(receipt: Receipt) -> HttpResponse:
    if receipt.refusal is not None:
        return _said(STATUS_OF.get(receipt.refusal, HTTPStatus.UNAUTHORIZED), receipt.refusal.value)
    if receipt.greeting is not None:
        return _greeted(receipt.greeting)
    return _said(HTTPStatus.OK)


def _greeted(greeting: Greeting) -> HttpResponse:
    return HttpResponse(
        greeting.body,
        content_type=f"{greeting.content_type}; charset=utf-8",
        headers={"Cache-Control": "no-store", **greeting.headers},
    )


def _unknown() -> HttpResponse:
    """Raises nothing: a try is counted, and after too many the answer says how long to wait."""
    ip = current_request_info().ip
    try:
        begin_attempt(login=f"webhook of {ip}", ip_address=None, at=timezone.now())
    except LockedOut as locked:
        return _said(HTTPStatus.TOO_MANY_REQUESTS, headers={"Retry-After": str(locked.retry_after_s)})
    return _said(HTTPStatus.NOT_FOUND)


def _said(status: HTTPStatus, text: str = "", *, headers: dict[str, str] | None = None) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8", headers=headers)

"""What can go wrong between us and a tool, in words for people and codes for machines.

No message repeats a body, an address or a secret. A tool's own error code is shown where it looks like one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar, Final

VENDOR_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


class ToolError(Exception):
    """A request that brought nothing.

    code: for machines;  is_transient: asking again later may help;  ends_run: no other request can do better
    retry_after_s: how long the tool asked us to wait, None where it did not say
    status: of the answer, None where there was none or nobody kept it
    """

    code: ClassVar[str] = "tool_error"
    sentence: ClassVar[str] = "The tool could not be read."
    is_transient: ClassVar[bool] = False
    ends_run: ClassVar[bool] = False

    def __init__(self, detail: str = "", *, vendor_code: str = "", retry_after_s: float | None = None) -> None:
        """detail: words of ours, never the tool's;  vendor_code: the tool's name for the error, dropped unless plain"""
        self.detail = detail
        self.vendor_code = vendor_code if VENDOR_CODE.fullmatch(vendor_code) else ""
        self.retry_after_s = retry_after_s
        self.status: int | None = None
        super().__init__(self.message)

    @property
    def message(self) -> str:
        parts = [self.sentence, self.detail, f"The tool calls it {self.vendor_code}." if self.vendor_code else ""]
        return " ".join(part for part in parts if part)


# --- before anything is sent ---


class AddressRefused(ToolError):
    """The address is not public, or not https on port 443, and the operator has not allowed it."""

    code = "address_refused"
    sentence = "The address of the tool is not allowed: only https on port 443 to a public address is."
    ends_run = True


class ForeignAddress(ToolError):
    """A redirect, or the address of a next page, leads away from the tool."""

    code = "foreign_address"
    sentence = "The tool points to an address outside of itself, which is not followed."


class BudgetSpent(ToolError):
    """The requests that this run may make are used up. The next run goes on where this one stopped."""

    code = "budget_spent"
    sentence = "The requests allowed for one run are used up; the next run goes on."
    is_transient = True
    ends_run = True


class SwitchedOff(ToolError):
    """Somebody switched the integration off while it was read. What had come is kept."""

    code = "switched_off"
    sentence = "It was switched off while it was read; what had come is kept."
    is_transient = True
    ends_run = True


class CredentialsMissing(ToolError):
    code = "credentials_missing"
    sentence = "A credential is missing."
    ends_run = True


# --- the tool refuses ---


class BadRequest(ToolError):
    code = "bad_request"
    sentence = "The tool did not understand the request (400)."


class Unauthorized(ToolError):
    code = "unauthorized"
    sentence = "The tool does not accept the credentials (401)."
    ends_run = True


class ConnectionEnded(ToolError):
    """The tool renews the credentials no longer. Asking again does not help, only a person does."""

    code = "connect_again"
    sentence = "The tool has ended the connection; it has to be connected again."
    ends_run = True


class Forbidden(ToolError):
    code = "forbidden"
    sentence = "The credentials are not allowed to read this (403)."


class NotFound(ToolError):
    code = "not_found"
    sentence = "The tool knows nothing of that name, or does not show it to these credentials (404)."


class Gone(ToolError):
    code = "gone"
    sentence = "The tool no longer offers this (410)."


class Refused(ToolError):
    """Any other 4xx, or an error inside of an answer that claims success."""

    code = "refused"
    sentence = "The tool refused the request."


class CheckpointExpired(ToolError):
    """The place to go on from is no longer known to the tool: the stream begins anew."""

    code = "checkpoint_expired"
    sentence = "The tool no longer knows the page to go on from; the stream is read anew."


# --- the tool, or the way to it, has a bad moment ---


class RateLimited(ToolError):
    code = "rate_limited"
    sentence = "The tool asks for fewer requests (429)."
    is_transient = True


class ServerFailed(ToolError):
    code = "server_error"
    sentence = "The tool has an error of its own (5xx)."
    is_transient = True


class Unreachable(ToolError):
    code = "unreachable"
    sentence = "The tool did not answer in time, or the connection broke."
    is_transient = True


# --- the answer is not what it should be ---


class TooLarge(ToolError):
    code = "too_large"
    sentence = "The answer is larger than is read."


class WrongContentType(ToolError):
    code = "wrong_content_type"
    sentence = "The answer is not JSON but something else; is the address that of the tool's interface?"


class NotJson(ToolError):
    code = "not_json"
    sentence = "The answer is broken off, or is not JSON."
    is_transient = True


class UnexpectedAnswer(ToolError):
    code = "unexpected_answer"
    sentence = "The answer does not have the form that the tool documents."


class RepeatedPage(ToolError):
    code = "repeated_page"
    sentence = "The tool sends the same page again and again."


class InternalError(ToolError):
    """A bug of ours, met while a page was read or recorded."""

    code = "internal_error"
    sentence = "A page could not be brought into the record because of an error of ours; it is in the server's log."


NOT_SHOWN: Final = (NotFound, Forbidden, Gone)
"""What a tool says of a thing that it does not have, or does not show to these credentials."""
FIRST_ERROR_STATUS: Final = HTTPStatus.BAD_REQUEST
_BY_STATUS: Final[dict[int, type[ToolError]]] = {
    HTTPStatus.BAD_REQUEST: BadRequest,
    HTTPStatus.UNAUTHORIZED: Unauthorized,
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.GONE: Gone,
    HTTPStatus.TOO_MANY_REQUESTS: RateLimited,
}


def error_of_status(status: int) -> ToolError:
    """The error that a status stands for, where the tool says nothing closer."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerFailed()
    kind = _BY_STATUS.get(status)
    return kind() if kind else Refused(f"It answered {status}.")


def error_of_code(code: str, kinds: Mapping[str, type[ToolError]], status: int) -> ToolError | None:
    """The error that a tool calls by a name of its own, of an answer of which it says that it is one.

    None where the name is not among the kinds and the status tells the error.
    """
    if code in kinds:
        return kinds[code](vendor_code=code)
    return None if status >= FIRST_ERROR_STATUS else Refused("The answer holds an error.", vendor_code=code)

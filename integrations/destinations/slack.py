"""Slack: an incoming webhook's address, or a bot's token with the channel it writes to.

1. An address is taken as it is: whoever knows it may write there. Slack answers 200 and "ok", or a status with a name.
2. A bot answers 200 to everything: whether a message was taken stands in `ok`. It also says by which time stamp the
   message is known, and what comes later about the same thing is put below it, and into the channel as well.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
https://docs.slack.dev/reference/methods/chat.postMessage
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from django.conf import settings

from integrations.destinations.addresses import origin_of, web_host
from integrations.destinations.base import AddressUnfit, Network, Parcel, Sender
from integrations.http.addresses import AddressGuard
from integrations.http.answers import Answer
from integrations.http.door import Service
from integrations.http.errors import (
    FIRST_ERROR_STATUS,
    BadRequest,
    Forbidden,
    Gone,
    NotFound,
    RateLimited,
    Refused,
    ServerFailed,
    ToolError,
    Unauthorized,
    UnexpectedAnswer,
    error_of_code,
)
from integrations.messages.notice import notice_of_json
from integrations.messages.slack import slack_message

USER_AGENT: Final = "stratibreak-notices/1"
WEBHOOK_HOSTS: Final = ("hooks.slack.com", "hooks.slack-gov.com")
API: Final = "https://slack.com"
POST_MESSAGE: Final = "/api/chat.postMessage"
ERRORS: Final[dict[type[ToolError], tuple[str, ...]]] = {
    Unauthorized: ("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "invalid_token"),
    Forbidden: (
        *(
            "not_in_channel",
            "missing_scope",
            "restricted_action",
            "access_denied",
            "no_permission",
            "org_login_required",
        ),
        *("action_prohibited", "not_allowed_token_type", "ekm_access_denied", "team_access_not_granted"),
    ),
    NotFound: ("channel_not_found", "no_service", "no_service_id", "no_team", "team_disabled", "thread_not_found"),
    Gone: ("is_archived", "channel_is_archived"),
    BadRequest: ("invalid_blocks", "invalid_payload", "msg_too_long", "no_text", "invalid_arguments"),
    RateLimited: ("ratelimited", "rate_limited", "message_limit_exceeded"),
    ServerFailed: ("fatal_error", "internal_error", "service_unavailable", "request_timeout", "rollup_error"),
}
_BY_CODE: Final = {code: kind for kind, codes in ERRORS.items() for code in codes}
_BOT: Final = re.compile(r"(xox[a-z]-[A-Za-z0-9-]{8,250})\s+([CGD][A-Z0-9]{6,30})", re.ASCII)
_GONE_THREAD: Final = "thread_not_found"
_NEITHER: Final = (
    "Enter the address of an incoming webhook (https://hooks.slack.com/services/…), or a bot's token, a space, and the "
    "id of a channel (xoxb-… C0123456789)."
)


class SlackSender(Sender):
    """See the module. A bot's interface is reached through the operator's gateway for Slack, where there is one."""

    def described(self, address: str, guard: AddressGuard) -> str:
        if (bot := _BOT.fullmatch(address)) is not None:
            return f"channel {bot[2]}, as a bot"
        if address.startswith("xox"):
            raise AddressUnfit(_NEITHER)
        host = web_host(address, guard)
        if host not in WEBHOOK_HOSTS and (host == "slack.com" or host.endswith(".slack.com")):
            raise AddressUnfit(_NEITHER)
        return host

    def send(self, parcel: Parcel, network: Network) -> int | None:
        message = slack_message(notice_of_json(parcel.notice))
        bot = _BOT.fullmatch(parcel.address)
        if bot is None:
            service = _service(origin_of(parcel.address))
            return _handed_over(network, service, parcel.address, message).status
        return self._post(message | {"channel": bot[2]}, token=bot[1], parcel=parcel, network=network)

    def _post(self, message: dict[str, Any], *, token: str, parcel: Parcel, network: Network) -> int:
        api = settings.INTEGRATION_GATEWAYS.get("SLACK", API)
        service = _service(api, authorization=f"Bearer {token}", secrets=(token,))
        first = str(parcel.thread_memory.get("ts") or "")
        below = {"thread_ts": first, "reply_broadcast": True} if first else {}
        try:
            answer = _handed_over(network, service, POST_MESSAGE, message | below)
        except NotFound as error:
            if not below or error.vendor_code != _GONE_THREAD:
                raise
            # Somebody deleted the first message; what is to be said does not depend on it.
            answer = _handed_over(network, service, POST_MESSAGE, message)
        taken = answer.json_or_none()
        if not isinstance(taken, dict) or taken.get("ok") is not True:
            raise UnexpectedAnswer
        parcel.memory["ts"] = str(taken.get("ts") or "")
        return answer.status


def _service(base_url: str, *, authorization: str = "", secrets: tuple[str, ...] = ()) -> Service:
    headers = {"user-agent": USER_AGENT}
    if authorization:
        headers["authorization"] = authorization
    return Service(base_url=base_url, headers=headers, secrets=secrets, judge=judged, keeps_answers=False)


def _handed_over(network: Network, service: Service, address: str, message: dict[str, Any]) -> Answer:
    body = json.dumps(message).encode()
    return network.door(service).hand_over(address, body, headers={"content-type": "application/json; charset=utf-8"})


def judged(answer: Answer) -> ToolError | None:
    """The error that an answer holds, of whatever status; None where it holds none, or where the status says all."""
    content = answer.json_or_none()
    if isinstance(content, dict):
        if content.get("ok") is True:
            return None
        code = content.get("error")
        return error_of_code(code, _BY_CODE, answer.status) if isinstance(code, str) else _refused(answer.status)
    word = answer.body[:64].decode("ascii", "replace").strip()
    return _BY_CODE[word](vendor_code=word) if word in _BY_CODE else None


def _refused(status: int) -> ToolError | None:
    """Of an answer in JSON that does not say that all is well, nor what is not."""
    return Refused("The answer holds an error.") if status < FIRST_ERROR_STATUS else None

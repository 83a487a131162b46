"""What each tool sends, signed as its documentation says: written for these tests, with made-up content."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from integrations.connectors.webhooks import Keys, Sent


def secret_for(tool: str, seed: str = "") -> str:
    """A secret of the form that the tool has."""
    if tool == "GITLAB_SIGNED":
        return "whsec_" + base64.b64encode(f"twenty-four bytes {seed:.>6}".encode()).decode()
    return f"shared-secret-of-{tool.lower()}{seed}"


@dataclass(frozen=True, slots=True)
class Signed:
    """A request of a tool. headers: as sent"""

    body: bytes
    headers: Mapping[str, str]
    url: str
    content_type: str = "application/json"
    query: Mapping[str, str] = field(default_factory=dict)

    def sent(self, *, at_address: str = "") -> Sent:
        """The same as the door hands it over."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        addresses = (at_address or self.url,)
        return Sent(self.body, {"content-type": self.content_type, **headers}, self.query, addresses)

    def tampered(self) -> Signed:
        """With one character more in the body, under the same proof."""
        if self.content_type != "application/json":
            return replace(self, body=self.body + b"&more=1")
        return replace(self, body=self.body.replace(b"{", b"{ ", 1))

    def with_body(self, body: bytes, secret: str, ts: int) -> Signed:
        """Another body, under a proof of its own where the proof stands in the headers."""
        proofs = {
            "X-Hub-Signature-256": f"sha256={_mac(secret, body).hex()}",
            "X-Hub-Signature": f"sha256={_mac(secret, body).hex()}",
            "X-Hook-Signature": _mac(secret, body).hex(),
            "X-Trello-Webhook": base64.b64encode(_mac(secret, body + self.url.encode(), "sha1")).decode(),
            "X-Slack-Signature": f"v0={_mac(secret, f'v0:{ts}:'.encode() + body).hex()}",
        }
        if "webhook-signature" in self.headers:
            proofs["webhook-signature"] = _standard_signature(secret, f"msg-{ts}", ts, body)
        headers = {name: proofs.get(name, value) for name, value in self.headers.items()}
        return replace(self, body=body, headers=headers)


def _standard_signature(secret: str, message_id: str, ts: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message_id}.{ts}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(mac).decode()}"


def _json(payload: Any) -> bytes:
    return json.dumps(payload).encode()


def _mac(secret: str, content: bytes, method: str = "sha256") -> bytes:
    return hmac.new(secret.encode(), content, method).digest()


def _b64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def jwt_of(secret: str, claims: Any, *, algorithm: str = "HS256") -> str:
    content = f"{_b64url(_json({'alg': algorithm, 'typ': 'JWT'}))}.{_b64url(_json(claims))}"
    return f"{content}.{_b64url(_mac(secret, content.encode()))}"


def github(secret: str, url: str, ts: int, payload: Any = None) -> Signed:
    body = _json(payload or {"action": "edited", "issue": {"number": 7, "updated_at": ts}, "repository": REPOSITORY})
    headers = {
        "X-Hub-Signature-256": f"sha256={_mac(secret, body).hex()}",
        "X-GitHub-Event": "issues",
        "X-GitHub-Delivery": f"72d3162e-cc78-11e3-81ab-{ts:012d}",
    }
    return Signed(body, headers, url)


def jira(secret: str, url: str, ts: int, payload: Any = None) -> Signed:
    body = _json(payload or {"timestamp": ts * 1000, "webhookEvent": "jira:issue_updated", "issue": ISSUE})
    return Signed(body, {"X-Hub-Signature": f"sha256={_mac(secret, body).hex()}"}, url)


def gitlab_token(secret: str, url: str, ts: int, payload: Any = None) -> Signed:
    body = _json(payload or {"object_kind": "issue", "project": {"id": 7}, "object_attributes": {"updated_at": ts}})
    return Signed(body, {"X-Gitlab-Token": secret, "X-Gitlab-Event-UUID": f"uuid-{ts}"}, url)


def gitlab_signed(secret: str, url: str, ts: int, payload: Any = None) -> Signed:
    sent = gitlab_token(secret, url, ts, payload)
    signature = _standard_signature(secret, f"msg-{ts}", ts, sent.body)
    headers = {"webhook-id": f"msg-{ts}", "webhook-timestamp": str(ts), "webhook-signature": signature}
    return replace(sent, headers=headers)


def asana(secret: str, url: str, ts: int, payload: Any = None) -> Signed:
    body = _json(payload or {"events": [{"action": "changed", "resource": TASK, "created_at": ts}]})
    return Signed(body, {"X-Hook-Signature": _mac(secret, body).hex()}, url)


def trello(secret: str, url: str, ts: int, payload: Any = None) -> Signed:
    body = _json(payload or {"action": {"id": str(ts), "type": "updateCard", "data": {"board": {"id": "b0a4d"}}}})
    mac = _mac(secret, body + url.encode(), "sha1")
    return Signed(body, {"X-Trello-Webhook": base64.b64encode(mac).decode()}, url)


def monday(secret: str, url: str, ts: int, payload: Any = None) -> Signed:
    body = _json(payload or {"event": {"type": "update_column_value", "boardId": 4711, "triggerTime": ts}})
    claims = {"accountId": 1, "userId": 2, "aud": url, "iat": ts, "exp": ts + 300}
    return Signed(body, {"Authorization": jwt_of(secret, claims)}, url)


def bitrix24(secret: str, url: str, ts: int, payload: Any = None) -> Signed:
    fields = payload or {"event": "ONTASKUPDATE", "data[FIELDS_AFTER][ID]": "12", "ts": str(ts)}
    body = urlencode({**fields, "auth[application_token]": secret}).encode()
    return Signed(body, {}, url, content_type="application/x-www-form-urlencoded")


def slack(secret: str, url: str, ts: int, payload: Any = None) -> Signed:
    event = {"type": "message", "channel": "C0123", "ts": "1.2"}
    body = _json(payload or {"type": "event_callback", "event_id": f"Ev{ts}", "event": event})
    mac = _mac(secret, f"v0:{ts}:".encode() + body)
    return Signed(body, {"X-Slack-Request-Timestamp": str(ts), "X-Slack-Signature": f"v0={mac.hex()}"}, url)


def teams(secret: str, url: str, ts: int, payload: Any = None) -> Signed:
    change = {"subscriptionId": "s1", "changeType": "created", "resource": f"chats('1')/messages('{ts}')"}
    return Signed(_json(payload or {"value": [{**change, "clientState": secret}]}), {}, url)


REPOSITORY = {"full_name": "acme/rocket"}
ISSUE = {"key": "DEMO-7", "fields": {"project": {"key": "DEMO"}}}
TASK = {"gid": "12", "resource_type": "task"}
SIGNERS: dict[str, Callable[..., Signed]] = {
    "GITHUB": github,
    "JIRA": jira,
    "GITLAB": gitlab_token,
    "GITLAB_SIGNED": gitlab_signed,
    "ASANA": asana,
    "TRELLO": trello,
    "MONDAY": monday,
    "BITRIX24": bitrix24,
    "SLACK": slack,
    "TEAMS": teams,
}
"""By tool; GitLab has two schemes."""
TOOL_OF = {name: name.removesuffix("_SIGNED") for name in SIGNERS}
TIMED = ("GITLAB_SIGNED", "MONDAY", "SLACK")
"""Schemes in which the tool proves a moment."""
BODY_PROVED = ("GITHUB", "JIRA", "GITLAB_SIGNED", "ASANA", "TRELLO", "SLACK")
"""Schemes in which the tool proves the body; the others prove only that they know the secret."""


def keys_of(name: str, *, seed: str = "") -> Keys:
    return Keys((secret_for(name, seed),))

"""Webhooks of Jira: HMAC-SHA256 over the body in X-Hub-Signature, where a secret was entered; no signed timestamp.

https://developer.atlassian.com/cloud/jira/platform/webhooks/#secure-admin-webhooks
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from integrations.connectors.webhooks import (
    Hint,
    SecretOrigin,
    Sent,
    WebhookScheme,
    body_key,
    check_hub_signature,
    inside,
    place,
)

DELETED: Final = "jira:issue_deleted"


class JiraWebhooks(WebhookScheme):
    """A repetition has the same body: the moment of the event stands in it, in milliseconds.

    Servers of one's own may have no field for a secret. Then the secret address is all the proof there is.
    """

    secret_origin = SecretOrigin.OURS
    proof_label = "Secret"
    may_be_unsigned = True
    scheme = "HMAC-SHA256 of the body in X-Hub-Signature (Data Center may have none: then the secret address alone)"
    setup = (
        "As an administrator of Jira open Settings, System, WebHooks, Create a WebHook.",
        "Enter the address under “URL” and the secret under “Secret”. A Data Center without that field cannot sign: "
        "make the webhook here with “The tool cannot sign”.",
        "Choose the events Issue created, updated and deleted, Comment, Worklog and Sprint, and leave "
        "“Exclude body” off.",
    )

    def prove(self, sent: Sent, secrets: Sequence[str], now: datetime) -> str:
        check_hub_signature(sent, "x-hub-signature", secrets)
        return body_key(sent)

    def hints(self, sent: Sent) -> Iterable[Hint]:
        payload = sent.json()
        project = inside(payload, "issue", "fields", "project", "key")
        key = inside(payload, "issue", "key")
        named = project or (key.rpartition("-")[0] if isinstance(key, str) else "")
        return [Hint(place(named), is_deletion=payload.get("webhookEvent") == DELETED)]


SCHEME: Final = JiraWebhooks()

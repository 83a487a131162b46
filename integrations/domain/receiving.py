"""What becomes of a message that came in at a webhook's address.

1. In the tenant's context, one transaction: prove it; refuse it and count that; or answer the tool's greeting.
2. A message is kept by its key, once: a repetition, honest or not, changes nothing and is answered like the first.
3. A hint is noted on the webhook; where a run may begin now, its job is deferred in the same transaction (`hints.py`).

The tool is not asked here. Of refusals the count, the last reason and the moment are kept, and one entry of the audit
trail an hour: whoever has only the address fills no log.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django.db.models import F

from integrations.connectors.registry import scheme_of
from integrations.connectors.webhooks import (
    Accepted,
    Greeting,
    Hint,
    Keys,
    RefusalReason,
    Sent,
    WebhookRefused,
)
from integrations.domain.hints import hinted_integrations
from integrations.domain.starting import SYNC_TASK
from integrations.domain.webhook_addresses import FoundAddress, add_handshake, proofs_of
from integrations.enums import IntegrationStatus
from integrations.models import IncomingDelivery, IncomingWebhook
from integrations.models.incoming_delivery import CLAIMED_ID_MAX_LENGTH
from projects.enums import ProjectStatus
from tenants.audit.enums import AuditAction
from tenants.domain import auditing
from tenants.encryption.errors import EncryptionError
from tenants.isolation.queue import defer_job
from tenants.isolation.transaction import tenant_context
from tenants.request_info import printable

REASON: Final = "webhook"
AUDIT_AGAIN_AFTER: Final = timedelta(hours=1)
CLAIMED_IDS: Final = ("x-github-delivery", "webhook-id", "x-gitlab-event-uuid", "x-atlassian-webhook-identifier")
"""Headers by which tools list what they have sent."""


class Outcome(StrEnum):
    """UNKNOWN: there is no such address any more;  PING: proved, and nothing has changed;  IGNORED: switched off"""

    UNKNOWN = "UNKNOWN"
    REFUSED = "REFUSED"
    GREETED = "GREETED"
    PING = "PING"
    IGNORED = "IGNORED"
    REPEATED = "REPEATED"
    TAKEN = "TAKEN"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message. refusal: why it was refused;  greeting: what to answer"""

    outcome: Outcome
    refusal: RefusalReason | None = None
    greeting: Greeting | None = field(default=None, repr=False)


def receive(address: FoundAddress, sent: Sent | None, *, at: datetime) -> Receipt:
    """Take a message, or refuse it. sent: None for one that was too large to be read"""
    with tenant_context(address.tenant_id, reason=REASON):
        rows = IncomingWebhook.objects.select_related("integration__project")
        webhook = rows.filter(pk=address.webhook_id, secret_digest=address.digest).first()
        if webhook is None:
            return Receipt(Outcome.UNKNOWN)
        try:
            if sent is None:
                raise WebhookRefused(RefusalReason.TOO_LARGE)
            verdict = scheme_of(webhook.integration.type).receive(sent, _keys_of(webhook, at), at)
        except WebhookRefused as refused:
            _note_refusal(webhook, refused.reason, at)
            return Receipt(Outcome.REFUSED, refusal=refused.reason)
        if isinstance(verdict, Greeting):
            if verdict.secret is not None:
                add_handshake(webhook, verdict.secret)
            return Receipt(Outcome.GREETED, greeting=verdict)
        return Receipt(_take(webhook, verdict, sent, at))


def _keys_of(webhook: IncomingWebhook, at: datetime) -> Keys:
    """Secrets that cannot be opened are none: then nothing can be proved."""
    takes_handshake = webhook.handshake_until is not None and at <= webhook.handshake_until
    try:
        return Keys(proofs_of(webhook), webhook.takes_unsigned, takes_handshake)
    except EncryptionError:
        return Keys()


def _take(webhook: IncomingWebhook, message: Accepted, sent: Sent, at: datetime) -> Outcome:
    integration = webhook.integration
    is_off = integration.status == IntegrationStatus.INACTIVE
    if is_off or integration.project.status == ProjectStatus.ARCHIVED:
        _note(webhook, at, ignored_count=F("ignored_count") + 1)
        return Outcome.IGNORED
    if not message.hints:
        _note(webhook, at, received_count=F("received_count") + 1)
        return Outcome.PING
    _, is_new = IncomingDelivery.objects.get_or_create(
        integration=integration,
        key=message.key,
        defaults={
            "received_at": at,
            "claimed_id": _claimed_id(sent),
            "deletions_in": _deletions(message.hints),
        },
    )
    if not is_new:
        _note(webhook, at, duplicate_count=F("duplicate_count") + 1)
        return Outcome.REPEATED
    noticed = {"notice": message.notice.value} if message.notice else {}
    _note(webhook, at, received_count=F("received_count") + 1, hinted_at=at, **noticed)
    if hinted_integrations(at).filter(pk=webhook.pk).exists():
        defer_job(SYNC_TASK, subject=integration.pk, is_needless_while_running=True)
    return Outcome.TAKEN


def _note(webhook: IncomingWebhook, at: datetime, **values: Any) -> None:
    IncomingWebhook.objects.filter(pk=webhook.pk).update(last_received_at=at, refused_in_a_row=0, **values)


def _note_refusal(webhook: IncomingWebhook, reason: RefusalReason, at: datetime) -> None:
    audited_at = webhook.refusal_audited_at
    is_audited = audited_at is None or at - audited_at >= AUDIT_AGAIN_AFTER
    IncomingWebhook.objects.filter(pk=webhook.pk).update(
        last_refused_at=at,
        last_refusal=reason.value,
        refused_count=F("refused_count") + 1,
        refused_in_a_row=F("refused_in_a_row") + 1,
        refusal_audited_at=at if is_audited else audited_at,
    )
    if is_audited:
        changes = {"refusal": reason.value, "refused_before": webhook.refused_count}
        auditing.record(action=AuditAction.REFUSED, resource=webhook, reason="webhook refused", changes=changes)


def _deletions(hints: Iterable[Hint]) -> list[str]:
    return sorted({hint.partition for hint in hints if hint.is_deletion})


def _claimed_id(sent: Sent) -> str:
    found = next((value for name in CLAIMED_IDS if (value := sent.header(name))), "")
    return printable(found, CLAIMED_ID_MAX_LENGTH)

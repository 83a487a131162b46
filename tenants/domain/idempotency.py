"""Answering a repeated request with what the first one was answered (draft-ietf-httpapi-idempotency-key-header-07).

1. A lock on (tenant, actor, key) is tried, never waited for: while the first request is under way a second one is told
   so, because a client that repeats itself every second would otherwise take one worker after the other.
2. The kept answer is looked up in a statement of its own. The first request commits before it lets go of the lock, so
   whoever gets the lock sees its answer.
3. Without one the request is carried out, and its answer is kept in the transaction of what it did: both or neither.

Keeping is for success only. What failed was rolled back, so repeating it is carried out anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from django.utils.crypto import constant_time_compare

from tenants.encryption.envelope import MAX_SECRET_BYTES
from tenants.encryption.secret import Secret
from tenants.isolation.context import require_tenant_id
from tenants.models.idempotent_request import PATH_MAX_CHARS, IdempotentRequest

KEPT_FOR = timedelta(hours=24)
"""As long as clients of payment services are used to; a queue that retries for longer makes a new key."""
_LOCK_NAMESPACE = "tenants.idempotency"


class SameRequestUnderWay(Exception):
    """The request with this key has not been answered yet."""


class KeyOfAnotherRequest(Exception):
    """The key stands for a request that was a different one."""


class AnswerTooLong(Exception):
    """The answer is longer than what can be sealed; nothing may be kept without it."""


@dataclass(frozen=True, slots=True)
class MarkedRequest:
    """One request with its Idempotency-Key.

    actor_id: the API key, or the user of a session: two machines of one user never meet each other's keys
    fingerprint: SHA-256 in hexadecimal, keyed, because a body may hold a password that could be guessed
    """

    actor_id: UUID
    key: str
    fingerprint: str
    method: str
    path: str


@dataclass(frozen=True, slots=True, repr=False)
class KeptAnswer:
    """An answer as it was sent. Not shown in logs: the body may hold a secret."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def kept_answer(*, request: MarkedRequest, at: datetime) -> KeptAnswer | None:
    """Return what this request was answered before, or None where it has to be carried out now.

    After None nobody else carries it out until the transaction ends.
    Raises SameRequestUnderWay, KeyOfAnotherRequest.
    """
    _lock(request)
    kept: IdempotentRequest | None = IdempotentRequest.objects.filter(
        actor_id=request.actor_id, key=request.key
    ).first()
    if kept is None:
        return None
    if kept.answered_at <= at - KEPT_FOR:
        # Nobody has swept since; its client was promised a day.
        IdempotentRequest.objects.filter(pk=kept.pk).delete()
        return None
    if not constant_time_compare(kept.fingerprint, request.fingerprint):
        raise KeyOfAnotherRequest
    body: Any = kept.body
    return KeptAnswer(kept.status, kept.headers, body.reveal())


def keep_answer(*, request: MarkedRequest, answer: KeptAnswer, at: datetime) -> None:
    """Keep the answer of a request that was carried out, in its transaction.

    Raises AnswerTooLong, upon which the caller rolls the request back.
    """
    if len(answer.body) > MAX_SECRET_BYTES:
        raise AnswerTooLong(f"The answer has {len(answer.body)} bytes, of which {MAX_SECRET_BYTES} can be kept.")
    IdempotentRequest.objects.create(
        actor_id=request.actor_id,
        key=request.key,
        fingerprint=request.fingerprint,
        method=request.method,
        path=request.path[:PATH_MAX_CHARS],
        status=answer.status,
        headers=dict(answer.headers),
        body=Secret(answer.body),
        answered_at=at,
    )


def forget_expired_answers(*, at: datetime) -> int:
    """Remove the chosen tenant's answers that are past their day. Returns how many."""
    removed, _ = IdempotentRequest.objects.filter(answered_at__lte=at - KEPT_FOR).delete()
    return removed


def _lock(request: MarkedRequest) -> None:
    """Hold the key until the transaction ends. Raises SameRequestUnderWay when somebody else does."""
    name = f"{_LOCK_NAMESPACE} {require_tenant_id()} {request.actor_id} {request.key}"
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        if cursor.fetchone() != (True,):
            raise SameRequestUnderWay

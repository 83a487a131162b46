"""What is tried and refused is kept although the request is rolled back; so are logins and an operator's steps."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from uuid import UUID

import pytest
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import DatabaseError, transaction
from django.test import RequestFactory

from tenants.audit.entries import INSTALLATION
from tenants.audit.enums import AuditAction
from tenants.domain.auditing import (
    entries_after_transaction,
    record,
    record_login_failed,
    record_operator_enter,
    record_operator_read,
    record_refusal,
)
from tenants.isolation.context import AccessContext, Purpose
from tenants.isolation.identifiers import uuid7
from tenants.isolation.owner import owner_access
from tenants.isolation.platform_access import across_all_tenants
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import AuditEntry, User
from tenants.request_info import RequestInfo, use_request_info
from tests.factories.tenants import OperatorFactory, UserFactory
from tests.tenants.audit.desk import ORIGIN, Desk

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])


def entries_of(tenant_id: UUID, actor_id: UUID | None, *, request_id: str) -> list[AuditEntry]:
    with tenant_context(tenant_id):
        found = AuditEntry.objects.filter(actor_id=actor_id, request_id=request_id)
        return list(found.order_by("timestamp", "id"))


@pytest.fixture
def origin() -> RequestInfo:
    """Return an origin of its own: entries stay, so each test looks for its own request."""
    return RequestInfo(ip="203.0.113.7", user_agent="Demo Browser 1.0", request_id=uuid7().hex)


def person_of(desk: Desk) -> User:
    with tenant_context(desk.tenant_id):
        user: User = UserFactory.create(username=f"p{uuid7().hex}")
    return user


def test_rollback_of_a_request_keeps_refusals_and_not_changes(here: Desk) -> None:
    with use_request_info(ORIGIN), entries_after_transaction(), tenant_context(here.tenant_id, actor_id=here.actor_id):
        record(action=AuditAction.MODIFY_PROJECT)
        record_refusal(reason="A stakeholder may not change goals.", resource=("projects.goal", "1"))
        transaction.set_rollback(True)

    [entry] = here.entries()
    assert (entry.action, entry.resource_type, entry.resource_id) == (AuditAction.REFUSED, "projects.goal", "1")
    assert entry.reason == "A stakeholder may not change goals."
    assert (entry.ip_address, entry.request_id) == (ORIGIN.ip, ORIGIN.request_id)


def test_refusal_is_kept_when_the_view_raises(here: Desk) -> None:
    with suppress(KeyError), entries_after_transaction(), tenant_context(here.tenant_id, actor_id=here.actor_id):
        record_refusal(reason="Refused.")
        raise KeyError

    assert [entry.action for entry in here.entries()] == [AuditAction.REFUSED]


def test_refusal_outside_a_request_is_kept_at_once(here: Desk) -> None:
    record_refusal(reason="Refused.", tenant_id=here.tenant_id, actor_id=here.actor_id)

    assert [entry.reason for entry in here.entries()] == ["Refused."]


def test_a_strangers_attempt_belongs_to_the_installation(origin: RequestInfo) -> None:
    with use_request_info(origin), entries_after_transaction():
        record_refusal(reason="No key.", changes={"method": "GET", "path": "/api/v1/gaps/"})

    [entry] = entries_of(INSTALLATION, None, request_id=origin.request_id)
    assert entry.changes == {"method": "GET", "path": "/api/v1/gaps/"}


def test_a_refusal_that_cannot_be_written_is_logged_and_the_answer_stands(
    here: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*args: object) -> None:
        raise DatabaseError("down")

    monkeypatch.setattr("tenants.audit.deferred.write_entry", refuse)

    with caplog.at_level(logging.ERROR), entries_after_transaction():
        record_refusal(reason="Refused.", tenant_id=here.tenant_id, actor_id=here.actor_id)

    assert "audit entry lost: REFUSED" in caplog.text
    assert str(here.actor_id) in caplog.text


def test_login_and_logout_are_kept_under_the_persons_tenant(
    here: Desk, rf: RequestFactory, origin: RequestInfo
) -> None:
    user = person_of(here)

    with use_request_info(origin), entries_after_transaction(), auth_context():
        user_logged_in.send(sender=User, request=rf.get("/"), user=user)
        user_logged_out.send(sender=User, request=rf.get("/"), user=user)
        user_logged_out.send(sender=User, request=rf.get("/"), user=None)

    entries = entries_of(here.tenant_id, user.pk, request_id=origin.request_id)
    assert [entry.action for entry in entries] == [AuditAction.LOGIN, AuditAction.LOGOUT]


def test_an_operators_login_belongs_to_the_installation(rf: RequestFactory, origin: RequestInfo) -> None:
    with owner_access():
        operator = OperatorFactory.create()

    with use_request_info(origin), entries_after_transaction(), auth_context():
        user_logged_in.send(sender=User, request=rf.get("/"), user=operator)

    assert [e.action for e in entries_of(INSTALLATION, operator.pk, request_id=origin.request_id)] == ["LOGIN"]


def test_failed_login_of_a_known_address_is_kept_under_its_tenant(here: Desk, origin: RequestInfo) -> None:
    user = person_of(here)

    with use_request_info(origin), entries_after_transaction():
        user_login_failed.send(sender=__name__, credentials={"username": user.email.upper()}, request=None)

    [entry] = entries_of(here.tenant_id, user.pk, request_id=origin.request_id)
    assert entry.action == AuditAction.LOGIN_FAILED


def test_what_a_stranger_typed_is_not_kept(origin: RequestInfo) -> None:
    typed = "my-password-in-the-wrong-box\0"

    with use_request_info(origin), entries_after_transaction():
        record_login_failed(login=typed)
        record_login_failed(login=typed.upper())
        record_login_failed(login="somebody else")

    entries = entries_of(INSTALLATION, None, request_id=origin.request_id)
    digests = [entry.changes["login"] for entry in entries]
    assert "wrong-box" not in json.dumps(digests)
    assert digests[0] == digests[1] != digests[2]


def test_operators_read_is_committed_before_any_row_is_fetched(here: Desk) -> None:
    with across_all_tenants(reason="Ticket 4711", actor_id=here.actor_id), tenant_context(INSTALLATION):
        [entry] = AuditEntry.objects.filter(actor_id=here.actor_id)

    assert (entry.action, entry.reason) == (AuditAction.OPERATOR_READ, "Ticket 4711")


def test_operators_read_inside_a_transaction_is_refused(here: Desk) -> None:
    context = AccessContext(Purpose.PLATFORM, actor_id=here.actor_id, reason="Ticket 4711")

    with tenant_context(here.tenant_id), pytest.raises(RuntimeError, match="durable"):
        record_operator_read(context)


def test_operator_enters_with_a_reason_that_the_tenant_can_read(here: Desk) -> None:
    with pytest.raises(ValueError, match="reason"):
        record_operator_enter(tenant_id=here.tenant_id, operator_id=here.actor_id, reason=" ")

    record_operator_enter(tenant_id=here.tenant_id, operator_id=here.actor_id, reason="Ticket 4711")

    [entry] = here.entries()
    assert (entry.action, entry.reason) == (AuditAction.OPERATOR_ENTER, "Ticket 4711")

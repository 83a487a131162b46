"""While a tool is asked in a request, nobody's transaction waits for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.http import HttpRequest
from django.urls import reverse
from psycopg.conninfo import conninfo_to_dict

from integrations.models import Integration
from tenants.audit.enums import AuditAction
from tenants.enums import Role
from tenants.isolation.context import TenantContextRequired, current_context
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry
from tenants.outside import Question, is_answered, put_question, told
from tests.api.conftest import ApiClient, signed_in
from tests.factories.look_alike import LookAlike
from tests.integrations.connectors.battery import Played
from tests.integrations.connectors.local_server import Request, Response
from tests.integrations.doors.test_api import path_of
from tests.integrations.doors.test_pages import browser_of

OPEN_TRANSACTIONS = (
    "SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype = 'relation' AND pid <> pg_backend_pid() "
    "AND database = (SELECT oid FROM pg_database WHERE datname = %s)"
)
"""Sessions that have read a table and not ended their transaction since."""


def ask(how: str, played: Played, ours: LookAlike) -> Any:
    """As our project manager, through the API, or as our administrator, on the page."""
    if how == "page":
        client = browser_of(ours, Role.ADMIN)
        return client.post(reverse("admin:integrations_integration_test", args=[played.integration_id]), follow=True)
    manager = signed_in(ours.users[Role.PROJECT_MANAGER])
    return manager.send("GET" if how == "preview" else "POST", path_of(played.integration_id, how))


@pytest.fixture
def watch(played: Played) -> Callable[[Callable[[], None]], None]:
    """Have something done whenever the tool is asked, before it answers."""

    def watch(look: Callable[[], None]) -> None:
        own = played.fake.answer

        def answer(sent: Request) -> Response:
            look()
            answered: Response = own(sent)
            return answered

        played.fake.answer = answer

    return watch


@pytest.fixture
def server() -> Iterator[psycopg.Connection[Any]]:
    """A session beside ours, which sees all others."""
    with psycopg.connect(autocommit=True, **conninfo_to_dict(os.environ["DATABASE_SUPERUSER_URL"])) as other:  # type: ignore[arg-type]  # its values are text
        yield other


@pytest.mark.parametrize("how", ["test", "preview", "page"])
@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_tool_is_asked(
    how: str, played: Played, ours: LookAlike, watch: Any, server: psycopg.Connection[Any]
) -> None:
    database = connection.settings_dict["NAME"]
    seen: list[int] = []
    watch(lambda: seen.append(server.execute(OPEN_TRANSACTIONS, [database]).fetchone()[0]))  # type: ignore[index]

    answer = ask(how, played, ours)

    assert answer.status_code == 200
    assert seen
    assert set(seen) == {0}


@pytest.mark.parametrize("how", ["test", "preview", "page"])
@pytest.mark.django_db(transaction=True)
def test_connection_that_is_removed_while_its_tool_answers_is_not_found(
    how: str, played: Played, ours: LookAlike, watch: Any
) -> None:
    def remove() -> None:
        with tenant_context(played.tenant_id):
            Integration.objects.filter(pk=played.integration_id)._raw_delete("default")
        connection.close()

    watch(remove)

    assert ask(how, played, ours).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["test", "preview"])
def test_what_the_tool_refuses_leaves_that_the_credentials_were_opened_and_what_came_of_it(
    how: str, played: Played, ours: LookAlike
) -> None:
    played.fake.broken["."] = Response(401, {"message": "no"})

    assert ask(how, played, ours).status_code == 424

    with tenant_context(ours.tenant.pk):
        entries = AuditEntry.objects.filter(
            action=AuditAction.CREDENTIAL_READ, resource_id=str(played.integration_id)
        ).order_by("timestamp", "id")
        assert [entry.changes for entry in entries] == [{}, {"outcome": "unauthorized"}]


@pytest.mark.django_db
def test_repeated_request_is_answered_as_before_and_the_tool_is_asked_once(played: Played, manager: ApiClient) -> None:
    def repeat() -> Any:
        return manager.send("POST", path_of(played.integration_id, "test"), headers={"Idempotency-Key": "once"})

    first = repeat()
    asked = len(played.fake.log)
    again = repeat()

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert again["Idempotency-Replayed"] == "true"
    assert len(played.fake.log) == asked > 0


@pytest.mark.django_db
def test_while_somebody_is_asked_nothing_of_a_tenant_can_be_read(played: Played) -> None:
    request = HttpRequest()

    put_question(request, Question(lambda: (current_context(), list(Integration.objects.all()))))

    assert is_answered(request)
    with pytest.raises(TenantContextRequired):
        told(request)

"""Tokens that renew themselves: kept before they are used, once for all who come at a time, and seen by nobody."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction

from integrations.connectors.credentials import Credentials
from integrations.domain.connecting import account_of, check_connection, run_connection_test, vault_of
from integrations.domain.syncing import sync_integration
from integrations.domain.syncing.payloads import read_payloads
from integrations.domain.token_vault import StoredTokens, credentials_in
from integrations.enums import IntegrationStatus, SyncStatus
from integrations.http.errors import ConnectionEnded
from integrations.models import Integration, RawPayload
from tenants.audit.enums import AuditAction
from tenants.domain.key_rotation import rotate_data_key
from tenants.encryption.secret import Secret
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.integrations.connectors.battery import Killed, Played
from tests.integrations.connectors.gitlab.fake import PATH, FakeGitLab
from tests.integrations.connectors.local_server import Response, serving
from tests.integrations.login import PlayedLogin

pytestmark = pytest.mark.django_db(transaction=True)
CHANGED_AT = datetime.fromisoformat("2026-02-03T04:05:06+00:00")


def connect(one: LookAlike, login: PlayedLogin) -> Integration:
    with tenant_context(one.tenant.pk):
        integration = Integration(
            project=ProjectFactory.create(),
            name="Code",
            type="GITLAB",
            status=IntegrationStatus.ACTIVE,
            config={"project_paths": [PATH]},
            credentials=Secret.of_json(login.credentials),
            credentials_changed_at=CHANGED_AT,
        )
        integration.save()
    return integration


@pytest.fixture
def login() -> Iterator[PlayedLogin]:
    tool = PlayedLogin(FakeGitLab())
    with serving(tool):
        yield tool


@pytest.fixture
def played(ours: LookAlike, login: PlayedLogin) -> Played:
    return Played(login, ours.tenant.pk, connect(ours, login).pk)


@pytest.fixture
def foreign(theirs: LookAlike, login: PlayedLogin) -> Integration:
    """The same connection, with the same tokens, of the tenant that looks like ours."""
    return connect(theirs, login)


def kept(played: Played) -> Credentials:
    with tenant_context(played.tenant_id):
        return credentials_in(played.integration)


def entries(played: Played, **criteria: Any) -> list[AuditEntry]:
    with tenant_context(played.tenant_id):
        return list(AuditEntry.objects.filter(resource_id=str(played.integration_id), **criteria).order_by("timestamp"))


def test(played: Played) -> Any:
    """The connection test, as it is made outside of a transaction."""
    with tenant_context(played.tenant_id):
        account = account_of(played.integration, played.gateways, purpose="test")
    return check_connection("GITLAB", account, played.environment())


test.__test__ = False  # type: ignore[attr-defined]  # the verb, not a test


# --- kept before it is used ---


def test_new_pair_is_in_the_database_before_the_tool_sees_it(
    played: Played, login: PlayedLogin, foreign: Integration, theirs: LookAlike, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[tuple[str, str]] = []

    def look(request: Any) -> None:
        """What the database has at the moment of a request, on a connection of the server's."""
        try:
            seen.append((request.headers["authorization"], f"Bearer {kept(played)['access_token']}"))
        finally:
            connections.close_all()

    login.on_tool = look

    result = played.sync()

    assert (result.status, login.renewals) == (SyncStatus.SUCCEEDED, 1)
    assert seen
    assert {sent for sent, _ in seen} == {stored for _, stored in seen} == {"Bearer access-1-of-the-played-login"}
    told = kept(played)
    assert (told["refresh_token"], told["client_id"]) == ("refresh-1-of-the-played-login", "client-of-ours")
    assert "previous_refresh_token" not in told  # the new one has been accepted
    [entry] = entries(played, reason="credentials refreshed")
    assert (entry.action, entry.actor_id) == (AuditAction.CONFIGURE_INTEGRATION, None)
    assert played.integration.credentials_changed_at == CHANGED_AT
    with tenant_context(theirs.tenant.pk):
        untouched = credentials_in(Integration.objects.get(pk=foreign.pk))
        assert not AuditEntry.objects.filter(resource_id=str(foreign.pk), reason="credentials refreshed").exists()
    assert untouched["access_token"] == "access-0-of-the-played-login"
    with tenant_context(played.tenant_id):
        raw = [list(read_payloads(each)) for each in RawPayload.objects.filter(integration=played.integration_id)]
    audited = [vars(each) for each in entries(played)]
    shown = f"{caplog.text} {result.streams} {audited} {raw}"
    assert [secret for secret in login.secrets if secret in shown] == []


def test_pair_of_a_run_that_was_killed_before_its_first_use_is_used_by_the_next(
    played: Played, login: PlayedLogin
) -> None:
    renew = StoredTokens.renew

    def killed_afterwards(*arguments: Any) -> None:
        renew(*arguments)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StoredTokens, "renew", killed_afterwards)
        with pytest.raises(Killed):
            played.sync()
    assert [request.path for request in login.log] == ["/oauth/token"]

    result = played.sync()

    assert (result.status, login.renewals) == (SyncStatus.SUCCEEDED, 1)


def test_pair_outlives_the_rollback_of_the_request_that_asked_for_it(played: Played, login: PlayedLogin) -> None:
    login.broken["/api/v4/user"] = Response(403, {})
    with tenant_context(played.tenant_id):
        report = run_connection_test(played.integration, played.environment())
        transaction.set_rollback(True)

    assert report.error is not None
    assert report.error.code == "forbidden"
    assert kept(played)["access_token"] == login.access_token == "access-1-of-the-played-login"
    assert not connection.in_atomic_block


def test_pair_is_kept_by_the_newest_key_after_the_keys_are_rotated(played: Played, login: PlayedLogin) -> None:
    assert test(played).is_ok
    rotation = rotate_data_key(tenant_id=played.tenant_id, at=played.clock.now)
    played.clock.pass_time(7200)

    assert test(played).is_ok

    assert (rotation.unreadable, login.renewals) == ([], 2)


# --- once for all ---


def test_of_eight_that_come_at_once_one_renews_and_all_are_served(played: Played, login: PlayedLogin) -> None:
    together = threading.Barrier(8)

    def come(_: int) -> Any:
        try:
            with tenant_context(played.tenant_id):
                account = account_of(played.integration, played.gateways, purpose="test")
            together.wait(20)
            return check_connection("GITLAB", account, played.environment())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=8) as pool:
        reports = list(pool.map(come, range(8)))

    assert [report.error for report in reports] == [None] * 8
    assert (len(login.logins), login.renewals) == (1, 1)
    assert len(entries(played, reason="credentials refreshed")) == 1


def test_renewal_by_another_is_noticed_when_the_tool_refuses_the_token_before(
    played: Played, login: PlayedLogin
) -> None:
    assert test(played).is_ok
    with tenant_context(played.tenant_id):
        account = account_of(played.integration, played.gateways, purpose="test")
        vault = vault_of(played.integration)
    newer = {**kept(played), "access_token": "access-2-of-the-played-login"}
    vault.renew("access-1-of-the-played-login", lambda _: newer)
    login.renewals = 2

    report = check_connection("GITLAB", account, played.environment())

    assert report.is_ok
    assert len(login.logins) == 1


def test_credentials_that_a_person_enters_meanwhile_stay(played: Played, login: PlayedLogin) -> None:
    entered = {"token": "entered-meanwhile"}
    with tenant_context(played.tenant_id):
        vault = vault_of(played.integration)

    def ask(before: Credentials) -> Credentials:
        with tenant_context(played.tenant_id):
            integration = Integration.objects.get(pk=played.integration_id)
            integration.credentials = Secret.of_json(entered)
            integration.save()
        return {**before, "access_token": "too late"}

    assert vault.renew(login.access_token, ask) == entered
    assert kept(played) == entered


# --- a long run ---


def test_token_that_ends_in_the_middle_of_a_run_is_renewed_and_followed(played: Played, login: PlayedLogin) -> None:
    steps: list[Any] = []

    def wait_long(step: Any) -> None:
        steps.append(step)
        played.clock.pass_time(5000)

    result = played.sync(on_step=wait_long)

    assert (result.status, result.created_count) == (SyncStatus.SUCCEEDED, 4)
    assert login.renewals >= 3
    assert result.request_count == len(login.log)


# --- the end ---


def test_refused_refresh_ends_the_connection_until_a_person_connects_again(
    played: Played, login: PlayedLogin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    login.renewals = 5  # somebody else has used the refresh token that is kept

    first = played.sync()
    asked = len(login.log)
    second = played.sync()

    assert (first.status, first.error_code) == (SyncStatus.FAILED, "connect_again")
    assert (second.status, second.error_code) == (SyncStatus.FAILED, "connect_again")
    assert (asked, len(login.log)) == (1, 1)
    assert played.integration.status == IntegrationStatus.ERROR
    assert played.integration.next_run_at is not None
    assert played.integration.next_run_at - played.clock.now == timedelta(hours=24)
    assert [entry.reason for entry in entries(played, action=AuditAction.CONFIGURE_INTEGRATION)][-1] == (
        "refresh refused by the tool"
    )
    shown = caplog.text + first.error_message + played.integration.last_error + repr(ConnectionEnded())
    assert [secret for secret in login.secrets if secret in shown] == []


def test_refresh_token_before_is_tried_where_the_newer_one_was_never_good(played: Played, login: PlayedLogin) -> None:
    with tenant_context(played.tenant_id):
        vault = vault_of(played.integration)
    before = kept(played)
    vault.renew(
        login.access_token,
        lambda _: {**before, "refresh_token": "never good", "previous_refresh_token": login.refresh_token},
    )

    result = played.sync()

    assert (result.status, login.renewals, len(login.logins)) == (SyncStatus.SUCCEEDED, 1, 2)
    assert kept(played)["refresh_token"] == login.refresh_token


def test_connection_that_is_gone_meanwhile_renews_nothing(played: Played, login: PlayedLogin) -> None:
    with tenant_context(played.tenant_id):
        account = account_of(played.integration, played.gateways, purpose="test")
        environment = played.environment()
        Integration.objects.filter(pk=played.integration_id)._raw_delete("default")

    report = check_connection("GITLAB", account, environment)

    assert report.error is not None
    assert (report.error.code, login.log) == ("credentials_missing", [])


def test_sync_of_a_connection_without_credentials_says_so(played: Played, login: PlayedLogin) -> None:
    with tenant_context(played.tenant_id):
        Integration.objects.filter(pk=played.integration_id).update(credentials=None)

    result = sync_integration(
        tenant_id=played.tenant_id, integration_id=played.integration_id, environment=played.environment()
    )

    assert result is not None
    assert (result.error_code, login.log) == ("credentials_missing", [])

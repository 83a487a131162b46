"""Partitions are made ahead and dropped, entries removed after their retention, and nothing else ever."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from uuid import UUID

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction

from tenants.audit import checks, partitions
from tenants.audit.entries import INSTALLATION, Draft, write_entry
from tenants.audit.enums import AuditAction
from tenants.audit.partitions import Month, list_partitions, make_partitions, partitions_ahead
from tenants.audit.verification import AlteredEntry, altered_entries
from tenants.domain.audit_retention import apply_tenant_retention, erase_audit_entries
from tenants.isolation.owner import owner_access
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import AuditEntry, LoginAttempt, Tenant
from tests.tenants.audit.desk import Desk

pytestmark = pytest.mark.django_db(transaction=True)


def run_command(*args: str) -> str:
    out = StringIO()
    call_command("audit_partitions", *args, stdout=out, skip_checks=True)
    return out.getvalue()


def write_as(desk: Desk, count: int = 1) -> None:
    with tenant_context(desk.tenant_id, actor_id=desk.actor_id):
        for _ in range(count):
            write_entry(Draft(action=AuditAction.LOGIN, tenant_id=desk.tenant_id, actor_id=desk.actor_id))


@pytest.fixture
def without_the_last_two_months() -> Iterator[None]:
    """Take the newest two partitions away, and make them again afterwards."""
    with owner_access(), transaction.atomic(), connection.cursor() as cursor:
        for partition in list_partitions(connection)[-2:]:
            cursor.execute(f'DROP TABLE "{partition.name}"')
    yield
    with owner_access(), transaction.atomic():
        make_partitions(connection)


def test_previous_current_and_next_months_are_there() -> None:
    ahead = partitions_ahead(connection)

    assert (ahead.months, ahead.missing, ahead.is_enough) == (3, (), True)
    assert checks.check_audit_partitions(None, databases=["default"]) == []
    assert checks.check_audit_table(None, databases=["default"]) == []
    assert "3 months ahead" in run_command("--check")


def test_missing_partitions_are_a_warning_with_the_way_to_mend_it(without_the_last_two_months: None) -> None:
    ahead = partitions_ahead(connection)
    [warning] = checks.check_audit_partitions(None, databases=["default"])

    assert (ahead.months, len(ahead.missing), ahead.is_enough) == (1, 2, False)
    assert warning.id == "tenants.W041"
    assert "audit_partitions" in str(warning.hint)
    with pytest.raises(CommandError, match="audit_partitions"):
        run_command("--check")


def test_old_sessions_and_tries_to_log_in_are_forgotten() -> None:
    now = datetime.now(UTC)
    with auth_context():
        LoginAttempt.objects.all().delete()
        for age in (timedelta(days=2), timedelta(hours=1)):
            LoginAttempt.objects.create(account_digest="a" * 64, tried_at=now - age)
        Session.objects.create(session_key="ended", session_data="", expire_date=now - timedelta(hours=1))
        Session.objects.create(session_key="open", session_data="", expire_date=now + timedelta(hours=1))

    printed = StringIO()
    call_command("remove_expired", stdout=printed)

    assert "1 tries to log in" in printed.getvalue()
    with auth_context():
        assert [now - attempt.tried_at for attempt in LoginAttempt.objects.all()] == [timedelta(hours=1)]
        assert list(Session.objects.values_list("session_key", flat=True)) == ["open"]


def test_command_makes_what_is_missing_once(without_the_last_two_months: None) -> None:
    made, again = run_command("--keep"), run_command("--keep")

    this_month = Month.of(datetime.now(UTC))
    assert f"{this_month.plus(2)}, {this_month.plus(3)}" in made
    assert "none missing" in again
    assert partitions_ahead(connection).missing == ()


def test_a_month_without_a_partition_fails_the_audited_write(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tenants.audit.entries._INSERT",
        write_entry.__globals__["_INSERT"].replace("clock_timestamp()", "clock_timestamp() + interval '9 years'"),
    )

    with pytest.raises(DatabaseError, match="no partition"):
        write_as(here)


def test_absurd_number_of_months_is_refused() -> None:
    with pytest.raises(CommandError, match="1 to 24"):
        run_command("--months-ahead", "2400")


def test_partition_past_the_longest_retention_is_dropped() -> None:
    old = Month(2001, 2)
    with owner_access(), transaction.atomic(), connection.cursor() as cursor:
        for statement in partitions.create_partition_statements(old):
            cursor.execute(statement)

    said = run_command()

    assert "tenants_auditentry_2001_02" in said
    assert "tenants_auditentry_2001_02" not in {partition.name for partition in list_partitions(connection)}


def set_retention(tenant_id: UUID, *, days: int) -> None:
    with owner_access(), transaction.atomic():
        Tenant.objects.filter(pk=tenant_id).update(retention_days=days)


def test_entries_past_their_tenants_own_retention_go_and_others_stay(
    here: Desk, there: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenants.domain.audit_retention.BATCH_ROWS", 2)
    write_as(here, 5)
    write_as(there, 5)
    set_retention(here.tenant_id, days=1)
    in_two_days = datetime.now(UTC) + timedelta(days=2)

    with owner_access():
        removed = dict(apply_tenant_retention(now=in_two_days))

    [(name, count)] = removed.items()
    assert name.startswith("Demo Organisation A")
    assert count >= 5
    assert here.entries() == []
    assert len(there.entries()) == 5
    with tenant_context(here.tenant_id):
        [left] = AuditEntry.objects.all()
    assert (left.action, left.changes) == (AuditAction.RETENTION_APPLIED, {"counts": {"deleted": count}})


def test_erasing_removes_one_tenants_entries_and_says_so(here: Desk, there: Desk) -> None:
    write_as(here, 3)
    write_as(there, 3)

    said = run_command("--erase-tenant", str(here.tenant_id))

    assert said == "4 entries removed.\n"  # three, and that the organisation was created
    assert here.entries() == []
    assert len(there.entries()) == 3
    with tenant_context(INSTALLATION):
        kept = AuditEntry.objects.get(resource_id=str(here.tenant_id), action=AuditAction.RETENTION_APPLIED)
    assert kept.changes == {"counts": {"deleted": 4}}


def test_the_installations_own_entries_are_not_erased() -> None:
    with owner_access(), pytest.raises(ValueError, match="installation"):
        erase_audit_entries(tenant_id=INSTALLATION)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenants_auditentry SET reason = 'rewritten'",
        "DELETE FROM tenants_auditentry",
        "TRUNCATE tenants_auditentry",
        "SET LOCAL stratibreak.audit_removal = 'on'; UPDATE tenants_auditentry SET reason = 'rewritten'",
        "SET LOCAL stratibreak.audit_removal = 'on'; TRUNCATE tenants_auditentry",
    ],
)
def test_even_the_owner_changes_nothing_by_mistake(here: Desk, statement: str) -> None:
    write_as(here)

    with (
        owner_access(),
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert len(here.entries()) == 1


def test_the_removal_setting_helps_nobody_but_the_owner(here: Desk) -> None:
    write_as(here)

    with (
        pytest.raises(DatabaseError, match="permission denied"),
        tenant_context(here.tenant_id),
        connection.cursor() as cursor,
    ):
        cursor.execute("SET LOCAL stratibreak.audit_removal = 'on'; DELETE FROM tenants_auditentry")

    assert len(here.entries()) == 1


def test_a_rewritten_entry_no_longer_fits_its_hash(here: Desk) -> None:
    write_as(here, 3)
    forged = here.entries()[1]
    since = forged.timestamp - timedelta(minutes=1)

    with owner_access(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tenants_auditentry DISABLE TRIGGER audit_append_only")
        cursor.execute("UPDATE tenants_auditentry SET actor_id = gen_random_uuid() WHERE id = %s", [forged.pk])
        [problem] = checks.check_audit_table(None, databases=["default"])
        cursor.execute("ALTER TABLE tenants_auditentry ENABLE TRIGGER audit_append_only")

    with tenant_context(here.tenant_id):
        altered = altered_entries(connection, since=since)
    assert altered == [AlteredEntry(forged.pk, here.tenant_id, forged.timestamp)]
    assert problem.id == "tenants.E042"

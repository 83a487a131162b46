"""Seals: what was sealed cannot be edited, lost or added to without the command naming the first entry."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from tenants.audit import partitions
from tenants.audit.entries import INSTALLATION, Draft, row_hash_sql, write_entry
from tenants.audit.enums import AuditAction
from tenants.audit.partitions import Month, allow_removal
from tenants.audit.seal_keys import SealKeys, SealKeysMisconfigured, seal_keys
from tenants.domain import audit_sealing
from tenants.domain.audit_retention import announce_dropping, apply_tenant_retention
from tenants.domain.audit_sealing import Head, Sealed, heads, seal_tenant, trail_tenants
from tenants.domain.audit_verifying import Verdict, verify_tenant
from tenants.isolation.identifiers import uuid7
from tenants.isolation.owner import owner_access
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditSeal, Tenant
from tests.open_transactions import wait_for_open_transactions
from tests.owner_rows import owner_connection
from tests.tenants.audit.desk import Desk

pytestmark = pytest.mark.django_db(transaction=True)


def write_as(desk: Desk, count: int = 1) -> list[UUID]:
    with tenant_context(desk.tenant_id, actor_id=desk.actor_id):
        return [
            write_entry(Draft(action=AuditAction.LOGIN, tenant_id=desk.tenant_id, actor_id=desk.actor_id))
            for _ in range(count)
        ]


def seal(desk: Desk) -> Sealed:
    with owner_access():
        return seal_tenant(desk.tenant_id, seal_keys())


def seal_all(desk: Desk) -> Sealed:
    wait_for_open_transactions()
    return seal(desk)


def verify(desk: Desk, *kept: Head) -> Verdict:
    with owner_access():
        return verify_tenant(desk.tenant_id, seal_keys(), kept)


def named(verdict: Verdict) -> list[tuple[str, UUID | None]]:
    return [(found.what, found.entry_id) for found in verdict.discrepancies]


@contextmanager
def forging() -> Iterator[Any]:
    """A connection of the owner for whom no trigger stands in the way."""
    with owner_connection() as owner:
        for table in ("tenants_auditentry", "tenants_auditseal"):
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        try:
            yield owner
        finally:
            for table in ("tenants_auditentry", "tenants_auditseal"):
                owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@pytest.fixture(autouse=True)
def _nothing_forged_is_left(tenant_ids: tuple[UUID, UUID]) -> Iterator[None]:
    """Take away what no test can take back: seals and entries are never deleted otherwise."""
    yield
    with forging() as owner:
        for table in ("tenants_auditseal", "tenants_auditentry"):
            owner.execute(f"DELETE FROM {table} WHERE tenant_id = ANY(%s)", [list(tenant_ids)])  # noqa: S608 - constants


# --- sealing ---


def test_finished_entries_are_sealed_once(here: Desk, there: Desk) -> None:
    write_as(here, 3)
    write_as(there, 2)

    first, again = seal_all(here), seal_all(here)

    assert (first.entries, first.seals, first.waiting) == (4, 1, 0)  # three, and that the organisation was made
    assert (again.entries, again.seals) == (0, 0)
    verdict = verify(here)
    assert (verdict.seals, verdict.sealed, verdict.unsealed, verdict.discrepancies) == (1, 4, 0, ())
    assert verify(there).unsealed == 3


def test_later_entries_get_the_next_seal(here: Desk) -> None:
    seal_all(here)
    late = write_as(here, 2)
    assert verify(here).unsealed == len(late)

    sealed = seal_all(here)

    assert (sealed.entries, sealed.seals) == (2, 1)
    with tenant_context(here.tenant_id):
        assert list(AuditSeal.objects.order_by("number").values_list("number", "entry_count")) == [(1, 1), (2, 2)]
    assert verify(here).discrepancies == ()


def test_an_entry_of_an_open_transaction_is_sealed_later_and_not_passed_over(here: Desk) -> None:
    seal_all(here)
    wrote, may_commit = threading.Event(), threading.Event()

    def slow_writer() -> None:
        try:
            with tenant_context(here.tenant_id, actor_id=here.actor_id):
                write_entry(Draft(action=AuditAction.LOGOUT, tenant_id=here.tenant_id))
                wrote.set()
                assert may_commit.wait(30)
        finally:
            connection.close()

    writer = threading.Thread(target=slow_writer)
    writer.start()
    assert wrote.wait(30)
    write_as(here, 3)  # later transactions that commit first

    during = seal(here)
    may_commit.set()
    writer.join()
    after = seal_all(here)

    assert (during.entries, during.waiting) == (0, 3)
    assert (after.entries, after.waiting) == (4, 0)
    assert verify(here).discrepancies == ()


def test_many_writers_and_two_sealers_leave_no_entry_unsealed_or_sealed_twice(here: Desk) -> None:
    writers, entries_each, stop = 4, 25, threading.Event()
    sealed: list[int] = []

    def in_thread(work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            finally:
                connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def write() -> None:
        for _ in range(entries_each):
            write_as(here)

    def seal_again_and_again() -> None:
        with owner_access():
            while not stop.is_set():
                sealed.append(seal_tenant(here.tenant_id, seal_keys()).entries)

    sealers = [in_thread(seal_again_and_again) for _ in range(2)]
    for writer in [in_thread(write) for _ in range(writers)]:
        writer.join()
    stop.set()
    for sealer in sealers:
        sealer.join()
    sealed.append(seal_all(here).entries)

    verdict = verify(here)
    assert sum(sealed) == writers * entries_each + 1
    assert (verdict.sealed, verdict.unsealed, verdict.discrepancies) == (sum(sealed), 0, ())


def test_the_command_seals_every_organisation_and_verifies_it(here: Desk, there: Desk, tmp_path: Path) -> None:
    write_as(here, 3)
    write_as(there, 2)
    wait_for_open_transactions()
    out = StringIO()

    call_command("audit_seal", heads=tmp_path / "heads.json", stdout=out, skip_checks=True)
    kept = json.loads((tmp_path / "heads.json").read_text())
    for tenant_id in (here.tenant_id, there.tenant_id):
        call_command("audit_verify", tenant=str(tenant_id), heads=tmp_path / "heads.json", stdout=out, skip_checks=True)

    assert {str(here.tenant_id), str(there.tenant_id)} <= {head["tenant_id"] for head in kept}
    assert f"{here.tenant_id}: 4 entries as sealed by 1 seals" in out.getvalue()
    with pytest.raises(CommandError, match="exists already"):
        call_command("audit_seal", heads=tmp_path / "heads.json", stdout=out, skip_checks=True)


def test_sealing_without_a_key_names_the_variable(settings: Any) -> None:
    settings.AUDIT_SEAL_KEYS = ""

    with pytest.raises(CommandError, match="Set AUDIT_SEAL_KEYS"):
        call_command("audit_seal", skip_checks=True)


@pytest.mark.parametrize("text", ["", "1", "1:short", "0:" + "A" * 43 + "=", "x:" + "A" * 43 + "=", "1:\u0000"])
def test_malformed_keys_are_refused_without_showing_them(text: str) -> None:
    with pytest.raises(SealKeysMisconfigured) as refused:
        SealKeys.from_text(text)

    assert "short" not in str(refused.value)


def test_seals_made_with_an_earlier_key_verify_as_long_as_it_is_kept(here: Desk, settings: Any) -> None:
    old = settings.AUDIT_SEAL_KEYS
    seal_all(here)
    new = "2:" + base64.b64encode(bytes(range(32))).decode()

    settings.AUDIT_SEAL_KEYS = f"{new},{old}"
    write_as(here)
    seal_all(here)
    both = verify(here)
    settings.AUDIT_SEAL_KEYS = new
    without = verify(here)

    assert both.discrepancies == ()
    assert [found.what for found in without.discrepancies] == ["seal"]
    assert "lacks" in without.discrepancies[0].detail


# --- what a forger with the owner's rights may try ---


def test_an_edited_entry_is_named_even_with_its_hash_made_anew(here: Desk, there: Desk) -> None:
    ids = write_as(here, 5)
    write_as(there, 5)
    seal_all(here)
    seal_all(there)

    with forging() as owner:
        owner.execute("UPDATE tenants_auditentry SET reason = 'rewritten' WHERE id = %s", [ids[2]])
        owner.execute(
            f"UPDATE tenants_auditentry e SET row_hash = {row_hash_sql(1)} WHERE id = %s",  # noqa: S608 - constant
            [ids[2]],
        )
    verdict = verify(here)

    assert named(verdict) == [("edited", ids[2])]
    assert verdict.sealed == 5
    assert verify(there).discrepancies == ()


def test_a_lost_entry_is_named(here: Desk) -> None:
    ids = write_as(here, 4)
    seal_all(here)

    with forging() as owner:
        owner.execute("DELETE FROM tenants_auditentry WHERE id = ANY(%s)", [ids[1:3]])

    assert named(verify(here)) == [("missing", ids[1]), ("missing", ids[2])]


@pytest.mark.parametrize("claimed", ["sealed already", "never begun"])
def test_an_added_entry_is_named(here: Desk, claimed: str) -> None:
    [template] = write_as(here)
    seal_all(here)
    added = uuid7()

    with forging() as owner:
        owner.execute(
            "INSERT INTO tenants_auditentry SELECT (jsonb_populate_record(e, jsonb_build_object("
            "'id', %s::text, 'transaction_id', CASE WHEN %s THEN transaction_id ELSE 4611686018427387904 END))).* "
            "FROM tenants_auditentry e WHERE id = %s",
            [str(added), claimed == "sealed already", template],
        )

    assert named(verify(here)) == [("inserted", added)]


def test_a_seal_made_without_the_key_is_not_genuine(here: Desk) -> None:
    [entry] = write_as(here)
    seal_all(here)

    with forging() as owner:
        owner.execute("DELETE FROM tenants_auditentry WHERE id = %s", [entry])
        owner.execute(
            "UPDATE tenants_auditseal SET entry_count = 1, leaves = '' WHERE tenant_id = %s", [here.tenant_id]
        )
        owner.execute(
            "UPDATE tenants_auditseal SET leaves_digest = sha256(leaves) WHERE tenant_id = %s", [here.tenant_id]
        )
    verdict = verify(here)

    assert verdict.discrepancies[0].what == "seal"
    assert "without the key" in verdict.discrepancies[0].detail


def test_a_seal_taken_out_of_the_middle_is_missed(here: Desk) -> None:
    for _ in range(3):
        write_as(here)
        seal_all(here)

    with forging() as owner:
        owner.execute("DELETE FROM tenants_auditseal WHERE tenant_id = %s AND number = 2", [here.tenant_id])
    verdict = verify(here)

    assert "seal 2 is missing" in verdict.discrepancies[0].detail


def test_an_end_that_was_cut_off_is_seen_by_the_heads_kept_elsewhere(here: Desk) -> None:
    write_as(here)
    seal_all(here)
    late = write_as(here)
    seal_all(here)
    with owner_access():
        kept = list(heads([here.tenant_id]))

    with forging() as owner:
        owner.execute("DELETE FROM tenants_auditseal WHERE tenant_id = %s AND number = 2", [here.tenant_id])
        owner.execute("DELETE FROM tenants_auditentry WHERE id = ANY(%s)", [late])

    assert verify(here).discrepancies == ()
    assert [(found.what, "cut off" in found.detail) for found in verify(here, *kept).discrepancies] == [("head", True)]


def test_the_command_ends_with_an_error_and_names_the_first_entry(here: Desk) -> None:
    ids = write_as(here, 3)
    seal_all(here)
    with forging() as owner:
        owner.execute("UPDATE tenants_auditentry SET ip_address = '198.51.100.9' WHERE id = ANY(%s)", [ids[1:]])
    out = StringIO()

    with pytest.raises(CommandError, match="not the one that was sealed"):
        call_command("audit_verify", tenant=str(here.tenant_id), stdout=out, skip_checks=True)

    assert f"first: entry {ids[1]} of " in out.getvalue()


@pytest.mark.parametrize(
    "statement",
    ["UPDATE tenants_auditseal SET entry_count = 0", "DELETE FROM tenants_auditseal", "TRUNCATE tenants_auditseal"],
)
def test_even_the_owner_changes_no_seal_by_mistake(here: Desk, statement: str) -> None:
    seal_all(here)

    with owner_access(), pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        connection.cursor().execute(statement)


def test_the_app_reads_its_own_seals_and_writes_none(here: Desk, there: Desk) -> None:
    seal_all(here)
    seal_all(there)

    with tenant_context(here.tenant_id):
        assert {found.tenant_id for found in AuditSeal.objects.all()} == {here.tenant_id}
    with (
        pytest.raises(DatabaseError, match="permission denied"),
        tenant_context(here.tenant_id),
        connection.cursor() as cursor,
    ):
        cursor.execute("INSERT INTO tenants_auditseal SELECT * FROM tenants_auditseal")


# --- what goes by right ---


def test_entries_past_retention_are_no_loss(here: Desk, there: Desk) -> None:
    write_as(here, 5)
    write_as(there, 5)
    seal_all(here)
    with owner_access(), transaction.atomic():
        Tenant.objects.filter(pk=here.tenant_id).update(retention_days=1)

    with owner_access():
        removed = dict(apply_tenant_retention(now=datetime.now(UTC) + timedelta(days=2)))

    verdict = verify(here)
    assert sum(removed.values()) == verdict.removed
    assert (verdict.sealed, verdict.unsealed, verdict.discrepancies) == (0, 1, ())
    with tenant_context(here.tenant_id):
        last = AuditSeal.objects.order_by("number").last()
    assert last is not None
    assert (last.kind, last.entry_count) == ("REMOVED", verdict.removed)
    assert verify(there).discrepancies == ()


def test_entries_that_go_without_a_word_are_a_loss(here: Desk) -> None:
    write_as(here, 2)
    seal_all(here)

    with owner_access(), tenant_context(here.tenant_id), connection.cursor() as cursor:
        allow_removal(connection)
        cursor.execute("DELETE FROM tenants_auditentry WHERE tenant_id = %s", [here.tenant_id])

    assert [what for what, _ in named(verify(here))] == ["missing"] * 3


def test_a_dropped_partition_stays_verifiable(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    month = Month(2001, 3)
    with owner_access(), transaction.atomic(), connection.cursor() as cursor:
        for statement in partitions.create_partition_statements(month):
            cursor.execute(statement)
    with monkeypatch.context() as then:
        then.setattr(
            "tenants.audit.entries._INSERT",
            write_entry.__globals__["_INSERT"].replace("clock_timestamp()", "'2001-03-04 05:06Z'::timestamptz"),
        )
        write_as(here, 3)
    kept = write_as(here)
    seal_all(here)
    assert verify(here).discrepancies == ()

    call_command("audit_partitions", stdout=StringIO(), skip_checks=True)

    verdict = verify(here)
    assert (verdict.removed, verdict.discrepancies) == (3, ())
    assert verdict.sealed >= len(kept)
    with tenant_context(here.tenant_id):
        [word] = AuditSeal.objects.filter(kind="REMOVED")
    assert (word.removed_before, word.entry_count) == (date(2001, 4, 1), 3)


def test_announcing_a_drop_twice_says_it_once(here: Desk) -> None:
    write_as(here)
    seal_all(here)

    with owner_access():
        for _ in range(2):
            announce_dropping(datetime.now(UTC) + timedelta(days=1))

    with tenant_context(here.tenant_id):
        assert AuditSeal.objects.filter(kind="REMOVED").count() == 1


def test_erasing_an_organisation_keeps_its_entries_and_seals_verifiable(here: Desk) -> None:
    write_as(here, 2)
    seal_all(here)
    with tenant_context(here.tenant_id):
        name = Tenant.objects.get().name
    out = StringIO()

    call_command("erase_tenant", tenant=str(here.tenant_id), confirm=name, stdout=out, skip_checks=True)

    left = verify(here)
    assert "audit entries and their seals" in out.getvalue()
    assert left.discrepancies == ()
    assert seal_all(here).entries == left.unsealed, "nothing, unless somebody else was writing on this server"
    assert verify(here).unsealed == 0
    with owner_access():
        assert here.tenant_id in trail_tenants()

    call_command("audit_partitions", "--erase-tenant", str(here.tenant_id), stdout=out, skip_checks=True)

    verdict = verify(here)
    assert (verdict.sealed, verdict.discrepancies) == (0, ())
    assert verdict.removed > 2
    with owner_access():
        assert verify_tenant(INSTALLATION, seal_keys()).discrepancies == ()


# --- a database restored into another server ---


def test_after_a_move_every_entry_is_sealed_once(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new server's transactions are numbered lower than those of the entries that came along."""
    write_as(here, 2)
    seal_all(here)
    write_as(here, 3)  # not sealed when the dump was made
    asked = audit_sealing._NOW
    elsewhere = asked.replace("(SELECT system_identifier::text FROM pg_control_system())", "'another server'")
    moved = elsewhere.replace("pg_snapshot_xmin(s)", "least(pg_snapshot_xmin(s), '3'::xid8)")
    monkeypatch.setattr(audit_sealing, "_NOW", moved)

    first, again = seal(here), seal(here)  # by its numbers nothing there is ever over
    monkeypatch.setattr(audit_sealing, "_NOW", elsewhere)  # its numbers have come past those of the old entries
    late = write_as(here, 2)
    last = seal_all(here)

    assert (first.entries, again.entries, last.entries) == (3, 0, len(late))
    verdict = verify(here)
    assert (verdict.sealed, verdict.unsealed, verdict.discrepancies) == (8, 0, ())


# --- speed ---


@pytest.mark.benchmark
def test_forty_thousand_entries_are_sealed_in_a_fraction_of_a_second(here: Desk) -> None:
    with owner_connection() as owner:
        owner.execute(
            "INSERT INTO tenants_auditentry SELECT gen_random_uuid(), tenant_id, timestamp, action, operation,"
            " actor_id, resource_type, resource_id, changes, reason, ip_address, user_agent, request_id,"
            " transaction_id, hash_version, sha256(n::text::bytea) FROM tenants_auditentry, generate_series(1, 40000) n"
            " WHERE tenant_id = %s",
            [here.tenant_id],
        )
        owner.execute("ANALYZE tenants_auditentry")
    wait_for_open_transactions()
    start = time.perf_counter()

    sealed = seal(here)

    took_s = time.perf_counter() - start
    print(f"{sealed.entries:,} entries in {took_s * 1000:.0f} ms")  # noqa: T201 - the figure is the point
    assert sealed.entries == 40_001
    assert took_s < 2

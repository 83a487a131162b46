"""Erasing an organisation: keys first, then every row, and none of anybody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from integrations.models import Integration
from predictions.models import Prediction
from projects.models import Stakeholder
from tenants.domain import erasing
from tenants.domain.erasing import Erasure, ErasureUnfinished, erase_tenant, erased_tables
from tenants.encryption.secret import Secret
from tenants.isolation.owner import owner_access
from tenants.isolation.queue import defer_job
from tenants.isolation.registry import isolated_models
from tenants.isolation.transaction import tenant_context
from tenants.models import Tenant
from tests.factories.integrations import IntegrationFactory
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import PredictionFactory
from tests.factories.projects import StakeholderFactory
from tests.owner_rows import owner_connection

# Every test empties the database behind it, which takes seconds: each therefore follows one erasure all the way.
with_database = pytest.mark.django_db(transaction=True)

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def _keep_secrets(*tenants: LookAlike) -> None:
    for each in tenants:
        with tenant_context(each.tenant.pk):
            IntegrationFactory.create(credentials=Secret.of_json({"api_token": "token-3f9c"}))


@pytest.fixture
def as_owner() -> Iterator[Callable[..., Erasure]]:
    """Erase with the owner's rights, as the command does."""

    def erase(tenant: Tenant, **options: Any) -> Erasure:
        with owner_access():
            return erase_tenant(tenant=tenant, at=AT, reason="test", **options)

    yield erase
    connection.close()


def _rows_of(tenant_id: UUID) -> dict[str, int]:
    """Rows of one tenant in every table but the audit trail and its seals, as the owner sees them."""
    tables = [(model._meta.db_table, getattr(model, "tenant_column", None)) for model in isolated_models()]
    with owner_connection() as owner:
        counts = {
            table: owner.execute(f'SELECT count(*) FROM "{table}" WHERE {column} = %s', [tenant_id]).fetchone()  # noqa: S608
            for table, column in tables
            if column is not None and table not in ("tenants_auditentry", "tenants_auditseal")
        }
    return {table: count[0] for table, count in counts.items() if count and count[0]}


def _audit_entries(tenant_id: UUID) -> list[dict[str, Any]]:
    with owner_connection() as owner:
        rows = owner.execute(
            "SELECT changes FROM tenants_auditentry WHERE tenant_id = %s AND action = %s ORDER BY timestamp",
            [tenant_id, "TENANT_ERASED"],
        )
        return [changes for (changes,) in rows.fetchall()]


def _live_keys(tenant_id: UUID) -> int:
    with owner_connection() as owner:
        found = owner.execute(
            "SELECT count(*) FROM tenants_tenantdatakey WHERE tenant_id = %s AND wrapped_key IS NOT NULL", [tenant_id]
        ).fetchone()
    return int(found[0]) if found else 0


def _take_jobs(*of: LookAlike) -> list[UUID]:
    """Which of the organisations have jobs that wait; no test's flush knows that table, so they are taken away."""
    with owner_connection() as owner:
        found = owner.execute(
            "DELETE FROM queue.procrastinate_jobs WHERE tenant_id = ANY (%s) RETURNING tenant_id",
            [[each.tenant.pk for each in of]],
        ).fetchall()
    return [tenant_id for (tenant_id,) in found]


def _is_active(tenant_id: UUID) -> bool:
    with owner_connection() as owner:
        found = owner.execute("SELECT is_active FROM tenants_tenant WHERE id = %s", [tenant_id]).fetchone()
    return bool(found and found[0])


def _run(*arguments: str) -> str:
    out = StringIO()
    try:
        call_command("erase_tenant", *arguments, stdout=out)
    finally:
        connection.close()
    return out.getvalue()


# --- the command ---


@with_database
def test_command_erases_one_tenant_and_touches_no_other(ours: LookAlike, theirs: LookAlike) -> None:
    _keep_secrets(ours, theirs)
    before = _rows_of(theirs.tenant.pk)
    held = sum(_rows_of(ours.tenant.pk).values()) - 1  # the tenant's own row is not counted
    for each in (ours, theirs):
        with tenant_context(each.tenant.pk):
            defer_job("sync_integration", subject=each.tenant.pk)

    out = _run("--tenant", ours.tenant.name, "--confirm", ours.tenant.name)

    closed, erased = _audit_entries(ours.tenant.pk)
    assert (_rows_of(ours.tenant.pk), _rows_of(theirs.tenant.pk)) == ({}, before)
    assert f"Erased: {held} rows, 1 data keys.\nWhat stays: audit entries" in out
    assert (closed["step"], closed["keys_destroyed"], sum(closed["held"].values())) == ("closed", 1, held)
    assert (erased["step"], erased["rows"], sum(erased["deleted"].values())) == ("erased", held, held)
    with tenant_context(theirs.tenant.pk):
        secrets = [row.credentials.reveal_json() for row in Integration.objects.filter(credentials__isnull=False)]
    assert {"api_token": "token-3f9c"} in secrets
    assert _take_jobs(ours, theirs) == [theirs.tenant.pk]


@with_database
def test_command_without_the_exact_name_changes_nothing(ours: LookAlike, theirs: LookAlike) -> None:
    _keep_secrets(ours)
    before = _rows_of(ours.tenant.pk)

    with pytest.raises(CommandError, match="not the organisation's exact name"):
        _run("--tenant", str(ours.tenant.pk), "--confirm", theirs.tenant.name)
    with pytest.raises(CommandError, match="There is no organisation"):
        _run("--tenant", "Nobody", "--confirm", "Nobody")

    assert (_rows_of(ours.tenant.pk), _live_keys(ours.tenant.pk)) == (before, 1)


# --- killed in the middle ---


class Killed(BaseException):
    """Stands for a process that ends without a word."""


@with_database
def test_keys_go_first_and_a_killed_erasure_goes_on(
    ours: LookAlike, theirs: LookAlike, as_owner: Callable[..., Erasure]
) -> None:
    def die(label: str, done: int, total: int) -> None:
        raise Killed

    def die_at_work_items(label: str, done: int, total: int) -> None:
        if label == "work items":
            raise Killed

    _keep_secrets(ours, theirs)
    before, theirs_before = _rows_of(ours.tenant.pk), _rows_of(theirs.tenant.pk)

    with pytest.raises(Killed):
        as_owner(ours.tenant, progress=die)
    after_first = (_live_keys(ours.tenant.pk), _is_active(ours.tenant.pk), sum(_rows_of(ours.tenant.pk).values()))
    with pytest.raises(Killed):
        as_owner(ours.tenant, progress=die_at_work_items)
    left = sum(_rows_of(ours.tenant.pk).values()) - 1
    erasure = as_owner(ours.tenant)

    assert after_first[:2] == (0, False)
    assert sum(before.values()) > after_first[2] > left > 0
    assert sum(erasure.deleted_rows.values()) == left
    assert (_rows_of(ours.tenant.pk), _rows_of(theirs.tenant.pk)) == ({}, theirs_before)
    assert [entry["step"] for entry in _audit_entries(ours.tenant.pk)] == ["closed", "closed", "closed", "erased"]


# --- the order ---


def test_every_table_comes_before_those_it_refers_to() -> None:
    order = [table.name for table in erased_tables()]
    wrong = [
        (model._meta.db_table, field.name)
        for model in isolated_models()
        for field in model._meta.local_fields
        if field.remote_field is not None
        and model._meta.db_table in order
        and field.remote_field.model._meta.db_table in order
        and field.remote_field.model is not model
        and order.index(model._meta.db_table) > order.index(field.remote_field.model._meta.db_table)
    ]

    assert wrong == []
    assert order[-1] == "tenants_tenantdatakey"


def test_no_table_of_tenants_is_forgotten() -> None:
    """What stays, and why: the audit trail outlives the tenant; the tenant's own row goes last, by itself."""
    tables = {model._meta.db_table for model in isolated_models() if getattr(model, "tenant_column", None) is not None}

    assert tables - {table.name for table in erased_tables()} == {
        "tenants_auditentry",
        "tenants_auditseal",
        "tenants_tenant",
    }
    assert len({table.label for table in erased_tables()}) == len(erased_tables())


# --- batches, chains and circles ---


@with_database
def test_rows_go_in_batches_also_where_they_refer_to_each_other(
    ours: LookAlike, as_owner: Callable[..., Erasure]
) -> None:
    with tenant_context(ours.tenant.pk):
        StakeholderFactory.create_batch(6)
        stakeholders = Stakeholder.objects.count()
        chain = [PredictionFactory.create()]
        for _link in range(3):
            chain.append(PredictionFactory.create(project=chain[0].project, supersedes=chain[-1]))
        circle = [PredictionFactory.create(project=chain[0].project)]
        circle.append(PredictionFactory.create(project=chain[0].project, supersedes=circle[0]))
    with owner_connection() as owner:
        owner.execute(
            f"UPDATE {Prediction._meta.db_table} SET supersedes_id = %s WHERE id = %s",  # noqa: S608 - our own table
            [circle[1].pk, circle[0].pk],
        )
    reports: list[tuple[str, int, int]] = []

    as_owner(ours.tenant, batch_rows=2, progress=lambda *report: reports.append(report))

    assert _rows_of(ours.tenant.pk) == {}
    assert [report for report in reports if report[0] == "stakeholders"] == [
        ("stakeholders", min(done, stakeholders), stakeholders) for done in range(2, stakeholders + 2, 2)
    ]


# --- somebody still writes ---


def _write_a_row(ours: LookAlike) -> None:
    with owner_connection() as owner:
        owner.execute(
            "INSERT INTO tenants_tenantdatakey (id, tenant_id, version, wrapped_key, key_ring_version, created_at) "
            "SELECT gen_random_uuid(), %s, coalesce(max(version), 0) + 1, '\\x00', 1, now() FROM tenants_tenantdatakey "
            "WHERE tenant_id = %s",
            [ours.tenant.pk, ours.tenant.pk],
        )


@with_database
def test_a_late_row_is_erased_in_a_further_pass(ours: LookAlike, as_owner: Callable[..., Erasure]) -> None:
    late = [1]

    def write_once(label: str, done: int, total: int) -> None:
        if label == "data keys" and late:
            late.pop()
            _write_a_row(ours)

    as_owner(ours.tenant, progress=write_once)

    assert _rows_of(ours.tenant.pk) == {}


@with_database
def test_a_writer_who_does_not_stop_is_reported(ours: LookAlike, as_owner: Callable[..., Erasure]) -> None:
    def write_again(label: str, done: int, total: int) -> None:
        if label == "data keys":
            _write_a_row(ours)

    with pytest.raises(ErasureUnfinished, match="stop the workers"):
        as_owner(ours.tenant, progress=write_again)

    assert erasing.MAX_PASSES == 5
    assert set(_rows_of(ours.tenant.pk)) == {"tenants_tenant", "tenants_tenantdatakey"}

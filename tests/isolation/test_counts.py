"""Counts spell their tenant in another way than other statements, and are held by the same layers."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q
from django.test.utils import CaptureQueriesContext

from gaps.models import Gap, RootCause
from projects.models import Project
from tenants.isolation.transaction import tenant_context
from tests.factories.gaps import GapFactory
from tests.factories.look_alike import LookAlike
from tests.owner_rows import owner_connection

pytestmark = pytest.mark.django_db


def _sql_of(work: Any) -> str:
    with CaptureQueriesContext(connection) as caught:
        work()
    return str(caught[-1]["sql"])


def test_a_count_finds_our_rows_only(ours: LookAlike, theirs: LookAlike) -> None:
    counts = {}
    for one in (ours, theirs):
        with tenant_context(one.tenant.pk):
            counts[one.tenant.pk] = Gap.objects.count()
            assert Gap.objects.filter(Q(pk=one.rows[Gap].pk) | Q(title="")).count() == 1
            assert Gap.objects.exclude(pk=one.rows[Gap].pk).count() == counts[one.tenant.pk] - 1
    with tenant_context(ours.tenant.pk):
        GapFactory.create(project=ours.rows[Project])
        assert Gap.objects.count() == counts[ours.tenant.pk] + 1
        assert Gap.objects.filter(pk=theirs.rows[Gap].pk).count() == 0


def test_only_a_count_of_one_table_is_spelled_so(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        for counted in (
            Gap.objects.count,
            lambda: Gap.objects.filter(status__in=["OPEN"]).count(),
            lambda: Gap.objects.aggregate(all=Count("*"), open=Count("pk", filter=Q(status="OPEN"))),
        ):
            assert '"tenant_id" = ANY (\'{' in _sql_of(counted)
        causes = RootCause.objects.filter(gap=OuterRef("pk"))
        for other in (
            lambda: list(Gap.objects.values("status").annotate(n=Count("*"))),
            lambda: Gap.objects.filter(project__name="x").count(),
            lambda: Gap.objects.filter(Exists(causes)).count(),
            lambda: Gap.objects.filter(project__in=Project.objects.filter(name="x")).count(),
            Gap.objects.all()[:5].count,
            lambda: list(Gap.objects.all()),
        ):
            sql = _sql_of(other)
            assert "ANY (" not in sql
            assert f"\"tenant_id\" = '{ours.tenant.pk.hex}'" in sql


def test_a_count_has_no_step_per_row(ours: LookAlike) -> None:
    """Both comparisons are conditions of the scan; the usual spelling is here to show what they save."""
    with tenant_context(ours.tenant.pk), connection.cursor() as cursor:
        count = _sql_of(Gap.objects.count)
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        plans = []
        for statement in (count, f"SELECT count(*) FROM gaps_gap WHERE tenant_id = '{ours.tenant.pk}'"):
            cursor.execute(f"EXPLAIN {statement}")
            plans.append("\n".join(line for (line,) in cursor.fetchall()))

    assert "One-Time Filter" not in plans[0]
    assert "Index Cond" in plans[0]
    assert "current_tenant" in plans[0]
    assert "One-Time Filter" in plans[1]


def test_in_the_context_of_another_tenant_a_count_finds_nothing(ours: LookAlike, theirs: LookAlike) -> None:
    """What a mistake in the transport would look like: the statement names one tenant, the transaction another."""
    with tenant_context(theirs.tenant.pk):
        count = _sql_of(Gap.objects.count)
    with tenant_context(ours.tenant.pk), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(count)
        by_index = cursor.fetchone()
        cursor.execute(
            "SET LOCAL enable_seqscan = on; SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off"
        )
        cursor.execute(count)
        by_table = cursor.fetchone()

    assert (by_index, by_table) == ((0,), (0,))


@pytest.mark.django_db(transaction=True)
def test_without_the_policy_the_compiler_still_restricts_a_count(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        expected = Gap.objects.count()
    with owner_connection() as owner:
        owner.execute('ALTER TABLE "gaps_gap" DISABLE ROW LEVEL SECURITY')
        try:
            with tenant_context(ours.tenant.pk), connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM gaps_gap")
                everybodys = cursor.fetchone()[0]
                found = Gap.objects.count()
        finally:
            owner.execute('ALTER TABLE "gaps_gap" ENABLE ROW LEVEL SECURITY')

    assert everybodys > expected  # the leak is real
    assert found == expected

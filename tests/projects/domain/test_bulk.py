from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projects.domain.recording.bulk import Scope, array_literal
from tenants.isolation.context import CrossTenantWrite
from tests.factories.look_alike import LookAlike

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
HOSTILE = st.sampled_from(["NULL", "null", "", '"', "\\", "{}", "},{", "', '')", "%s", "\\x41", "a,b", "\n", " "])


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.none() | TEXT | HOSTILE, max_size=8))
def test_array_literal_gives_the_database_the_same_texts(values: list[str | None]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::text[]", [array_literal(values, sql_type="text")])

        assert cursor.fetchone() == (values,)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sql_type", "values"),
    [
        ("uuid", [UUID(int=7), None]),
        ("timestamptz", [datetime(2026, 1, 5, 9, 0, 0, 125_000, tzinfo=UTC), None]),
        ("date", [date(2026, 1, 5), None]),
        ("bigint", [2**40, None, -1]),
        ("float8", [0.1, 1e300, None]),
    ],
)
def test_array_literal_gives_the_database_the_same_values(sql_type: str, values: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{sql_type}[]", [array_literal(values, sql_type=sql_type)])

        assert cursor.fetchone() == (values,)


def test_scope_refuses_the_project_of_another_tenant(in_tenant: LookAlike, theirs: LookAlike) -> None:
    at = datetime(2026, 1, 5, tzinfo=UTC)

    with pytest.raises(CrossTenantWrite):
        Scope(tenant_id=theirs.tenant.pk, project_id=UUID(int=1), source="jira", at=at)

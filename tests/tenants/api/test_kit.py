"""The parts of the API's kit that need no database."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DatabaseError, IntegrityError, OperationalError
from django.http import Http404
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import APIException, NotFound, ParseError, Throttled, ValidationError

from tenants.api.encoding import encode
from tenants.api.etags import check_if_match, etag_of, is_not_modified
from tenants.api.exceptions import problem_of
from tenants.api.pagination import Ordering
from tenants.api.parsers import MAX_DEPTH, StrictJSONParser
from tenants.api.problems import InvalidParameter, PreconditionFailed, PreconditionRequired
from tenants.isolation.context import TenantContextRequired

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


# Encoding


@pytest.mark.parametrize(
    ("value", "spelling"),
    [
        (datetime(2026, 3, 1, 9, tzinfo=UTC), '"2026-03-01T09:00:00Z"'),
        (datetime(2026, 3, 1, 9, 0, 0, 5, tzinfo=timezone(timedelta(hours=2))), '"2026-03-01T07:00:00.000005Z"'),
        (date(2026, 3, 1), '"2026-03-01"'),
        (Decimal("10.50"), '"10.50"'),
        (Decimal("1E+3"), '"1000"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        ("grün\n", '"grün\\n"'),
        ({"a": [1, None, True]}, '{"a":[1,null,true]}'),
    ],
)
def test_values_have_one_spelling(value: Any, spelling: str) -> None:
    assert encode(value).decode() == spelling


@pytest.mark.parametrize("value", [float("nan"), float("inf"), datetime(2026, 3, 1), b"bytes", object()])  # noqa: DTZ001
def test_what_json_cannot_hold_is_an_error(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        encode(value)


# Parsing


def parse(body: bytes) -> Any:
    return StrictJSONParser().parse(io.BytesIO(body))


@given(json_values)
def test_what_is_read_is_what_was_written_and_can_be_stored(value: Any) -> None:
    body = json.dumps(value).encode()

    try:
        read = parse(body)
    except APIException:
        return

    assert read == value
    assert "\\u0000" not in json.dumps(read)
    read_again = json.dumps(read, ensure_ascii=False, allow_nan=False)
    read_again.encode()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(ParseError, ValidationError):
        parse(body)


def test_nesting_has_an_end() -> None:
    assert parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(ValidationError):
        parse(b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2))


# Versions


def test_a_tag_is_of_the_bytes() -> None:
    assert etag_of(b"a") == etag_of(b"a") != etag_of(b"b")


@pytest.mark.parametrize(
    ("header", "error"),
    [
        (None, PreconditionRequired),
        ("", PreconditionRequired),
        ('"other"', PreconditionFailed),
        (f"W/{etag_of(b'a')}", PreconditionFailed),
        ("garbage", PreconditionFailed),
        (etag_of(b"a").strip('"'), PreconditionFailed),
    ],
)
def test_a_change_of_another_version_is_refused(header: str | None, error: type[APIException]) -> None:
    headers = {} if header is None else {"If-Match": header}
    with pytest.raises(error):
        check_if_match(RequestFactory().patch("/", headers=headers), etag_of(b"a"))


@pytest.mark.parametrize("header", [etag_of(b"a"), f'"other", {etag_of(b"a")}', "*"])
def test_a_change_of_this_version_passes(header: str) -> None:
    check_if_match(RequestFactory().patch("/", headers={"If-Match": header}), etag_of(b"a"))


def test_reading_compares_weakly() -> None:
    request = RequestFactory().get("/", headers={"If-None-Match": f"W/{etag_of(b'a')}"})

    assert is_not_modified(request, etag_of(b"a"))
    assert not is_not_modified(request, etag_of(b"b"))


def test_an_ordering_breaks_ties_by_id_in_its_own_direction() -> None:
    assert Ordering.parse("-severity").names() == ("-severity", "-id")
    assert Ordering.parse("id").names() == ("id",)
    assert str(Ordering.parse("-severity")) == "-severity"


# Problems


class Refused(Exception):
    """What psycopg raises, as far as problems care."""

    def __init__(self, state: str, **diagnosis: str) -> None:
        super().__init__("internal words")
        self.sqlstate = state
        self.diag = type("Diagnosis", (), diagnosis)()


def caused_by(error: DatabaseError, cause: Exception) -> DatabaseError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "status", "errors"),
    [
        (Http404("Gap 7 of tenant B"), 404, []),
        (NotFound(), 404, []),
        (PermissionDenied("inside"), 403, []),
        (SuspiciousOperation("inside"), 400, []),
        (RequestDataTooBig("inside"), 413, []),
        (Throttled(wait=7.2), 429, []),
        (DjangoValidationError({"name": "Too long."}), 400, [("#/name", "invalid")]),
        (ValidationError({"a": {"b/c": [{"d": ["Wrong."]}]}}), 400, [("#/a/b~1c/0/d", "invalid")]),
        (ValidationError(["Wrong."]), 400, [("#", "invalid")]),
        (InvalidParameter({"ordering": ["Wrong."]}), 400, [("ordering", "invalid")]),
        (RuntimeError("inside"), 500, []),
        (TenantContextRequired(), 500, []),
        (OperationalError("inside"), 503, []),
        (caused_by(OperationalError("inside"), Refused("57P01")), 503, []),
        (caused_by(OperationalError("inside"), Refused("40P01")), 503, []),
        (caused_by(DatabaseError("inside"), Refused("42501")), 500, []),
        (caused_by(DatabaseError("inside"), Refused("22P05")), 400, [("#", "out_of_range")]),
        (
            caused_by(IntegrityError("inside"), Refused("23502", table_name="gaps_gap", column_name="title")),
            400,
            [("#/title", "null")],
        ),
        (
            caused_by(
                IntegrityError("inside"),
                Refused("23503", table_name="gaps_gap", constraint_name="gaps_gap_owner_ref", message_detail="Key …"),
            ),
            400,
            [("#/owner", "does_not_exist")],
        ),
        (
            caused_by(
                IntegrityError("inside"),
                Refused("23503", table_name="gaps_gap", message_detail="Key (…) is still referenced from table …"),
            ),
            409,
            [],
        ),
        (
            caused_by(
                IntegrityError("inside"),
                Refused("23505", table_name="projects_project", constraint_name="projects_project_name_unique"),
            ),
            409,
            [("#/name", "unique")],
        ),
        (
            caused_by(
                IntegrityError("inside"),
                Refused("23514", table_name="gaps_gap", constraint_name="gaps_gap_confidence_range"),
            ),
            400,
            [("#/confidence", "check")],
        ),
        (
            caused_by(IntegrityError("inside"), Refused("23514", table_name="elsewhere", constraint_name="unknown")),
            400,
            [("#", "check")],
        ),
    ],
)
def test_an_error_is_a_problem_that_names_fields_and_no_insides(
    error: Exception, status: int, errors: list[tuple[str, str]]
) -> None:
    problem = problem_of(error)
    document = problem.as_document("urn:request:1")

    assert problem.status == document["status"] == status
    assert [(each.place, each.code) for each in problem.errors] == errors
    assert not any(word in json.dumps(document) for word in ("inside", "tenant B", "internal words", "gaps_gap"))

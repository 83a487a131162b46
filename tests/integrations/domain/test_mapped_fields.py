"""What a mapping makes of a tool's value, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.domain.syncing.mapped_fields import FieldRule, apply_rules
from integrations.enums import InternalField, Transformation
from projects.enums import StatusCategory
from projects.imports.errors import FieldRefused
from projects.observations import WorkItemObservation

CREATED = datetime(2026, 5, 1, tzinfo=UTC)
ITEM = WorkItemObservation(
    external_id="1", key="A-1", status_category=StatusCategory.TODO, created_at=CREATED, updated_at=CREATED
)


def mapped(value: Any, field: str, transformation: str, **options: Any) -> WorkItemObservation:
    rule = FieldRule("x", field, transformation, **options)
    return apply_rules(ITEM, {"x": value}, [rule], categories={"Parked": StatusCategory.TODO})[0]


@pytest.mark.parametrize(
    ("value", "field", "transformation", "expected"),
    [
        ("Bug", "item_type", "COPY", {"item_type": "Bug"}),
        ({"value": "High"}, "priority", "UPPER_CASE", {"priority": "HIGH"}),
        ({"id": "7", "name": "Epic"}, "item_type", "LOWER_CASE", {"item_type": "epic"}),
        ("  A title ", "title", "TRIM", {"title": "A title"}),
        ("2.5", "estimate_points", "NUMBER", {"estimate_points": 2.5}),
        (0, "estimate_points", "COPY", {"estimate_points": 0.0}),
        (90, "estimate_s", "MINUTES_TO_SECONDS", {"estimate_s": 5400}),
        ("1.5", "estimate_s", "HOURS_TO_SECONDS", {"estimate_s": 5400}),
        ("2026-06-30", "due_date", "DATE", {"due_date": date(2026, 6, 30)}),
        ("2026-06-30T23:00:00Z", "due_date", "DATE", {"due_date": date(2026, 6, 30)}),
        (1_782_864_000, "due_date", "EPOCH_SECONDS", {"due_date": date(2026, 7, 1)}),
        (1_777_593_600_000, "created_at", "EPOCH_MILLISECONDS", {"created_at": CREATED}),
        ("2026-05-01T02:00:00+02:00", "created_at", "INSTANT", {"created_at": CREATED}),
        ("a, b,a", "labels", "SPLIT_ON_COMMA", {"labels": ("a", "b")}),
        ([{"name": "a"}, {"name": "b"}], "labels", "COPY", {"labels": ("a", "b")}),
        ({"accountId": "u1", "displayName": "A Name"}, "assignee", "COPY", {"assignee_ids": ("u1",)}),
        ({"accountId": "u1", "displayName": "A Name"}, "reporter", "COPY", {"reporter_id": "u1"}),
        ("A-9", "parent_key", "COPY", {"parent_key": "A-9"}),
        ("true", "labels", "YES_NO", {"labels": ("true",)}),
        (
            "Closed",
            "status_category",
            "STATUS_CATEGORY",
            {"status_category": StatusCategory.DONE, "resolved_at": CREATED},
        ),
        ("Parked", "status_category", "STATUS_CATEGORY", {"status_category": StatusCategory.TODO}),
    ],
)
def test_value_becomes_ours(value: Any, field: str, transformation: str, expected: dict[str, Any]) -> None:
    assert mapped(value, field, transformation) == replace(ITEM, **expected)


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_empty_value_leaves_what_the_connector_said(value: Any) -> None:
    assert mapped(value, "title", "COPY") == ITEM


def test_empty_value_of_a_required_field_refuses_the_item() -> None:
    with pytest.raises(FieldRefused) as refusal:
        mapped(None, "due_date", "DATE", is_required=True)

    assert refusal.value.field == "x"


@pytest.mark.parametrize(
    ("value", "field", "transformation"),
    [
        ("many", "estimate_points", "NUMBER"),
        ("-1", "estimate_points", "NUMBER"),
        ("inf", "estimate_points", "NUMBER"),
        ("03/04/2026", "due_date", "DATE"),
        ("2026-05-01T02:00:00", "created_at", "INSTANT"),
        ("1e300", "created_at", "EPOCH_SECONDS"),
        ("maybe", "labels", "YES_NO"),
        ("x" * 300, "priority", "COPY"),
    ],
)
def test_odd_value_is_named_and_stops_nothing(value: Any, field: str, transformation: str) -> None:
    rules = [FieldRule("x", field, transformation), FieldRule("y", "title", "COPY")]

    item, odd = apply_rules(ITEM, {"x": value, "y": "T"}, rules, categories={})

    assert item == replace(ITEM, title="T")
    assert [each.field for each in odd] == ["x"]
    assert value not in odd[0].reason


def test_field_is_found_by_a_path() -> None:
    item, _ = apply_rules(
        ITEM, {"a": {"b": {"c": "T"}}}, [FieldRule("a.b.c", InternalField.TITLE, Transformation.COPY)], categories={}
    )

    assert item.title == "T"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["value", "id", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(value=json_values, field=st.sampled_from(InternalField.values), how=st.sampled_from(Transformation.values))
def test_any_value_is_taken_or_refused(value: Any, field: str, how: str) -> None:
    item, _ = apply_rules(ITEM, {"x": value}, [FieldRule("x", field, how)], categories={})

    assert item.external_id == "1"

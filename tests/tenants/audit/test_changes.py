"""What an entry keeps of a change: storable, bounded, without secrets."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import models
from hypothesis import given
from hypothesis import strategies as st

from tenants.audit.changes import CHANGES_MAX_CHARS, storable_changes
from tenants.audit.secrets import WITHHELD, is_secret_field, is_secret_name, without_secrets

SECRET = "s3cr3t-Value-0815"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


def test_values_become_json() -> None:
    kept = storable_changes(
        {
            "name": ["Old", "New"],
            "due": [None, date(2026, 1, 5)],
            "seen_at": [None, datetime(2026, 1, 5, 9, 0, tzinfo=UTC)],
            "budget": [Decimal("1.50"), Decimal("2.50")],
            "owner": [None, UUID(int=7)],
            "share": [0.5, float("nan")],
            "count": [1, 2**80],
        }
    )

    assert kept == {
        "name": ["Old", "New"],
        "due": [None, "2026-01-05"],
        "seen_at": [None, "2026-01-05T09:00:00+00:00"],
        "budget": ["1.50", "2.50"],
        "owner": [None, "00000000-0000-0000-0000-000000000007"],
        "share": [0.5, "nan"],
        "count": [1, str(2**80)],
    }


def test_text_that_jsonb_refuses_is_replaced() -> None:
    assert storable_changes({"note": [None, "a\0b\ud800c"]}) == {"note": [None, "a�b?c"]}


def test_long_text_is_cut_and_long_json_is_counted() -> None:
    kept = storable_changes({"text": [None, "x" * 5_000], "config": [None, {"rows": list(range(5_000))}]})

    assert kept["text"][1] == "x" * 999 + "…"
    assert kept["config"][1].keys() == {"omitted_chars"}


def test_too_many_changes_keep_their_names() -> None:
    kept = storable_changes({f"field{n:03}": [None, "x" * 900] for n in range(100)})

    assert kept == {"too_long": [f"field{n:03}" for n in range(100)]}


@given(st.dictionaries(st.text(max_size=150), json_values, max_size=6))
def test_anything_becomes_bounded_json(changes: dict[str, Any]) -> None:
    text = json.dumps(storable_changes(changes), allow_nan=False, ensure_ascii=False)

    assert len(text) <= CHANGES_MAX_CHARS
    assert "\\u0000" not in text
    assert text.encode()


@given(json_values)
def test_withholding_secrets_twice_changes_nothing_more(value: Any) -> None:
    once = without_secrets({"value": value})

    assert repr(without_secrets(once)) == repr(once)


@pytest.mark.parametrize(
    "name",
    [
        *("password", "passwd", "passphrase", "client_secret", "API_TOKEN", "accessToken", "credentials", "api_key"),
        *(
            "apikey",
            "private_key",
            "wrapped_key",
            "secret_digest",
            "row_hash",
            "Authorization",
            "session_key",
            "cookie",
        ),
        *("webhook_url", "refresh_token", "otp_seed", "ciphertext"),
    ],
)
def test_telling_names_are_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["name", "key", "title", "item_key", "passed_at", "hashtags", "status", "description"])
def test_ordinary_names_are_not(name: str) -> None:
    assert not is_secret_name(name)


def test_secrets_inside_json_are_withheld_whatever_their_depth() -> None:
    kept = storable_changes(
        {
            "config": [
                {"site": "https://demo.example", "auth": {"token": SECRET}},
                [{"password": SECRET}, {"headers": {"Authorization": f"Bearer {SECRET}"}}],
            ],
            "url": [None, f"https://user:{SECRET}@demo.example/path"],
        }
    )

    assert SECRET not in json.dumps(kept)
    assert kept["config"][0] == {"site": "https://demo.example", "auth": {"token": WITHHELD}}
    assert kept["url"][1] == f"https://{WITHHELD}@demo.example/path"


def test_binary_fields_are_secret_and_a_field_may_declare_itself() -> None:
    declared = models.TextField(name="note")
    declared.audit_secret = True  # type: ignore[attr-defined]  # the attribute a field class may carry
    cleared = models.TextField(name="token_count")
    cleared.audit_secret = False  # type: ignore[attr-defined]  # the attribute a field class may carry

    assert is_secret_field(models.BinaryField(name="blob"))
    assert is_secret_field(declared)
    assert not is_secret_field(cleared)
    assert not is_secret_field(models.TextField(name="note"))

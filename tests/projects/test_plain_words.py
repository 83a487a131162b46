"""Answers in words: nothing uncertain looks certain, and nothing unknown looks like a value."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.history.readiness import UnlockStep
from projects.plain_words import STEPS, day, days, driver, duration, fact, limits, measure, percent, said


@given(st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True))
def test_what_is_not_certain_is_never_told_as_certain(probability: float) -> None:
    assert percent(probability) not in ("0 %", "100 %")


@pytest.mark.parametrize(
    ("probability", "words"),
    [(None, "not known"), (0.0, "0 %"), (1.0, "100 %"), (0.004, "<1 %"), (0.996, ">99 %"), (0.262, "26 %")],
)
def test_probabilities_in_words(probability: float | None, words: str) -> None:
    assert percent(probability) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "not known"), (22.615234375, "23 days"), (1.0, "1 day"), (2.45e-05, "0 days"), (-0.01, "0 days")],
)
def test_days_in_words(value: float | None, words: str) -> None:
    assert days(value) == words


@pytest.mark.parametrize(("hours", "words"), [(None, "not known"), (72.0, "72 h"), (300.0, "12 days")])
def test_time_left_is_told_in_hours_only_when_hours_count(hours: float | None, words: str) -> None:
    assert duration(hours) == words


def test_every_step_that_unlocks_an_answer_has_words() -> None:
    assert set(STEPS) == set(UnlockStep)


def test_a_limit_names_its_step_and_an_unknown_step_stays_as_it_was_written() -> None:
    found = limits(
        [{"code": "NO_ITEMS", "message": "No items.", "unlock": "CONNECT_A_TOOL"}, {"code": "X", "message": "Y"}]
    )

    assert [(limit.message, limit.step) for limit in found] == [
        ("No items.", STEPS[UnlockStep.CONNECT_A_TOOL]),
        ("Y", ""),
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "not known"),
        ({"value": None, "unit": "date", "label": "more than ten years away"}, "more than ten years away"),
        ({"value": "2026-04-30", "unit": "date"}, "30 Apr 2026"),
        ({"value": 489_412.3, "unit": "EUR", "low": 900.5, "high": 1_200.0}, "489,412 EUR (between 900.5 and 1,200)"),
        ({"value": 12.5, "unit": "days", "low": 10.0, "high": 15.0}, "12.5 days (between 10 and 15)"),
    ],
)
def test_measures_in_words(value: dict[str, Any] | None, words: str) -> None:
    assert measure(value) == words


@pytest.mark.parametrize("value", ["20260430", "2026", "12", "1-2-3", "2026-13-45"])
def test_text_that_only_looks_like_a_date_stays_as_it_is(value: str) -> None:
    assert said(value) == value


def test_a_fact_links_to_our_item_alone_and_to_no_address_that_runs_code() -> None:
    row = {"object_type": "work_item", "object_id": "10001", "object_key": "A-1", "field": "created_at", "value": "x"}

    told = fact(row | {"url": "javascript:alert(1)", "observed_at": None})

    assert (told.what, told.value, told.item_id, told.url) == ("A-1: created", "x", "", "")
    assert day(date(2026, 9, 8)) == "8 Sep 2026"


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        (-0.123, "Late work: 20% of capacity (12 points less sure)"),
        (0.01, "Late work: 20% of capacity (1 point surer)"),
        (0.004, "Late work: 20% of capacity"),
        (None, "Late work: 20% of capacity"),
    ],
)
def test_a_driver_says_how_far_and_which_way(effect: float | None, words: str) -> None:
    row = {"text": "Late work: 20% of capacity", "effect": effect}

    assert driver(row, more="surer", less="less sure") == words

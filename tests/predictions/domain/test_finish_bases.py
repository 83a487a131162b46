"""What a run keeps of a forecast, and that the same trials come out of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.domain.finish_bases import BASIS, basis_of, basis_row, kept_basis, without_basis
from predictions.forecasters.finish import forecast_finish
from predictions.forecasters.what_if import WhatIf
from projects.history import HistoryFact, ProjectHistory, WorkCalendar
from tests.project_histories import NOW, WEEK, generated_teams, team_history

TARGET = NOW.date() + 8 * WEEK


@settings(deadline=None, max_examples=25)  # a busy machine is not a failure
@given(facts=generated_teams(), has_target=st.booleans())
def test_basis_goes_through_json_to_the_last_bit(facts: list[HistoryFact], has_target: bool) -> None:
    calendar = WorkCalendar("Europe/Berlin", frozenset({0, 1, 2, 3}), frozenset({date(2024, 7, 4), date(2024, 12, 25)}))
    finish = forecast_finish(
        ProjectHistory.from_facts(facts),
        as_of=NOW,
        target_date=TARGET if has_target else None,
        calendar=calendar,
        trials=300,
    )

    kept = json.loads(json.dumps(kept_basis(finish)))

    if finish.basis is None:
        assert kept == {}
    else:
        assert basis_of(kept) == finish.basis
        assert WhatIf(basis_of(kept) or finish.basis).nothing.quantiles == finish.quantiles


def test_basis_of_ten_years_is_small_and_names_no_item() -> None:
    finish = forecast_finish(team_history([50] * 520, open_items=2_000), as_of=NOW, target_date=TARGET)

    text = json.dumps(kept_basis(finish))

    assert len(text) < 5_000
    assert "DEMO" not in text


def test_results_without_a_basis_have_none_and_are_shown_whole() -> None:
    finish = forecast_finish(team_history([5] * 40, open_items=20), as_of=NOW)
    assert finish.basis is not None
    results = {"remaining_items": 20}

    assert basis_of(results) is None
    assert without_basis({**results, BASIS: basis_row(finish.basis)}) == results


@pytest.mark.parametrize("years", [-3, 30])
def test_seed_keeps_all_its_digits(years: int) -> None:
    finish = forecast_finish(team_history([5] * 40, open_items=20), as_of=NOW)
    assert finish.basis is not None
    basis = replace(
        finish.basis, seed=2**64 - 1, as_of=NOW + timedelta(microseconds=123_457), target_date=date(2024 + years, 2, 28)
    )

    assert basis_of({BASIS: json.loads(json.dumps(basis_row(basis)))}) == basis

"""A forecast played on: waiting alone is no effect, and what eases by itself is taken off."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.attribution.action_effect import play_on, regression_days
from predictions.forecasters.finish import forecast_finish
from predictions.forecasters.finish_basis import FinishBasis
from predictions.forecasters.prevention import P85
from predictions.forecasters.what_if import WhatIf
from projects.history.project_history import ProjectHistory
from tests.project_histories import NOW, team_facts


@pytest.fixture(scope="module")
def basis() -> FinishBasis:
    """Of a team that finishes about five items a week and has sixty to do; fewer trials than served."""
    history = ProjectHistory.from_facts(team_facts([4, 6, 5, 7, 3] * 8, open_items=60))
    found = forecast_finish(history, as_of=NOW, target_date=None).basis
    assert found is not None
    return replace(found, trials=1_000)


def test_played_to_its_own_moment_it_says_what_it_said(basis: FinishBasis) -> None:
    said = WhatIf(basis).nothing.quantile(P85)

    again = play_on(basis, NOW)

    assert again.is_played
    assert said is not None
    assert said.weeks is not None
    assert again.p85_days == pytest.approx(7 * said.weeks)


@settings(max_examples=15, deadline=None)
@given(days=st.integers(0, 60))
def test_no_time_passes_without_work_being_done(basis: FinishBasis, days: int) -> None:
    begin, later = play_on(basis, NOW), play_on(basis, NOW + timedelta(days=days))

    assert begin.p85_days is not None
    assert later.p85_days is not None
    assert 0 < later.p85_days <= begin.p85_days + 1e-6
    # What has been lived through is not uncertain any more: the date comes nearer, never goes further off by waiting.
    assert later.p85_days + days <= begin.p85_days + 5


def test_what_would_be_done_already_keeps_the_date_of_then(basis: FinishBasis) -> None:
    begin, late = play_on(basis, NOW), play_on(basis, NOW + timedelta(days=2_000))

    assert not late.is_played
    assert begin.p85_days is not None
    assert late.p85_days == pytest.approx(begin.p85_days - 2_000, abs=1e-6)


def test_a_forecast_is_not_played_back(basis: FinishBasis) -> None:
    with pytest.raises(ValueError, match="not back"):
        play_on(basis, datetime(2000, 1, 1, tzinfo=UTC))


def test_regression_is_the_mean_of_what_was_left_alone_and_leaves_nothing_of_it_to_the_action() -> None:
    assert regression_days([]) == 0.0
    assert regression_days([6.0]) == 6.0
    assert regression_days([2.0, 4.0, 9.0]) == pytest.approx(5.0)

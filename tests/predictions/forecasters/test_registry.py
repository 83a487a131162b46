"""No type is forecast that cannot be settled, and none is settled that nobody forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from predictions.domain.settlement import NOTES
from predictions.enums import PredictionType
from predictions.forecasters.finish import forecast_finish
from predictions.forecasters.registry import FORECASTERS, RESOLVERS, Forecaster, ForecastInputs
from predictions.forecasters.resolution import Circumstances, ResolutionReason
from predictions.forecasters.risk import ALERT_LEVELS, IssuedClaim
from projects.history import BaselineFact, HistoryFact, ProjectHistory, WorkCalendar
from tests.predictions.forecasters.simulated_crews import steady_crew
from tests.predictions.forecasters.simulated_teams_at_work import team_facts as team_facts_at_work
from tests.project_histories import (
    DAY,
    NOW,
    WEEK,
    costly_project,
    dated_items,
    finished_item,
    iterating_team,
    releasing_team,
    team_facts,
    work_item,
)

CALENDAR = WorkCalendar()


def _growing_project() -> list[HistoryFact]:
    """A hundred items approved forty weeks ago, and one more every five weeks since."""
    begun = NOW - 40 * WEEK
    facts: list[HistoryFact] = [BaselineFact(begun, begun, (NOW + 12 * WEEK).date(), 100)]
    facts += [work_item(number, created_at=begun - (1 + number % 9) * DAY) for number in range(1, 100)]
    facts += finished_item(900, created_at=begun - DAY, started_at=NOW - 2 * DAY, finished_at=NOW - DAY)
    return [*facts, *(work_item(1_000 + week, created_at=NOW - DAY - week * WEEK) for week in range(0, 40, 5))]


def quiet_weeks(weeks: int) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.float64]]]:
    """Share of evenings and load of a team that varies a little."""
    rng = np.random.default_rng(1)
    return 0.06 + 0.01 * rng.random(weeks), 1.5 + 0.1 * rng.random(weeks)


def _buggy_project() -> list[HistoryFact]:
    """Three bugs in most weeks of the past year and a half, twice as many of late."""
    facts: list[HistoryFact] = []
    for number in range(260):
        week = number // 3
        created_at = NOW - week * WEEK - timedelta(hours=7 + 40 * (number % 3))
        facts.append(replace(work_item(number + 1, created_at=created_at, recorded_at=created_at), item_type="Bug"))
    return facts


RICH: Mapping[str, list[HistoryFact]] = {
    "DELAY_RISK project": team_facts([5] * 40, open_items=40),
    "BUDGET_OVERRUN project": costly_project(60_000),
    "SCOPE_CREEP project": _growing_project(),
    "QUALITY_ISSUE project": _buggy_project(),
    "RESOURCE_SHORTAGE project": steady_crew(open_items=80),
    "TEAM_BURNOUT project": team_facts_at_work(*quiet_weeks(34)),
    "DELAY_RISK milestone": releasing_team([10, 20]),
    "DELAY_RISK iteration": iterating_team([8] * 14),
    "DELAY_RISK work_item": dated_items(late_share=0.5),
}
"""A record by forecaster in which it has something to say."""


def _inputs(facts: list[HistoryFact]) -> ForecastInputs:
    known = ProjectHistory.from_facts(facts).as_of(NOW)
    finish = forecast_finish(known, as_of=NOW, target_date=(NOW + 8 * WEEK).date(), calendar=CALENDAR)
    return ForecastInputs(known, CALENDAR, finish, 0.85, team_signals_enabled=True)


def test_every_type_has_a_forecaster_a_rule_and_levels_of_alert() -> None:
    expected = set(PredictionType)

    assert {forecaster.type for forecaster in FORECASTERS} == expected
    assert set(RESOLVERS) == expected
    assert set(ALERT_LEVELS) == set(PredictionType)
    assert all(0 < levels.clear_at < levels.open_at < 1 for levels in ALERT_LEVELS.values())


def test_names_of_forecasters_are_their_own() -> None:
    names = [forecaster.name for forecaster in FORECASTERS]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("forecaster", FORECASTERS, ids=lambda each: each.name)
def test_every_probability_has_what_it_takes_to_be_settled_and_scored(
    forecaster: Forecaster,
) -> None:
    risks = forecaster.ask(_inputs(RICH[forecaster.name]))

    assert risks
    for risk in risks:
        assert risk.probability is not None
        assert risk.claim is not None
        assert risk.base_rate is not None
        assert 0 < risk.base_rate < 1
        assert risk.impact is not None
        assert (risk.type, risk.claim.subject.type) == (forecaster.type, forecaster.level)
        assert risk.claim.ends_at > NOW
        assert risk.assumptions
        assert risk.evidence
        assert risk.model.id.split(".")[0] == forecaster.model.id.split(".")[0]  # the rest names the rung


@pytest.mark.parametrize("forecaster", FORECASTERS, ids=lambda each: each.name)
def test_no_claim_is_decided_at_the_moment_it_is_made(forecaster: Forecaster) -> None:
    inputs = _inputs(RICH[forecaster.name])

    for risk in forecaster.ask(inputs):
        assert risk.claim is not None
        issued = IssuedClaim(risk.claim, NOW, NOW)
        assert RESOLVERS[forecaster.type](inputs.known, issued, Circumstances(NOW, NOW)).result is None


@pytest.mark.parametrize("forecaster", FORECASTERS, ids=lambda each: each.name)
def test_empty_record_is_no_number_and_no_exception(forecaster: Forecaster) -> None:
    known = ProjectHistory.from_facts([]).as_of(NOW)
    finish = forecast_finish(known, as_of=NOW, calendar=CALENDAR)

    risks = forecaster.ask(ForecastInputs(known, CALENDAR, finish, 0.85))

    assert all(risk.probability is None and risk.claim is None for risk in risks)
    assert all(risk.readiness.reasons for risk in risks)


def test_every_reason_has_words() -> None:
    assert set(NOTES) == set(ResolutionReason) - {ResolutionReason.NOT_DUE}


def test_an_alert_of_what_is_usual_needs_more_than_its_level_and_clears_by_probability_alone() -> None:
    levels = ALERT_LEVELS[PredictionType.QUALITY_ISSUE]

    assert levels.times_base > 1
    assert [levels.opens(p, 0.1) for p in (levels.open_at - 0.01, levels.open_at)] == [False, True]
    assert not levels.opens(levels.open_at, 0.9 * levels.open_at)
    assert levels.opens(levels.open_at, None)
    assert ALERT_LEVELS[PredictionType.DELAY_RISK].opens(0.6, 0.59)

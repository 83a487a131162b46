"""What each type would have said of the past: counted by hand, and the same whatever comes after."""

from dataclasses import replace
from datetime import timedelta

import pytest

from predictions.backtesting.project_replay import WALKED, TypeRecord, replay_project
from predictions.backtesting.simulated_bugs import simulate_buggy_project
from predictions.backtesting.simulated_growth import simulate_growing_project
from predictions.enums import PredictionType
from predictions.forecasters.registry import Forecaster, ForecastInputs
from predictions.forecasters.replay import ReplayPlan, replay_delay_risk
from projects.history import HistoryFact, ProjectHistory, WorkCalendar
from projects.history.readiness import ReasonCode
from tests.project_histories import NOW, costly_project, team_facts

CALENDAR = WorkCalendar()


def records(facts: list[HistoryFact] | tuple[HistoryFact, ...], plan: ReplayPlan) -> dict[PredictionType, TypeRecord]:
    found = replay_project(
        ProjectHistory.from_facts(facts), plan, calendar=CALENDAR, observed_until=plan.until, team_signals_enabled=True
    )
    return {record.type: record for record in found.types}


def test_every_type_at_project_level_is_told_of_once() -> None:
    found = records(team_facts([5] * 40, open_items=20), ReplayPlan(NOW, months=2))

    assert set(found) == set(PredictionType)
    assert {record.moments for record in found.values()} == {8}


def test_what_cannot_be_asked_says_what_it_lacked() -> None:
    found = records(team_facts([5] * 40, open_items=20), ReplayPlan(NOW, months=2))

    for silent, code in (
        (PredictionType.BUDGET_OVERRUN, ReasonCode.NO_BUDGET),
        (PredictionType.SCOPE_CREEP, ReasonCode.NO_BASELINE),
        (PredictionType.TEAM_BURNOUT, ReasonCode.NO_ACTIVITY),
    ):
        record = found[silent]
        assert (record.answered, record.events, record.hits, record.misses, record.false_alarms) == (0,) * 5
        assert (record.lead_time_p50_h, record.false_alarms_per_project_month) == (None, None)
        assert code in {reason.code for reason in record.closed_by}


def test_growth_that_was_warned_of_is_a_hit_with_its_lead_time() -> None:
    hits = warned = 0
    for seed in range(5_000, 5_012):
        project = simulate_growing_project(seed)
        record = records(project.facts, ReplayPlan(project.ends_at, months=12))[PredictionType.SCOPE_CREEP]
        hits, warned = hits + record.hits, warned + record.hits + record.false_alarms
        assert len(record.lead_times_h) == record.hits
        assert all(lead >= 72 for lead in record.lead_times_h)
        assert record.events >= record.hits

    assert 3 <= hits <= warned


def test_bugs_are_asked_about_week_by_week() -> None:
    project = simulate_buggy_project(9_000)

    record = records(project.facts, ReplayPlan(project.ends_at, months=12))[PredictionType.QUALITY_ISSUE]

    assert record.answered == record.moments == 52
    assert record.events == 13  # windows of four weeks side by side
    assert record.project_months == pytest.approx(12, abs=0.1)


def test_delay_is_replayed_as_it_is_alone() -> None:
    history, plan = ProjectHistory.from_facts(costly_project(60_000)), ReplayPlan(NOW, months=4)

    found = replay_project(history, plan, calendar=CALENDAR, observed_until=NOW)

    assert found.delay.steps == replay_delay_risk(history, plan, calendar=CALENDAR, observed_until=NOW).steps
    assert found.types[0].answered == sum(step.probability is not None for step in found.delay.steps)


def test_facts_that_only_some_types_read_name_another_replay() -> None:
    plan = ReplayPlan(NOW, months=2)
    cheap, dear = (
        replay_project(ProjectHistory.from_facts(costly_project(budget)), plan, calendar=CALENDAR)
        for budget in (60_000, 70_000)
    )

    assert cheap.delay.inputs_hash == dear.delay.inputs_hash
    assert cheap.inputs_hash != dear.inputs_hash


def test_a_type_that_fails_leaves_the_others_their_answers(caplog: pytest.LogCaptureFixture) -> None:
    def broken(inputs: ForecastInputs) -> list[object]:
        raise ZeroDivisionError

    first: Forecaster = replace(WALKED[0], ask=broken)  # type: ignore[arg-type]  # it never answers
    history = ProjectHistory.from_facts(team_facts([5] * 40, open_items=20))

    found = replay_project(
        history, ReplayPlan(NOW, months=2, step=timedelta(weeks=2)), calendar=CALENDAR, forecasters=(first, WALKED[1])
    )

    delay, failed, other = found.types
    assert [reason.code for reason in failed.closed_by] == [ReasonCode.FORECASTER_FAILED]
    assert (delay.answered, failed.answered, len(other.closed_by)) == (4, 0, 1)
    assert "failed in a replay" in caplog.text

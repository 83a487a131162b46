from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaps.detectors.timeline import detect_timeline_gap, expected_slip_days, short_of
from gaps.enums import AreaKind, GapType
from predictions.attribution.slip import MAX_ENTITIES
from predictions.backtesting.simulated_projects import PlantedCause, simulate_project
from predictions.enums import Severity
from predictions.forecasters.finish import forecast_finish
from projects.enums import Readiness
from projects.history import BaselineFact, HistoryFact, ProjectHistory
from projects.history.readiness import ReasonCode
from tests.project_histories import (
    DAY,
    NOW,
    WEEK,
    generated_teams,
    team_facts,
    team_history,
    without_later_facts,
    work_item,
)


def test_expected_slip_is_the_mean_of_the_days_late_with_the_tail_cut_at_p85() -> None:
    days = np.array([90.0] * 70 + [110.0] * 30)

    assert expected_slip_days(days, 100.0) == pytest.approx(3.0)
    assert expected_slip_days(np.array([90.0] * 99 + [9_999.0]), 100.0) == 0.0


@pytest.mark.parametrize(
    ("probability", "told"), [(0.7, "70%"), (0.8461, "84.6%"), (0.8499, "84.9%"), (0.8449, "84%"), (0.0, "0%")]
)
def test_what_falls_short_never_reads_like_what_is_asked_for(probability: float, told: str) -> None:
    assert short_of(probability, 0.85) == told


def test_target_that_holds_is_no_gap() -> None:
    assert (
        detect_timeline_gap(team_history([5] * 52, open_items=20), as_of=NOW, target_date=NOW.date() + 40 * WEEK)
        is None
    )


def test_target_out_of_reach_is_a_critical_gap_with_everything_to_check_it() -> None:
    target = NOW.date() + 3 * WEEK

    finding = detect_timeline_gap(team_history([5] * 52, open_items=60), as_of=NOW, target_date=target)

    assert finding is not None
    assert (finding.type, finding.severity) == (GapType.TIMELINE, Severity.CRITICAL)
    assert (finding.target.value, finding.target.unit, finding.current.unit) == (target.isoformat(), "date", "date")
    assert str(finding.current.low) < str(finding.current.value) < str(finding.current.high)
    assert (finding.effect.tolerance, finding.effect.unit) == (3.0, "days")
    assert finding.effect.in_tolerances == finding.effect.value / 3.0
    assert finding.confidence > 0.9
    assert [area.kind for area in finding.affected_areas] == [AreaKind.WORK_ITEMS]
    assert {row.field for row in finding.evidence} >= {"demonstrated_rate", "required_rate", "open_items", "created_at"}
    assert [action.code for action in finding.corrective_actions] == ["LEAVE_OUT_SCOPE", "ADD_CAPACITY"]


def test_goal_may_tolerate_more() -> None:
    history, target = team_history([5] * 52, open_items=60), NOW.date() + 3 * WEEK

    finding = detect_timeline_gap(history, as_of=NOW, target_date=target, tolerance_days=60.0)

    assert finding is not None
    assert (finding.effect.tolerance, finding.severity) == (60.0, Severity.LOW)


def test_tenant_that_accepts_more_risk_sees_fewer_gaps() -> None:
    history, target = team_history([5] * 52, open_items=40), NOW.date() + 9 * WEEK

    strict = detect_timeline_gap(history, as_of=NOW, target_date=target)
    lenient = detect_timeline_gap(history, as_of=NOW, target_date=target, accepted_probability=0.3)

    assert strict is not None
    assert lenient is None


def test_without_a_baseline_the_slip_is_unexplained_and_the_step_is_named() -> None:
    finding = detect_timeline_gap(team_history([5] * 52, open_items=60), as_of=NOW, target_date=NOW.date() + 3 * WEEK)

    assert finding is not None
    assert [cause.code for cause in finding.root_causes] == ["UNEXPLAINED"]
    assert finding.readiness.readiness == Readiness.LIMITED
    assert [reason.code for reason in finding.readiness.reasons] == [ReasonCode.NO_BASELINE]


def test_added_scope_explains_a_slip_at_the_planned_rate() -> None:
    target = NOW.date() + 4 * WEEK
    facts: list[HistoryFact] = team_facts([5] * 26, open_items=20)
    facts += [work_item(8_000 + n, created_at=NOW - 8 * WEEK - n * timedelta(hours=9)) for n in range(40)]
    facts.append(BaselineFact(NOW - 26 * WEEK, NOW - 26 * WEEK, target, scope_items=150))

    finding = detect_timeline_gap(ProjectHistory.from_facts(facts), as_of=NOW, target_date=target)

    assert finding is not None
    shares = {cause.code: cause.share for cause in finding.root_causes}
    assert finding.root_causes[0].code == "SCOPE_ADDED"
    assert shares["SCOPE_ADDED"] is not None
    assert shares["SCOPE_ADDED"] > 0.7
    assert shares["RATE_BELOW_PLAN"] == pytest.approx(0.0, abs=0.1)


def test_a_cause_names_the_items_with_most_of_it_and_its_interval() -> None:
    """Which items were added, as far as the record tells; a cause that chance explains has the interval against it."""
    target = NOW.date() + 4 * WEEK
    facts: list[HistoryFact] = team_facts([5] * 26, open_items=20)
    added = [work_item(8_000 + n, created_at=NOW - 8 * WEEK - n * timedelta(hours=9)) for n in range(40)]
    facts += [*added, BaselineFact(NOW - 26 * WEEK, NOW - 26 * WEEK, target, scope_items=150)]

    finding = detect_timeline_gap(ProjectHistory.from_facts(facts), as_of=NOW, target_date=target)

    assert finding is not None
    causes = {cause.code: cause for cause in finding.root_causes}
    interval, *items = causes["SCOPE_ADDED"].evidence_for
    assert (interval.object_type, interval.field) == ("project", "interval")
    assert len(items) == MAX_ENTITIES
    assert {item.object_id for item in items} <= {str(fact.id) for fact in added}
    assert {(item.object_type, item.field) for item in items} == {("work_item", "scope added")}
    assert causes["SCOPE_ADDED"].evidence_against == ()
    unsure = causes["RATE_BELOW_PLAN"]
    assert [fact.field for fact in unsure.evidence_against] == ["interval"]


def test_low_rate_explains_a_slip_of_the_planned_scope() -> None:
    target = NOW.date() + 4 * WEEK
    facts: list[HistoryFact] = team_facts([2] * 26, open_items=60)
    facts.append(BaselineFact(NOW - 26 * WEEK, NOW - 26 * WEEK, target, scope_items=112))

    finding = detect_timeline_gap(ProjectHistory.from_facts(facts), as_of=NOW, target_date=target)

    assert finding is not None
    shares = {cause.code: cause.share for cause in finding.root_causes}
    named = {
        code: share for code, share in shares.items() if code != "UNEXPLAINED"
    }  # half is what a forecast is unsure of
    assert max(named, key=lambda code: named[code] or 0.0) == "RATE_BELOW_PLAN"
    assert (shares["RATE_BELOW_PLAN"] or 0.0) > 0.4
    assert "SCOPE_ADDED" not in shares  # nothing was added: what adds nothing is no cause


def test_causes_share_out_the_effect_that_decides_the_severity_and_name_what_cannot_be_told() -> None:
    project = simulate_project(3, PlantedCause.BLOCKED)
    history = ProjectHistory.from_facts(project.facts)
    target = project.target_date
    as_of = to_moment(target) - 5 * DAY

    finding = detect_timeline_gap(
        history,
        as_of=as_of,
        target_date=target,
        calendar=project.calendar,
        planned_calendar=project.planned_calendar,
    )
    without_calendar = detect_timeline_gap(history, as_of=as_of, target_date=target, calendar=project.calendar)

    assert finding is not None
    told = [cause.code for cause in finding.root_causes if cause.code != "UNEXPLAINED"]
    assert told[0] == "BLOCKED"
    assert set(told) == {"BLOCKED", "RATE_BELOW_PLAN"}  # the other five add nothing
    assert sum(cause.contribution or 0.0 for cause in finding.root_causes) == finding.effect.value
    trials = forecast_finish(history, as_of=as_of, target_date=target, calendar=project.calendar).trials
    assert trials is not None
    assert finding.effect.value == pytest.approx(expected_slip_days(trials.days, 6.0), abs=1 / 1024)
    assert without_calendar is not None
    unexplained = next(cause for cause in without_calendar.root_causes if cause.code == "UNEXPLAINED")
    assert unexplained.description.endswith("The record cannot tell: calendar.")
    assert "CALENDAR" not in {cause.code for cause in without_calendar.root_causes}


def to_moment(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def test_forecast_of_another_moment_is_refused() -> None:
    history, target = team_history([5] * 52, open_items=60), NOW.date() + 3 * WEEK
    finish = forecast_finish(history, as_of=NOW - WEEK, target_date=target)

    with pytest.raises(ValueError, match="another moment or target"):
        detect_timeline_gap(history, as_of=NOW, target_date=target, finish=finish)


@settings(deadline=None, max_examples=40)  # a busy machine is not a failure
@given(facts=generated_teams(), weeks=st.integers(1, 20))
def test_parts_of_the_slip_add_up_to_it_exactly(facts: list[HistoryFact], weeks: int) -> None:
    finding = detect_timeline_gap(ProjectHistory.from_facts(facts), as_of=NOW, target_date=NOW.date() + weeks * WEEK)

    if finding is not None:
        assert sum(cause.contribution or 0.0 for cause in finding.root_causes) == finding.effect.value
        assert finding.effect.value >= 0
        assert finding.evidence


@settings(deadline=None, max_examples=25)  # a busy machine is not a failure
@given(facts=generated_teams(), back_hours=st.integers(0, 24 * 21))
def test_deleting_every_later_fact_changes_nothing(facts: list[HistoryFact], back_hours: int) -> None:
    moment = NOW - timedelta(hours=back_hours)
    target = NOW.date() + 2 * WEEK

    whole, cut = (
        detect_timeline_gap(ProjectHistory.from_facts(some), as_of=moment, target_date=target)
        for some in (facts, without_later_facts(facts, moment))
    )

    assert cut == whole

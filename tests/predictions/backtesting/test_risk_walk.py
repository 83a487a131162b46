"""The walk that judges any risk forecaster: counted by hand on a forecaster that says what it is told."""

from datetime import datetime, timedelta

import pytest

from predictions.backtesting.risk_walk import (
    Walk,
    WalkedForecast,
    distinct_events,
    occurrences,
    score_walks,
    walk_risk,
    warnings_right,
)
from predictions.calibration.scoring import brier_score
from predictions.enums import OutcomeResult, PredictionType
from predictions.forecasters.answers import ModelIdentity, ProbabilityEstimate
from predictions.forecasters.resolution import Circumstances, Resolution, ResolutionReason
from predictions.forecasters.risk import Claim, IssuedClaim, RiskForecast
from projects.history import ProjectHistory
from projects.history.readiness import report
from tests.project_histories import DAY, NOW, WEEK, team_history

OCCURRED, NOT_OCCURRED, CENSORED = OutcomeResult.OCCURRED, OutcomeResult.NOT_OCCURRED, OutcomeResult.CENSORED


def step(
    week: int,
    probability: float = 0.2,
    result: OutcomeResult | None = NOT_OCCURRED,
    *,
    decided_week: float | None = None,
    is_alert: bool = False,
    weeks: int = 4,
) -> WalkedForecast:
    at = NOW + week * WEEK
    ends_at = at + weeks * WEEK
    decided_at = ends_at if decided_week is None else NOW + decided_week * WEEK
    return WalkedForecast(at, ends_at, probability, 0.3, is_alert, result, decided_at)


def test_windows_that_overlap_are_one_event() -> None:
    assert distinct_events(tuple(step(week) for week in range(9))) == 3
    assert distinct_events(tuple(step(week, weeks=12 - week) for week in range(9))) == 1
    assert distinct_events((step(0, result=CENSORED), step(1, result=None), step(2))) == 1


def test_claims_issued_before_one_moment_are_about_one_occurrence() -> None:
    walk: Walk = (
        step(0, 0.3, OCCURRED, decided_week=3.5),
        step(1, 0.7, OCCURRED, decided_week=3, is_alert=True),
        step(2, 0.8, OCCURRED, decided_week=3, is_alert=True),
        step(3, 0.8, OCCURRED, decided_week=6),
        step(4),
    )

    first, second = occurrences(walk)

    assert (first.at, first.is_foreseeable, first.lead_time_h) == (NOW + 3 * WEEK, True, 2 * 7 * 24)
    assert (second.at, second.is_foreseeable, second.lead_time_h) == (NOW + 6 * WEEK, True, None)
    assert warnings_right(walk) == (True,)


def test_warning_within_the_last_three_days_is_late_and_an_event_first_asked_about_then_is_set_apart() -> None:
    late: Walk = (step(0, 0.1, OCCURRED, decided_week=1.3), step(1, 0.9, OCCURRED, decided_week=1.3, is_alert=True))
    sudden: Walk = (step(0, 0.9, OCCURRED, decided_week=0.2, is_alert=True),)

    assert [event.lead_time_h for event in occurrences(late)] == [None]
    assert [event.is_foreseeable for event in occurrences(sudden)] == [False]


def test_false_alarm_and_alert_that_nobody_can_judge() -> None:
    walk: Walk = (
        step(0, 0.9, is_alert=True),
        step(1),
        step(2, 0.9, CENSORED, is_alert=True),
        WalkedForecast(NOW + 3 * WEEK),
        step(4, 0.9, OCCURRED, decided_week=7, is_alert=True),
    )

    assert warnings_right(walk) == (False, True)


def test_score_pools_projects_and_counts_what_has_no_number() -> None:
    first: Walk = (step(0, 0.1), step(4, 0.9, OCCURRED, decided_week=7, is_alert=True), WalkedForecast(NOW + 8 * WEEK))
    second: Walk = (step(0, 0.2), step(1, 0.2, CENSORED), step(9, 0.5, None))

    score = score_walks([first, second], bins=2)

    assert (score.projects, score.forecasts, score.abstained, score.censored, score.events) == (2, 3, 1, 1, 3)
    assert score.brier == pytest.approx(brier_score([0.1, 0.9, 0.2], [False, True, False]))
    assert score.brier_of_base_rate == pytest.approx(brier_score([0.3] * 3, [False, True, False]))
    assert score.skill == pytest.approx(1 - score.brier / score.brier_of_base_rate)
    assert (score.warnings, score.precision, score.recall, score.occurrences) == (1, 1.0, 1.0, 1)
    assert set(score.as_json()) >= {"brier", "skill", "precision", "recall", "bins"}
    with pytest.raises(ValueError, match="no forecast was settled"):
        score_walks([(step(0, result=None),)])


def test_walk_restricts_the_record_keeps_hysteresis_and_settles_only_what_is_over() -> None:
    told = {0: 0.7, 1: 0.5, 2: 0.3, 3: None}
    seen: list[datetime] = []

    def ask(known: ProjectHistory, moment: datetime) -> RiskForecast:
        seen.append(known.as_of_moment)
        value = told[round((moment - NOW) / WEEK)]
        estimate = None if value is None else ProbabilityEstimate(value, value, value)
        return RiskForecast(
            as_of=moment,
            type=PredictionType.SCOPE_CREEP,
            readiness=report([]),
            is_reconstructed=False,
            model=ModelIdentity("told", "1"),
            inputs_hash="",
            probability=estimate,
            base_rate=None if value is None else 0.3,
            claim=None if value is None else Claim(description="", ends_at=moment + 10 * DAY),
        )

    def resolve(_history: ProjectHistory, issued: IssuedClaim, now: Circumstances) -> Resolution:
        assert now.observed_until == now.at
        return Resolution(OCCURRED, ResolutionReason.LEVEL_REACHED, issued.claim.ends_at)

    moments = [NOW + week * WEEK for week in range(4)]
    until = NOW + timedelta(days=18)
    history = team_history([3] * 10, open_items=4, as_of=NOW)
    walk = walk_risk(history, ask=ask, resolve=resolve, moments=moments, until=until)

    assert seen == moments
    assert [step.is_alert for step in walk] == [True, True, False, False]
    assert [step.result for step in walk] == [OCCURRED, OCCURRED, None, None]

"""Drift of settled claims: what is a step, and what is said of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from predictions.calibration.claim_drift import drift_of_coverage, drift_of_probabilities
from predictions.calibration.drift_alarm import TOO_HIGH
from predictions.calibration.track_record import SettledClaim

START, DAY = datetime(2025, 1, 1, tzinfo=UTC), timedelta(days=1)


def claim(
    number: int,
    *,
    begins: int,
    days: int = 10,
    project: str = "p",
    probability: float = 0.8,
    occurred: bool | None = False,
    is_kept: bool | None = None,
) -> SettledClaim:
    as_of = START + begins * DAY
    until = as_of + days * DAY
    promised = (until - 2 * DAY).date()
    return SettledClaim(
        prediction_id=f"{project} {number} {begins}",
        project_id=project,
        event_key=str(number),
        episode_id="e",
        as_of=as_of,
        predicted_for=until,
        settled_at=until,
        probability=probability,
        base_rate=0.5,
        is_alert=True,
        acted_on=False,
        occurred=occurred,
        finish_days={} if is_kept is None else {0.85: promised},
        target_day=until.date(),
        done_on=None if is_kept is None else promised if is_kept else until.date(),
        type="DELAY_RISK",
    )


def test_events_one_after_the_other_that_never_come_raise_the_alarm() -> None:
    found = drift_of_probabilities([claim(n, begins=10 * n) for n in range(12)])

    assert found.drift.is_alarming
    assert (found.drift.fault, found.drift.steps) == (TOO_HIGH, 12)
    assert found.since == START + 10 * DAY
    assert found.alarmed_at is not None
    assert found.since <= found.alarmed_at


def test_the_same_events_at_the_same_time_are_one_step_and_no_alarm() -> None:
    found = drift_of_probabilities([claim(n, begins=0) for n in range(12)])

    assert (found.drift.steps, found.drift.is_alarming, found.since) == (1, False, None)


def test_events_of_other_projects_are_steps_of_their_own() -> None:
    found = drift_of_probabilities([claim(0, begins=0, project=f"p{n}") for n in range(12)])

    assert (found.drift.steps, found.drift.is_alarming) == (12, True)


def test_an_event_counts_once_by_its_last_forecast_that_was_early_enough() -> None:
    early = claim(1, begins=0, days=10, probability=0.9)
    last_early = claim(1, begins=5, days=5, probability=0.7)
    too_late = claim(1, begins=9, days=1, probability=0.1)

    alone, all_three = (drift_of_probabilities(each).drift for each in ([last_early], [too_late, early, last_early]))

    assert alone == all_three


def test_coverage_counts_promised_days_that_the_outcome_tells_and_censored_claims_nowhere() -> None:
    missed = [claim(n, begins=10 * n, is_kept=False) for n in range(8)]
    unknown = [claim(n, begins=10 * n) for n in range(20, 25)]
    censored = [claim(n, begins=10 * n, occurred=None, is_kept=False) for n in range(30, 35)]

    found = drift_of_coverage([*missed, *unknown, *censored])

    assert (found.drift.steps, found.drift.is_alarming, found.drift.fault) == (8, True, TOO_HIGH)
    assert not drift_of_coverage([claim(n, begins=10 * n, is_kept=True) for n in range(12)]).drift.is_alarming
    assert drift_of_coverage([]).drift.steps == 0

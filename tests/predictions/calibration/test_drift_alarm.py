"""The alarm: how often it is false, how soon it is right, and when it ends. Simulated, so the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from predictions.calibration.drift_alarm import (
    TOO_HIGH,
    TOO_LOW,
    Drift,
    alarm_states,
    find_drift,
    ratios_of_probabilities,
)
from predictions.calibration.recalibration import expit, logit

FloatArray = NDArray[np.float64]


def events(
    rng: np.random.Generator, steps: int, *, shift: float = 0.0, since: int = 0
) -> tuple[FloatArray, FloatArray]:
    """Forecasts of all sizes and what came, with log-odds that are off by a shift from a step on."""
    said = rng.beta(1.2, 1.2, steps)
    truth = expit(logit(said) + np.where(np.arange(steps) >= since, shift, 0.0))
    return said, (rng.random(steps) < truth).astype(float)


def first_alarm(states: list[Drift], *, since: int = 0) -> int | None:
    return next((number for number, state in enumerate(states) if number >= since and state.is_alarming), None)


def test_worked_example_alarms_at_the_eighth() -> None:
    states = alarm_states(ratios_of_probabilities([0.3] * 12, [1.0] * 12))

    assert first_alarm(states) == 7
    assert (states[-1].fault, states[-1].since_step, states[-1].alarms) == (TOO_LOW, 0, 1)


def test_false_alarms_are_as_rare_as_promised_whatever_the_forecasts() -> None:
    steps, runs = 250, 120
    alarms = 0
    for seed in range(runs):
        ratios = ratios_of_probabilities(*events(np.random.default_rng(seed), steps))
        alarms += first_alarm(alarm_states(ratios)) is not None

    # Proven is a mean of ALARM_AT steps at the least; that leaves 250 steps without an alarm far more often.
    assert alarms / runs <= 0.3


@pytest.mark.parametrize(("shift", "fault", "within"), [(1.5, TOO_LOW, 35), (-1.5, TOO_HIGH, 35), (0.75, TOO_LOW, 110)])
def test_a_shift_is_found_soon_and_named(shift: float, fault: str, within: int) -> None:
    delays, faults = [], []
    for seed in range(60):
        states = alarm_states(ratios_of_probabilities(*events(np.random.default_rng(seed), 250, shift=shift, since=50)))
        found = first_alarm(states, since=50)
        delays.append(300 if found is None else found - 50)
        faults += [] if found is None else [states[found].fault]

    assert np.median(delays) <= within
    assert np.mean([each == fault for each in faults]) > 0.9


def test_the_alarm_ends_when_forecasts_are_right_again_and_not_before() -> None:
    lasted, still = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        wrong, right = events(rng, 60, shift=1.5), events(rng, 120)
        said, came = (np.concatenate(pair) for pair in zip(wrong, right, strict=True))
        states = alarm_states(ratios_of_probabilities(said, came))
        still.append(states[59].is_alarming)
        lasted.append(sum(state.is_alarming for state in states[60:]))

    assert np.mean(still) > 0.85
    assert np.median(lasted) < 60


def test_outcomes_that_share_their_fate_are_one_step() -> None:
    ratios = ratios_of_probabilities([0.3] * 30, [1.0] * 30)

    assert find_drift(ratios).is_alarming
    grouped = find_drift(ratios.grouped([0] * 30))
    assert (grouped.steps, grouped.is_alarming) == (1, False)


def test_nothing_settled_is_no_alarm() -> None:
    drift = find_drift(ratios_of_probabilities([], []).grouped([]))

    assert (drift.steps, drift.is_alarming, drift.evidence) == (0, False, 1.0)


@given(said=st.floats(0, 1))
def test_every_ratio_is_a_fair_bet(said: float) -> None:
    """Under right forecasts the mean of each ratio is 1, so nothing can be won by betting against them."""
    came, not_came = (ratios_of_probabilities([said], [truth]).values[0] for truth in (1.0, 0.0))
    cut = float(expit(logit(said)))

    assert cut * came + (1 - cut) * not_came == pytest.approx(1.0)


@given(seed=st.integers(0, 50), cut=st.integers(1, 60))
def test_no_state_depends_on_a_later_step(seed: int, cut: int) -> None:
    said, came = events(np.random.default_rng(seed), 60, shift=1.0, since=20)

    assert alarm_states(ratios_of_probabilities(said, came))[:cut] == alarm_states(
        ratios_of_probabilities(said[:cut], came[:cut])
    )

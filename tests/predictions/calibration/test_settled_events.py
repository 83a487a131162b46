"""Claims learn from what became of earlier ones: of others' until there are own, and never from too few."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.calibration.recalibration import expit, logit
from predictions.calibration.settled_events import SettledEvent, fit_events


def events(
    n: int, *, said: float = 0.5, happened: int = 0, is_own: bool = True, age_days: float = 0.0
) -> list[SettledEvent]:
    return [SettledEvent(said, number < happened, age_days, is_own) for number in range(n)]


def moved(p: float, *found: list[SettledEvent]) -> float:
    return float(fit_events([event for each in found for event in each]).apply(p))


def test_nothing_is_moved_where_nothing_was_settled_or_all_came_out_as_said() -> None:
    assert moved(0.3) == pytest.approx(0.3)
    assert moved(0.3, events(40, happened=20)) == pytest.approx(0.3)


def test_the_example_of_the_module() -> None:
    others = events(20, happened=5, is_own=False)

    assert moved(0.5, others) == pytest.approx(0.38, abs=0.01)
    assert moved(0.5, others, events(20, happened=10)) == pytest.approx(0.44, abs=0.01)


def test_one_event_hardly_moves_anything_and_hundreds_say_what_happens() -> None:
    assert moved(0.5, events(1, happened=0)) == pytest.approx(0.5, abs=0.04)
    assert moved(0.5, events(199, happened=40)) == pytest.approx(0.2, abs=0.04)


def test_old_events_count_less() -> None:
    fresh, old = (moved(0.5, events(20, happened=2, age_days=age)) for age in (0, 4 * 365))

    assert fresh < old - 0.1 < 0.5


def test_own_events_weigh_more_than_as_many_of_others() -> None:
    others, own = events(30, happened=6, is_own=False), events(30, happened=24)

    assert moved(0.5, others) < 0.35
    assert 0.5 < moved(0.5, others, own) < moved(0.5, own)


def test_with_many_events_too_bold_probabilities_are_drawn_in() -> None:
    """Said .9 or .1, true .7 or .3: no shift mends it, a slope does."""
    bold = [*events(300, said=0.9, happened=210), *events(300, said=0.1, happened=90)]

    assert moved(0.9, bold) == pytest.approx(0.7, abs=0.06)
    assert moved(0.1, bold) == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize(("bias", "gains"), [(0.0, False), (1.0, True), (-1.0, True)])
def test_walking_forward_it_mends_a_bias_and_costs_a_good_forecaster_next_to_nothing(bias: float, gains: bool) -> None:
    plain, recalibrated = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        truth = expit(rng.normal(-1, 1, 60))
        said, occurred = expit(logit(truth) + bias), rng.random(60) < truth
        for now in range(10, 60):
            past = [SettledEvent(float(said[k]), bool(occurred[k]), 14.0 * (now - k), True) for k in range(now)]
            plain.append((said[now] - occurred[now]) ** 2)
            recalibrated.append((moved(float(said[now]), past) - occurred[now]) ** 2)
    ratio = np.mean(recalibrated) / np.mean(plain)

    assert ratio < 0.97 if gains else ratio < 1.03


def _beside_base_rate(n: int, *, said: float, base_rate: float | None, happened: int) -> bool:
    found = [SettledEvent(said, number < happened, 0.0, True, base_rate) for number in range(n)]
    return fit_events(found).base_rate_is_better


def test_the_base_rate_is_served_where_it_did_better_by_a_margin_and_often_enough() -> None:
    assert _beside_base_rate(20, said=0.8, base_rate=0.3, happened=5)
    assert not _beside_base_rate(19, said=0.8, base_rate=0.3, happened=5), "too few"
    assert not _beside_base_rate(20, said=0.31, base_rate=0.3, happened=5), "no better to speak of"
    assert not _beside_base_rate(20, said=0.3, base_rate=0.8, happened=5)
    assert not _beside_base_rate(20, said=0.8, base_rate=None, happened=5)


@given(
    p=st.floats(0.01, 0.99),
    found=st.lists(
        st.builds(
            SettledEvent,
            probability=st.floats(0.001, 0.999),
            occurred=st.booleans(),
            age_days=st.floats(0, 5_000),
            is_own=st.booleans(),
            base_rate=st.none() | st.floats(0.01, 0.99),
        ),
        max_size=40,
    ),
)
def test_what_comes_out_is_a_probability_and_keeps_its_order(p: float, found: list[SettledEvent]) -> None:
    by = fit_events(found)

    low, value, high = by.apply([p / 2, p, (1 + p) / 2])

    assert 0 < low < value < high < 1
    assert by.events == len(found)

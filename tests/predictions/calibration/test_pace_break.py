"""A break of a team's pace: seen soon, rarely seen where there is none, and over again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from predictions.calibration.drift_alarm import TOO_HIGH, TOO_LOW, alarm_states, find_drift
from predictions.calibration.pace import Pace
from predictions.calibration.pace_break import after_break, ratios_of_ranks
from predictions.forecasters.items_done import ItemsDoneForecaster
from predictions.priors.throughput import shipped_pools

FloatArray = NDArray[np.float64]
BREAK_WEEK, WEEKS, HORIZON_WEEKS = 100, 150, 8.0
LEVELS = np.array([0.15, 0.1, 0.9])


def team(seed: int, *, factor: float, rate: float = 12.0) -> FloatArray:
    """Bunched weeks around a pace that changes once."""
    rng = np.random.default_rng(seed)
    pace = np.where(np.arange(WEEKS) < BREAK_WEEK, rate, rate * factor)
    return rng.poisson(pace * rng.gamma(6, 1 / 6, WEEKS)).astype(np.float64)


def shares(factor: float, weeks_since: int, *, teams: int = 60) -> tuple[float, float]:
    """How often the P85 promise held that was made some weeks after the break: with the way back, and without."""
    kept: dict[bool, list[bool]] = {True: [], False: []}
    for seed in range(teams):
        pace, origin = Pace(team(seed, factor=factor)), BREAK_WEEK + weeks_since
        done = pace.items_done(HORIZON_WEEKS, np.array([origin]))[0]
        for is_watched in (True, False):
            past = pace.until(origin)
            if not is_watched:
                vars(past)["after_break"] = np.zeros(origin + 1, dtype=np.bool_)
            promised = ItemsDoneForecaster(past, shipped_pools()).forecast(HORIZON_WEEKS).quantiles(LEVELS)[0]
            kept[is_watched].append(bool(done >= promised))
    return float(np.mean(kept[True])), float(np.mean(kept[False]))


def test_coverage_comes_back_sooner_where_a_pace_falls_to_a_quarter_or_to_two_fifths() -> None:
    for factor, least, gain in ((0.25, 0.55, 0.25), (0.4, 0.55, 0.04)):
        watched, unwatched = shares(factor, 5)

        assert watched >= least, (factor, watched)
        assert watched - unwatched > gain, (factor, watched, unwatched)


def test_it_costs_a_steady_team_next_to_nothing() -> None:
    widths = []
    for seed in range(30):
        pace = Pace(team(seed, factor=1.0))
        for origin in range(60, WEEKS, 15):
            past, plain = pace.until(origin), pace.until(origin)
            vars(plain)["after_break"] = np.zeros(origin + 1, dtype=np.bool_)
            with_it, without = (
                np.log1p(ItemsDoneForecaster(each, shipped_pools()).forecast(HORIZON_WEEKS).quantiles(LEVELS))
                for each in (past, plain)
            )
            widths.append((with_it[2] - with_it[1]) / (without[2] - without[1]))

    assert np.median(widths) == 1.0
    assert np.mean(widths) < 1.1
    assert np.mean(np.array(widths) != 1.0) < 0.1


def test_a_break_is_seen_within_weeks_and_over_within_half_a_year() -> None:
    delays, last = [], []
    for seed in range(40):
        flags = after_break(team(seed, factor=0.25))
        after = np.flatnonzero(flags[BREAK_WEEK + 1 :])
        delays.append(int(after[0]) + 1 if after.size else WEEKS)
        last.append(bool(flags[-1]))

    assert np.median(delays) <= 4
    assert np.mean(np.array(delays) <= 10) >= 0.8
    assert np.mean(last) < 0.2


def test_weeks_that_are_all_alike_never_alarm() -> None:
    assert not after_break(np.full(400, 5.0)).any()
    assert not after_break(np.zeros(400)).any()


def test_a_short_record_never_alarms() -> None:
    for weeks in range(13):
        assert after_break(np.arange(weeks, dtype=float)).tolist() == [False] * (weeks + 1)


def test_ranks_that_tell_nothing_never_alarm() -> None:
    """However many there are: evidence must not grow by waiting."""
    drift = find_drift(ratios_of_ranks(np.zeros(2_000), np.ones(2_000)))

    assert (drift.is_alarming, drift.evidence) == (False, 1.0)


@pytest.mark.parametrize(("a", "b", "fault"), [(0.5, 2, TOO_HIGH), (2, 0.5, TOO_LOW)])
def test_ranks_at_the_bottom_tell_a_fall_and_those_at_the_top_a_rise(a: float, b: float, fault: str) -> None:
    faults = []
    for seed in range(30):
        low = np.floor(np.random.default_rng(seed).beta(a, b, 100) * 27) / 27
        alarms = [state.fault for state in alarm_states(ratios_of_ranks(low, low + 1 / 27)) if state.is_alarming]
        faults.append(alarms[0] if alarms else None)

    assert np.mean([each == fault for each in faults]) > 0.5


@given(low=st.floats(0, 1), width=st.floats(0, 1))
def test_every_ratio_of_ranks_is_a_fair_bet(low: float, width: float) -> None:
    """While weeks are exchangeable the mean of each ratio is 1, so nothing can be won by betting on a break."""
    edges = np.array(sorted({0.0, round(low, 6), round(min(low + width, 1.0), 6), 1.0}))

    bets = ratios_of_ranks(edges[:-1], edges[1:]).values

    assert np.diff(edges) @ bets == pytest.approx(1.0)
    assert np.isfinite(bets).all()


@settings(deadline=None)
@given(weekly=st.lists(st.integers(0, 500), max_size=70), cut=st.integers(0, 70))
def test_no_entry_looks_ahead(weekly: list[int], cut: int) -> None:
    record = np.array(weekly, dtype=float)
    cut = min(cut, len(record))

    assert after_break(record)[: cut + 1].tolist() == after_break(record[:cut]).tolist()
    assert Pace(record).until(cut).after_break.tolist() == after_break(record[:cut]).tolist()

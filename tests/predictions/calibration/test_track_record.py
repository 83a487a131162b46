"""The scores of settled claims: by hand, and what holds for any set of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.calibration.track_record import (
    MIN_EVENTS,
    SettledClaim,
    claims_hash,
    kept_promises,
    lead_time_h,
    track_record,
)

TARGET = datetime(2026, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def _claim(event: int, **fields: Any) -> SettledClaim:
    values: dict[str, Any] = {
        "prediction_id": f"{event}",
        "project_id": "p",
        "event_key": f"{event:03}",
        "episode_id": f"{event}",
        "as_of": TARGET - 30 * DAY,
        "predicted_for": TARGET,
        "settled_at": TARGET + DAY,
        "probability": 0.7,
        "base_rate": 0.5,
        "is_alert": True,
        "acted_on": False,
        "occurred": True,
        "finish_days": {},
        "target_day": date(2026, 4, 30),
        "done_on": None,
    }
    return SettledClaim(**{**values, **fields})


def _events(occurred: Sequence[bool], **fields: Any) -> list[SettledClaim]:
    return [_claim(number, occurred=came, **fields) for number, came in enumerate(occurred)]


FOURTEEN_OF_TWENTY = [True] * 14 + [False] * 6


def test_twenty_honest_forecasts() -> None:
    record = track_record(_events(FOURTEEN_OF_TWENTY))

    assert record.brier is not None
    assert record.skill is not None
    assert record.brier.value == pytest.approx(0.21)
    assert record.brier_base_rate == pytest.approx(0.25)
    assert record.skill.value == pytest.approx(0.16)
    (first, second) = record.reliability
    assert [first.forecast, second.forecast] == pytest.approx([0.7, 0.7])
    assert (first.observed + second.observed) / 2 == pytest.approx(0.7)


@pytest.mark.parametrize("count", [0, 1, MIN_EVENTS - 1])
def test_too_few_events_have_no_score_but_a_number_that_is_missing(count: int) -> None:
    record = track_record(_events([True] * count))

    assert (record.events, record.missing_events) == (count, MIN_EVENTS - count)
    assert (record.brier, record.skill, record.warnings, record.reliability) == (None, None, None, ())


def test_more_forecasts_of_one_event_are_not_more_events() -> None:
    claims = [_claim(1, prediction_id=str(n), as_of=TARGET - n * DAY) for n in range(4, 60)]

    assert (track_record(claims).events, track_record(claims).missing_events) == (1, MIN_EVENTS - 1)


def test_event_that_was_forecast_often_counts_once() -> None:
    often = [_claim(0, prediction_id=f"x{n}", as_of=TARGET - n * DAY, probability=0.0) for n in range(4, 40)]
    claims = [*often, *_events([True] * 20, probability=1.0)[1:]]

    record = track_record(claims)

    assert record.brier is not None
    assert record.brier.value == pytest.approx(1 / 20)


def test_censored_claims_are_bounds_and_no_score() -> None:
    claims = [*_events([True] * 20, probability=1.0), _claim(50, occurred=None, probability=0.9)]

    record = track_record(claims)

    assert record.brier is not None
    assert (record.events, record.censored_claims, record.brier.value) == (20, 1, 0.0)
    assert record.brier_low == pytest.approx(0.01 / 21)
    assert record.brier_high == pytest.approx(0.81 / 21)


def test_perfect_base_rate_leaves_no_skill_to_measure() -> None:
    assert track_record(_events([True] * 20, base_rate=1.0)).skill is None


# --- coverage ---


def test_quantile_is_scored_where_its_day_lies_within_the_target() -> None:
    inside, beyond = {0.85: date(2026, 4, 10)}, {0.85: date(2026, 5, 10)}
    kept = [_claim(n, occurred=False, finish_days=inside, done_on=date(2026, 4, 10)) for n in range(17)]
    late = [_claim(20 + n, occurred=False, finish_days=inside, done_on=date(2026, 4, 11)) for n in range(2)]
    missed = [_claim(30, occurred=True, finish_days=inside)]
    undecided = [_claim(40 + n, occurred=True, finish_days=beyond) for n in range(10)]

    (row,) = track_record([*kept, *late, *missed, *undecided]).coverage

    assert (row.nominal, row.events) == (0.85, 20)
    assert row.share == pytest.approx(0.85)
    assert row.low < 0.85 < row.high


# --- warnings ---


def test_lead_time_runs_from_the_first_alert_of_the_streak_that_covers_the_event() -> None:
    def claim(days: int, episode: str, *, alert: bool) -> SettledClaim:
        return _claim(1, as_of=TARGET - days * DAY, episode_id=episode, is_alert=alert, prediction_id=str(days))

    broken = [claim(30, "a", alert=True), claim(20, "b", alert=False), claim(10, "c", alert=True)]

    assert lead_time_h([*broken, claim(5, "c", alert=True)]) == 240
    assert lead_time_h(broken[:2]) is None


def test_lead_time_begins_when_people_could_know() -> None:
    facts_at = TARGET - timedelta(hours=80)

    assert lead_time_h([_claim(1, as_of=facts_at, issued_at=facts_at + timedelta(hours=20))]) == 60


def test_late_warnings_are_misses_and_events_known_late_stand_apart() -> None:
    early = _events([True] * 15)
    late = [
        _claim(20, is_alert=False, episode_id="quiet"),
        _claim(20, prediction_id="late", as_of=TARGET - DAY, episode_id="loud"),
    ]
    sudden = [_claim(30, as_of=TARGET - DAY)]
    silent = [_claim(40 + n, is_alert=False) for n in range(4)]

    warnings = track_record([*early, *late, *sudden, *silent]).warnings

    assert warnings is not None
    assert (warnings.occurred, warnings.knowable, warnings.warned_in_time, warnings.known_late) == (21, 20, 15, 1)
    assert warnings.recall is not None
    assert warnings.recall.value == pytest.approx(0.75)
    assert warnings.lead_time_p50_h == 720
    assert sum(warnings.lead_time_counts) == 17


def test_false_alarms_are_counted_by_streak_and_project_month() -> None:
    month = timedelta(days=30.4375)
    claims = [
        replace(claim, project_id=f"p{n % 2}", as_of=TARGET - month)
        for n, claim in enumerate(_events([False] * 10 + [True] * 10))
    ]

    warnings = track_record(claims).warnings

    assert warnings is not None
    assert warnings.false_alarms == 10
    assert warnings.project_months == pytest.approx(2)
    assert warnings.false_alarms_per_month == pytest.approx(5)


def test_worst_misses_are_those_that_could_have_been_acted_on() -> None:
    surprise = [
        _claim(90, probability=0.05),
        _claim(90, prediction_id="too late", as_of=TARGET - DAY, probability=0.01),
    ]

    record = track_record([*_events([True] * 19, probability=0.9), *surprise])

    assert record.worst_misses[0].claim.prediction_id == "90"
    assert record.worst_misses[0].squared_error == pytest.approx(0.95**2)
    assert len(record.worst_misses) == 5


# --- any set of claims ---

claims_of_any_kind = st.lists(
    st.builds(
        _claim,
        event=st.integers(0, 40),
        prediction_id=st.uuids().map(str),
        as_of=st.integers(1, 100).map(lambda days: TARGET - days * DAY),
        probability=st.floats(0, 1),
        base_rate=st.none() | st.floats(0, 1),
        occurred=st.none() | st.booleans(),
        is_alert=st.booleans(),
        acted_on=st.booleans(),
    ),
    min_size=20,
    max_size=80,
)


@settings(deadline=None, max_examples=40)
@given(claims=claims_of_any_kind, seed=st.randoms(use_true_random=False))
def test_order_does_not_matter_and_scores_stay_in_range(claims: list[SettledClaim], seed: Any) -> None:
    record = track_record(claims)
    shuffled = claims[:]
    seed.shuffle(shuffled)

    assert track_record(shuffled) == record
    assert claims_hash(shuffled) == claims_hash(claims)
    if record.brier is None:
        assert record.missing_events > 0
        return
    assert 0 <= record.brier.low <= record.brier.value + 1e-12
    assert record.brier.value <= record.brier.high + 1e-12 <= 1 + 1e-9
    assert record.brier_low is not None
    assert record.brier_high is not None
    assert record.brier_low <= record.brier_high
    assert all(0 <= each.low <= each.observed <= each.high <= 1 for each in record.reliability)


# --- promises ---

PROMISED = {"finish_days": {0.85: date(2026, 4, 20)}}
IN_TIME, LATE = {"occurred": False, "done_on": date(2026, 4, 19)}, {"occurred": True}


def test_our_85_percent_was_right_23_of_27_times() -> None:
    claims = [_claim(number, **PROMISED, **(LATE if number < 4 else IN_TIME)) for number in range(27)]

    found = kept_promises(claims, 0.85)

    assert (found.kept, found.judged, found.missing) == (23, 27, 0)
    assert found.share == pytest.approx(23 / 27)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 23 / 27 < found.high


def test_first_day_given_for_an_event_is_the_promise_however_often_it_was_mended() -> None:
    claims = []
    for number in range(MIN_EVENTS):
        claims.append(_claim(number, **IN_TIME, finish_days={0.85: date(2026, 4, 10)}))
        mended = _claim(number, prediction_id=f"{number} again", **PROMISED, **IN_TIME)
        claims += [replace(mended, as_of=TARGET - days * DAY) for days in (20, 10)]

    found = kept_promises(claims[::-1], 0.85)

    assert (found.kept, found.judged) == (0, MIN_EVENTS)


def test_too_few_promises_are_counted_and_not_judged() -> None:
    found = kept_promises([_claim(number, **PROMISED, **IN_TIME) for number in range(MIN_EVENTS - 1)], 0.85)

    assert (found.kept, found.judged, found.missing) == (19, 19, 1)
    assert (found.share, found.low, found.high) == (None, None, None)


def test_day_beyond_the_target_and_undecided_events_are_no_promise() -> None:
    beyond = _claim(1, **IN_TIME, finish_days={0.85: date(2026, 5, 10)})
    undecided = _claim(2, **PROMISED, occurred=None)

    assert kept_promises([beyond, undecided], 0.85).judged == 0

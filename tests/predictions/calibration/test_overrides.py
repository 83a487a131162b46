"""People against the model: who was better on the same events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from predictions.calibration.overrides import SettledOverride, override_record
from predictions.calibration.track_record import MIN_EVENTS

MADE, DECIDED = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)


def said(number: int, probability: float, *, occurred: bool | None, made_at: datetime = MADE) -> SettledOverride:
    return SettledOverride(("project", f"event {number}"), made_at, DECIDED, probability, 0.6, occurred)


def test_worked_example() -> None:
    overrides = [said(n, 0.9 if n % 2 else 0.1, occurred=bool(n % 2)) for n in range(20)]

    record = override_record(overrides)

    assert (record.events, record.missing_events) == (20, 0)
    assert record.brier_people == pytest.approx(0.01)
    assert record.brier_model == pytest.approx(0.26)
    assert record.difference is not None
    assert record.difference.value == pytest.approx(-0.25)
    assert record.difference.high < 0


def test_an_event_counts_once_however_often_it_was_overridden() -> None:
    once = [said(n, 0.8, occurred=True) for n in range(20)]
    often = [*once, *(said(0, 0.2, occurred=True) for _ in range(9))]

    assert override_record(often).events == 20
    assert override_record(often).brier_people == pytest.approx((19 * 0.04 + (0.04 + 9 * 0.64) / 10) / 20)


def test_no_score_below_the_gate_nor_for_hindsight_and_censored_events() -> None:
    overrides = [said(n, 0.9, occurred=True) for n in range(MIN_EVENTS - 1)]
    overrides += [said(98, 1.0, occurred=True, made_at=DECIDED + timedelta(hours=1)), said(99, 0.5, occurred=None)]

    record = override_record(overrides)

    assert (record.events, record.missing_events, record.in_hindsight) == (MIN_EVENTS - 1, 1, 1)
    assert (record.brier_people, record.brier_model, record.difference) == (None, None, None)
    assert override_record([]).missing_events == MIN_EVENTS


def test_order_does_not_matter() -> None:
    overrides = [said(n, 0.1 + n / 40, occurred=n % 3 == 0) for n in range(25)]

    assert override_record(overrides[::-1]) == override_record(overrides)

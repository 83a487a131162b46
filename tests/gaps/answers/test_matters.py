"""Ranking what to deal with first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaps.answers.matters import (
    Matter,
    MatterKind,
    Suppression,
    gap_loss,
    hours_left,
    rank_matters,
    warning_loss,
)
from gaps.enums import GapType
from predictions.enums import PredictionType, Severity

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


def _matter(number: int, loss: float = 2.0, **fields: object) -> Matter:
    matter = Matter(
        kind=MatterKind.GAP,
        id=UUID(int=number),
        project_id=UUID(int=1000 + number),
        type=GapType.TIMELINE,
        subject="",
        title="Late",
        severity=Severity.HIGH,
        expected_loss=loss,
        hours_left=100.0,
        as_of=NOW,
        readiness="OK",
    )
    return replace(matter, **fields)  # type: ignore[arg-type]  # names of fields


def test_the_dearest_come_first_and_the_rest_is_counted() -> None:
    ranking = rank_matters([_matter(n, loss=float(n)) for n in range(1, 10)], most=7)

    assert [row.expected_loss for row in ranking.rows] == [9, 8, 7, 6, 5, 4, 3]
    assert [reason for _, reason in ranking.suppressed] == [Suppression.LESS_LOSS] * 2


def test_a_gap_and_a_warning_of_the_same_thing_are_one_row() -> None:
    gap = _matter(1, 4.2, project_id=UUID(int=7))
    warning = _matter(2, 1.8, project_id=UUID(int=7), kind=MatterKind.PREDICTION, type=PredictionType.DELAY_RISK)
    other = replace(warning, id=UUID(int=3), project_id=UUID(int=8))

    ranking = rank_matters([warning, other, gap], most=7)

    assert [row.id for row in ranking.rows] == [gap.id, other.id]
    assert ranking.suppressed == ((warning, Suppression.SAME_MATTER),)


def test_a_warning_about_one_item_is_not_the_gap_of_the_project() -> None:
    gap = _matter(1, 4.2, project_id=UUID(int=7))
    item = _matter(
        2, 1.8, project_id=UUID(int=7), kind=MatterKind.PREDICTION, type=PredictionType.DELAY_RISK, subject="item"
    )

    assert len(rank_matters([gap, item], most=7).rows) == 2


def test_what_can_no_longer_be_helped_makes_room_and_is_counted() -> None:
    ranking = rank_matters(
        [_matter(1, 9.0, hours_left=-1.0), _matter(2, 1.0), _matter(3, 1.0, hours_left=None)], most=7
    )

    assert [row.id.int for row in ranking.rows] == [2, 3]
    assert [reason for _, reason in ranking.suppressed] == [Suppression.WINDOW_CLOSED]


def test_what_comes_too_late_lets_speak_what_can_still_be_helped() -> None:
    gap = _matter(1, 4.2, project_id=UUID(int=7), hours_left=-1.0)
    warning = _matter(2, 1.8, project_id=UUID(int=7), kind=MatterKind.PREDICTION, type=PredictionType.DELAY_RISK)

    ranking = rank_matters([gap, warning], most=7)

    assert ranking.rows == (warning,)
    assert ranking.suppressed == ((gap, Suppression.WINDOW_CLOSED),)


def test_what_somebody_silenced_is_left_out_and_lets_its_gap_speak() -> None:
    warning = _matter(
        1, 5.0, project_id=UUID(int=7), kind=MatterKind.PREDICTION, type=PredictionType.DELAY_RISK,
        silenced=Suppression.DISMISSED,
    )  # fmt: skip
    gap = _matter(2, 4.0, project_id=UUID(int=7))

    ranking = rank_matters([warning, gap], most=7)

    assert ranking.rows == (gap,)
    assert ranking.suppressed == ((warning, Suppression.DISMISSED),)


@given(st.lists(st.tuples(st.integers(1, 40), st.floats(0, 9), st.floats(-5, 5)), max_size=30), st.randoms())
def test_the_order_of_input_does_not_matter_and_nothing_is_lost(
    drawn: list[tuple[int, float, float]], random: object
) -> None:
    matters = [
        _matter(n, loss, hours_left=hours, project_id=UUID(int=project))
        for n, (project, loss, hours) in enumerate(drawn)
    ]
    shuffled = list(matters)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a Random

    ranking = rank_matters(matters, most=7)

    assert rank_matters(shuffled, most=7) == ranking
    assert len(ranking.rows) + len(ranking.suppressed) == len(matters)
    assert len(ranking.rows) <= 7


def test_losses_are_in_tolerances() -> None:
    assert (gap_loss(4.2, Severity.HIGH), gap_loss(None, Severity.HIGH), gap_loss(-0.5, Severity.LOW)) == (
        4.2,
        2.0,
        0.0,
    )
    assert warning_loss(0.9, Severity.CRITICAL) == pytest.approx(2.7)


def test_a_window_shrinks_with_the_time_since_it_was_computed() -> None:
    assert hours_left(100.0, NOW - timedelta(hours=30), NOW) == 70.0
    assert hours_left(None, NOW, NOW) is None
    assert hours_left(10.0, None, NOW) is None

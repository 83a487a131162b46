import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.calibration.pace import Pace, recency_weighted_means

weeks_of_work = st.lists(st.integers(0, 40), min_size=1, max_size=80).map(lambda items: np.array(items, dtype=float))


def test_steady_team_of_the_worked_example() -> None:
    pace = Pace(np.full(10, 4.0))

    assert pace.centres(2.0)[-1] == pytest.approx(8.5)
    assert pace.features(2.0)[-1, :3] == pytest.approx([0.0, 0.0, 0.0])


def test_recent_weeks_count_for_more() -> None:
    means = recency_weighted_means(np.array([0.0] * 20 + [8.0] * 8), 8.0)

    assert means[0] == 0.0
    assert 4.0 < means[-1] < 8.0


def test_a_board_that_was_tidied_up_sets_no_pace_but_its_items_are_done() -> None:
    weekly = np.full(30, 4.0)
    weekly[20] = 900.0

    pace = Pace(weekly)

    assert pace.capped[20] == 16.0
    assert pace.cumulative[-1] == 29 * 4 + 900
    assert pace.items_done(1.0, np.array([20]))[0] == 900.0


def test_items_of_half_a_week_are_half_of_its_items() -> None:
    pace = Pace(np.array([4.0, 10.0]))

    assert pace.items_done(1.5, np.array([0]))[0] == 9.0


@given(weekly=weeks_of_work, data=st.data())
def test_what_is_said_of_a_week_never_depends_on_later_ones(weekly: np.ndarray, data: st.DataObject) -> None:
    week = data.draw(st.integers(1, len(weekly)))
    whole, past = Pace(weekly), Pace(weekly[:week].copy())

    assert np.array_equal(whole.centres(4.0)[: week + 1], past.centres(4.0))
    assert np.array_equal(whole.features(4.0)[: week + 1], past.features(4.0))
    cut = whole.until(week)
    assert np.array_equal(cut.capped, past.capped)
    assert np.array_equal(cut.centres(4.0), past.centres(4.0))

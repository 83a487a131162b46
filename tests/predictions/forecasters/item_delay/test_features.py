"""The feature table knows nothing from after a row's moment, and its rates are what a hand would compute."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.backtesting.simulated_due_dates import simulated_organisation
from predictions.forecasters.item_delay.features import decayed_labels, feature_table, settled_before
from predictions.forecasters.item_delay.moments import ItemMoments, kind_of, priority_rank


def organisation(seed: int, items: int = 120) -> ItemMoments:
    moments = simulated_organisation(np.random.default_rng(seed))
    return moments.take(np.argsort(moments.moment_day, kind="stable")[:items])


def test_items_of_one_unit_due_on_one_day_share_the_weight_of_their_root() -> None:
    moments = replace(
        organisation(1, items=6),
        unit=np.array([0, 0, 0, 0, 1, 1]),
        due_day=np.array([5.0, 5.0, 5.0, 5.0, 5.0, 9.0]),
    )

    assert moments.lot_weights() == pytest.approx([0.5, 0.5, 0.5, 0.5, 1, 1])


def test_decayed_labels_halve_after_a_half_life() -> None:
    moments = replace(
        organisation(1, items=3),
        known_day=np.array([0.0, 15.0, 40.0]),
        moment_day=np.array([-1.0, 15.0, 16.0]),
        late=np.array([True, False, True]),
    )

    late, known = decayed_labels(moments, np.zeros(3, dtype=np.int64), [15.0])

    assert late[:, 0] == pytest.approx([0.0, 0.5, 0.5 ** (16 / 15)])
    assert known[:, 0] == pytest.approx([0.0, 1.5, 0.5 ** (16 / 15) + 0.5 ** (1 / 15)])


@pytest.mark.parametrize("half_life", [0.5, 15.0, 600.0])
def test_decayed_labels_over_forty_years_are_the_plain_sums(half_life: float) -> None:
    """Longer than a growing weight stays a number: the running sum is begun anew on the way."""
    rng = np.random.default_rng(3)
    moments = replace(
        organisation(1, items=100),
        known_day=np.where(rng.random(100) < 0.2, np.inf, rng.uniform(0, 14_600, 100).round()),
        moment_day=rng.uniform(0, 14_600, 100).round(),
        late=rng.random(100) < 0.5,
    )
    group = rng.integers(0, 2, 100)

    late, known = decayed_labels(moments, group, [half_life])

    for row in range(100):
        before = (group == group[row]) & (moments.known_day <= moments.moment_day[row])
        worth = 0.5 ** ((moments.moment_day[row] - moments.known_day[before]) / half_life)
        assert known[row, 0] == pytest.approx(worth.sum(), rel=1e-9, abs=1e-12)
        assert late[row, 0] == pytest.approx(worth[moments.late[before]].sum(), rel=1e-9, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 0.9))
def test_what_comes_after_a_moment_changes_no_feature_of_it(seed: int, share: float) -> None:
    moments = organisation(seed)
    cut = float(np.quantile(moments.moment_day, share))
    asked = moments.moment_day <= cut
    unknown = moments.known_day > cut
    rewritten = replace(moments, late=np.where(unknown, ~moments.late, moments.late))
    truncated = rewritten.take(asked)

    before = feature_table(moments).values[asked]

    assert np.array_equal(before, feature_table(rewritten).values[asked], equal_nan=True)
    assert np.array_equal(before, feature_table(truncated).values, equal_nan=True)


def test_a_due_date_that_was_not_set_yet_is_not_used() -> None:
    moments = replace(organisation(5), due_known=np.zeros(120, dtype=np.bool_))
    table = feature_table(moments)
    hidden = ("left", "span", "progress", "due_weekday", "same_due", "near_due", "late_near_due", "late_like_left")

    assert all(np.isnan(table.column(name)).all() for name in hidden)
    assert (table.column("due_in_14d") == 0).all()


def test_columns_without_history_are_those_that_need_no_label() -> None:
    moments = organisation(7)
    flipped = replace(moments, late=~moments.late)

    table, other = feature_table(moments), feature_table(flipped)

    same = [np.array_equal(a, b, equal_nan=True) for a, b in zip(table.values.T, other.values.T, strict=True)]
    assert not any(np.array(same) & table.labelled & ~_counts(table.names))
    assert np.array(same)[~(table.labelled | (np.array(table.names) == "assignee_late_share"))].all()


def _counts(names: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([name.endswith("_labels") or name == "since_last_batch" for name in names])


def test_settled_before_counts_the_group_until_the_moment() -> None:
    share, in_hand = settled_before(
        np.array([0, 0, 0, -1]),
        np.array([0.0, 5.0, 9.0, 9.0]),
        np.array([4.0, 8.0, 20.0, 1.0]),
        np.array([True, False, True, True]),
    )

    assert share.tolist()[1:3] == [1.0, 0.5]
    assert np.isnan(share[[0, 3]]).all()
    assert in_hand.tolist()[:3] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("name", "code"), [("Bug", 0), ("New Feature", 1), ("Sub-task", 4), ("Technical task", 3), ("Epic", 5)]
)
def test_kinds_are_read_from_the_usual_names(name: str, code: int) -> None:
    assert kind_of(name) == code


def test_unknown_names_are_missing() -> None:
    assert np.isnan(kind_of(""))
    assert np.isnan(priority_rank("P1-ish"))
    assert priority_rank(" Blocker ") == 4

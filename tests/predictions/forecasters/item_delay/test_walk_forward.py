"""The walk never looks ahead, learns what there is to learn, and says the same twice."""

from dataclasses import replace

import numpy as np
import pytest

from predictions.backtesting.simulated_due_dates import simulated_organisation, simulated_organisations
from predictions.calibration.classification import area_under_curve
from predictions.calibration.recalibration import expit
from predictions.calibration.scoring import brier_score
from predictions.forecasters.item_delay.features import feature_table
from predictions.forecasters.item_delay.learner import fit_pool
from predictions.forecasters.item_delay.moments import ItemMoments
from predictions.forecasters.item_delay.shipped import shipped_prior
from predictions.forecasters.item_delay.trees import fit_trees
from predictions.forecasters.item_delay.walk_forward import Rung, best_rung, fit_mixture, forecast_items


def organisation(seed: int) -> ItemMoments:
    return simulated_organisation(np.random.default_rng(seed))


def test_what_comes_after_a_batch_changes_no_forecast_of_it() -> None:
    moments = organisation(11)
    cut = float(np.quantile(moments.moment_day, 0.7))
    asked = moments.moment_day <= cut
    rewritten = replace(moments, late=np.where(moments.known_day > cut, ~moments.late, moments.late))

    before = forecast_items(moments, shipped_prior())
    after = forecast_items(rewritten.take(asked), shipped_prior())

    assert np.array_equal(before.probability[asked], after.probability)
    assert np.array_equal(before.threshold[asked], after.threshold)


def test_the_order_of_rows_does_not_matter() -> None:
    moments = organisation(12)
    shuffled = np.random.default_rng(0).permutation(len(moments))

    forward = forecast_items(moments, shipped_prior()).probability
    other = forecast_items(moments.take(shuffled), shipped_prior()).probability

    assert other == pytest.approx(forward[shuffled], abs=0.02)
    assert np.array_equal(forward, forecast_items(moments, shipped_prior()).probability)


def test_the_walk_beats_the_base_rate_where_there_is_something_to_know() -> None:
    gains = []
    for moments in simulated_organisations(4, seed=99):
        forecasts = forecast_items(moments, shipped_prior())
        late = moments.late.tolist()
        gains.append(
            1 - brier_score(forecasts.probability.tolist(), late) / brier_score(forecasts.base_rate.tolist(), late)
        )

    assert np.mean(gains) > 0.02


def test_a_team_without_a_label_is_told_the_prior() -> None:
    moments = replace(organisation(13), known_day=np.full(len(organisation(13)), np.inf))

    forecasts = forecast_items(moments, shipped_prior())

    assert set(forecasts.rung.tolist()) == {list(Rung).index(Rung.LEARNED)}
    assert np.isfinite(forecasts.probability).all()


def hurried(moments: ItemMoments, seed: int) -> ItemMoments:
    """The same items where those with under a week left are late, nine times of ten, and no others are."""
    short = moments.due_day - moments.moment_day < 7
    return replace(moments, late=short ^ (np.random.default_rng(seed).random(len(moments)) < 0.1))


def test_a_pool_of_other_teams_tells_late_items_apart_without_any_label_of_the_team() -> None:
    others = [hurried(moments, 1) for moments in simulated_organisations(3, seed=5)]
    team = hurried(organisation(400), 2)

    forecasts = forecast_items(team, fit_pool("others", [(other, feature_table(other)) for other in others]))

    area = area_under_curve(forecasts.without_history, team.late)
    assert area is not None
    assert area > 0.8


def test_a_pool_needs_both_outcomes() -> None:
    moments = organisation(3)

    with pytest.raises(ValueError, match="late and items that were not"):
        fit_pool("others", [(replace(moments, late=np.ones(len(moments), dtype=np.bool_)), feature_table(moments))])


def test_one_large_release_does_not_outvote_as_many_items_with_due_dates_of_their_own() -> None:
    """In both pools 150 items are late and 300 on time, and all look the same; only whose fate was shared differs."""
    moments = organisation(14).take(np.arange(240).repeat(2)[:450])
    late = np.arange(450) < 150
    alone = replace(
        moments, unit=np.zeros(450, dtype=np.int64), due_day=1_000.0 + np.arange(450, dtype=np.float64), late=late
    )
    release = replace(alone, due_day=np.where(late, alone.due_day, 2_000.0).astype(np.float64))
    table = feature_table(moments)
    same = replace(table, values=np.zeros_like(table.values))

    on_time_apart, on_time_together = (
        expit(fit_pool("others", [(pool, same)]).log_odds(same)[0, 0]) for pool in (alone, release)
    )

    assert on_time_apart == pytest.approx(1 / 3, abs=1e-3)
    assert on_time_together == pytest.approx(150 / (150 + 300**0.5), abs=1e-3)


def test_the_mixture_starts_from_the_number_of_labels_and_follows_the_evidence() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(0, 2, 3_000)
    late = rng.random(3_000) < 1 / (1 + np.exp(-truth))
    parts = np.column_stack([rng.normal(0, 2, 3_000), truth])

    start = fit_mixture(parts[:0], late[:0], np.ones(0), labels=1_500)
    moved = fit_mixture(parts, late, np.ones(3_000), labels=1_500)

    assert (start.prior_weight, start.own_weight) == (0.5, 0.5)
    assert moved.prior_weight < 0.2
    assert moved.own_weight == pytest.approx(1.0, abs=0.1)


def test_the_rung_with_the_lowest_brier_score_serves_and_the_learned_one_before_there_is_any() -> None:
    rungs = np.column_stack([np.full(40, 0.5), np.full(40, 0.1), np.full(40, 0.9)])
    late = np.zeros(40, dtype=np.bool_)

    assert best_rung(rungs, late, np.ones(40)) == 1
    assert best_rung(rungs[:5], late[:5], np.ones(5)) == 2


@pytest.mark.parametrize("values", [np.full((60, 2), np.nan), np.ones((60, 1))])
def test_trees_without_anything_to_split_on_say_the_base_rate(
    values: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> None:
    late = np.arange(60) % 3 == 0

    trees = fit_trees(values.astype(np.float32), late, np.ones(60))

    assert trees.probability(values.astype(np.float32)) == pytest.approx(np.full(60, 1 / 3), abs=1e-3)

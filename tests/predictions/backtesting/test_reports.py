import pytest

from predictions.backtesting.reports import (
    BenchmarkReport,
    UnitResult,
    VariantResult,
    bootstrap_intervals,
    macro_average,
    nested,
)
from predictions.calibration.scoring import coverage


def test_macro_average_weighs_units_alike_and_leaves_out_what_is_undefined() -> None:
    assert macro_average([{"auc": 0.8, "brier": 0.1}, {"auc": None, "brier": 0.3}]) == {
        "auc": 0.8,
        "brier": pytest.approx(0.2),
    }


def test_interval_draws_whole_units_and_needs_two() -> None:
    intervals = bootstrap_intervals([{"f1": 0.6}, {"f1": 0.8}, {"f1": None}])

    assert intervals["f1"] is not None
    assert intervals["f1"] == pytest.approx((0.6, 0.8))
    assert bootstrap_intervals([{"f1": 0.6}]) == {"f1": None}


def test_report_leads_with_the_retrained_variant_and_keeps_the_shipped_one_beside_it() -> None:
    shipped = VariantResult((UnitResult("a", 3, {"13.crps": 2.0}, {"13.crps": 3.0}),))
    retrained = VariantResult(
        (UnitResult("a", 3, {"13.crps": 1.0}, coverages={"80": coverage([True, True, False], 0.8)}),)
    )

    content = BenchmarkReport("throughput", {}, shipped, retrained, extra={"finish": 0.85}).as_json()

    assert content["variant"] == "retrained"
    assert content["macro"] == {"13": {"crps": 1.0}, "finish": 0.85}
    assert content["coverage"]["80"]["n"] == 3
    assert content["shipped"]["macro"] == {"13.crps": 2.0}


def test_dots_in_names_become_objects() -> None:
    assert nested({"2.a": 1, "2.b": 2, "c": 3}) == {"2": {"a": 1, "b": 2}, "c": 3}

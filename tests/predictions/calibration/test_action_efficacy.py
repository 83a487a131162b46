"""What kinds of actions were worth: below five nothing, above it a mean that is drawn towards zero."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.calibration.action_efficacy import MeasuredAction, efficacy_ledger, suggestion_key

EFFECTS = st.lists(st.floats(-300, 300), min_size=5, max_size=40)


def _done(*effects: float, code: str = "CUT", occasion: str = "project {}") -> list[MeasuredAction]:
    return [MeasuredAction(code, occasion.format(number), 4.0, effect, 5) for number, effect in enumerate(effects)]


def test_four_actions_are_untested_and_five_are_tested() -> None:
    four, five = efficacy_ledger(_done(10, 10, 10, 10))["CUT"], efficacy_ledger(_done(10, 10, 10, 10, 10))["CUT"]

    assert (four.count, four.is_tested, four.measured, four.expected) == (4, False, None, None)
    assert five.is_tested
    assert five.measured is not None
    assert five.measured.value == pytest.approx(5.0)  # half, at five
    assert five.expected is not None
    assert five.expected.value == pytest.approx(4.0)


def test_effect_beside_too_few_forecasts_left_alone_is_no_evidence() -> None:
    compared = _done(10, 10, 10, 10)
    alone = [replace(action, occasion="another", measured_days=500.0, compared_forecasts=4) for action in compared[:1]]

    ledger = efficacy_ledger([*compared, *alone])["CUT"]

    assert (ledger.count, ledger.uncompared, ledger.is_tested) == (4, 1, False)


def test_two_actions_of_one_occasion_count_once() -> None:
    ledger = efficacy_ledger(_done(*[10.0] * 9, occasion="one project, one forecast"))

    assert ledger["CUT"].count == 1
    assert not ledger["CUT"].is_tested


def test_actions_without_a_code_belong_to_no_kind() -> None:
    assert efficacy_ledger(_done(1, 2, 3, 4, 5, code="")) == {}


@given(EFFECTS)
def test_interval_holds_its_mean_which_is_never_further_from_zero_than_the_plain_one(effects: list[float]) -> None:
    measured = efficacy_ledger(_done(*effects))["CUT"].measured

    assert measured is not None
    assert measured.low <= measured.value + 1e-9
    assert measured.value <= measured.high + 1e-9
    assert abs(measured.value) <= abs(sum(effects) / len(effects)) + 1e-9


@given(EFFECTS, st.randoms())
def test_order_of_the_actions_does_not_matter(effects: list[float], random: object) -> None:
    actions = _done(*effects)
    shuffled = list(actions)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a Random

    before, after = efficacy_ledger(actions)["CUT"].measured, efficacy_ledger(shuffled)["CUT"].measured

    assert before is not None
    assert after is not None
    assert before.value == pytest.approx(after.value)


def test_what_helped_comes_before_what_is_untested_before_what_did_not() -> None:
    ledger = efficacy_ledger(
        [
            *_done(9, 10, 11, 10, 10, 9, code="HELPS"),
            *_done(-3, 2, -1, 0, 1, -2, code="DOES_NOT"),
            *_done(50, code="NEW"),
        ]
    )

    def key(code: str, effort_h: float | None = None) -> tuple[int, float]:
        return suggestion_key(code, ledger=ledger, expected_days=20.0, effort_h=effort_h)

    assert sorted(["NEW", "DOES_NOT", "HELPS"], key=key) == ["HELPS", "NEW", "DOES_NOT"]
    assert key("NEW", effort_h=4.0) < key("NEW", effort_h=80.0), "of two that promise the same, the easier one"

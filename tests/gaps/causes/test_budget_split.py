from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaps.causes.budget_split import BudgetFactor, BudgetSplit, CostBasis, split_overrun
from projects.history import BaselineFact, HistoryFact, ProjectHistory
from tests.gaps.flow_contexts import cost_facts
from tests.project_histories import NOW, WEEK, team_facts

WEEKS = 40
BEFORE = NOW - (WEEKS + 1) * WEEK


def split(
    *,
    budget: float,
    amounts: list[float] | None = None,
    hours: list[float] | None = None,
    scope: int | None = 200,
    rest: float = 0.0,
    open_items: int = 0,
    rework_share: float = 0.0,
) -> BudgetSplit:
    """200 items done at 40,000 in forty weeks, unless given."""
    facts: list[HistoryFact] = [
        *team_facts([5] * WEEKS, open_items=open_items),
        *cost_facts(amounts or [1_000.0] * WEEKS, hours=hours),
    ]
    if scope is not None:
        facts.append(BaselineFact(BEFORE, BEFORE, (NOW + 60 * WEEK).date(), scope))
    known = ProjectHistory.from_facts(facts).as_of(NOW)
    work = np.full(len(known.items), 2.0)
    return split_overrun(CostBasis(known, budget, np.full(50, rest), work, rework_share * work), seed=1)


def parts_of(result: BudgetSplit) -> dict[str, float]:
    return {part.factor.value: part.money for part in result.parts}


def test_items_that_cost_more_are_efficiency_and_nothing_else() -> None:
    result = split(budget=32_000)

    assert result.overrun == 8_000.0
    assert parts_of(result) == pytest.approx({"EFFICIENCY": 8_000.0, "VOLUME": 0.0, "REWORK": 0.0}, abs=1e-2)
    assert set(result.off) == {BudgetFactor.PRICE}
    assert [part.factor for part in result.parts if part.is_named] == [BudgetFactor.EFFICIENCY]


def test_more_items_than_approved_at_the_planned_cost_are_the_volume() -> None:
    result = split(budget=32_000, scope=160)

    assert parts_of(result)["VOLUME"] == pytest.approx(8_000.0, abs=1e-2)
    assert [part.factor for part in result.parts if part.is_named] == [BudgetFactor.VOLUME]


def test_dearer_hours_are_the_price_where_the_ledger_tells_them() -> None:
    amounts = [800.0] * 8 + [1_050.0] * 32
    told = split(budget=32_000, amounts=amounts, hours=[10.0] * WEEKS)
    untold = split(budget=32_000, amounts=amounts)

    assert parts_of(told)["PRICE"] == pytest.approx(8_000.0, rel=0.05)
    assert abs(parts_of(told)["EFFICIENCY"]) < 500
    assert parts_of(untold)["EFFICIENCY"] == pytest.approx(8_000.0, abs=1e-2)


def test_work_done_over_again_is_the_rework() -> None:
    result = split(budget=32_000, rework_share=0.2)

    assert parts_of(result)["REWORK"] == pytest.approx(8_000.0, abs=1e-2)
    assert parts_of(result)["EFFICIENCY"] == pytest.approx(0.0, abs=1e-2)


def test_two_causes_alike_share_alike() -> None:
    result = split(budget=32_000, scope=179, rework_share=0.1056)

    assert parts_of(result)["VOLUME"] == pytest.approx(parts_of(result)["REWORK"], rel=0.02)


def test_without_a_plan_or_starts_factors_are_off() -> None:
    result = split(budget=32_000, scope=None)

    assert set(result.off) == {BudgetFactor.PRICE, BudgetFactor.VOLUME}


def test_healthy_projects_are_accused_of_nothing() -> None:
    rng = np.random.default_rng(5)
    accused = 0
    for _ in range(20):
        amounts = (1_000 * np.exp(rng.normal(0, 0.4, WEEKS))).tolist()
        hours = [amount / 100 * float(np.exp(rng.normal(0, 0.05))) for amount in amounts]
        result = split(budget=sum(amounts), amounts=amounts, hours=hours)
        accused += any(part.is_named for part in result.parts)

    assert accused <= 2


@settings(deadline=timedelta(seconds=5), max_examples=20)
@given(
    st.floats(1_000, 1e9),
    st.integers(1, 400),
    st.floats(0, 1e6),
    st.floats(0, 0.9),
    st.lists(st.floats(-500, 1e5), min_size=WEEKS, max_size=WEEKS),
)
def test_parts_and_unknown_add_up_to_the_last_bit(
    budget: float, scope: int, rest: float, rework: float, amounts: list[float]
) -> None:
    result = split(budget=budget, scope=scope, rest=rest, open_items=7, rework_share=rework, amounts=amounts)

    assert sum(part.money for part in result.parts) + result.unknown == result.overrun
    assert result.overrun >= 0

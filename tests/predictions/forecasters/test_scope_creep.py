from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.backtesting.simulated_growth import simulate_growing_project
from predictions.enums import PredictionType, Trend
from predictions.forecasters.risk import RiskForecast
from predictions.forecasters.scope_creep import ACTIONS, ASSUMPTIONS, forecast_scope_creep, scope_options
from predictions.forecasters.scope_growth import scope_growth, threshold_items
from predictions.forecasters.scope_paths import GrowthPaths, GrowthRates, WeeklyRate, simulate_growth
from projects.enums import Presence, Readiness, StatusCategory
from projects.history import BaselineFact, FieldChangeFact, HistoryFact, ProjectHistory, WorkItemFact
from projects.history.readiness import ReasonCode, UnlockStep
from tests.project_histories import (
    DAY,
    IMPORTED,
    NOW,
    WEEK,
    finished_item,
    generated_facts,
    item_id,
    move,
    team_facts,
    without_later_facts,
    work_item,
)

APPROVED, WEEKS = 100, 40
BEGUN = NOW - WEEKS * WEEK


def approved(items: int, at: object = BEGUN, *, weeks_left: int = 12) -> BaselineFact:
    return BaselineFact(at, at, (NOW + weeks_left * WEEK).date(), items)  # type: ignore[arg-type]


def project(every_weeks: float | None, *, before: int = APPROVED, weeks_left: int = 12) -> list[HistoryFact]:
    """A hundred items approved forty weeks ago; since then one more every so many weeks, the last just now."""
    facts: list[HistoryFact] = [approved(APPROVED, weeks_left=weeks_left)]
    facts += [work_item(number, created_at=BEGUN - (1 + number % 9) * DAY) for number in range(1, before + 1)]
    facts += finished_item(900, created_at=BEGUN - DAY, started_at=NOW - 2 * DAY, finished_at=NOW - DAY)
    facts[1:2] = []
    moments = np.arange(0, WEEKS, every_weeks).tolist() if every_weeks else []
    facts += [work_item(1000 + index, created_at=NOW - DAY - week * WEEK) for index, week in enumerate(moments)]
    return facts


def forecast(facts: list[HistoryFact], **options: object) -> RiskForecast:
    return forecast_scope_creep(ProjectHistory.from_facts(facts), as_of=NOW, **options)  # type: ignore[arg-type]


def chance(risk: RiskForecast) -> float:
    assert risk.probability is not None
    assert 0 < risk.probability.low <= risk.probability.value <= risk.probability.high < 1
    return risk.probability.value


def test_project_about_to_creep_and_its_twin_to_which_nothing_is_added() -> None:
    creeping, twin = forecast(project(4.9)), forecast(project(None))

    assert creeping.type == PredictionType.SCOPE_CREEP
    assert chance(creeping) > 0.5
    assert creeping.base_rate is not None
    assert creeping.time_to_occurrence is not None
    assert 0 < creeping.time_to_occurrence.p10 <= creeping.time_to_occurrence.p50 <= creeping.time_to_occurrence.p90
    assert creeping.time_to_occurrence.p90 <= 12.5 * 7 * 24
    assert chance(twin) < 0.05
    assert not twin.should_alert(was_alerting=True)
    assert twin.prevention_window is None


def test_empty_record_is_misconfigured_and_lists_nothing() -> None:
    assert_abstains(forecast([]), Readiness.MISCONFIGURED, ReasonCode.NO_ITEMS)


def test_claim_fixes_scope_threshold_unit_and_horizon() -> None:
    claim = forecast(project(4.9)).claim

    assert claim is not None
    assert (claim.threshold, claim.unit, claim.target_date) == (10.0, "items", (NOW + 12 * WEEK).date())
    assert claim.terms == {"approved_items": 100, "growth_items": 9, "counted_since": BEGUN.isoformat()}
    assert claim.description == (
        "At some moment up to 2024-09-26T00:00+00:00 (the end of the target day) the scope holds at least 10 items "
        "more than approved; 100 are approved and it holds +9 now."
    )


def test_horizon_is_twelve_weeks_where_no_target_lies_ahead_and_two_years_at_most() -> None:
    past = forecast(project(8.0, weeks_left=-1)).claim
    far = forecast(project(8.0, weeks_left=300)).claim
    given_date = forecast(project(8.0), target_date=(NOW + 5 * WEEK).date()).claim

    assert past is not None
    assert far is not None
    assert given_date is not None
    assert (past.ends_at, past.target_date) == (NOW + 12 * WEEK, None)
    assert "twelve weeks from then" in past.description
    assert far.ends_at == NOW + 104 * WEEK
    assert "(two years from then)" in far.description
    assert given_date.target_date == (NOW + 5 * WEEK).date()


def test_threshold_is_the_least_whole_number_of_items_that_is_a_tenth() -> None:
    assert [threshold_items(items) for items in (1, 9, 10, 11, 100, 101)] == [1, 1, 1, 2, 10, 11]


def test_growth_that_was_approved_is_no_creep() -> None:
    facts = project(4.9)
    later = approved(APPROVED + 9, NOW - WEEK)

    growth = scope_growth(ProjectHistory.from_facts([*facts, later]).as_of(NOW))
    pardoned = forecast([*facts, later])

    assert growth is not None
    assert (growth.growth_items, growth.approved_items, growth.threshold_items) == (0, 109, 11)
    assert chance(pardoned) < chance(forecast(facts)) / 2


def test_what_was_taken_out_makes_room() -> None:
    facts = project(4.9)
    gone = [
        replace(fact, presence=Presence.GONE, presence_changed_at=NOW - 3 * WEEK - number * DAY)
        if isinstance(fact, WorkItemFact) and number in range(10, 15)
        else fact
        for number, fact in enumerate(facts)
    ]

    assert chance(forecast(gone)) < chance(forecast(facts))


def test_window_and_options_are_those_of_the_same_trials() -> None:
    risk = forecast(project(5.5))

    assert risk.prevention_window is not None
    assert [option.code for option in risk.options] == ["TAKE_OUT_AS_MUCH", "CHANGE_CONTROL"]
    assert risk.prevention_window.hours == max(option.latest_start_h or 0 for option in risk.options)
    assert all(option.probability_after < chance(risk) for option in risk.options)
    assert risk.options[0].probability_after < 0.01
    low, high = risk.prevention_window.low_h, risk.prevention_window.high_h
    assert low is None or low <= risk.prevention_window.hours
    assert high is None or high >= risk.prevention_window.hours


def test_answer_has_drivers_indicators_and_the_newest_added_items_as_evidence() -> None:
    facts = project(5.5)
    facts += [
        FieldChangeFact(item_id(number), "estimate_points", None, value, at, IMPORTED)
        for number in (20, 21)
        for value, at in (("2.0", BEGUN - DAY), ("3.0", NOW - 2 * WEEK))
    ]

    risk = forecast(facts)

    assert {driver.code for driver in risk.drivers} == {"ADDED", "GROWN", "TAKEN_OUT"}
    names = [indicator.name for indicator in risk.indicators]
    assert names == ["net_growth", "items_added", "items_taken_out", "estimate_inflation"]
    assert sum(indicator.weight for indicator in risk.indicators) == pytest.approx(1.0)
    assert risk.indicators[-1].value == pytest.approx(50.0)
    assert risk.indicators[0].value == pytest.approx(8.0)
    assert [fact.label for fact in risk.evidence[:4]] == ["Approved scope", "Scope now", "DEMO-1000", "DEMO-1001"]
    assert risk.evidence[1].value == "108"
    assert risk.evidence[2].url == "https://tracker.example/DEMO-1000"
    assert risk.assumptions == ASSUMPTIONS
    assert all(indicator.trend in Trend for indicator in risk.indicators)


# --- the gate ---


def imported_list() -> list[HistoryFact]:
    batch = [work_item(3000 + n, created_at=NOW - 3 * WEEK + timedelta(seconds=n)) for n in range(60)]
    return [*project(8.0), *batch]


def future_creations() -> list[HistoryFact]:
    return [*project(8.0), *(work_item(3000 + n, created_at=NOW + (9 + n) * DAY) for n in range(200))]


def stopped() -> list[HistoryFact]:
    return [approved(40, NOW - 15 * WEEK), *team_facts([2] * 10, open_items=20, as_of=NOW - 6 * WEEK)]


def everything_deleted() -> list[HistoryFact]:
    return [
        approved(20),
        *(
            work_item(n, created_at=BEGUN - DAY, presence=Presence.GONE, presence_changed_at=NOW - DAY)
            for n in range(20)
        ),
        move(1, StatusCategory.TODO, NOW - DAY),
    ]


def just_approved() -> list[HistoryFact]:
    return [fact for fact in project(8.0) if not isinstance(fact, BaselineFact)] + [approved(105, NOW - 2 * WEEK)]


def without_plan() -> list[HistoryFact]:
    return [fact for fact in project(8.0) if not isinstance(fact, BaselineFact)]


def plan_of(items: int) -> Callable[[], list[HistoryFact]]:
    return lambda: [*without_plan(), approved(items)]


CASES: dict[str, tuple[Callable[[], list[HistoryFact]], Readiness, ReasonCode]] = {
    "no history": (list, Readiness.MISCONFIGURED, ReasonCode.NO_ITEMS),
    "no baseline": (without_plan, Readiness.MISCONFIGURED, ReasonCode.NO_BASELINE),
    "baseline of zero": (plan_of(0), Readiness.MISCONFIGURED, ReasonCode.NO_BASELINE),
    "negative baseline": (plan_of(-5), Readiness.MISCONFIGURED, ReasonCode.NO_BASELINE),
    "already grown": (plan_of(50), Readiness.MISCONFIGURED, ReasonCode.SCOPE_GROWN),
    "two weeks of a plan": (just_approved, Readiness.INSUFFICIENT, ReasonCode.HISTORY_TOO_SHORT),
    "imported list": (imported_list, Readiness.INSUFFICIENT, ReasonCode.CREATED_IN_BULK),
    "future dates": (future_creations, Readiness.INSUFFICIENT, ReasonCode.FUTURE_DATED),
    "stopped": (stopped, Readiness.STALE, ReasonCode.RECORD_STALE),
    "deleted items": (everything_deleted, Readiness.MISCONFIGURED, ReasonCode.NOTHING_REMAINING),
    "baseline approved tomorrow": (
        lambda: [*without_plan(), approved(100, NOW + DAY)],
        Readiness.MISCONFIGURED,
        ReasonCode.NO_BASELINE,
    ),
}


@pytest.mark.parametrize(("facts", "readiness", "code"), CASES.values(), ids=CASES)
def test_bad_data_never_yields_a_number(
    facts: Callable[[], list[HistoryFact]], readiness: Readiness, code: ReasonCode
) -> None:
    assert_abstains(forecast(facts()), readiness, code)


def assert_abstains(risk: RiskForecast, readiness: Readiness, code: ReasonCode) -> None:
    assert risk.readiness.readiness == readiness
    assert code in {reason.code for reason in risk.readiness.reasons}
    assert all(reason.message and reason.unlock for reason in risk.readiness.reasons)
    numbers = (risk.probability, risk.base_rate, risk.time_to_occurrence, risk.prevention_window, risk.impact)
    assert numbers == (None,) * 5
    assert (risk.drivers, risk.indicators, risk.evidence, risk.options, risk.claim) == ((), (), (), (), None)
    assert not risk.should_alert(was_alerting=True)


def test_missing_baseline_names_the_step_that_unlocks() -> None:
    assert forecast(without_plan()).readiness.reasons[0].unlock == UnlockStep.APPROVE_BASELINE


def test_small_imported_list_is_said_and_not_counted() -> None:
    batch = [work_item(3000 + n, created_at=NOW - 3 * WEEK + timedelta(seconds=n)) for n in range(10)]
    facts = [*without_plan(), *(work_item(500 + n, created_at=BEGUN - DAY) for n in range(20)), approved(120)]

    without, with_batch = forecast(facts), forecast([*facts, *batch])

    assert with_batch.claim is not None
    assert without.claim is not None
    assert with_batch.claim.terms == without.claim.terms
    assert (without.readiness.readiness, with_batch.readiness.readiness) == (Readiness.OK, Readiness.LIMITED)
    assert [reason.code for reason in with_batch.readiness.reasons] == [ReasonCode.CREATED_IN_BULK]


def test_scope_not_entered_yet_is_limited() -> None:
    risk = forecast(project(8.0, before=60))

    assert risk.readiness.readiness == Readiness.LIMITED
    assert risk.readiness.reasons[0].unlock == UnlockStep.ENTER_PLANNED_SCOPE
    assert chance(risk) < 0.05


# --- same facts, same answer; no look-ahead ---


def answers(risk: RiskForecast) -> tuple[object, ...]:
    return tuple(getattr(risk, field.name) for field in fields(risk))


@settings(deadline=None, max_examples=60)
@given(facts=generated_facts(), back_hours=st.integers(0, 24 * 60))
def test_any_facts_never_raise_and_their_order_and_future_do_not_matter(
    facts: list[HistoryFact], back_hours: int
) -> None:
    moment = NOW - timedelta(hours=back_hours)

    whole, turned, cut = (
        forecast_scope_creep(ProjectHistory.from_facts(some), as_of=moment, trials=100)
        for some in (facts, facts[::-1], without_later_facts(facts, moment))
    )

    assert answers(whole) == answers(turned) == replace_labels(answers(cut), whole)


def replace_labels(values: tuple[object, ...], like: RiskForecast) -> tuple[object, ...]:
    """is_reconstructed tells how a moment is known, and may differ where the later recordings are deleted."""
    names = [field.name for field in fields(like)]
    place = names.index("is_reconstructed")
    return (*values[:place], like.is_reconstructed, *values[place + 1 :])


@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 10_000), week=st.integers(8, 60))
def test_simulated_projects_have_no_look_ahead_either(seed: int, week: int) -> None:
    project = simulate_growing_project(seed)
    moment = project.begins_at + timedelta(weeks=week, hours=11)
    facts = list(project.facts)

    whole, turned, cut = (
        forecast_scope_creep(ProjectHistory.from_facts(some), as_of=moment, trials=100)
        for some in (facts, facts[::-1], without_later_facts(facts, moment))
    )

    assert answers(whole) == answers(turned) == answers(cut)


def test_prevention_window_is_the_latest_hour_by_brute_force() -> None:
    rates = GrowthRates(WeeklyRate(1.1, 0.3, 1.8, 0.05), WeeklyRate(0.1, 0.05, 1.5, 0.02), 0.01, 0.5)
    paths = simulate_growth(rates, growth_items=3, threshold_items=10, hours=24 * 45, seed=5, trials=400)
    starts: dict[str, float | None] = {}
    for code, _title, _description, (scale, delay_h) in ACTIONS:
        helps = [1 - paths.probability(from_hour=hour + delay_h, scale=scale) >= 0.85 for hour in range(24 * 45 + 1)]
        assert helps == sorted(helps, reverse=True)  # starting later never helps more
        starts[code] = float(sum(helps) - 1) if any(helps) else None

    options = scope_options(paths, 0.85)

    assert paths.probability() > 0.15
    assert {option.code: option.latest_start_h for option in options} == starts
    assert starts["TAKE_OUT_AS_MUCH"] is not None


@given(
    seed=st.integers(0, 1_000), growth=st.integers(-3, 6), hour=st.integers(0, 24 * 45), scale=st.sampled_from((0, 0.5))
)
def test_chance_after_an_action_is_that_of_every_trial_followed_on_its_own(
    seed: int, growth: int, hour: int, scale: float
) -> None:
    rates = GrowthRates(WeeklyRate(1.1, 0.3, 1.8, 0.05), WeeklyRate(0.1, 0.05, 1.5, 0.02), 0.1, 0.5)
    paths = simulate_growth(rates, growth_items=growth, threshold_items=5, hours=24 * 45, seed=seed, trials=40)

    def creeps(trial: int) -> bool:
        stands = float(growth)
        for week in range(paths.added.shape[1]):
            lasts = min(168, 24 * 45 - 168 * week)
            before = min(max((hour - 168 * week) / lasts, 0), 1)
            come = paths.added[trial, week] * (before + (1 - before) * scale)
            stands += np.floor(come + paths.phase[trial, week]) - paths.taken_out[trial, week]
            if stands >= 5:
                return True
            stands -= paths.approved[trial, week] * max(stands, 0)
        return False

    assert paths.probability(from_hour=hour, scale=scale) == (sum(map(creeps, range(40))) + 1) / 42


def test_path_that_can_be_followed_by_hand() -> None:
    def paths(added: list[float], taken_out: list[float], approved_share: float = 0.0) -> GrowthPaths:
        rows = [np.array([values], dtype=np.float64) for values in (added, taken_out)]
        phase = np.full((1, len(added)), 0.5)
        return GrowthPaths(2, 5, 168.0 * len(added), rows[0], rows[1], np.full((1, len(added)), approved_share), phase)

    assert paths([1, 0, 4], [0, 1, 0]).crossing_hours().tolist() == [336 + 168 * 2.5 / 4]
    assert paths([1, 0, 2], [0, 1, 0]).crossing_hours().tolist() == [np.inf]
    assert paths([1, 0, 4], [0, 1, 0], approved_share=1.0).crossing_hours().tolist() == [np.inf]
    assert paths([1, 0, 4], [0, 1, 0]).probability(from_hour=0.0, scale=0.5) == 1 / 3
    assert paths([2, 0, 4], [0, 1, 0]).final_growth().tolist() == [7.0]

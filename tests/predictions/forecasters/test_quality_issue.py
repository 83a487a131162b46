from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.backtesting.simulated_bugs import simulate_buggy_project
from predictions.enums import PredictionType, Severity
from predictions.forecasters.bug_arrivals import bug_arrivals, upper_limits
from predictions.forecasters.quality_covariates import COVARIATES, quality_covariates
from predictions.forecasters.quality_issue import UNTESTED, forecast_quality_issue
from predictions.forecasters.quality_rungs import QualityRung, quality_rungs
from predictions.forecasters.risk import RiskForecast
from predictions.forecasters.severe_incidents import incident_rate
from projects.enums import IncidentSeverity, Presence, Readiness, StatusCategory
from projects.history import HistoryFact, ProjectHistory, WorkItemFact
from projects.history.delivery_facts import IncidentFact
from projects.history.readiness import ReasonCode, UnlockStep
from tests.project_histories import DAY, NOW, WEEK, generated_facts, move, without_later_facts, work_item

USUAL = [2] * 60


def typed(number: int, week_of: int, hour: float, item_type: str = "Bug") -> WorkItemFact:
    """An item created so many weeks before NOW, in the week that ends there."""
    created_at = NOW - week_of * WEEK + timedelta(hours=hour)
    return replace(work_item(number, created_at=created_at, recorded_at=created_at), item_type=item_type)


def bugs(weekly: Sequence[int], *, item_type: str = "Bug") -> list[HistoryFact]:
    """So many bugs a week, the last week ending now, beside one story a week."""
    facts: list[HistoryFact] = []
    number = 0
    for back, count in zip(range(len(weekly), 0, -1), weekly, strict=True):
        for index in range(count):
            facts.append(typed(number, back, 160 * (index + 0.5) / count, item_type))
            number += 1
        facts.append(typed(10_000 + back, back, 80.0, "Story"))
    return facts


def incident(back_days: float, severity: IncidentSeverity = IncidentSeverity.SEV1) -> IncidentFact:
    opened_at = NOW - back_days * DAY
    return IncidentFact(UUID(int=90_000 + int(back_days * 10)), opened_at, opened_at, severity)


def forecast(facts: list[HistoryFact]) -> RiskForecast:
    return forecast_quality_issue(ProjectHistory.from_facts(facts), as_of=NOW)


def chance(risk: RiskForecast) -> float:
    assert risk.probability is not None
    assert 0 < risk.probability.low <= risk.probability.value <= risk.probability.high < 1
    return risk.probability.value


def test_project_whose_bugs_multiply_and_its_twin_that_goes_on_as_usual() -> None:
    rising, twin = forecast(bugs([*USUAL, 5, 6, 8, 9, 11, 12])), forecast(bugs([*USUAL, *[2] * 6]))

    assert rising.type == PredictionType.QUALITY_ISSUE
    assert chance(rising) > 0.5
    assert rising.should_alert(was_alerting=False)
    assert rising.base_rate is not None
    assert rising.base_rate < 0.3
    assert rising.time_to_occurrence is not None
    assert 24 < rising.time_to_occurrence.p10 < rising.time_to_occurrence.p50 < rising.time_to_occurrence.p90 <= 28 * 24
    assert chance(twin) < 0.05
    assert not twin.should_alert(was_alerting=True)


def test_empty_record_is_misconfigured_and_lists_nothing() -> None:
    assert_abstains(forecast([]), Readiness.MISCONFIGURED, ReasonCode.NO_ITEMS)


def test_claim_fixes_limit_window_and_whether_incidents_count() -> None:
    without, with_tool = forecast(bugs(USUAL)).claim, forecast([*bugs(USUAL), incident(200)]).claim

    assert without is not None
    assert with_tool is not None
    assert (without.ends_at, without.unit) == (NOW + 28 * DAY, "bugs in 28 d")
    assert without.threshold == float(upper_limits(np.array(USUAL, dtype=np.float64))[-1])
    assert without.terms == {"incidents": False}
    assert without.description == (
        f"More than {without.threshold:.0f} bugs come in between 2024-07-03T12:00+00:00 and 2024-07-31T12:00+00:00."
    )
    assert with_tool.terms == {"incidents": True}
    assert "or an incident of severity 1 or 2 is opened." in with_tool.description


def test_limit_holds_what_is_usual_and_is_never_below_two() -> None:
    quiet, usual = upper_limits(np.zeros(60)), upper_limits(np.array([3.0] * 60))
    wild = upper_limits(np.array([0.0, 0, 0, 0, 12, 0, 6, 6] * 8))

    assert set(quiet.tolist()) == {2.0}
    assert 16 <= usual[-1] <= 22
    assert wild[-1] > usual[-1]


def test_limit_is_exceeded_by_about_one_window_in_twenty_of_a_steady_team() -> None:
    rng = np.random.default_rng(3)
    shares = []
    for rate in (0.5, 2.0, 8.0):
        weekly = rng.poisson(rate, 4_000).astype(np.float64)
        limits = upper_limits(weekly)
        sums = np.convolve(weekly, np.ones(4), mode="valid")
        shares.append(float((sums[60:] > limits[60 : len(sums)]).mean()))

    assert all(0.002 < share < 0.08 for share in shares)


def test_severe_incidents_add_their_own_chance_and_others_do_not() -> None:
    facts = bugs(USUAL)
    minor = forecast([*facts, *(incident(day, IncidentSeverity.SEV3) for day in range(5, 400, 30))])
    severe = forecast([*facts, *(incident(day) for day in range(5, 400, 30))])
    rate = incident_rate(
        ProjectHistory.from_facts([incident(91), incident(273), incident(728, IncidentSeverity.SEV4)]).as_of(NOW),
        window_weeks=4,
    )

    assert chance(severe) > 0.4 > chance(minor)
    assert severe.impact in {Severity.HIGH, Severity.CRITICAL}
    assert severe.evidence[-1].label == "Newest severe incident"
    assert severe.drivers[0].code == "INCIDENTS"
    assert rate is not None
    assert rate.chance(4) == pytest.approx(0.09, abs=0.01)
    assert (rate.hit, rate.windows) == (2, 26)


def test_answer_has_drivers_indicators_evidence_and_options() -> None:
    risk = forecast(bugs([*USUAL, 6, 7, 6, 7]))

    assert risk.drivers[0].code == "BUG_LEVEL"
    assert risk.drivers[0].effect > 0.2
    names = [indicator.name for indicator in risk.indicators]
    assert names == ["bugs_in_28_days", "open_bugs", "work_in_progress", "churn"]
    assert sum(indicator.weight for indicator in risk.indicators) == pytest.approx(1.0)
    assert risk.indicators[0].value == 26
    assert [fact.value for fact in risk.evidence[:2]] == [f"{risk.indicators[0].threshold:.0f}", "26"]
    assert len(risk.evidence) == 7
    assert risk.evidence[2].url.startswith("https://tracker.example/DEMO-")
    assert {option.code for option in risk.options} == {"REDUCE_WORK_IN_PROGRESS", "BUG_FIX_BUDGET"}


def test_option_whose_effect_nobody_can_tell_is_untested_and_opens_no_window() -> None:
    risk = forecast(bugs([*USUAL, 6, 7, 6, 7, 6, 7]))

    assert risk.model.id == "quality-issue.negative_binomial"
    assert risk.prevention_window is None
    for option in risk.options:
        assert UNTESTED in option.description
        assert (option.probability_after, option.latest_start_h) == (chance(risk), None)


def crowded_project(weeks: int = 155) -> list[HistoryFact]:
    """Bugs come four times as often some weeks after twelve items a week were begun instead of three."""
    facts: list[HistoryFact] = []
    number = 0
    for back in range(weeks, 0, -1):
        is_crowded = 6 <= back % 40 < 12
        for index in range(12 if is_crowded else 3):
            number += 1
            at = NOW - back * WEEK + timedelta(hours=8 * index)
            facts.append(replace(work_item(number, created_at=at - DAY, recorded_at=at - DAY), item_type="Story"))
            facts += [
                move(number, StatusCategory.IN_PROGRESS, at, at),
                move(number, StatusCategory.DONE, at + WEEK, at + WEEK),
            ]
        follows = 2 <= back % 40 < 8
        facts += [typed(20_000 + 20 * back + index, back, 9.0 * index + 1) for index in range(9 if follows else 2)]
    return facts


def test_covariate_that_predicts_is_learned_served_and_gives_options_an_effect() -> None:
    history = ProjectHistory.from_facts(crowded_project())
    known = history.as_of(NOW - 7 * WEEK)
    arrivals = bug_arrivals(known)

    rungs = quality_rungs(arrivals, quality_covariates(known, arrivals))

    assert rungs.served is QualityRung.LEARNED
    assert rungs.brier[QualityRung.LEARNED] < rungs.brier[QualityRung.LEVEL]
    assert rungs.coefficients[COVARIATES.index("work_in_progress")] > 0
    served = forecast_quality_issue(history, as_of=NOW - 7 * WEEK)
    assert served.model.id == "quality-issue.negative_binomial_with_covariates"
    helping = [option for option in served.options if UNTESTED not in option.description]
    assert helping
    assert all(option.probability_after < chance(served) for option in helping)


# --- the gate ---


def imported_bugs() -> list[HistoryFact]:
    batch = [typed(5_000 + n, 3, n / 3_600) for n in range(130)]
    return [*bugs(USUAL), *batch]


def future_creations() -> list[HistoryFact]:
    ahead = [replace(work_item(5_000 + n, created_at=NOW + (9 + n) * DAY), item_type="Bug") for n in range(400)]
    return [*bugs(USUAL), *ahead]


def half_without_type() -> list[HistoryFact]:
    return [*bugs(USUAL), *(typed(5_000 + n, 1 + n % 50, 1 + n / 7, "") for n in range(300))]


CASES: dict[str, tuple[Callable[[], list[HistoryFact]], Readiness, ReasonCode]] = {
    "no history": (list, Readiness.MISCONFIGURED, ReasonCode.NO_ITEMS),
    "no types": (lambda: bugs(USUAL, item_type="")[:1] * 200, Readiness.MISCONFIGURED, ReasonCode.NO_ITEM_TYPES),
    "types that name no bug": (
        lambda: bugs(USUAL, item_type="Ticket"),
        Readiness.MISCONFIGURED,
        ReasonCode.NO_BUG_TYPE,
    ),
    "types that are numbers": (
        lambda: [fact for fact in bugs(USUAL, item_type="10004") if fact.item_type != "Story"],  # type: ignore[union-attr]
        Readiness.MISCONFIGURED,
        ReasonCode.NO_ITEM_TYPES,
    ),
    "six weeks": (lambda: bugs([2] * 6), Readiness.INSUFFICIENT, ReasonCode.HISTORY_TOO_SHORT),
    "half without a type": (half_without_type, Readiness.INSUFFICIENT, ReasonCode.NO_ITEM_TYPES),
    "imported list": (imported_bugs, Readiness.INSUFFICIENT, ReasonCode.CREATED_IN_BULK),
    "future dates": (future_creations, Readiness.INSUFFICIENT, ReasonCode.FUTURE_DATED),
    "stopped": (lambda: bugs(USUAL)[:-20], Readiness.STALE, ReasonCode.RECORD_STALE),
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


def test_missing_types_name_the_step_that_unlocks() -> None:
    reasons = forecast(bugs(USUAL, item_type="Ticket")).readiness.reasons

    assert reasons[0].unlock == UnlockStep.RECORD_ITEM_TYPES


def test_deleted_bug_still_came_in() -> None:
    facts = bugs(USUAL)
    gone = [
        replace(fact, presence=Presence.GONE, presence_changed_at=NOW - DAY)
        if isinstance(fact, WorkItemFact) and fact.item_type == "Bug"
        else fact
        for fact in facts
    ]

    arrivals, deleted = (bug_arrivals(ProjectHistory.from_facts(some).as_of(NOW)) for some in (facts, gone))

    assert arrivals.weekly.tolist() == deleted.weekly.tolist()


# --- same facts, same answer; no look-ahead ---


def answers(risk: RiskForecast) -> dict[str, object]:
    """All but is_reconstructed: it tells how a moment is known, so it differs where later recordings are deleted."""
    return {field.name: getattr(risk, field.name) for field in fields(risk) if field.name != "is_reconstructed"}


@settings(deadline=None, max_examples=60)
@given(facts=generated_facts(), back_hours=st.integers(0, 24 * 60))
def test_any_facts_never_raise_and_their_order_and_future_do_not_matter(
    facts: list[HistoryFact], back_hours: int
) -> None:
    moment = NOW - timedelta(hours=back_hours)

    whole, turned, cut = (
        forecast_quality_issue(ProjectHistory.from_facts(some), as_of=moment)
        for some in (facts, facts[::-1], without_later_facts(facts, moment))
    )

    assert answers(whole) == answers(turned) == answers(cut)


@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 10_000), week=st.integers(14, 105))
def test_simulated_projects_have_no_look_ahead_either(seed: int, week: int) -> None:
    project = simulate_buggy_project(seed)
    moment = project.begins_at + timedelta(weeks=week, hours=11)
    facts = list(project.facts)

    whole, turned, cut = (
        forecast_quality_issue(ProjectHistory.from_facts(some), as_of=moment)
        for some in (facts, facts[::-1], without_later_facts(facts, moment))
    )

    assert whole.probability is not None
    assert answers(whole) == answers(turned) == answers(cut)

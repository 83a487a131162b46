"""Every forecaster and detector over every seeded defect: no number where the defect destroys what it rests on.

Where it does not, the number is the one of the sound record, or it is marked LIMITED: ROWS says which, pair by pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaps.detectors.detection import DetectionContext
from gaps.detectors.registry import DETECTORS
from gaps.enums import GapType
from predictions.attribution.forecast_moves import ToldForecast, decompose_move
from predictions.attribution.slip import decompose_slip
from predictions.forecasters.finish import FinishForecast, forecast_finish
from predictions.forecasters.registry import FORECASTERS, Forecaster, ForecastInputs
from predictions.forecasters.replay import ReplayPlan, replay_delay_risk
from predictions.forecasters.risk import RiskForecast
from predictions.forecasters.what_if import DO_NOTHING, AddCapacity, DropItems, LimitWip, MoveDate, Scenario, WhatIf
from projects.enums import Readiness
from projects.history import BaselineFact, HistoryFact, ProjectHistory, WorkCalendar
from tests.predictions.forecasters.seeded_defects import BY_NAME, DEFECTS, TARGET, Defect, with_defects
from tests.predictions.forecasters.test_registry import RICH
from tests.project_histories import NOW, WEEK, team_facts

CALENDAR, SIX_DAYS = WorkCalendar(), WorkCalendar(working_weekdays=frozenset(range(6)))
DRAWS = 0.07
"""Another record draws other trials: so far apart two answers may lie that say the same."""


class Answer(StrEnum):
    """What a forecaster is to say of a record with a defect.

    SAME: the number of the sound record;  LIMITED: a number, and why it is doubtful;  FAR: of a date nobody can miss
    """

    NO_NUMBER = "NO_NUMBER"
    SAME = "SAME"
    LIMITED = "LIMITED"
    FAR = "FAR"
    OTHER_HORIZON = "OTHER_HORIZON"


NONE, SAME, LIMITED = Answer.NO_NUMBER, Answer.SAME, Answer.LIMITED
NAMES = tuple(forecaster.name for forecaster in FORECASTERS)
SHORT = ("DELAY", "RELEASE", "BUDGET", "SCOPE", "QUALITY", "CAPACITY", "OVERLOAD", "ITERATION", "ITEM")
COLUMNS: Mapping[str, str] = dict(
    zip(
        SHORT,
        (
            "DELAY_RISK project",
            "DELAY_RISK milestone",
            "BUDGET_OVERRUN project",
            "SCOPE_CREEP project",
            "QUALITY_ISSUE project",
            "RESOURCE_SHORTAGE project",
            "TEAM_BURNOUT project",
            "DELAY_RISK iteration",
            "DELAY_RISK work_item",
        ),
        strict=True,
    )
)
ROWS: Mapping[str, tuple[Answer, Mapping[str, Answer]]] = {
    "no history": (NONE, {}),
    # An iteration of a new team is forecast from those of others.
    "one week of data": (NONE, {"ITERATION": LIMITED}),
    # Arrivals, capacity by people and what is in an iteration are not counted by what was done.
    "bulk-closed batch": (NONE, {"QUALITY": SAME, "OVERLOAD": SAME, "ITERATION": SAME}),
    "future dates": (NONE, {}),
    # Growth and bugs are counted by creation, overload by hours; a commitment is what was in the iteration.
    "clock skew": (NONE, {"SCOPE": SAME, "QUALITY": SAME, "OVERLOAD": SAME, "ITERATION": SAME}),
    # Only the load of overload is counted from starts.
    "done without start": (SAME, {"OVERLOAD": NONE}),
    "done without dates": (NONE, {"SCOPE": SAME, "QUALITY": SAME, "OVERLOAD": SAME}),
    # What is in no release, in no iteration, no bug and not due does not touch theirs; overload knows its own limits.
    "zombie work": (
        NONE,
        {"QUALITY": SAME, "OVERLOAD": SAME, "ITERATION": SAME, "ITEM": NONE},
    ),
    "duplicated facts": (SAME, {}),
    "one item many times": (NONE, {}),
    # A bug that was deleted did arrive.
    "everything deleted": (NONE, {"QUALITY": SAME}),
    "iterations and releases without dates": (SAME, {"RELEASE": NONE, "ITERATION": NONE}),
    "all estimates missing": (SAME, {"ITERATION": NONE}),
    "all due dates missing": (SAME, {"ITEM": NONE}),
    "workflow replaced": (NONE, {"SCOPE": SAME, "QUALITY": SAME, "OVERLOAD": SAME, "ITERATION": SAME}),
    "workflow unmapped": (NONE, {"SCOPE": SAME, "QUALITY": SAME}),
    "target in the past": (
        NONE,
        {"BUDGET": SAME, "SCOPE": Answer.OTHER_HORIZON, "QUALITY": SAME, "OVERLOAD": SAME},
    ),
    "scope of zero": (NONE, {}),
    "contradictory links": (SAME, {}),
    "dates of year one": (LIMITED, {"OVERLOAD": NONE}),
    "one date of year one": (SAME, {}),
    "dates at the end of time": (
        SAME,
        {"DELAY": Answer.FAR, "RELEASE": Answer.FAR, "SCOPE": Answer.OTHER_HORIZON, "ITERATION": NONE, "ITEM": NONE},
    ),
    "huge values": (SAME, {"BUDGET": NONE, "SCOPE": LIMITED, "ITERATION": NONE}),
    "garbage values": (SAME, {"ITERATION": NONE, "ITEM": NONE}),
    "nothing for five weeks": (NONE, {}),
    "never finished": (NONE, {"SCOPE": SAME, "QUALITY": SAME, "OVERLOAD": SAME}),
}
"""What nearly every forecaster says of a record with the defect, and who says otherwise."""
PAIRS = [
    (defect, COLUMNS[short], others.get(short, usual)) for defect, (usual, others) in ROWS.items() for short in SHORT
]


def ask(forecaster: Forecaster, facts: Sequence[HistoryFact], target: date | None) -> Sequence[RiskForecast]:
    known = ProjectHistory.from_facts(facts).as_of(NOW)
    return forecaster.ask(ForecastInputs(known, CALENDAR, finish_of(known, target), 0.85, team_signals_enabled=True))


def finish_of(known: ProjectHistory, target: date | None) -> FinishForecast:
    return forecast_finish(known, as_of=known.as_of_moment, target_date=target, calendar=CALENDAR)


@cache
def sound(name: str, target: date | None = TARGET) -> Mapping[str, float]:
    """Probabilities of the record without a defect, by subject."""
    found = ask(named(name), RICH[name], target)
    return {risk.claim.subject.id: risk.probability.value for risk in found if risk.claim and risk.probability}


def named(name: str) -> Forecaster:
    return next(forecaster for forecaster in FORECASTERS if forecaster.name == name)


def test_table_speaks_of_every_forecaster_and_every_defect() -> None:
    assert set(COLUMNS.values()) == set(NAMES)
    assert set(ROWS) == set(BY_NAME)


@pytest.mark.parametrize(("defect", "name", "expected"), PAIRS, ids=[f"{pair[0]}, {pair[1]}" for pair in PAIRS])
def test_no_number_where_a_defect_destroys_what_it_rests_on(defect: str, name: str, expected: Answer) -> None:
    assert sound(name), "the sound record has to carry an answer"
    seeded = BY_NAME[defect]

    risks = ask(named(name), seeded.inject(RICH[name]), seeded.target_date)

    assert risks
    for risk in risks:
        assert_speaks_or_says_why(risk)
        if expected == Answer.NO_NUMBER:
            assert not risk.readiness.carries_value
        else:
            assert_number(risk, name, defect, expected)


def assert_speaks_or_says_why(risk: RiskForecast) -> None:
    """Either a whole answer or none, and of what limits it the reason and the step that lifts it."""
    assert all(reason.message and reason.unlock for reason in risk.readiness.reasons)
    if risk.readiness.carries_value:
        assert risk.probability is not None
        assert 0 <= risk.probability.low <= risk.probability.value <= risk.probability.high <= 1
        assert risk.claim is not None
        return
    assert risk.readiness.reasons
    assert (risk.probability, risk.claim, risk.base_rate, risk.impact, risk.time_to_occurrence) == (None,) * 5
    assert (risk.prevention_window, risk.options, risk.indicators, risk.quantiles) == (None, (), (), None)


def assert_number(risk: RiskForecast, name: str, defect: str, expected: Answer) -> None:
    assert risk.probability is not None
    assert risk.claim is not None
    if expected == Answer.LIMITED:
        assert risk.readiness.readiness == Readiness.LIMITED
    elif expected == Answer.FAR:
        assert risk.probability.value < 0.01
    else:
        target = TARGET if expected == Answer.SAME else other_horizon(defect)
        assert risk.readiness.readiness == Readiness.OK
        assert risk.probability.value == pytest.approx(sound(name, target)[risk.claim.subject.id], abs=DRAWS)


def other_horizon(defect: str) -> date | None:
    """The growth of a scope is asked about for twelve weeks without a target to come, and for two years at most."""
    return None if defect == "target in the past" else (NOW + 150 * WEEK).date()


# --- what rests on the finish forecast ---


PLANNED = BaselineFact(NOW - 40 * WEEK, NOW - 40 * WEEK, TARGET, 200, (NOW - 40 * WEEK).date())
RECORD = [*team_facts([5] * 40, open_items=80), PLANNED]
OPTIONS = (
    DO_NOTHING,
    Scenario("drop", (DropItems(10),)),
    Scenario("people", (AddCapacity(people=1, team_size=5),)),
    Scenario("limit", (LimitWip(3),)),
    Scenario("move", (MoveDate(date.max),)),
)
KEEPS_ITS_DATE = {defect for defect, (usual, others) in ROWS.items() if others.get("DELAY", usual) != Answer.NO_NUMBER}


@pytest.mark.parametrize("seeded", DEFECTS, ids=lambda defect: defect.name)
def test_what_rests_on_the_date_is_silent_where_the_date_is(seeded: Defect) -> None:
    history = ProjectHistory.from_facts(seeded.inject(RECORD))
    known = history.as_of(NOW)
    finish = finish_of(known, seeded.target_date)

    slip = decompose_slip(history, as_of=NOW, finish=finish, calendar=CALENDAR, planned_calendar=SIX_DAYS)
    outcomes = [WhatIf(finish.basis).outcome(option) for option in OPTIONS] if finish.basis else []

    if seeded.name not in KEEPS_ITS_DATE:
        assert (slip, finish.trials, finish.p_on_time) == (None, None, None)
        assert finish.readiness.reasons
        return
    assert len(outcomes) == len(OPTIONS)
    if seeded.name == "dates of year one":
        assert slip is None  # a plan that begins in the year 1 is none to be late against
        return
    assert slip is not None
    assert slip.slip_days == sum(part.days for part in slip.parts) + slip.unknown_days


@pytest.mark.parametrize("gap_type", DETECTORS, ids=str)
@pytest.mark.parametrize("seeded", DEFECTS, ids=lambda defect: defect.name)
def test_no_detector_finds_a_gap_that_its_record_cannot_carry(gap_type: GapType, seeded: Defect) -> None:
    known = ProjectHistory.from_facts(seeded.inject(RECORD)).as_of(NOW)
    context = DetectionContext(known, CALENDAR, finish_of(known, seeded.target_date))

    for detection in DETECTORS[gap_type](context):
        assert all(reason.message and reason.unlock for reason in detection.readiness.reasons)
        if not detection.readiness.carries_value:
            assert detection.readiness.reasons
            assert (detection.finding, detection.effect) == (None, None)


@pytest.mark.parametrize("seeded", DEFECTS, ids=lambda defect: defect.name)
def test_a_forecast_that_moved_into_a_defect_is_shared_out_or_not_asked(seeded: Defect) -> None:
    then = finish_of(ProjectHistory.from_facts(RECORD).as_of(NOW - 2 * WEEK), TARGET)
    now = finish_of(ProjectHistory.from_facts(seeded.inject(RECORD)).as_of(NOW), seeded.target_date)
    assert then.basis is not None
    if now.basis is None:
        assert not now.readiness.carries_value
        return

    move = decompose_move(ToldForecast(then.basis, None, None), ToldForecast(now.basis, None, None))

    assert move.days is None
    assert {part.days for part in move.parts} == {None}


@pytest.mark.parametrize("seeded", DEFECTS, ids=lambda defect: defect.name)
def test_replay_goes_through_every_defect(seeded: Defect) -> None:
    history = ProjectHistory.from_facts(seeded.inject(RECORD))

    replay = replay_delay_risk(history, ReplayPlan(NOW, months=3, step=2 * WEEK), calendar=CALENDAR)

    assert len(replay.steps) == replay.plan.count
    for step in replay.steps:
        assert step.readiness.carries_value == (step.probability is not None)
        assert step.probability is not None or step.readiness.reasons


# --- several at once ---


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    defects=st.lists(st.sampled_from(DEFECTS), min_size=2, max_size=5),
    hours=st.integers(min_value=-24 * 400, max_value=24 * 20),
)
def test_no_mixture_of_defects_raises_at_any_moment(name: str, defects: list[Defect], hours: int) -> None:
    facts, target = with_defects(RICH[name], defects)
    known = ProjectHistory.from_facts(facts).as_of(NOW + timedelta(hours=hours))
    finish = finish_of(known, target)

    for forecaster in FORECASTERS:
        inputs = ForecastInputs(known, CALENDAR, finish, 0.85, team_signals_enabled=True)
        for risk in forecaster.ask(inputs):
            assert_speaks_or_says_why(risk)
    context = DetectionContext(known, CALENDAR, finish)
    for detect in DETECTORS.values():
        assert detect(context)
    if finish.basis is not None:
        decompose_slip(
            known, as_of=known.as_of_moment, finish=finish, calendar=CALENDAR, planned_calendar=SIX_DAYS, draws=4
        )
        for option in OPTIONS:
            WhatIf(finish.basis).outcome(option)

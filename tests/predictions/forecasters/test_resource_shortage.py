"""Shortage of capacity: who has one, who has not, who cannot say, and whether the probabilities come true."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from predictions.enums import OutcomeResult
from predictions.forecasters.capacity_series import (
    CapacitySource,
    capacity_matrix,
    longest_run_ends,
)
from predictions.forecasters.resolution import Circumstances
from predictions.forecasters.resource_shortage import RUN_DAYS, ResourceShortage, forecast_resource_shortage
from predictions.forecasters.resource_shortage_resolution import resolve_resource_shortage
from predictions.forecasters.risk import Claim, IssuedClaim
from projects.enums import Readiness, StatusCategory
from projects.history import (
    ActivityFact,
    CapacityFact,
    FieldChangeFact,
    HistoryFact,
    ProjectHistory,
    StatusChangeFact,
    WorkCalendar,
    WorkItemFact,
)
from projects.history.readiness import ReasonCode
from tests.predictions.forecasters.simulated_crews import AS_OF, crew, steady_crew
from tests.project_histories import DAY, generated_facts, generated_teams, without_later_facts

TARGET = date(2024, 8, 14)  # 30 working days from tomorrow
FIVE_DAYS = (8.0, 8.0, 8.0, 8.0, 8.0, 0.0, 0.0)


def forecast(facts: list[HistoryFact], *, target: date | None = TARGET, trials: int = 1_000) -> ResourceShortage:
    history = ProjectHistory.from_facts(facts)
    return forecast_resource_shortage(history, as_of=AS_OF, target_date=target, trials=trials)


def chance(answer: ResourceShortage) -> float:
    assert answer.probability is not None
    return answer.probability.value


def claim_of(answer: ResourceShortage) -> Claim:
    assert answer.claim is not None
    return answer.claim


def hours(number: int, *, days_off: tuple[date, ...] = (), last: date | None = None) -> CapacityFact:
    return CapacityFact(
        id=UUID(int=number),
        recorded_at=AS_OF - 9 * DAY,
        contributor_id=UUID(int=1_000 + number),
        first_date=(AS_OF - 300 * DAY).date(),
        last_date=last,
        weekly_hours=FIVE_DAYS,
        exceptions=tuple((day, 0.0) for day in days_off),
    )


def weekdays(first: date, count: int) -> tuple[date, ...]:
    days = (first + timedelta(days=n) for n in range(2 * count))
    return tuple([day for day in days if day.weekday() < 5][:count])


def test_crew_that_lost_half_of_its_people_is_short_and_its_twin_is_not() -> None:
    # 6 people finish 3 a day; 80 items in 30 days need 2.7 a day, so about 5.4 people, and the level is about 4.9
    lost = forecast(steady_crew(open_items=80, left_from=(AS_OF - 12 * DAY).date(), leavers=3))
    whole = forecast(steady_crew(open_items=80))

    assert chance(lost) > 0.7
    assert chance(whole) < 0.2
    assert [answer.should_alert(was_alerting=False) for answer in (lost, whole)] == [True, False]
    assert lost.capacity_now == 3.0
    assert lost.drivers[0].code == "CAPACITY_NOW"
    assert lost.drivers[0].effect > 0.3


def test_demand_that_was_never_met_is_certain_and_the_driver_says_so() -> None:
    asked = forecast(steady_crew(open_items=160))

    assert chance(asked) > 0.99
    assert (asked.base_rate or 0) > 0.7
    assert asked.drivers[0].code == "DEMAND"
    assert asked.time_to_occurrence is not None
    assert asked.time_to_occurrence.p10 == pytest.approx(8 * 24 - 3)  # the end of next Wednesday, from Wednesday 3:00


def test_every_part_of_the_answer_is_there_and_holds_together() -> None:
    answer = forecast(steady_crew(open_items=80, left_from=(AS_OF - 12 * DAY).date(), leavers=3))

    claim = claim_of(answer)
    assert answer.probability is not None
    assert answer.probability.low <= answer.probability.value <= answer.probability.high
    assert 0 < (answer.base_rate or 0) < 1
    assert claim.threshold == pytest.approx(0.9 * (answer.capacity_needed or 0))
    assert claim.description.startswith("Capacity is below 5.0 people at work on 5 working days in a row")
    assert claim.scope_items == 80
    assert sum(indicator.weight for indicator in answer.indicators) == pytest.approx(1)
    assert {fact.field for fact in answer.evidence} >= {"required_rate", "capacity", "open_items"}
    options = {option.code: option for option in answer.options}
    assert options["LEAVE_OUT_SCOPE"].probability_after < chance(answer)
    assert "MOVE_ABSENCES" not in options
    starts = [option.latest_start_h for option in answer.options if option.latest_start_h is not None]
    assert (answer.prevention_window.hours if answer.prevention_window else None) == max(starts, default=None)


def test_absences_in_the_calendars_make_the_shortage_and_moving_them_prevents_it() -> None:
    away = weekdays(date(2024, 7, 22), 8)
    people = [hours(n, days_off=away if n < 2 else ()) for n in range(6)]
    twin = [hours(n, days_off=(away[n],) if n < 2 else ()) for n in range(6)]

    absent, spread = (forecast([*steady_crew(open_items=85), *calendars]) for calendars in (people, twin))

    assert chance(absent) > 0.6
    assert chance(spread) < 0.2
    assert absent.capacity_unit == "hours/day"
    assert absent.drivers[0].code == "PLANNED_ABSENCE"
    moved = next(option for option in absent.options if option.code == "MOVE_ABSENCES")
    assert moved.probability_after < 0.2
    assert 0 < (moved.latest_start_h or 0) < 24 * 20


def no_people() -> list[HistoryFact]:
    return [
        replace(fact, actor_id=None) if isinstance(fact, StatusChangeFact) else fact
        for fact in steady_crew()
        if not isinstance(fact, ActivityFact)
    ]


def after_a_silence() -> list[HistoryFact]:
    return without_later_facts(steady_crew(), AS_OF - 12 * DAY)


BAD: dict[str, tuple[Callable[[], list[HistoryFact]], date | None, ReasonCode]] = {
    "nothing": (list, TARGET, ReasonCode.NO_ITEMS),
    "no target": (steady_crew, None, ReasonCode.NO_TARGET),
    "target in the past": (steady_crew, AS_OF.date() - DAY, ReasonCode.TARGET_PASSED),
    "target in three days": (steady_crew, AS_OF.date() + 3 * DAY, ReasonCode.TARGET_TOO_NEAR),
    "nobody is named": (no_people, TARGET, ReasonCode.NO_CAPACITY_FACTS),
    "three weeks": (lambda: steady_crew(weeks=3), TARGET, ReasonCode.CAPACITY_HISTORY_TOO_SHORT),
    "silence": (after_a_silence, TARGET, ReasonCode.ACTIVITY_STALE),
    "nothing open": (lambda: steady_crew(open_items=0, ahead_weeks=0), TARGET, ReasonCode.NOTHING_REMAINING),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_said_is_not_said_and_the_step_that_would_change_it_is(name: str) -> None:
    facts, target, code = BAD[name]

    answer = forecast(facts(), target=target)

    assert (answer.probability, answer.claim, answer.base_rate, answer.options, answer.drivers) == (None,) * 3 + (
        (),
    ) * 2
    assert not answer.should_alert(was_alerting=True)
    assert not answer.readiness.carries_value
    assert code in [reason.code for reason in answer.readiness.reasons]
    assert all(reason.unlock and reason.message for reason in answer.readiness.reasons)


def test_short_record_is_limited() -> None:
    answer = forecast(steady_crew(weeks=9))

    assert answer.readiness.readiness is Readiness.LIMITED
    assert answer.probability is not None


def test_same_facts_in_any_order_give_the_same_answer_and_what_it_does_not_read_changes_nothing() -> None:
    facts = steady_crew(open_items=80)

    first, turned = forecast(facts), forecast(facts[::-1])

    assert first == turned
    assert first.inputs_hash != forecast(facts, target=TARGET + DAY).inputs_hash


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(facts=generated_facts() | generated_teams(), hours_back=st.integers(0, 24 * 60))
def test_nothing_later_is_read_and_nothing_raises(facts: list[HistoryFact], hours_back: int) -> None:
    moment = AS_OF - timedelta(hours=hours_back)
    whole, cut = (
        forecast_resource_shortage(
            ProjectHistory.from_facts(some), as_of=moment, target_date=TARGET, calendar=WorkCalendar(), trials=200
        )
        for some in (facts, without_later_facts(facts, moment))
    )

    assert whole == cut


@pytest.mark.parametrize("seed", range(3))
def test_nothing_later_is_read_of_a_crew(seed: int) -> None:
    played = crew(seed)
    whole, cut = (
        forecast_resource_shortage(
            ProjectHistory.from_facts(some), as_of=played.as_of, target_date=played.target, trials=300
        )
        for some in (played.facts, without_later_facts(played.facts, played.as_of))
    )

    assert whole.probability is not None
    assert whole == cut


def test_probabilities_come_true_and_beat_the_base_rate() -> None:
    said, base, came = [], [], []
    for seed in range(1_000, 1_300):  # others than the starting values were judged on
        played = crew(seed)
        history = ProjectHistory.from_facts(played.facts)
        answer = forecast_resource_shortage(history, as_of=played.as_of, target_date=played.target, trials=800)
        if answer.probability is None or answer.claim is None or answer.base_rate is None:
            continue  # too little was finished
        after = answer.claim.ends_at + DAY
        issued = IssuedClaim(answer.claim, played.as_of, played.as_of)
        resolution = resolve_resource_shortage(history, issued, Circumstances(after, after))
        said.append(answer.probability.value)
        base.append(answer.base_rate)
        came.append(resolution.result is OutcomeResult.OCCURRED)
    p, b, o = np.array(said), np.array(base), np.array(came, dtype=np.float64)

    assert len(p) > 290
    assert 0.2 < o.mean() < 0.8
    assert 1 - float(((p - o) ** 2).mean() / ((b - o) ** 2).mean()) > 0.05
    for third in np.array_split(np.argsort(p, kind="stable"), 3):
        assert abs(float(p[third].mean() - o[third].mean())) < 2.5 * float(np.sqrt(0.25 / len(third)))


# --- what became of it ---


def brute_force(facts: list[HistoryFact], answer: ResourceShortage) -> date | None:
    """The day on which the fifth day in a row below the level ended, read straight from the facts."""
    claim = claim_of(answer)
    first, last = (date.fromisoformat(str(claim.terms[name])) for name in ("first_day", "last_day"))
    traces = [(fact.contributor_id, fact.occurred_at) for fact in facts if isinstance(fact, ActivityFact)]
    traces += [
        (fact.actor_id, fact.changed_at)
        for fact in facts
        if isinstance(fact, StatusChangeFact) and fact.actor_id is not None
    ]
    run = 0
    for day in weekdays(first, (last - first).days):
        if day > last:
            break
        back = [earlier for earlier in weekdays(day - timedelta(days=7), 6) if earlier <= day][-5:]
        here = {who for who, at in traces if back[0] <= at.date() <= day}
        run = run + 1 if len(here) < (claim.threshold or 0) else 0
        if run == RUN_DAYS:
            return day
    return None


@pytest.mark.parametrize("seed", range(12))
def test_resolution_is_that_of_brute_force(seed: int) -> None:
    played = crew(seed)
    history = ProjectHistory.from_facts(played.facts)
    answer = forecast_resource_shortage(history, as_of=played.as_of, target_date=played.target, trials=200)
    assert answer.claim is not None
    after = answer.claim.ends_at + DAY

    found = resolve_resource_shortage(
        history, IssuedClaim(answer.claim, played.as_of, played.as_of), Circumstances(after, after)
    )

    day = brute_force(played.facts, answer)
    assert found.result is (OutcomeResult.NOT_OCCURRED if day is None else OutcomeResult.OCCURRED)
    assert found.decided_at is not None
    assert found.decided_at.date() == (answer.claim.ends_at.date() if day is None else day + DAY)
    assert len(found.evidence) >= 1


def test_shortage_is_settled_when_its_fifth_day_is_over_and_not_before() -> None:
    facts = steady_crew(open_items=80, left_from=(AS_OF + DAY).date(), leavers=4)
    answer = forecast(facts)
    assert answer.claim is not None
    issued = IssuedClaim(answer.claim, AS_OF, AS_OF)
    history = ProjectHistory.from_facts(facts)

    results = {}
    for days in range(1, 30):
        now = AS_OF + days * DAY
        results[days] = resolve_resource_shortage(history, issued, Circumstances(now, now))

    decided = [days for days, found in results.items() if found.result is OutcomeResult.OCCURRED]
    assert decided == list(range(decided[0], 30))
    assert {results[days].decided_at for days in decided} == {results[decided[0]].decided_at}
    assert all(found.result is None for days, found in results.items() if days < decided[0])


def test_silence_is_not_taken_for_a_shortage() -> None:
    facts = without_later_facts(steady_crew(open_items=80), AS_OF)
    answer = forecast(facts)
    assert answer.claim is not None
    issued, history = IssuedClaim(answer.claim, AS_OF, AS_OF), ProjectHistory.from_facts(facts)
    end = answer.claim.ends_at

    unseen = [resolve_resource_shortage(history, issued, Circumstances(at)) for at in (end + DAY, end + 40 * DAY)]
    seen = resolve_resource_shortage(history, issued, Circumstances(end + DAY, end + DAY))
    cancelled = resolve_resource_shortage(history, issued, Circumstances(end + DAY, None, end - DAY))

    assert [found.result for found in unseen] == [None, OutcomeResult.CENSORED]
    assert seen.result is OutcomeResult.OCCURRED  # looked at, and nobody had done anything for weeks
    assert cancelled.result is OutcomeResult.CENSORED


def test_claim_whose_figures_are_lost_or_whose_people_are_not_named_any_more_is_censored() -> None:
    facts = steady_crew(open_items=80)
    answer = forecast(facts)
    assert answer.claim is not None
    end, history = answer.claim.ends_at, ProjectHistory.from_facts(facts)
    after = Circumstances(end + DAY, end + DAY)

    garbled = resolve_resource_shortage(history, IssuedClaim(replace(answer.claim, terms={}), AS_OF, AS_OF), after)
    nameless = [fact for fact in facts if not (isinstance(fact, ActivityFact) and fact.occurred_at > AS_OF)]
    nameless = [
        replace(fact, actor_id=None) if isinstance(fact, StatusChangeFact) and fact.changed_at > AS_OF else fact
        for fact in nameless
    ]
    lost = resolve_resource_shortage(
        ProjectHistory.from_facts(nameless), IssuedClaim(answer.claim, AS_OF, AS_OF), after
    )

    assert garbled.result is OutcomeResult.CENSORED
    assert lost.result is OutcomeResult.CENSORED


def test_people_at_work_of_the_worked_example() -> None:
    monday = AS_OF - 2 * DAY
    item, ben = UUID(int=7), UUID(int=2)
    facts: list[HistoryFact] = [
        WorkItemFact(item, "DEMO-7", monday - DAY, monday),
        FieldChangeFact(item, "flag", None, "a", monday, monday, actor_id=UUID(int=1)),
        FieldChangeFact(item, "assignee", None, str(ben), monday - DAY, monday),
        StatusChangeFact(item, StatusCategory.DONE, monday + 2 * DAY, monday + 2 * DAY),
    ]
    known = ProjectHistory.from_facts(facts).as_of(monday + 20 * DAY)

    matrix = capacity_matrix(
        known,
        source=CapacitySource.CONTRIBUTORS,
        first_day=monday.date(),
        last_day=monday.date() + 9 * DAY,
        calendar=WorkCalendar(),
    )

    assert matrix.daily.tolist() == [1, 1, 2, 2, 2, 1, 1, 0]


@given(
    below=st.lists(st.lists(st.booleans(), min_size=8, max_size=8), min_size=1, max_size=6), length=st.integers(1, 9)
)
def test_runs_are_found_where_counting_finds_them(below: list[list[bool]], length: int) -> None:
    def first_end(row: list[bool]) -> int:
        run = 0
        for position, value in enumerate(row):
            run = run + 1 if value else 0
            if run == length:
                return position
        return -1

    assert longest_run_ends(np.array(below), length).tolist() == [first_end(row) for row in below]

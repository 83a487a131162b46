"""Sustained overload: who heads for it, who does not, of whom nothing may be said, and whether it comes true."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from predictions.enums import OutcomeResult
from predictions.forecasters.resolution import Circumstances, ResolutionReason
from predictions.forecasters.risk import Claim, IssuedClaim
from predictions.forecasters.team_overload import RUN_WEEKS, TeamOverload, forecast_team_overload
from predictions.forecasters.team_overload_resolution import resolve_team_overload
from predictions.forecasters.team_weeks import MIN_PEOPLE, OFFICE_HOURS, team_weeks
from projects.enums import ActivityKind, Readiness, StatusCategory
from projects.history import ActivityFact, HistoryFact, ProjectHistory, StatusChangeFact, WorkCalendar, WorkItemFact
from projects.history.readiness import ReasonCode
from tests.predictions.forecasters.simulated_teams_at_work import AS_OF, team_at_work, team_facts
from tests.project_histories import DAY, WEEK, generated_facts, without_later_facts

MONDAY = date(2024, 7, 1)


def forecast(facts: list[HistoryFact], *, enabled: bool = True, trials: int = 1_000) -> TeamOverload:
    history = ProjectHistory.from_facts(facts)
    return forecast_team_overload(history, as_of=AS_OF, team_signals_enabled=enabled, trials=trials)


def team(
    last: int = 0, *, people: int = 6, before: int = 26, seed: int = 1, after_strain: bool = True
) -> list[HistoryFact]:
    """A quiet team whose last weeks, so many, and those after AS_OF are of strain."""
    rng = np.random.default_rng(seed)
    weeks = before + 8
    evenings = 0.06 + 0.01 * rng.standard_normal(weeks)
    load = 1.5 + 0.1 * rng.standard_normal(weeks)
    strained = np.arange(weeks) >= before - last
    if last and after_strain:
        evenings[strained], load[strained] = 0.45, 3.0
    return team_facts(np.clip(evenings, 0, 1), load, people=people, seed=seed)


def chance(answer: TeamOverload) -> float:
    assert answer.probability is not None
    return answer.probability.value


def claim_of(answer: TeamOverload) -> Claim:
    assert answer.claim is not None
    return answer.claim


def issued(answer: TeamOverload) -> IssuedClaim:
    return IssuedClaim(claim_of(answer), AS_OF, AS_OF)


def test_team_in_strain_heads_for_overload_and_its_quiet_twin_does_not() -> None:
    strained, quiet = forecast(team(3)), forecast(team())

    assert chance(strained) > 0.4
    assert chance(quiet) < 0.15
    assert (strained.after_hours or 0) > (strained.after_hours_limit or 1)
    assert (strained.load or 0) > (strained.load_limit or 9)
    assert (quiet.load or 9) < (quiet.load_limit or 0)
    assert all(driver.effect > 0.1 for driver in strained.drivers)


def test_long_evenings_alone_are_no_overload() -> None:
    rng = np.random.default_rng(3)
    evenings = np.full(34, 0.06) + 0.01 * rng.standard_normal(34)
    evenings[23:] = 0.45

    answer = forecast(team_facts(np.clip(evenings, 0, 1), 1.5 + 0.1 * rng.standard_normal(34)))

    assert chance(answer) < 0.3
    assert answer.drivers[0].code == "AFTER_HOURS_NOW"


def test_every_part_of_the_answer_is_there_and_none_is_of_a_person() -> None:
    answer = forecast(team(3))

    claim = claim_of(answer)
    assert answer.probability is not None
    assert answer.probability.low <= answer.probability.value <= answer.probability.high
    assert 0 < (answer.base_rate or 0) < 1
    assert claim.threshold == answer.after_hours_limit
    assert claim.terms["load_limit"] == answer.load_limit
    assert claim.terms["first_monday"] == "2024-07-08"
    assert claim.ends_at.date() == date(2024, 8, 19)
    assert answer.time_to_occurrence is not None
    assert answer.time_to_occurrence.p10 >= (5 + 21) * 24 - 3  # three whole weeks from next Monday
    assert sum(indicator.weight for indicator in answer.indicators) == pytest.approx(1)
    assert {fact.object_type for fact in answer.evidence} == {"project"}
    assert all(fact.object_id == "" for fact in answer.evidence)
    options = {option.code: option for option in answer.options}
    assert options["PUT_WORK_BACK"].probability_after < answer.probability.value
    assert options["QUIET_EVENINGS"].probability_after < answer.probability.value
    starts = [option.latest_start_h for option in answer.options if option.latest_start_h is not None]
    assert (answer.prevention_window.hours if answer.prevention_window else None) == max(starts, default=None)
    assert not any(str(UUID(int=1_000 + person)) in repr(answer) for person in range(6))


def without_hours() -> list[HistoryFact]:
    return [
        replace(fact, occurred_at=fact.occurred_at.replace(hour=0, minute=0))
        if isinstance(fact, ActivityFact)
        else fact
        for fact in team()
    ]


def without_accounts() -> list[HistoryFact]:
    return [fact for fact in team() if not isinstance(fact, ActivityFact)]


def without_work_in_progress() -> list[HistoryFact]:
    return [fact for fact in team() if not isinstance(fact, StatusChangeFact)]


BAD: dict[str, tuple[Callable[[], list[HistoryFact]], ReasonCode]] = {
    "nothing": (list, ReasonCode.NO_ACTIVITY),
    "four people": (lambda: team(3, people=4), ReasonCode.TEAM_TOO_SMALL),
    "days without hours": (without_hours, ReasonCode.TIMES_WITHOUT_HOURS),
    "nobody is named": (without_accounts, ReasonCode.NO_ACTIVITY),
    "nothing in progress": (without_work_in_progress, ReasonCode.NO_ACTIVITY),
    "six weeks": (lambda: team(before=7), ReasonCode.ACTIVITY_TOO_SHORT),
    "silence": (lambda: without_later_facts(team(), AS_OF - 9 * DAY), ReasonCode.ACTIVITY_STALE),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_said_is_not_said_and_the_step_that_would_change_it_is(name: str) -> None:
    facts, code = BAD[name]

    answer = forecast(facts())

    assert (answer.probability, answer.claim, answer.base_rate, answer.people, answer.after_hours) == (None,) * 5
    assert (answer.evidence, answer.indicators, answer.drivers) == ((), (), ())
    assert not answer.readiness.carries_value
    assert code in [reason.code for reason in answer.readiness.reasons]


def test_where_the_team_did_not_agree_nothing_is_looked_at_not_even_for_a_hash() -> None:
    asked, other = forecast(team(3), enabled=False), forecast(team(), enabled=False)

    assert asked.readiness.readiness is Readiness.MISCONFIGURED
    assert [reason.code for reason in asked.readiness.reasons] == [ReasonCode.TEAM_SIGNALS_OFF]
    assert asked.inputs_hash == other.inputs_hash


def test_same_facts_in_any_order_give_the_same_answer() -> None:
    facts = team(2)

    assert forecast(facts) == forecast(facts[::-1])


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(facts=generated_facts(), hours_back=st.integers(0, 24 * 60))
def test_nothing_later_is_read_and_nothing_raises(facts: list[HistoryFact], hours_back: int) -> None:
    moment = AS_OF - timedelta(hours=hours_back)
    whole, cut = (
        forecast_team_overload(ProjectHistory.from_facts(some), as_of=moment, team_signals_enabled=True, trials=200)
        for some in (facts, without_later_facts(facts, moment))
    )

    assert whole == cut


@pytest.mark.parametrize("seed", range(3))
def test_nothing_later_is_read_of_a_team(seed: int) -> None:
    facts = team_at_work(seed).facts

    whole, cut = forecast(facts, trials=300), forecast(without_later_facts(facts, AS_OF), trials=300)

    assert whole.probability is not None
    assert whole == cut


def test_probabilities_come_true_and_beat_the_base_rate() -> None:
    said, base, came = [], [], []
    for seed in range(5_000, 5_300):  # others than the starting values were judged on
        history = ProjectHistory.from_facts(team_at_work(seed).facts)
        answer = forecast_team_overload(history, as_of=AS_OF, team_signals_enabled=True, trials=800)
        after = claim_of(answer).ends_at + DAY
        found = resolve_team_overload(history, issued(answer), Circumstances(after, after))
        said.append(chance(answer))
        base.append(answer.base_rate or 0.0)
        came.append(found.result is OutcomeResult.OCCURRED)
    p, b, o = np.array(said), np.array(base), np.array(came, dtype=np.float64)

    assert 0.05 < o.mean() < 0.5
    assert 1 - float(((p - o) ** 2).mean() / ((b - o) ** 2).mean()) > 0.02
    for part in np.array_split(np.argsort(p, kind="stable"), 3):
        assert abs(float(p[part].mean() - o[part].mean())) < 2.5 * float(np.sqrt(0.15 / len(part)))


# --- what became of it ---


def brute_force(facts: list[HistoryFact], claim: Claim) -> date | None:
    """The Monday of the last week of the first run above both limits, read straight from the facts."""
    first, run = date.fromisoformat(str(claim.terms["first_monday"])), 0
    for week in range(6):
        monday = first + week * WEEK
        share, people = evenings_of(facts, monday)
        load = load_of(facts, monday)
        is_above = (
            people >= MIN_PEOPLE and share > (claim.threshold or 0) and load > float(claim.terms["load_limit"] or 0)
        )
        run = run + 1 if is_above else 0
        if run == RUN_WEEKS:
            return monday
    return None


def evenings_of(facts: list[HistoryFact], monday: date) -> tuple[float, int]:
    slots: dict[UUID, set[tuple[date, int]]] = {}
    for fact in facts:
        if isinstance(fact, ActivityFact) and fact.contributor_id and monday <= fact.occurred_at.date() < monday + WEEK:
            slots.setdefault(fact.contributor_id, set()).add((fact.occurred_at.date(), fact.occurred_at.hour))
    shares = [
        sum(day.weekday() > 4 or not OFFICE_HOURS[0] <= hour < OFFICE_HOURS[1] for day, hour in hours) / len(hours)
        for hours in slots.values()
    ]
    return sum(shares) / max(len(shares), 1), len(shares)


def load_of(facts: list[HistoryFact], monday: date) -> float:
    moves: dict[UUID, list[tuple[date, StatusCategory]]] = {}
    people = set()
    for fact in facts:
        if isinstance(fact, StatusChangeFact):
            moves.setdefault(fact.item_id, []).append((fact.changed_at.date(), fact.to_category))
        elif isinstance(fact, ActivityFact) and monday - 3 * WEEK <= fact.occurred_at.date() < monday + WEEK:
            people.add(fact.contributor_id)
    counts = []
    for offset in range(5):
        day = monday + offset * DAY
        latest = [max((when, to) for when, to in log if when <= day)[1] for log in moves.values() if log[0][0] <= day]
        counts.append(sum(to is StatusCategory.IN_PROGRESS for to in latest))
    return sum(counts) / len(counts) / len(people)


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5, 6, 7])
def test_resolution_is_that_of_brute_force(seed: int) -> None:
    facts = team_at_work(seed).facts if seed < 6 else team(seed - 4)
    answer = forecast(facts, trials=200)
    after = claim_of(answer).ends_at + DAY

    found = resolve_team_overload(ProjectHistory.from_facts(facts), issued(answer), Circumstances(after, after))

    monday = brute_force(facts, claim_of(answer))
    assert found.result is (OutcomeResult.NOT_OCCURRED if monday is None else OutcomeResult.OCCURRED)
    assert found.decided_at is not None
    assert found.decided_at.date() == (claim_of(answer).ends_at.date() if monday is None else monday + WEEK)
    assert found.evidence


def test_overload_is_settled_when_its_third_week_is_over_and_stays_so() -> None:
    facts = team(1)
    answer, history = forecast(facts), ProjectHistory.from_facts(facts)

    results = [
        resolve_team_overload(history, issued(answer), Circumstances(AS_OF + days * DAY, AS_OF + days * DAY))
        for days in range(1, 55)
    ]

    decided = [number for number, found in enumerate(results) if found.result is not None]
    assert decided == list(range(decided[0], len(results)))
    assert {(results[number].result, results[number].decided_at) for number in decided} == {
        (OutcomeResult.OCCURRED, results[decided[0]].decided_at)
    }
    assert AS_OF + (decided[0]) * DAY < (results[decided[0]].decided_at or AS_OF) + DAY


def test_nobody_looked_cancelled_consent_withdrawn_or_terms_lost_is_censored() -> None:
    facts = without_later_facts(team(), AS_OF)
    answer, history = forecast(facts), ProjectHistory.from_facts(facts)
    end = claim_of(answer).ends_at

    unseen = [resolve_team_overload(history, issued(answer), Circumstances(at)) for at in (end + DAY, end + 40 * DAY)]
    cancelled = resolve_team_overload(history, issued(answer), Circumstances(end + DAY, None, end - DAY))
    empty = resolve_team_overload(history, issued(answer), Circumstances(end + DAY, end + DAY))
    withdrawn = resolve_team_overload(history, issued(answer), Circumstances(AS_OF + DAY, team_signals_enabled=False))
    garbled = resolve_team_overload(
        history, IssuedClaim(replace(claim_of(answer), terms={}), AS_OF, AS_OF), Circumstances(end + DAY)
    )

    assert [found.result for found in unseen] == [None, OutcomeResult.CENSORED]
    assert [found.reason for found in (cancelled, empty, withdrawn, garbled)] == [
        ResolutionReason.CANCELLED,
        ResolutionReason.FACTS_LOST,  # looked at, and too few people were active to speak of them
        ResolutionReason.CONSENT_WITHDRAWN,
        ResolutionReason.FACTS_LOST,
    ]


# --- the weeks ---


def test_weeks_of_the_worked_example() -> None:
    facts: list[HistoryFact] = []
    for person in range(5):
        hours = [*range(9, 16), 22 if person < 2 else 16]
        for hour in hours:
            at = AS_OF.replace(day=1, hour=hour, minute=person)
            facts.append(
                ActivityFact(UUID(int=len(facts)), at, at, ActivityKind.MERGE, contributor_id=UUID(int=1_000 + person))
            )
            double = at + timedelta(minutes=20)  # in the same clock hour: counts once
            facts.append(
                ActivityFact(
                    UUID(int=len(facts)), double, double, ActivityKind.COMMENT, contributor_id=UUID(int=1_000 + person)
                )
            )
    before = AS_OF - 9 * DAY
    for number in range(10):
        facts.append(WorkItemFact(UUID(int=10_000 + number), f"DEMO-{number}", before, before))
        facts.append(StatusChangeFact(UUID(int=10_000 + number), StatusCategory.IN_PROGRESS, before, before))
    known = ProjectHistory.from_facts(facts).as_of(AS_OF + 9 * DAY)

    weeks = team_weeks(known, first_day=MONDAY, last_day=MONDAY + 6 * DAY, calendar=WorkCalendar())

    assert weeks.mondays == (MONDAY,)
    assert weeks.people.tolist() == [5]
    assert weeks.after_hours.tolist() == pytest.approx([0.05])
    assert weeks.load.tolist() == [2.0]


@pytest.mark.parametrize(("zone", "share"), [("UTC", 0.0), ("America/Los_Angeles", 1.0), ("Europe/Berlin", 0.0)])
def test_evening_is_told_in_the_time_zone_of_the_project(zone: str, share: float) -> None:
    at = AS_OF.replace(day=2, hour=10)  # 3:00 in Los Angeles
    facts: list[HistoryFact] = [
        ActivityFact(UUID(int=person), at, at, ActivityKind.REVIEW, contributor_id=UUID(int=1_000 + person))
        for person in range(5)
    ]
    known = ProjectHistory.from_facts(facts).as_of(AS_OF + 9 * DAY)

    weeks = team_weeks(known, first_day=MONDAY, last_day=MONDAY + 6 * DAY, calendar=WorkCalendar(zone))

    assert weeks.after_hours.tolist() == [share]


def test_comments_alone_make_nobody_a_member_of_the_team() -> None:
    facts: list[HistoryFact] = [
        ActivityFact(UUID(int=n), AS_OF, AS_OF, ActivityKind.COMMENT, contributor_id=UUID(int=1_000 + n))
        for n in range(9)
    ]
    known = ProjectHistory.from_facts(facts).as_of(AS_OF + 9 * DAY)

    weeks = team_weeks(known, first_day=MONDAY, last_day=MONDAY + 6 * DAY, calendar=WorkCalendar())

    assert weeks.people.tolist() == [0]
    assert np.isnan(weeks.after_hours).tolist() == [True]

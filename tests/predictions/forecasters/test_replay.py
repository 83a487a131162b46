"""What a replay says of a past that is known: late, in time, warned, not warned; and that it looks at no future."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings

from predictions.enums import OutcomeResult
from predictions.forecasters.delay_risk import forecast_delay_risk
from predictions.forecasters.replay import EventVerdict, Replay, ReplayPlan, TargetSource, replay_delay_risk
from projects.enums import Readiness
from projects.history import BaselineFact, HistoryFact, ProjectHistory, StatusChangeFact, WorkCalendar, WorkItemFact
from tests.project_histories import DAY, NOW, WEEK, finished_item, generated_teams, team_facts, without_later_facts

CALENDAR = WorkCalendar()
HALF_A_YEAR = ReplayPlan(NOW, months=6)


def _replay(facts: Sequence[HistoryFact], plan: ReplayPlan = HALF_A_YEAR) -> Replay:
    history = ProjectHistory.from_facts(facts)
    return replay_delay_risk(history, plan, calendar=CALENDAR, observed_until=plan.until)


def _plan_of(weeks_ago: float, *, approved_weeks_ago: float = 60) -> BaselineFact:
    approved_at = NOW - approved_weeks_ago * WEEK
    return BaselineFact(approved_at, approved_at, (NOW - weeks_ago * WEEK).date(), 100)


def _late_team() -> list[HistoryFact]:
    """Five a week for a year; of the hundred that were planned to be done four weeks ago, twenty are still open."""
    return [*team_facts([5] * 52, open_items=20), _plan_of(4)]


def _team_in_time() -> list[HistoryFact]:
    """Five a week, and everything that was planned is done two weeks before its date."""
    return [*team_facts([5] * 52, open_items=0, as_of=NOW - 6 * WEEK), _plan_of(4)]


# --- what came true ---


def test_target_that_was_missed_and_warned_of_is_a_hit_with_its_lead_time() -> None:
    replay = _replay(_late_team())

    (event,) = [event for event in replay.events if event.source == TargetSource.PLAN]
    assert (event.result, event.verdict) == (OutcomeResult.OCCURRED, EventVerdict.HIT)
    assert event.lead_time_h is not None
    assert event.lead_time_h > 24 * 14
    assert replay.verdicts(EventVerdict.HIT) == 1


def test_target_that_was_met_is_settled_as_met() -> None:
    replay = _replay(_team_in_time())

    (event,) = [event for event in replay.events if event.source == TargetSource.PLAN]
    assert event.result == OutcomeResult.NOT_OCCURRED
    assert event.verdict in (EventVerdict.QUIET, EventVerdict.FALSE_ALARM)


def test_without_a_plan_the_own_promise_is_held_until_it_has_passed() -> None:
    replay = _replay([*team_facts([5] * 52, open_items=0, as_of=NOW - WEEK)], ReplayPlan(NOW, months=11))

    answered = [step for step in replay.steps if step.probability is not None]
    targets = [step.target for step in answered if step.target is not None]
    assert {step.source for step in answered} == {TargetSource.PROMISE}
    assert targets == sorted(targets)
    for before, after in pairwise(answered):
        assert before.target is not None
        assert after.target == before.target or after.as_of >= datetime.combine(
            before.target, datetime.min.time(), tzinfo=UTC
        )
    assert any(step.kept is not None for step in answered)


def test_what_nobody_can_know_yet_is_undecided() -> None:
    facts = [*team_facts([5] * 52, open_items=300), _plan_of(-20)]

    replay = _replay(facts)

    assert {event.verdict for event in replay.events} == {EventVerdict.UNDECIDED}
    assert {step.result for step in replay.steps} == {None}


def test_promise_is_judged_when_its_day_is_over_and_not_when_it_is_kept() -> None:
    """What is done early would be counted at once, and what will be late only later: everything would look kept."""
    facts = [*team_facts([5] * 52, open_items=0, as_of=NOW - WEEK), _plan_of(-20)]

    replay = _replay(facts)

    answered = [step for step in replay.steps if step.promised_on is not None]
    assert answered
    for step in answered:
        assert (step.kept is None) == (step.promised_on is None or step.promised_on >= NOW.date())
    assert {event.verdict for event in replay.events} == {EventVerdict.UNDECIDED}


def test_each_step_is_the_served_forecast_of_that_moment() -> None:
    facts = _late_team()
    step = _replay(facts).steps[3]

    risk = forecast_delay_risk(
        ProjectHistory.from_facts(without_later_facts(facts, step.as_of)),
        as_of=step.as_of,
        target_date=step.target,
        calendar=CALENDAR,
    )

    assert risk.probability is not None
    assert step.probability == risk.probability.value


# --- honesty ---


@pytest.mark.parametrize("facts", [[], team_facts([5], open_items=3), team_facts([5] * 3, open_items=0)])
def test_bad_record_gives_no_number_and_a_reason(facts: list[HistoryFact]) -> None:
    replay = _replay(facts)

    assert {step.probability for step in replay.steps} == {None}
    assert replay.events == ()
    assert replay.readiness.readiness in (Readiness.INSUFFICIENT, Readiness.MISCONFIGURED, Readiness.STALE)
    assert replay.readiness.reasons


def test_record_that_was_imported_later_is_labelled() -> None:
    as_it_happened = [
        fact for number in range(1, 200) for fact in _recorded_at_once(number, NOW - 52 * WEEK + number * 1.7 * DAY)
    ]

    assert _replay(_late_team()).is_reconstructed
    assert not _replay(as_it_happened).is_reconstructed


def _recorded_at_once(number: int, finished_at: datetime) -> list[HistoryFact]:
    facts = finished_item(number, created_at=NOW - 55 * WEEK, started_at=finished_at - DAY, finished_at=finished_at)
    return [
        replace(fact, recorded_at=NOW - 55 * WEEK, resolved_at=None)
        if isinstance(fact, WorkItemFact)
        else replace(fact, recorded_at=fact.changed_at)
        for fact in facts
        if isinstance(fact, WorkItemFact | StatusChangeFact)
    ]


def test_same_facts_same_replay_whatever_their_order() -> None:
    facts = _late_team()

    assert _replay(facts) == _replay(facts[::-1])


@settings(deadline=None, max_examples=10)
@given(facts=generated_teams())
def test_what_would_have_been_said_rests_on_no_later_fact(facts: list[HistoryFact]) -> None:
    """Facts after a moment may change what came true, and never what was said."""
    moment = NOW - 4 * WEEK
    plan = ReplayPlan(moment, months=2)

    before = _replay(without_later_facts(facts, moment), plan)
    after = {step.as_of: step for step in _replay(facts, plan).steps}

    for step in before.steps:
        now = after[step.as_of]
        assert (step.target, step.probability, step.is_alert) == (now.target, now.probability, now.is_alert)


# --- the plan ---


def test_moments_end_one_step_before_the_end() -> None:
    plan = ReplayPlan(NOW, months=24)

    assert plan.count == len(plan.moments) == 104
    assert (plan.moments[0], plan.moments[-1]) == (NOW - 104 * WEEK, NOW - WEEK)


@pytest.mark.parametrize(
    ("months", "step"),
    [(0, WEEK), (25, WEEK), (-1, WEEK), (1, timedelta(hours=23)), (1, timedelta(0)), (1, timedelta(days=60))],
)
def test_plan_without_end_or_content_is_refused(months: int, step: timedelta) -> None:
    with pytest.raises(ValueError, match=r"replay|step"):
        ReplayPlan(NOW, months=months, step=step)


def test_watcher_hears_of_every_step() -> None:
    heard: list[tuple[int, int]] = []

    replay_delay_risk(
        ProjectHistory.from_facts([]), HALF_A_YEAR, calendar=CALENDAR, watch=lambda *told: heard.append(told)
    )

    assert heard == [(done, HALF_A_YEAR.count) for done in range(1, HALF_A_YEAR.count + 1)]

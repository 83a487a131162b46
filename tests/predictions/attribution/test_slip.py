import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.attribution.factors import OffReason, SlipFactor, measure_factors
from predictions.attribution.slip import SlipDecomposition, SlipMeasure, decompose_slip
from predictions.backtesting.root_causes import attribute
from predictions.backtesting.simulated_projects import PlantedCause, SimulatedProject, simulate_project
from predictions.forecasters.finish import forecast_finish
from projects.history import BaselineFact, BlockingLinkFact, FieldChangeFact, HistoryFact, ProjectHistory, WorkCalendar
from projects.history.facts import facts_known_at
from tests.project_histories import NOW, WEEK, generated_teams, team_facts, work_item

CALENDAR = WorkCalendar()


def decomposed(
    facts: Sequence[HistoryFact],
    *,
    as_of: datetime = NOW,
    calendar: WorkCalendar = CALENDAR,
    planned: WorkCalendar | None = None,
    target: date | None = None,
    measure: SlipMeasure = SlipMeasure.MEDIAN,
    draws: int = 0,
) -> SlipDecomposition | None:
    history = ProjectHistory.from_facts(facts)
    return decompose_slip(
        history,
        as_of=as_of,
        finish=forecast_finish(history, as_of=as_of, calendar=calendar, trials=500),
        calendar=calendar,
        planned_calendar=planned,
        target_date=target,
        measure=measure,
        draws=draws,
    )


def of_project(project: SimulatedProject, **changes: object) -> SlipDecomposition:
    answer = attribute(replace(project, **changes))  # type: ignore[arg-type]
    assert answer is not None
    return answer


def without(project: SimulatedProject, kind: type[HistoryFact]) -> tuple[HistoryFact, ...]:
    return tuple(fact for fact in project.facts if not isinstance(fact, kind))


def total_days(answer: SlipDecomposition) -> float:
    return sum(part.days for part in answer.parts) + answer.unknown_days


@pytest.mark.parametrize("cause", list(PlantedCause))
def test_parts_and_the_unknown_bar_add_up_exactly_whatever_happened(cause: PlantedCause) -> None:
    answer = of_project(simulate_project(3, cause))

    assert total_days(answer) == answer.slip_days
    assert len(answer.parts) == len(SlipFactor)
    assert all(part.low <= part.high for part in answer.parts)


@settings(deadline=None, max_examples=30)  # a busy machine is not a failure
@given(facts=generated_teams(), measure=st.sampled_from(SlipMeasure), weeks=st.integers(-5, 20))
def test_parts_add_up_on_any_team_and_target(facts: list[HistoryFact], measure: SlipMeasure, weeks: int) -> None:
    answer = decomposed(facts, target=(NOW + weeks * WEEK).date(), measure=measure)

    if answer is not None:
        assert total_days(answer) == answer.slip_days
        assert {part.factor for part in answer.parts} | set(answer.off) == set(SlipFactor)


def test_healthy_project_is_accused_of_nothing_although_it_has_traces() -> None:
    answer = of_project(simulate_project(3, None))

    assert [part.factor for part in answer.parts if part.is_named] == []
    assert answer.off == {}
    assert {part.factor for part in answer.parts if part.entity_count} == {SlipFactor.BLOCKED, SlipFactor.REWORK}


def test_late_start_is_a_late_start_and_the_rest_stays_as_it_was() -> None:
    answer = of_project(simulate_project(3, PlantedCause.LATE_START))

    part = answer.parts[0]
    assert part.factor == SlipFactor.LATE_START
    assert part.is_named
    assert "working days after" in part.measured


def test_days_off_are_listed_by_date() -> None:
    project = simulate_project(3, PlantedCause.DAYS_OFF)

    part = of_project(project).parts[0]

    assert part.factor == SlipFactor.CALENDAR
    assert part.entity_count == len(project.calendar.holidays - project.planned_calendar.holidays)
    assert {entity.label for entity in part.entities} <= {day.isoformat() for day in project.calendar.holidays}


def test_delivery_that_all_wait_for_is_named_as_the_one_blocker() -> None:
    project = simulate_project(3, PlantedCause.LATE_DELIVERY)
    (delivery,) = {fact.blocker_id for fact in project.facts if isinstance(fact, BlockingLinkFact)}

    part = of_project(project).parts[0]

    assert part.factor == SlipFactor.DEPENDENCY_WAIT
    assert [(entity.object_id, entity.share, entity.days) for entity in part.entities] == [
        (str(delivery), 1.0, part.days)
    ]


@pytest.mark.parametrize("cause", [PlantedCause.SCOPE_ADDED, PlantedCause.BLOCKED, PlantedCause.REWORK])
def test_items_share_inside_a_factor(cause: PlantedCause) -> None:
    part = of_project(simulate_project(3, cause)).parts[0]

    shares = [entity.share for entity in part.entities]
    assert shares == sorted(shares, reverse=True)
    assert part.entity_count > len(part.entities) > 0
    assert 0 < sum(shares) < 1


def test_what_the_record_cannot_tell_is_off_and_named_and_has_no_number() -> None:
    blocked = simulate_project(3, PlantedCause.BLOCKED)

    no_flags = of_project(blocked, facts=without(blocked, FieldChangeFact))

    assert no_flags.off == {SlipFactor.BLOCKED: OffReason.NO_BLOCKED_FLAGS}
    assert no_flags.days_of(SlipFactor.BLOCKED) is None
    assert no_flags.parts[0].factor == SlipFactor.RATE_BELOW_PLAN
    assert total_days(no_flags) == no_flags.slip_days


def test_plan_without_a_start_a_calendar_and_links_turns_their_factors_off() -> None:
    facts: list[HistoryFact] = [*team_facts([5] * 26, open_items=20)]
    facts.append(BaselineFact(NOW - 26 * WEEK, NOW - 26 * WEEK, (NOW + 4 * WEEK).date(), scope_items=150))

    answer = decomposed(facts)

    assert answer is not None
    assert answer.off == {
        SlipFactor.LATE_START: OffReason.NO_PLANNED_START,
        SlipFactor.BLOCKED: OffReason.NO_BLOCKED_FLAGS,
        SlipFactor.CALENDAR: OffReason.NO_PLANNED_CALENDAR,
        SlipFactor.DEPENDENCY_WAIT: OffReason.NO_LINKS,
    }


def test_without_a_plan_or_a_forecast_there_is_nothing_to_share_out() -> None:
    assert decomposed(team_facts([5] * 26, open_items=20)) is None
    assert decomposed([work_item(1, created_at=NOW - WEEK)]) is None


def test_work_done_before_the_plan_began_is_not_of_the_plan() -> None:
    facts: list[HistoryFact] = [*team_facts([5] * 26, open_items=20)]
    facts.append(BaselineFact(NOW - 13 * WEEK, NOW - 13 * WEEK, (NOW + 4 * WEEK).date(), scope_items=150))

    measured = measure_factors(ProjectHistory.from_facts(facts), as_of=NOW, calendar=CALENDAR)

    assert measured is not None
    assert (measured.plan_items, measured.done_items, measured.open_items) == (85, 65, 20)


def test_target_that_has_passed_still_has_a_slip() -> None:
    project = simulate_project(3, PlantedCause.DAYS_OFF)

    answer = decomposed(
        project.facts, as_of=project.as_of, calendar=project.calendar, target=project.as_of.date() - timedelta(days=9)
    )

    assert answer is not None
    assert answer.slip_days > 9


def test_forecast_of_another_moment_is_refused() -> None:
    history = ProjectHistory.from_facts(team_facts([5] * 26, open_items=20))
    finish = forecast_finish(history, as_of=NOW - WEEK)

    with pytest.raises(ValueError, match="another moment"):
        decompose_slip(history, as_of=NOW, finish=finish, calendar=CALENDAR)


@pytest.mark.parametrize("share", [0.4, 0.7])
@pytest.mark.parametrize("cause", list(PlantedCause))
def test_deleting_every_later_fact_changes_nothing(cause: PlantedCause, share: float) -> None:
    project = simulate_project(5, cause)
    begin = min(fact.created_at for fact in project.facts if hasattr(fact, "created_at"))
    moment = begin + share * (project.as_of - begin)

    whole, cut = (
        decomposed(facts, as_of=moment, calendar=project.calendar, planned=project.planned_calendar, draws=10)
        for facts in (project.facts, facts_known_at(project.facts, moment))
    )

    assert cut == whole


def test_same_facts_in_another_order_give_the_same_to_the_last_bit() -> None:
    project = simulate_project(7, PlantedCause.BLOCKED)

    assert of_project(project) == of_project(project, facts=project.facts[::-1])


@pytest.mark.benchmark
def test_one_decomposition_takes_less_than_300_ms() -> None:
    project = simulate_project(3, PlantedCause.BLOCKED)
    history = ProjectHistory.from_facts(project.facts).as_of(project.as_of)
    finish = forecast_finish(history, as_of=project.as_of, calendar=project.calendar)
    durations_s = []
    for _ in range(5):
        began_s = time.process_time()
        decompose_slip(history, as_of=project.as_of, finish=finish, calendar=project.calendar, draws=0)
        durations_s.append(time.process_time() - began_s)

    assert statistics.median(durations_s) < 0.3


@pytest.mark.parametrize(
    ("start", "approved_at"),
    [
        (date(1, 1, 1), NOW - 10 * WEEK),
        (date(1924, 1, 1), NOW - 10 * WEEK),
        (date(9999, 1, 1), NOW - 10 * WEEK),
        (None, datetime(1, 1, 2, tzinfo=UTC)),
    ],
)
def test_plan_whose_start_is_a_slip_of_the_pen_explains_nothing(start: date | None, approved_at: datetime) -> None:
    plan = BaselineFact(approved_at, approved_at, NOW.date() + 4 * WEEK, 100, start)

    assert decomposed([*team_facts([5] * 40, open_items=20), plan]) is None

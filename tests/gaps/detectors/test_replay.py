"""How often detectors would have raised an alarm over a past."""

from dataclasses import replace
from datetime import timedelta
from itertools import chain

import pytest

from gaps.detectors.detection import Detection, DetectionContext
from gaps.detectors.registry import ALARM_BUDGETS, DETECTORS
from gaps.detectors.replay import replay_detectors
from gaps.detectors.timeline import detect_timeline
from gaps.enums import GapType
from predictions.forecasters.replay import ReplayPlan
from projects.history import BaselineFact, ProjectHistory
from projects.history.calendar import WorkCalendar
from tests.project_histories import DAY, NOW, WEEK, finished_item, team_facts, without_later_facts

PLAN = ReplayPlan(NOW, months=6)
HOUR = timedelta(hours=1)


def _team(*, target_in_weeks: int) -> ProjectHistory:
    plan = BaselineFact(
        approved_at=NOW - 50 * WEEK,
        recorded_at=NOW - 50 * WEEK,
        target_date=(NOW + target_in_weeks * WEEK).date(),
        scope_items=300,
    )
    return ProjectHistory.from_facts([*team_facts([5] * 52, open_items=60), plan])


def test_a_plan_out_of_reach_is_one_alarm_however_long_it_lasts() -> None:
    (record,) = replay_detectors(
        _team(target_in_weeks=2), PLAN, calendar=WorkCalendar(), detectors={GapType.TIMELINE: detect_timeline}
    )

    assert record.type == GapType.TIMELINE
    assert (record.moments, record.answered) == (26, 26)
    assert len(record.alarms) == 1
    assert record.alarms[0].closed_as_of is None
    assert record.alarms_per_project_year == pytest.approx(1 / (26 * 7 / 365.25))
    assert record.alarms[0].came_true is None  # its day is not over
    assert record.most_false_alarms_per_project_year == record.alarms_per_project_year


@pytest.mark.parametrize(("done_late", "came_true"), [(True, True), (False, False)])
def test_an_alarm_is_settled_once_its_day_is_over(done_late: bool, came_true: bool) -> None:
    target = NOW - 4 * WEEK
    burst_ends_at, planned_at = NOW if done_late else target, NOW - 30 * WEEK
    burst = [
        finished_item(
            1_000 + k, created_at=planned_at, started_at=burst_ends_at - 10 * DAY, finished_at=burst_ends_at - k * HOUR
        )
        for k in range(1, 40)
    ]
    plan = BaselineFact(planned_at, planned_at, target.date(), 60)
    history = ProjectHistory.from_facts([*team_facts([1] * 22, open_items=0, as_of=target), *chain(*burst), plan])

    (record,) = replay_detectors(
        history, PLAN, calendar=WorkCalendar(), detectors={GapType.TIMELINE: detect_timeline}, observed_until=NOW
    )

    assert record.alarms[0].came_true is came_true
    might_be_false = [alarm for alarm in record.alarms if alarm.came_true is not True]
    judged = replace(record, project_years=2.0)  # so few weeks say nothing of a rate
    assert judged.most_false_alarms_per_project_year == len(might_be_false) / 2


def test_every_type_has_a_detector_and_a_budget_of_false_alarms() -> None:
    assert set(DETECTORS) == set(ALARM_BUDGETS) == set(GapType)
    assert all(budget > 0 for budget in ALARM_BUDGETS.values())


def test_a_plan_within_reach_raises_none() -> None:
    (record,) = replay_detectors(
        _team(target_in_weeks=400), PLAN, calendar=WorkCalendar(), detectors={GapType.TIMELINE: detect_timeline}
    )

    assert (record.alarms, record.alarms_per_project_year) == ((), 0.0)


def test_where_nothing_can_be_said_there_is_no_rate_but_what_is_missing() -> None:
    (record,) = replay_detectors(
        ProjectHistory.from_facts([]), PLAN, calendar=WorkCalendar(), detectors={GapType.TIMELINE: detect_timeline}
    )

    assert (record.answered, record.alarms_per_project_year) == (0, None)
    assert record.closed_by


def test_what_is_asked_at_a_moment_knows_nothing_later() -> None:
    facts = team_facts([5] * 52, open_items=60)
    plan = BaselineFact(NOW - 50 * WEEK, NOW - 50 * WEEK, (NOW + 2 * WEEK).date(), 300)
    cut = NOW - 8 * WEEK
    told: list[list[tuple[object, float | None]]] = [[], []]

    def listening(into: list[tuple[object, float | None]]) -> object:
        def detect(context: DetectionContext) -> tuple[Detection, ...]:
            found = detect_timeline(context)
            if context.as_of <= cut:
                into.extend((context.as_of, detection.effect) for detection in found)
            return found

        return detect

    for into, known in zip(told, ([*facts, plan], without_later_facts([*facts, plan], cut)), strict=True):
        replay_detectors(
            ProjectHistory.from_facts(known),
            ReplayPlan(NOW, months=6, step=timedelta(weeks=2)),
            calendar=WorkCalendar(),
            detectors={GapType.TIMELINE: listening(into)},  # type: ignore[dict-item]  # an object that is a detector
        )

    assert told[0] == told[1]
    assert told[0]

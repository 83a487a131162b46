"""How often detectors would have raised an alarm over a past."""

from datetime import timedelta

import pytest

from gaps.detectors.detection import Detection, DetectionContext
from gaps.detectors.registry import ALARM_BUDGETS, DETECTORS
from gaps.detectors.replay import replay_detectors
from gaps.detectors.timeline import detect_timeline
from gaps.enums import GapType
from predictions.forecasters.replay import ReplayPlan
from projects.history import BaselineFact, ProjectHistory
from projects.history.calendar import WorkCalendar
from tests.project_histories import NOW, WEEK, team_facts, without_later_facts

PLAN = ReplayPlan(NOW, months=6)


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


def test_every_type_has_a_detector_and_all_but_one_a_budget_of_false_alarms() -> None:
    assert set(DETECTORS) == set(GapType)
    assert set(GapType) - set(ALARM_BUDGETS) == {GapType.TIMELINE}
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

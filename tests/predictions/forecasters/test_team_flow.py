from datetime import timedelta

from predictions.forecasters.team_flow import TeamFlow, team_flow
from projects.enums import StatusCategory
from projects.history import FieldChangeFact, HistoryFact, ProjectHistory
from tests.project_histories import DAY, NOW, WEEK, finished_item, item_id, move, team_facts, work_item


def assigned(number: int, person: str | None) -> HistoryFact:
    return FieldChangeFact(item_id(number), "assignee", None, person, NOW - 30 * WEEK, NOW - 30 * WEEK)


def steady_team(*, assignees: int) -> list[HistoryFact]:
    """Two items finished a week, each in work for a fortnight: four are in work at any time."""
    facts: list[HistoryFact] = []
    for number in range(100):
        finished_at = NOW - 39 * WEEK + number * WEEK / 2 + timedelta(days=1)
        started_at = finished_at - 2 * WEEK
        if finished_at <= NOW:
            facts += finished_item(number, created_at=NOW - 45 * WEEK, started_at=started_at, finished_at=finished_at)
        elif started_at <= NOW:
            facts += [
                work_item(number, created_at=NOW - 45 * WEEK),
                move(number, StatusCategory.IN_PROGRESS, started_at),
            ]
        facts.append(assigned(number, f"person {number % 2}" if number % 10 < assignees else None))
    return facts


def flow_of(facts: list[HistoryFact]) -> TeamFlow:
    return team_flow(ProjectHistory.from_facts(facts).as_of(NOW))


def test_steady_team_obeys_littles_law() -> None:
    flow = flow_of(steady_team(assignees=10))

    assert (flow.in_progress, flow.least_in_progress, flow.mean_in_progress) == (4, 4, 4.0)
    assert (flow.cycle_time_days, flow.finished_per_week, flow.people) == (14.0, 2.0, 2)


def test_people_are_not_guessed_where_too_many_items_are_nobodys() -> None:
    assert flow_of(steady_team(assignees=9)).people == 2
    assert flow_of(steady_team(assignees=7)).people is None


def test_record_without_starts_tells_no_work_in_progress() -> None:
    facts: list[HistoryFact] = []
    for number in range(30):
        finished_at = NOW - number * 2 * DAY
        facts += [
            work_item(number, created_at=NOW - 20 * WEEK, resolved_at=finished_at),
            move(number, StatusCategory.DONE, finished_at),
        ]

    flow = flow_of([*facts, work_item(99, created_at=NOW - WEEK)])

    assert (flow.in_progress, flow.mean_in_progress, flow.least_in_progress, flow.cycle_time_days) == (None,) * 4


def test_empty_record_tells_nothing() -> None:
    assert flow_of([]) == TeamFlow(None, None, None, None, 0.0, None)


def test_open_items_without_a_start_are_not_in_work() -> None:
    assert flow_of(team_facts([5] * 30, open_items=40)).in_progress == 0

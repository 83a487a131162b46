"""Projects whose flow, delivery and money can be checked by hand, and what a detector is asked about them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from gaps.detectors.detection import DetectionContext, Tolerances
from predictions.forecasters.finish import forecast_finish
from projects.enums import RunOutcome, StatusCategory
from projects.history import CostFact, HistoryFact, ProjectHistory, StatusChangeFact, WorkItemFact
from projects.history.calendar import WorkCalendar
from projects.history.delivery_facts import CiRunFact, DeploymentFact
from tests.project_histories import DAY, NOW, WEEK, item_id

EVERY_DAY = WorkCalendar(working_weekdays=frozenset(range(7)))


def context_of(
    facts: Iterable[HistoryFact],
    *,
    as_of: datetime = NOW,
    tolerances: Tolerances | None = None,
    calendar: WorkCalendar = EVERY_DAY,
) -> DetectionContext:
    known = ProjectHistory.from_facts(facts).as_of(as_of)
    finish = forecast_finish(known, as_of=as_of, calendar=calendar, trials=400)
    return DetectionContext(known, calendar, finish, tolerances or Tolerances())


def spread_over(week: int, count: int, *, weeks: int) -> list[datetime]:
    """So many instants, evenly over the week with this number, the last of which ends at NOW."""
    begin = NOW - (weeks - week) * WEEK
    return [begin + WEEK * ((index + 0.5) / count) for index in range(count)]


def item(number: int, created_at: datetime, kind: str = "Story") -> WorkItemFact:
    return WorkItemFact(
        item_id(number), f"DEMO-{number}", created_at, created_at, kind, url=f"https://tracker.example/DEMO-{number}"
    )


def moved(number: int, to: StatusCategory, at: datetime, state: str) -> StatusChangeFact:
    return StatusChangeFact(item_id(number), to, at, at, to_state=state)


def work_facts(
    done: Sequence[int], bugs: Sequence[int], *, reopened: Sequence[int] | None = None, bugs_are_closed: bool = True
) -> list[HistoryFact]:
    """Stories finished, bugs created and stories taken up again in each week, the last of which ends at NOW."""
    facts: list[HistoryFact] = []
    weeks, number = len(done), 0
    for week, (stories, found) in enumerate(zip(done, bugs, strict=True)):
        again = 0 if reopened is None else reopened[week]
        for index, at in enumerate(spread_over(week, stories, weeks=weeks)):
            number += 1
            facts.append(item(number, NOW - (weeks + 2) * WEEK - number * timedelta(minutes=7)))
            facts.append(moved(number, StatusCategory.IN_PROGRESS, at - 2 * DAY, "Building"))
            facts.append(moved(number, StatusCategory.DONE, at, "Done"))
            if index < again:
                facts.append(moved(number, StatusCategory.IN_PROGRESS, at + timedelta(hours=1), "Building"))
                facts.append(moved(number, StatusCategory.DONE, at + timedelta(hours=5), "Done"))
        for at in spread_over(week, found, weeks=weeks):
            number += 1
            facts.append(item(number, at, "Bug"))
            if bugs_are_closed:
                facts.append(moved(number, StatusCategory.IN_PROGRESS, at + timedelta(hours=2), "Building"))
                facts.append(moved(number, StatusCategory.DONE, at + timedelta(hours=6), "Done"))
    return facts


def reviewed_facts(days_in_review: Sequence[Sequence[float]]) -> list[HistoryFact]:
    """Items that leave Review in each week after so many days in it; built for a day before, and done after it."""
    facts: list[HistoryFact] = []
    weeks, number = len(days_in_review), 0
    for week, stays in enumerate(days_in_review):
        for at, days in zip(spread_over(week, len(stays), weeks=weeks), stays, strict=True):
            number += 1
            to_review_at = at - timedelta(days=days)
            facts += [
                item(number, to_review_at - 3 * DAY),
                moved(number, StatusCategory.IN_PROGRESS, to_review_at - DAY, "Building"),
                moved(number, StatusCategory.IN_PROGRESS, to_review_at, "Review"),
                moved(number, StatusCategory.DONE, at, "Done"),
            ]
    return facts


def waiting_in_review(number: int, since: datetime) -> list[HistoryFact]:
    """One item that went into Review and stayed there."""
    return [
        item(number, since - 3 * DAY),
        moved(number, StatusCategory.IN_PROGRESS, since - DAY, "Building"),
        moved(number, StatusCategory.IN_PROGRESS, since, "Review"),
    ]


def ci_facts(failures: Sequence[int], *, runs: int, minutes: Sequence[float] | None = None) -> list[HistoryFact]:
    """CI runs of each week, the first of which fail."""
    facts: list[HistoryFact] = []
    weeks = len(failures)
    for week, failed in enumerate(failures):
        for index, at in enumerate(spread_over(week, runs, weeks=weeks)):
            length = 10.0 + index % 5 if minutes is None else minutes[week] + index % 5
            ended_at = at + timedelta(minutes=length)
            outcome = RunOutcome.FAILURE if index < failed else RunOutcome.SUCCESS
            facts.append(
                CiRunFact(UUID(int=week * 1_000 + index + 1), at, ended_at, outcome, ended_at, "build", "main", "")
            )
    return [fact for fact in facts if isinstance(fact, CiRunFact) and fact.recorded_at <= NOW]


def deployment_facts(counts: Sequence[int]) -> list[HistoryFact]:
    """Deployments of each week, all successful, of commits two days old."""
    weeks = len(counts)
    return [
        DeploymentFact(
            id=UUID(int=week * 1_000 + index + 1),
            external_id=f"{week}-{index}",
            started_at=at,
            recorded_at=at,
            outcome=RunOutcome.SUCCESS,
            finished_at=at,
            environment="production",
            committed_at=at - 2 * DAY - index * timedelta(hours=1),
        )
        for week, count in enumerate(counts)
        for index, at in enumerate(spread_over(week, count, weeks=weeks))
    ]


def cost_facts(amounts: Sequence[float], *, hours: Sequence[float] | None = None) -> list[CostFact]:
    """One booking a week, the last one two days before NOW."""
    weeks = len(amounts)
    return [
        CostFact(
            UUID(int=50_000 + week),
            (NOW - 2 * DAY - (weeks - 1 - week) * WEEK).date(),
            NOW - DAY - (weeks - 1 - week) * WEEK,
            amount,
            "EUR",
            None if hours is None else hours[week],
        )
        for week, amount in enumerate(amounts)
    ]

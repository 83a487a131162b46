"""What the four detectors about people cost on a large project: CPU time, so that a busy machine is no failure."""

from collections.abc import Iterator
from datetime import timedelta
from time import process_time
from uuid import UUID

import numpy as np
import pytest

from gaps.detectors.registry import DETECTORS
from gaps.enums import GapType
from projects.enums import ActivityKind
from projects.history import (
    ActivityFact,
    BlockingLinkFact,
    CapacityFact,
    FieldChangeFact,
    HistoryFact,
    PulseFact,
    WorkItemFact,
)
from tests.gaps.detectors.people_contexts import context_of
from tests.project_histories import NOW, WEEK, large_team_facts

ITEMS, PEOPLE = 30_000, 40
MOST_S = 0.4
FIVE_DAYS = (8.0, 8.0, 8.0, 8.0, 8.0, 0.0, 0.0)
OURS = (GapType.RESOURCE, GapType.COMMUNICATION, GapType.CULTURE, GapType.SKILL)


def _around(items: list[WorkItemFact]) -> Iterator[HistoryFact]:
    """An assignee, a component, a priority and four traces of each item, some links, calendars and pulses."""
    rng = np.random.default_rng(4)
    people = [UUID(int=(9 << 70) + number * 0x9E3779B97F4A7C1) for number in range(PEOPLE)]
    kinds = (ActivityKind.COMMENT, ActivityKind.REVIEW_REQUESTED, ActivityKind.REVIEW, ActivityKind.COMMENT)
    for number, item in enumerate(items):
        carrier, other = (people[index] for index in rng.integers(0, PEOPLE, 2))
        at = item.created_at + timedelta(hours=2)
        yield FieldChangeFact(item.id, "assignee", None, str(carrier), at, at, 0, carrier)
        yield FieldChangeFact(item.id, "component", None, f"part {number % 20}", at, at)
        yield FieldChangeFact(item.id, "priority", None, "Critical" if number % 10 == 0 else "Minor", at, at)
        for index, kind in enumerate(kinds):
            then = at + timedelta(hours=float(24 * index + rng.exponential(10)))
            who = carrier if index < 2 else other
            identifier = UUID(int=(5 << 70) + 4 * number + index)
            yield ActivityFact(identifier, then, then, kind, contributor_id=who, item_id=item.id)
        if number % 20 == 0:
            yield BlockingLinkFact(item.id, items[int(rng.integers(0, len(items)))].id, at, at)
    for number, person in enumerate(people):
        begin = NOW - 200 * WEEK
        yield CapacityFact(UUID(int=(6 << 70) + number), begin, person, begin.date(), None, FIVE_DAYS)
    for number in range(12):
        end = (NOW - number * 4 * WEEK).date()
        yield PulseFact(UUID(int=(8 << 70) + number), NOW - number * 4 * WEEK, "load", end, end, 2.2, 9)


@pytest.mark.benchmark
def test_four_detectors_on_thirty_thousand_items() -> None:
    facts = large_team_facts(items=ITEMS, years=4)
    facts += list(_around([fact for fact in facts if isinstance(fact, WorkItemFact)]))
    context = context_of(facts, at=NOW, target_date=(NOW + 8 * WEEK).date())

    started = process_time()
    answers = [detection for gap_type in OURS for detection in DETECTORS[gap_type](context)]
    taken_s = process_time() - started

    assert any(answer.finding for answer in answers)
    assert taken_s <= MOST_S

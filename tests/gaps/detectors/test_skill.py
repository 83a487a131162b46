from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from gaps.backtesting.simulated_people_gaps import SEEN_AT, simulate
from gaps.detectors.areas import areas
from gaps.detectors.detection import Detection
from gaps.detectors.skill import detect_skill
from gaps.enums import AreaKind, GapType
from projects.enums import ActivityKind, Readiness, TrackedField
from projects.history import ActivityFact, FieldChangeFact, HistoryFact, ProjectHistory, WorkCalendar
from projects.history.readiness import ReasonCode
from tests.gaps.detectors.people_contexts import context_of
from tests.project_histories import DAY, NOW, WEEK, finished_item, item_id, work_item

BEGIN = NOW - 30 * WEEK


def _of(subject: str, facts: Iterable[HistoryFact], **of: Any) -> Detection:
    return next(one for one in detect_skill(context_of(facts, at=NOW, **of)) if one.subject == subject)


def _project(finished: dict[str, Sequence[int]], left: dict[str, int]) -> list[HistoryFact]:
    """For each area, who finished one item after the other in the last 20 weeks, and how many are left."""
    facts: list[HistoryFact] = []
    number = 0

    def named(area: str) -> FieldChangeFact:
        return FieldChangeFact(item_id(number), "component", None, area, BEGIN, BEGIN)

    for area, carriers in finished.items():
        for index, carrier in enumerate(carriers):
            number += 1
            at = NOW - 20 * WEEK + (index + 0.5) * (20 * WEEK / len(carriers))
            facts += finished_item(number, created_at=BEGIN, started_at=at - DAY, finished_at=at)
            facts.append(FieldChangeFact(item_id(number), TrackedField.ASSIGNEE, None, str(item_id(carrier)), at, at))
            facts.append(named(area))
    for area, count in left.items():
        for _ in range(count):
            number += 1
            facts += [work_item(number, created_at=BEGIN), named(area)]
    for carrier in (901, 902, 903):
        facts.append(
            ActivityFact(
                item_id(carrier + 90), NOW - DAY, NOW - DAY, ActivityKind.COMMENT, contributor_id=item_id(carrier)
            )
        )
    return facts


SHARED = [901, 902, 903] * 12


def test_area_that_one_person_finished_is_thin_and_its_share_is_the_effect() -> None:
    facts = _project({"api": SHARED, "billing": [902] * 12}, {"api": 76, "billing": 24})

    told = areas(ProjectHistory.from_facts(facts).as_of(NOW), WorkCalendar())
    found = _of("depth", facts)

    assert told.names == ("api", "billing")
    assert told.depth.tolist() == [3, 1]
    assert told.p_thin.tolist() == [0.0, 13 / 15]
    assert found.effect == pytest.approx(10 * 0.24 * 13 / 15, abs=0.08)
    assert found.finding is not None
    assert [cause.code for cause in found.finding.root_causes] == ["CONCENTRATION", "UNEXPLAINED"]
    assert [(area.kind, area.name) for area in found.finding.affected_areas] == [(AreaKind.COMPONENT, "billing")]
    assert {row.value for row in found.finding.evidence[1:]} == {"billing"}


def test_second_person_who_finished_one_item_ends_it() -> None:
    facts = _project({"api": SHARED, "billing": [902] * 11 + [903]}, {"api": 76, "billing": 24})

    assert _of("depth", facts) == _of("depth", facts)
    assert _of("depth", facts).effect == 0.0


def test_second_person_who_left_does_not_count_and_is_the_cause() -> None:
    facts = _project({"api": SHARED, "billing": [904] * 12 + [902] * 20}, {"api": 70, "billing": 30})
    long_ago = NOW - 10 * WEEK
    facts.append(ActivityFact(item_id(80), long_ago, long_ago, ActivityKind.COMMENT, contributor_id=item_id(904)))

    finding = _of("depth", facts).finding

    assert finding is not None
    assert str(item_id(904)) not in repr(finding)
    told = areas(ProjectHistory.from_facts(facts).as_of(NOW), WorkCalendar())
    assert (told.depth.tolist(), told.before.tolist()) == ([3, 1], [3, 2])
    assert finding.root_causes[0].code == "LEAVER"


def test_area_that_nobody_ever_finished_is_new_technology() -> None:
    finding = _of("depth", _project({"api": SHARED}, {"api": 70, "ledger": 30})).finding

    assert finding is not None
    assert [cause.code for cause in finding.root_causes] == ["NEW_TECHNOLOGY", "UNEXPLAINED"]
    assert finding.root_causes[0].contribution == pytest.approx(0.3)


@pytest.mark.parametrize("left", [4, 9])
def test_small_new_area_is_no_gap(left: int) -> None:
    assert _of("depth", _project({"api": SHARED}, {"api": 100, "ledger": left})).finding is None


def test_one_area_asked_for_more_than_it_gives_beside_one_with_room() -> None:
    facts = _project({"api": SHARED * 2, "billing": SHARED[:14]}, {"api": 20, "billing": 40})
    even = _project({"api": SHARED * 2, "billing": SHARED[:14]}, {"api": 50, "billing": 8})
    target = (NOW + 20 * WEEK).date()

    found, twin = (_of("demand", some, target_date=target) for some in (facts, even))

    assert found.finding is not None
    assert found.finding.affected_areas[0].name == "billing"
    assert (found.effect or 0) > 3
    assert (twin.finding, twin.effect) == (None, 0.0)


def test_project_with_too_much_everywhere_lacks_no_skill() -> None:
    facts = _project({"api": SHARED, "billing": SHARED}, {"api": 200, "billing": 200})

    assert _of("demand", facts, target_date=(NOW + 4 * WEEK).date()).finding is None


def test_without_components_the_type_is_off() -> None:
    facts = [
        fact
        for fact in simulate(GapType.SKILL, 0, planted=True)
        if not (isinstance(fact, FieldChangeFact) and fact.field == "component")
    ]

    for detection in detect_skill(context_of(facts, at=SEEN_AT + timedelta(0))):
        assert detection.readiness.readiness == Readiness.MISCONFIGURED
        assert [reason.code for reason in detection.readiness.reasons] == [ReasonCode.NO_AREAS]


def test_project_of_one_component_tells_no_skills_apart() -> None:
    (depth, _) = detect_skill(context_of(_project({"api": [901] * 30}, {"api": 40}), at=NOW))

    assert [reason.code for reason in depth.readiness.reasons] == [ReasonCode.NO_AREAS]
    assert (depth.finding, depth.effect) == (None, None)

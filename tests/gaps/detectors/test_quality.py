from datetime import timedelta

import pytest

from gaps.detectors.detection import Detection
from gaps.detectors.quality import BACKLOG, BUGS, REOPENINGS, detect_quality
from gaps.detectors.severity import is_below_opening
from gaps.enums import AreaKind, GapType
from predictions.enums import Severity
from projects.enums import Readiness, StatusCategory
from projects.history import HistoryFact, WorkItemFact
from projects.history.readiness import ReasonCode, UnlockStep
from tests.gaps.flow_contexts import context_of, item, moved, work_facts
from tests.project_histories import DAY, NOW, WEEK

USUAL, WEEKS = 20, 24


def detections(facts: list[HistoryFact]) -> dict[str, Detection]:
    return {detection.subject: detection for detection in detect_quality(context_of(facts))}


def test_three_times_as_many_bugs_are_a_gap_with_everything_to_check_it() -> None:
    found = detections(work_facts([10] * WEEKS, [2, 3] * (USUAL // 2) + [8] * 4))

    detection = found[BUGS]
    finding = detection.finding
    assert finding is not None
    assert detection.readiness.readiness == Readiness.OK
    assert (finding.type, finding.severity) == (GapType.QUALITY, Severity.CRITICAL)
    assert finding.current.value == pytest.approx(8.0, abs=0.1)
    assert finding.target.value == pytest.approx(2.5, abs=0.1)
    assert finding.current.unit == finding.target.unit == finding.effect.unit == "per 10 done"
    assert finding.effect.tolerance == pytest.approx(1.25, abs=0.05)
    assert finding.effect.in_tolerances == detection.effect == pytest.approx(4.4, abs=0.1)
    assert finding.confidence > 0.95
    assert {area.kind for area in finding.affected_areas} == {AreaKind.WORK_ITEMS}
    items = [row for row in finding.evidence if row.object_type == "work_item"]
    assert len(items) == 5
    assert all(row.url.startswith("https://tracker.example/") for row in items)
    assert all(row.field == "created_at" and row.value for row in items)
    assert sum(cause.contribution or 0.0 for cause in finding.root_causes) == pytest.approx(finding.effect.value)
    assert all(action.steps and action.effort_h and action.owner_role for action in finding.corrective_actions)
    assert found[REOPENINGS].finding is None


def test_its_near_twin_with_a_few_bugs_more_is_none() -> None:
    found = detections(work_facts([10] * WEEKS, [2, 3] * (USUAL // 2) + [3, 4, 3, 3]))

    assert [detection.finding for detection in found.values()] == [None, None, None]
    assert 0 < (found[BUGS].effect or 0.0) < 1


def test_more_bugs_with_more_work_are_none() -> None:
    found = detections(work_facts([10] * USUAL + [30] * 4, [2, 3] * (USUAL // 2) + [6, 8, 7, 7]))

    assert found[BUGS].finding is None


def test_gap_that_lasts_for_a_quarter_is_not_taken_for_solved() -> None:
    new = detections(work_facts([10] * WEEKS, [2, 3] * (USUAL // 2) + [8] * 4))[BUGS]
    lasting = detections(work_facts([10] * 36, [2, 3] * 12 + [8] * 12))[BUGS]
    solved = detections(work_facts([10] * 36, [2, 3] * 10 + [8] * 12 + [2, 3, 2, 3]))[BUGS]

    assert lasting.finding is None  # twelve weeks have made it the usual
    assert not is_below_opening(opened_at_effect=new.effect or 0.0, effect=lasting.effect or 0.0)
    assert is_below_opening(opened_at_effect=new.effect or 0.0, effect=solved.effect or 0.0)


def test_as_many_bugs_while_less_is_done_are_none() -> None:
    found = detections(work_facts([10] * USUAL + [2] * 4, [3, 4] * (USUAL // 2) + [3, 4, 4, 3]))

    assert (found[BUGS].effect or 0.0) > 1
    assert found[BUGS].finding is None


def test_more_that_comes_back_is_a_gap() -> None:
    found = detections(work_facts([10] * WEEKS, [1] * WEEKS, reopened=[1, 0] * (USUAL // 2) + [6] * 4))

    finding = found[REOPENINGS].finding
    assert finding is not None
    assert finding.current.value == pytest.approx(6 * 10 / 11, abs=0.2)  # of stories and bugs done
    assert found[BUGS].finding is None


def test_bugs_that_pile_up_for_three_weeks_are_a_gap_of_their_own() -> None:
    facts = work_facts([10] * WEEKS, [2] * WEEKS)
    facts += [item(5_000 + n, NOW - 3 * WEEK + (n + 1) * timedelta(hours=13), "Bug") for n in range(36)]

    finding = detections(facts)[BACKLOG].finding

    assert finding is not None
    assert (finding.current.value, finding.target.value) == (36.0, 0.0)
    assert finding.effect.unit == "bugs"
    assert finding.effect.value == 36.0
    assert finding.effect.tolerance == 3.0  # closes two a week; three are the least that count


def test_empty_project_says_what_to_connect() -> None:
    found = detections([])

    assert {detection.finding for detection in found.values()} == {None}
    assert {detection.readiness.readiness for detection in found.values()} == {Readiness.MISCONFIGURED}
    assert {detection.effect for detection in found.values()} == {None}


def test_without_types_bugs_are_off_and_reopenings_are_not() -> None:
    facts = [
        item(fact.id.int, fact.created_at, "") if isinstance(fact, WorkItemFact) else fact
        for fact in work_facts([10] * WEEKS, [2] * USUAL + [8] * 4)
    ]

    found = detections(facts)

    assert found[BUGS].readiness.readiness == Readiness.MISCONFIGURED
    assert found[BUGS].readiness.reasons[0].code == ReasonCode.NO_ITEM_TYPES
    assert found[BUGS].readiness.reasons[0].unlock == UnlockStep.RECORD_ITEM_TYPES
    assert found[BUGS].effect is None
    assert found[REOPENINGS].readiness.carries_value


def test_bugs_that_were_imported_in_one_go_are_none() -> None:
    facts = work_facts([10] * WEEKS, [2] * WEEKS)
    facts += [item(5_000 + n, NOW - 3 * DAY + n * timedelta(seconds=1), "Bug") for n in range(60)]

    assert {detection.finding for detection in detections(facts).values()} == {None}


def test_more_work_at_once_is_named_as_a_cause_when_it_moves_with_the_bugs() -> None:
    facts = work_facts([10] * WEEKS, [2, 3] * (USUAL // 2) + [8] * 4)
    for week in range(4):
        for n in range(8):
            at = NOW - (4 - week) * WEEK + n * timedelta(hours=20)
            facts += [
                item(6_000 + 10 * week + n, at - DAY),
                moved(6_000 + 10 * week + n, StatusCategory.IN_PROGRESS, at, "B"),
            ]

    finding = detections(facts)[BUGS].finding

    assert finding is not None
    assert finding.root_causes[0].code == "WIP_UP"
    assert finding.root_causes[0].evidence_for
    assert finding.corrective_actions[0].code == "LIMIT_WIP"
    assert finding.root_causes[-1].code == "UNEXPLAINED"

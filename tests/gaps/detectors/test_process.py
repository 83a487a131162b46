import dataclasses
from datetime import timedelta

import pytest

from gaps.detectors.detection import Detection
from gaps.detectors.process import detect_process
from gaps.detectors.severity import is_below_opening
from gaps.enums import AreaKind, GapType
from predictions.enums import Severity
from projects.enums import Readiness, StatusCategory, TrackedField
from projects.history import FieldChangeFact, HistoryFact, StatusChangeFact
from projects.history.readiness import ReasonCode, UnlockStep
from tests.gaps.flow_contexts import context_of, reviewed_facts, waiting_in_review
from tests.project_histories import DAY, NOW, team_facts

USUAL_STAYS = [1.0, 1.2, 1.5, 1.8, 2.0, 2.4, 3.0]
LONG_STAYS = [3.5, 4.0, 6.0, 6.5, 7.0, 8.0, 9.0]
USUAL = 24
REVIEW = "state:Review"


def detections(facts: list[HistoryFact]) -> dict[str, Detection]:
    return {detection.subject: detection for detection in detect_process(context_of(facts))}


def test_reviews_that_take_much_longer_are_a_gap_of_that_state_only() -> None:
    found = detections(reviewed_facts([USUAL_STAYS] * USUAL + [LONG_STAYS] * 4))

    finding = found[REVIEW].finding
    assert finding is not None
    assert (finding.type, finding.severity) == (GapType.PROCESS, Severity.CRITICAL)
    assert finding.current.value == pytest.approx(8.0, abs=0.5)
    assert finding.target.value == pytest.approx(2.4, abs=0.2)
    assert (finding.effect.unit, finding.effect.tolerance) == ("days", 1.0)
    assert [(area.kind, area.name) for area in finding.affected_areas] == [(AreaKind.WORKFLOW_STATE, "Review")]
    stays = [row for row in finding.evidence if row.object_type == "work_item"]
    assert len(stays) == 5
    assert stays[0].value.startswith("9.0 working days, since ")
    assert all(row.url for row in stays)
    assert finding.confidence > 0.95
    assert sum(cause.contribution or 0.0 for cause in finding.root_causes) == pytest.approx(finding.effect.value)
    assert found["state:Building"].finding is None
    assert found["project"].readiness.readiness == Readiness.OK


def test_its_near_twin_that_takes_a_little_longer_is_none() -> None:
    found = detections(reviewed_facts([USUAL_STAYS] * USUAL + [[1.1 * stay for stay in USUAL_STAYS]] * 4))

    assert {detection.finding for detection in found.values()} == {None}
    assert 0 < (found[REVIEW].effect or 0.0) < 1


def test_gap_that_lasts_is_not_taken_for_solved() -> None:
    new = detections(reviewed_facts([USUAL_STAYS] * USUAL + [LONG_STAYS] * 4))[REVIEW]
    lasting = detections(reviewed_facts([USUAL_STAYS] * USUAL + [LONG_STAYS] * 12))[REVIEW]
    solved = detections(reviewed_facts([USUAL_STAYS] * USUAL + [LONG_STAYS] * 8 + [USUAL_STAYS] * 4))[REVIEW]

    assert lasting.finding is None
    assert not is_below_opening(opened_at_effect=new.effect or 0.0, effect=lasting.effect or 0.0)
    assert is_below_opening(opened_at_effect=new.effect or 0.0, effect=solved.effect or 0.0)


def test_queue_that_grows_for_three_weeks_is_a_gap_even_if_nothing_leaves() -> None:
    facts = reviewed_facts([USUAL_STAYS] * USUAL)
    shifted = [_earlier(fact, 4) for fact in facts]
    for n in range(28):
        shifted += waiting_in_review(9_000 + n, NOW - 4 * 7 * DAY + (n + 1) * timedelta(hours=23))

    finding = detections(shifted)[REVIEW].finding

    assert finding is not None
    assert (finding.current.value, finding.current.unit) == (28.0, "items")
    assert finding.effect.unit == "days"
    assert finding.effect.value == pytest.approx((28 - 1.7) / 7 * 5, abs=1.0)  # seven leave in five working days
    assert len([row for row in finding.evidence if row.object_type == "work_item"]) == 5


def _earlier(fact: HistoryFact, weeks: int) -> HistoryFact:
    """The same fact some weeks before."""
    names = [name for name in ("created_at", "changed_at", "recorded_at") if hasattr(fact, name)]
    return dataclasses.replace(fact, **{name: getattr(fact, name) - timedelta(weeks=weeks) for name in names})


def test_one_state_only_is_limited_and_says_why() -> None:
    found = detections(team_facts([5] * 30, open_items=3))

    assert set(found) == {"state:In progress", "project"}
    assert {detection.readiness.readiness for detection in found.values()} == {Readiness.LIMITED}
    reasons = found["project"].readiness.reasons
    assert [(reason.code, reason.unlock) for reason in reasons] == [(ReasonCode.NO_STATES, UnlockStep.USE_MORE_STATES)]


def test_empty_project_and_one_without_starts_are_off() -> None:
    without_starts = [
        fact
        for fact in team_facts([5] * 30, open_items=3)
        if not isinstance(fact, StatusChangeFact) or fact.to_category == StatusCategory.DONE
    ]

    for facts in ([], without_starts):
        found = detections(facts)
        assert set(found) == {"project"}
        assert found["project"].readiness.readiness == Readiness.MISCONFIGURED
        assert ReasonCode.NO_STARTS in {reason.code for reason in found["project"].readiness.reasons}
        assert found["project"].effect is None


def test_few_weeks_say_nothing() -> None:
    found = detections(reviewed_facts([USUAL_STAYS] * 6 + [LONG_STAYS] * 4))

    assert {detection.finding for detection in found.values()} == {None}
    assert found["project"].readiness.readiness == Readiness.INSUFFICIENT


def test_more_waiting_lowers_the_flow_efficiency_of_the_whole() -> None:
    facts = reviewed_facts([USUAL_STAYS] * USUAL + [LONG_STAYS] * 4)
    flagged = [fact for fact in facts if isinstance(fact, StatusChangeFact) and fact.to_state == "Review"]
    for move in flagged:
        if move.changed_at < NOW - 40 * DAY:
            continue
        begin = move.changed_at + timedelta(hours=2)
        facts.append(FieldChangeFact(move.item_id, TrackedField.FLAG, None, "x", begin, begin))

    finding = detections(facts)["project"].finding

    assert finding is not None
    assert finding.title.startswith("Flow efficiency")
    assert finding.effect.tolerance == 0.1
    assert float(finding.current.value or 0) < 0.4
    assert finding.target.value == pytest.approx(1.0, abs=0.05)

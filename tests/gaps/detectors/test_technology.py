from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from gaps.detectors.detection import Detection
from gaps.detectors.technology import detect_technology
from gaps.enums import AreaKind, GapCategory, GapType
from predictions.enums import Severity
from projects.enums import Readiness, RunOutcome
from projects.history import HistoryFact
from projects.history.delivery_facts import CiRunFact
from projects.history.readiness import ReasonCode, UnlockStep
from tests.gaps.flow_contexts import ci_facts, context_of, deployment_facts
from tests.project_histories import team_facts

USUAL = 24


def detections(facts: list[HistoryFact]) -> dict[str, Detection]:
    return {detection.subject: detection for detection in detect_technology(context_of(facts))}


def test_three_times_as_many_red_builds_are_a_gap_with_everything_to_check_it() -> None:
    facts = ci_facts([4, 5, 3, 4] * (USUAL // 4) + [12, 13, 12, 14], runs=40)

    found = detections(facts)

    finding = found["CI failures"].finding
    assert finding is not None
    assert (finding.type, finding.severity) == (GapType.TECHNOLOGY, Severity.CRITICAL)
    assert finding.current.value == pytest.approx(51 / 160, abs=0.01)
    assert finding.target.value == pytest.approx(0.1, abs=0.01)
    assert float(finding.current.low or 0) < float(finding.current.value or 0) < float(finding.current.high or 0)
    assert finding.effect.unit == "share"
    assert finding.effect.tolerance == pytest.approx(0.05, abs=0.001)
    assert [(area.kind, area.name) for area in finding.affected_areas] == [(AreaKind.COMPONENT, "build")]
    runs = [row for row in finding.evidence if row.object_type == "ci_run"]
    assert [row.value for row in runs] == ["failure"] * 5
    assert found["CI duration"].finding is None
    assert found["CI failures"].readiness.readiness == Readiness.LIMITED  # no deployments are connected


def test_its_near_twin_with_a_few_more_is_none() -> None:
    found = detections(ci_facts([4, 5, 3, 4] * (USUAL // 4) + [5, 5, 4, 6], runs=40))

    assert {detection.finding for detection in found.values()} == {None}
    assert 0 < (found["CI failures"].effect or 0.0) < 1


def test_slower_builds_are_a_gap_of_their_own() -> None:
    found = detections(ci_facts([2] * (USUAL + 4), runs=40, minutes=[10.0] * USUAL + [18.0] * 4))

    finding = found["CI duration"].finding
    assert finding is not None
    assert (finding.current.value, finding.target.value, finding.current.unit) == (22.0, 14.0, "min")
    assert finding.effect.in_tolerances == pytest.approx(8 / 3.5)
    assert found["CI failures"].finding is None


def test_deployments_that_dry_up_are_a_gap_that_tells_what_is_there() -> None:
    found = detections([*ci_facts([2] * 28, runs=40), *deployment_facts([8] * USUAL + [1] * 4)])

    finding = found["deployments"].finding
    assert finding is not None
    assert (finding.current.value, finding.target.value, finding.current.unit) == (1.0, 8.0, "a week")
    assert finding.effect.value == pytest.approx(7.0)
    assert found["deployments"].readiness.readiness == Readiness.OK
    assert found["lead time"].finding is None


def test_nothing_connected_is_off_and_says_what_to_connect() -> None:
    for facts in ([], team_facts([5] * 30, open_items=10)):
        found = detections(facts)
        assert set(found) == {"project"}
        assert found["project"].readiness.readiness == Readiness.MISCONFIGURED
        assert found["project"].readiness.reasons[0].code == ReasonCode.NO_DELIVERIES
        assert found["project"].readiness.reasons[0].unlock == UnlockStep.CONNECT_DELIVERY


def test_few_weeks_and_few_events_say_nothing() -> None:
    short = detections(ci_facts([4] * 6 + [20] * 4, runs=40))
    rare = detections(ci_facts([0] * 14 + [1] * 4, runs=1))

    assert short["CI failures"].readiness.readiness == Readiness.INSUFFICIENT
    assert {detection.finding for detection in [*short.values(), *rare.values()]} == {None}
    assert rare["CI failures"].readiness.readiness == Readiness.INSUFFICIENT
    assert rare["CI failures"].readiness.reasons[0].code == ReasonCode.TOO_FEW_DELIVERIES


def test_failures_that_pass_when_repeated_name_flaky_tests() -> None:
    flaky = [0, 1, 0, 0] * (USUAL // 4) + [6, 7, 8, 7]
    facts: list[HistoryFact] = []
    for fact in ci_facts([3, 4] * (USUAL // 2) + [12, 12, 13, 12], runs=40):
        assert isinstance(fact, CiRunFact)
        week, index = divmod(fact.id.int - 1, 1_000)
        commit = f"{week}-{index}"
        facts.append(replace(fact, commit=commit))
        if fact.outcome == RunOutcome.FAILURE and index < flaky[week] and fact.finished_at is not None:
            again_at = fact.finished_at + timedelta(minutes=20)
            passed = RunOutcome.SUCCESS
            facts.append(
                CiRunFact(
                    UUID(int=fact.id.int + 10**6),
                    fact.finished_at,
                    again_at,
                    passed,
                    again_at,
                    "build",
                    "main",
                    commit,
                    2,
                )
            )

    finding = detections(facts)["CI failures"].finding

    assert finding is not None
    cause = finding.root_causes[0]
    assert (cause.code, cause.category) == ("FLAKY_TESTS", GapCategory.TECHNICAL)
    assert {row.field for row in cause.evidence_for} == {"before_and_recent", "p_value"}
    assert finding.corrective_actions[0].code == "QUARANTINE_FLAKY_TESTS"

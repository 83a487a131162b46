"""What to deal with first, and how everything stands: over the projects a person sees, and no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gaps.detectors.detection import PROJECT
from gaps.domain.assessments import fingerprint_of
from gaps.enums import GapOrigin, GapStatus, GapType
from gaps.models import Gap
from predictions.domain.joint_dates import MOST_TOGETHER
from predictions.enums import ActionStatus, AlertState, DismissalReason, MuteState, Priority, Severity
from projects.enums import AnalysisKind, Presence, ProjectStatus, StatusCategory
from projects.models import Project
from tenants.audit.enums import AuditAction
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry
from tests.api.conftest import ApiClient
from tests.api.test_matrix import enter_project
from tests.factories.gaps import CorrectiveActionFactory, GapFactory, GapTransitionFactory
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import (
    AlertFactory,
    AlertMuteFactory,
    PredictionFactory,
    PreventiveActionFactory,
    sha256_of,
)
from tests.factories.projects import AnalysisRecordFactory, ContributorFactory, ProjectFactory, WorkItemFactory

pytestmark = pytest.mark.django_db

BRIEFING, PORTFOLIO = "/api/v1/me/briefing", "/api/v1/portfolio"
NOW = timezone.now()


def _detected(project: Project, effect: float, **fields: Any) -> Gap:
    gap_type = fields.pop("type", GapType.TIMELINE)
    return GapFactory.create(
        project=project,
        type=gap_type,
        origin=GapOrigin.DETECTED,
        fingerprint=fingerprint_of(gap_type, PROJECT),
        detector_id="tests",
        inputs_hash=sha256_of("facts"),
        effect_tolerance_units=effect,
        last_seen_at=fields.pop("last_seen_at", NOW - timedelta(hours=10)),
        **fields,
    )


def _warning(project: Project, number: int = 1, **fields: Any) -> Any:
    return PredictionFactory.create(
        project=project,
        event_key=sha256_of(f"event {number}"),
        episode_id=UUID(int=5_000_000 + number),
        is_alert=True,
        as_of=NOW - timedelta(hours=10),
        issued_at=NOW - timedelta(hours=9),
        predicted_for=NOW + timedelta(days=30),
        probability_low=None,
        probability_high=None,
        **fields,
    )


@pytest.fixture
def leader(ours: LookAlike, as_role: Callable[[Role], ApiClient]) -> ApiClient:
    return as_role(Role.TEAM_LEADER)


def _projects(ours: LookAlike, *names: str) -> list[Project]:
    """Projects that the team leader sees; the look-alikes' own are out of their sight."""
    with tenant_context(ours.tenant.pk):
        made = [ProjectFactory.create(name=name) for name in names]
    for project in made:
        enter_project(ours, project.pk)
    return made


def _mine(answer: Any, projects: list[Project]) -> list[dict[str, Any]]:
    ids = {str(project.pk) for project in projects}
    return [row for row in answer.json()["rows"] if row["project"] in ids]


# --- the briefing ---


def test_what_can_still_be_started_is_suggested_before_what_cannot(ours: LookAlike, leader: ApiClient) -> None:
    projects = _projects(ours, "Uno")
    with tenant_context(ours.tenant.pk):
        gap = _detected(projects[0], 9.5)
        too_late = NOW - timedelta(hours=1)
        CorrectiveActionFactory.create(gap=gap, title="Too late", priority=Priority.CRITICAL, latest_start_at=too_late)
        CorrectiveActionFactory.create(gap=gap, title="In time", priority=Priority.LOW)

    (row,) = _mine(leader.fetch(BRIEFING), projects)

    assert row["action"]["title"] == "In time"


def test_the_dearest_matter_comes_first_with_the_hours_left_and_one_action(ours: LookAlike, leader: ApiClient) -> None:
    first, second = projects = _projects(ours, "Uno", "Due")
    with tenant_context(ours.tenant.pk):
        gap = _detected(first, 9.5, severity=Severity.CRITICAL, urgency_h=100.0)
        CorrectiveActionFactory.create(gap=gap, title="Small", priority=Priority.LOW)
        CorrectiveActionFactory.create(gap=gap, title="Cut scope", priority=Priority.CRITICAL)
        warning = _warning(second, probability=0.9, impact=Severity.CRITICAL, prevention_window_h=200.0)
        PreventiveActionFactory.create(prediction=warning, title="Ask for people")

    rows = _mine(leader.fetch(BRIEFING), projects)

    assert [(row["kind"], row["project_name"], row["action"]["title"]) for row in rows] == [
        ("GAP", "Uno", "Cut scope"),
        ("PREDICTION", "Due", "Ask for people"),
    ]
    assert [row["expected_loss_tolerances"] for row in rows] == [9.5, 2.7]
    assert [row["hours_left"] for row in rows] == [pytest.approx(90.0, abs=0.5), pytest.approx(190.0, abs=0.5)]


def test_an_action_under_way_is_the_one_shown(ours: LookAlike, leader: ApiClient) -> None:
    (project,) = projects = _projects(ours, "Uno")
    with tenant_context(ours.tenant.pk):
        gap = _detected(project, 9.5)
        CorrectiveActionFactory.create(gap=gap, title="Cut scope", priority=Priority.CRITICAL)
        CorrectiveActionFactory.create(
            gap=gap,
            title="Under way",
            priority=Priority.LOW,
            status=ActionStatus.ACTIVE,
            owner=ours.users[Role.PROJECT_MANAGER],
            due_date=NOW.date(),
        )

    (row,) = _mine(leader.fetch(BRIEFING), projects)

    assert (row["action"]["title"], row["action"]["status"]) == ("Under way", "ACTIVE")


def test_what_is_left_out_is_counted_by_its_reason(ours: LookAlike, leader: ApiClient) -> None:
    before = leader.fetch(BRIEFING).json()["suppressed"]
    projects = _projects(ours, *(f"Numbered {n}" for n in range(8)))
    with tenant_context(ours.tenant.pk):
        for project in projects:
            _detected(project, 50.0)
        _warning(projects[0], probability=0.9)
        _detected(projects[2], 90.0, type=GapType.BUDGET, urgency_h=1.0)
        _detected(projects[3], 90.0, type=GapType.QUALITY, status=GapStatus.RESOLVED, resolved_at=NOW)

    told = leader.fetch(BRIEFING).json()

    assert len(told["rows"]) == 7
    added = {reason: told["suppressed"][reason] - before[reason] for reason in before}
    assert added["SAME_MATTER"] == 1
    assert added["WINDOW_CLOSED"] == 1
    assert added["LESS_LOSS"] >= 1


def test_only_the_newest_claim_of_an_event_speaks(ours: LookAlike, leader: ApiClient) -> None:
    (project,) = projects = _projects(ours, "Uno")
    with tenant_context(ours.tenant.pk):
        _warning(project, probability=0.9)
        PredictionFactory.create(
            project=project,
            event_key=sha256_of("event 1"),
            episode_id=UUID(int=5_000_001),
            probability=0.2,
            probability_low=None,
            probability_high=None,
            is_alert=False,
            as_of=NOW - timedelta(hours=1),
            issued_at=NOW,
            predicted_for=NOW + timedelta(days=30),
            inputs_hash=sha256_of("later"),
        )

    assert _mine(leader.fetch(BRIEFING), projects) == []


def test_a_dismissed_warning_and_a_muted_kind_are_left_out_and_counted(ours: LookAlike, leader: ApiClient) -> None:
    before = leader.fetch(BRIEFING).json()["suppressed"]
    dismissed, muted = projects = _projects(ours, "Uno", "Due")
    with tenant_context(ours.tenant.pk):
        warning = _warning(dismissed)
        AlertFactory.create(
            project=dismissed,
            prediction=warning,
            type=warning.type,
            episode_id=warning.episode_id,
            state=AlertState.DISMISSED,
            opened_at=NOW - timedelta(hours=9),
            dismissed_at=NOW,
            dismissal_reason=DismissalReason.values[0],
        )
        _warning(muted, 2)
        AlertMuteFactory.create(
            project=muted,
            type=warning.type,
            state=MuteState.ACTIVE,
            proposed_at=None,
            decided_at=NOW,
            decided_by_id=ours.users[Role.ADMIN].pk,
        )

    answer = leader.fetch(BRIEFING)

    assert _mine(answer, projects) == []
    after = answer.json()["suppressed"]
    assert (after["DISMISSED"] - before["DISMISSED"], after["MUTED"] - before["MUTED"]) == (1, 1)


def test_a_project_nobody_analysed_is_named_and_not_taken_for_fine(ours: LookAlike, leader: ApiClient) -> None:
    seen, unseen = _projects(ours, "Analysed one", "Unanalysed one")
    with tenant_context(ours.tenant.pk):
        AnalysisRecordFactory.create(project=seen, kind=AnalysisKind.REFRESH, as_of=NOW - timedelta(days=3))

    told = leader.fetch(BRIEFING).json()

    assert "Unanalysed one" in told["projects_never_analysed"]
    assert "Analysed one" not in told["projects_never_analysed"]
    assert unseen.name == "Unanalysed one"


@pytest.mark.parametrize("address", [BRIEFING, PORTFOLIO])
def test_it_asks_as_often_for_one_project_as_for_many(address: str, ours: LookAlike, leader: ApiClient) -> None:
    counts = []
    for number in (1, 6):
        for project in _projects(ours, *(f"Numbered {number}{n}" for n in range(number))):
            with tenant_context(ours.tenant.pk):
                gap = _detected(project, 9.0)
                CorrectiveActionFactory.create(gap=gap)
                _warning(project, 2)
                _analysed(project, p_on_time=0.5, as_of=NOW - timedelta(days=9), answered={"TIMELINE": "OK"})
        with CaptureQueriesContext(connection) as captured:
            leader.fetch(address)
        counts.append(len([query for query in captured if query["sql"].startswith("SELECT")]))

    assert counts[0] == counts[1]


# --- the portfolio ---


def _row(answer: Any, project: Project) -> dict[str, Any]:
    return next(row for row in answer.json()["projects"] if row["project"] == str(project.pk))


def _analysed(project: Project, *, p_on_time: float, as_of: Any, answered: dict[str, str]) -> None:
    AnalysisRecordFactory.create(
        project=project,
        kind=AnalysisKind.FORECAST,
        as_of=as_of,
        results={
            "target_date": "2026-06-30",
            "p_on_time": {"value": p_on_time, "low": p_on_time - 0.1, "high": p_on_time + 0.1},
            "quantiles": [{"p": 0.5, "value": "2026-06-01"}, {"p": 0.85, "value": "2026-07-15"}],
        },
    )
    AnalysisRecordFactory.create(
        project=project,
        kind=AnalysisKind.GAPS,
        as_of=as_of,
        results={"detectors": [{"type": name, "readiness": ready} for name, ready in answered.items()]},
    )


def test_a_row_says_how_a_project_stands_and_unknown_is_not_clear(ours: LookAlike, leader: ApiClient) -> None:
    (project,) = _projects(ours, "Uno")
    with tenant_context(ours.tenant.pk):
        _analysed(project, p_on_time=0.8, as_of=NOW - timedelta(days=9), answered={})
        _analysed(
            project,
            p_on_time=0.6,
            as_of=NOW - timedelta(days=1),
            answered={"TIMELINE": "OK", "QUALITY": "LIMITED", "BUDGET": "MISCONFIGURED"},
        )
        gap = _detected(project, 4.0, severity=Severity.CRITICAL)
        _detected(project, 1.5, type=GapType.PROCESS, severity=Severity.MEDIUM)
        GapTransitionFactory.create(gap=gap, at=NOW - timedelta(days=2))
        GapTransitionFactory.create(gap=gap, at=NOW - timedelta(days=12))

    row = _row(leader.fetch(PORTFOLIO), project)

    assert (row["p_on_time"], row["p85_finish_date"], row["target_date"]) == (0.6, "2026-07-15", "2026-06-30")
    assert (row["open_gaps"], row["expected_loss_tolerances"]) == (2, 5.5)
    assert row["gaps"] == {
        **dict.fromkeys(GapType.values, "UNKNOWN"),
        "TIMELINE": "CRITICAL",
        "PROCESS": "MEDIUM",
        "QUALITY": "CLEAR",
    }
    assert row["changes"]["p_on_time_moved"] == pytest.approx(-0.2)
    assert (row["changes"]["opened"], row["changes"]["resolved"]) == (1, 0)


def test_nobody_says_that_nothing_moved_where_nobody_looked_again(ours: LookAlike, leader: ApiClient) -> None:
    (project,) = _projects(ours, "Uno")
    with tenant_context(ours.tenant.pk):
        _analysed(project, p_on_time=0.8, as_of=NOW - timedelta(days=9), answered={})

    changes = _row(leader.fetch(PORTFOLIO), project)["changes"]

    assert (changes["p_on_time_before"], changes["p_on_time_moved"]) == (0.8, None)


def test_totals_are_the_sums_of_the_rows(ours: LookAlike, admin: ApiClient) -> None:
    told = admin.fetch(PORTFOLIO).json()

    rows, totals = told["projects"], told["totals"]
    assert totals["projects"] == len(rows)
    assert totals["open_gaps"] == sum(row["open_gaps"] for row in rows)
    assert totals["expected_loss_tolerances"] == pytest.approx(sum(row["expected_loss_tolerances"] for row in rows))
    for gap_type in GapType.values:
        assert sum(totals["gaps"][gap_type].values()) == len(rows)
    assert [row["expected_loss_tolerances"] for row in rows] == sorted(
        (row["expected_loss_tolerances"] for row in rows), reverse=True
    )


@pytest.mark.parametrize("address", [BRIEFING, PORTFOLIO])
def test_what_a_person_may_not_see_changes_nothing(
    address: str, ours: LookAlike, theirs: LookAlike, leader: ApiClient
) -> None:
    _projects(ours, "Uno")
    before = _without_clock(leader.fetch(address).json())
    with tenant_context(ours.tenant.pk):
        hidden = ProjectFactory.create(name="Hidden")
        _detected(hidden, 99.0)
        _warning(hidden)
    with tenant_context(theirs.tenant.pk):
        foreign = ProjectFactory.create(name="Uno")
        _detected(foreign, 99.0)
        _warning(foreign)

    assert _without_clock(leader.fetch(address).json()) == before


def test_an_archived_project_is_not_shown(ours: LookAlike, leader: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        archived = ProjectFactory.create(name="Archived", status=ProjectStatus.ARCHIVED)
        _detected(archived, 99.0)
    enter_project(ours, archived.pk)

    assert str(archived.pk) not in str(leader.fetch(PORTFOLIO).json())
    assert str(archived.pk) not in str(leader.fetch(BRIEFING).json())


@pytest.mark.parametrize("address", [BRIEFING, PORTFOLIO])
def test_reading_is_in_the_audit_log(address: str, ours: LookAlike, leader: ApiClient) -> None:
    _projects(ours, "Uno")
    with tenant_context(ours.tenant.pk):
        before = AuditEntry.objects.filter(action=AuditAction.VIEW_GAP_ANALYSIS).count()

    leader.fetch(address)

    with tenant_context(ours.tenant.pk):
        assert AuditEntry.objects.filter(action=AuditAction.VIEW_GAP_ANALYSIS).count() == before + 1


@pytest.mark.parametrize("address", [BRIEFING, PORTFOLIO])
def test_a_parameter_nobody_reads_is_refused(address: str, leader: ApiClient) -> None:
    assert leader.fetch(address, page_size="1").status_code == 400


def _without_clock(told: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in told.items() if name not in ("as_of", "changed_since")}
    for row in told.get("rows", []):
        row["hours_left"] = None
    return told


# --- projects that share people ---


def _shared(*projects: Project, person: Any = None, items: int = 2) -> Any:
    person = person or ContributorFactory.create()
    for project in projects:
        WorkItemFactory.create_batch(items, project=project, assignee=person)
    return person


def _groups(client: ApiClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.fetch(PORTFOLIO).json()["joint_dates"]
    return found


def test_projects_that_share_people_get_dates_together(ours: LookAlike, leader: ApiClient) -> None:
    first, second, alone = _projects(ours, "Uno", "Due", "Tre")
    with tenant_context(ours.tenant.pk):
        for project in (first, second, alone):
            _analysed(project, p_on_time=0.8, as_of=NOW - timedelta(days=1), answered={})
        _shared(first, second)
        _shared(alone)

    (group,) = _groups(leader)

    assert {row["project"] for row in group["projects"]} == {str(first.pk), str(second.pk)}
    assert group["people_shared"] == 1
    assert group["p_all_on_time"]["value"] == pytest.approx(0.64, abs=0.015)
    assert (group["p_all_on_time"]["low"], group["p_all_on_time"]["high"]) == (pytest.approx(0.6), pytest.approx(0.8))
    for row in group["projects"]:
        assert row["p85_finish_date"] == "2026-07-15"
        assert row["joint_finish_date"] > "2026-07-15"


def test_who_carries_a_tenth_or_only_done_work_ties_nothing(ours: LookAlike, leader: ApiClient) -> None:
    first, second, third = _projects(ours, "Uno", "Due", "Tre")
    with tenant_context(ours.tenant.pk):
        person = _shared(first, second, items=1)
        _shared(first, items=9)
        _shared(second, items=9)
        WorkItemFactory.create_batch(5, project=third, assignee=person, status_category=StatusCategory.DONE)
        WorkItemFactory.create_batch(5, project=third, assignee=person, presence=Presence.GONE)

    assert _groups(leader) == []


def test_who_comes_too_late_into_a_full_group_stands_alone(ours: LookAlike, leader: ApiClient) -> None:
    projects = _projects(ours, *(f"Numbered {n}" for n in range(MOST_TOGETHER + 1)))
    with tenant_context(ours.tenant.pk):
        *close, late = projects
        person = _shared(*close)
        _shared(late, person=person, items=1)
        _shared(late, items=3)
        _shared(*close)

    (group,) = _groups(leader)

    assert set(group["without_forecast"]) == {str(project.pk) for project in close}
    assert group["people_shared"] == 2


def test_a_project_without_a_forecast_is_named_and_gives_no_number(ours: LookAlike, leader: ApiClient) -> None:
    first, second = _projects(ours, "Uno", "Due")
    with tenant_context(ours.tenant.pk):
        _analysed(first, p_on_time=0.8, as_of=NOW - timedelta(days=1), answered={})
        _shared(first, second)

    (group,) = _groups(leader)

    assert group["without_forecast"] == [str(second.pk)]
    assert group["p_all_on_time"] is None
    assert [row["joint_finish_date"] for row in group["projects"]] == [None]


def test_a_forecast_that_has_since_abstained_gives_no_date_together(ours: LookAlike, leader: ApiClient) -> None:
    first, second = _projects(ours, "Uno", "Due")
    with tenant_context(ours.tenant.pk):
        for project in (first, second):
            _analysed(project, p_on_time=0.8, as_of=NOW - timedelta(days=9), answered={})
        AnalysisRecordFactory.create(
            project=second, kind=AnalysisKind.FORECAST, as_of=NOW - timedelta(days=1), readiness="STALE", results={}
        )
        _shared(first, second)

    answer = leader.fetch(PORTFOLIO)

    (group,) = answer.json()["joint_dates"]
    assert group["without_forecast"] == [str(second.pk)]
    assert group["p_all_on_time"] is None
    assert _row(answer, second)["p_on_time"] is None


def test_a_project_out_of_sight_shares_nobody(ours: LookAlike, theirs: LookAlike, leader: ApiClient) -> None:
    (first,) = _projects(ours, "Uno")
    with tenant_context(ours.tenant.pk):
        hidden = ProjectFactory.create(name="Hidden")
        for project in (first, hidden):
            _analysed(project, p_on_time=0.8, as_of=NOW - timedelta(days=1), answered={})
        _shared(first, hidden)
    with tenant_context(theirs.tenant.pk):
        _shared(ProjectFactory.create(name="Uno"), ProjectFactory.create(name="Due"))

    assert _groups(leader) == []


def test_groups_are_asked_for_as_often_for_many_projects(ours: LookAlike, leader: ApiClient) -> None:
    counts = []
    for number in (2, 7):
        projects = _projects(ours, *(f"Shared {number}.{one}" for one in range(number)))
        with tenant_context(ours.tenant.pk):
            for project in projects:
                _analysed(project, p_on_time=0.8, as_of=NOW - timedelta(days=1), answered={})
            _shared(*projects)
        with CaptureQueriesContext(connection) as captured:
            leader.fetch(PORTFOLIO)
        counts.append(len([query for query in captured if query["sql"].startswith("SELECT")]))

    assert counts[0] == counts[1]

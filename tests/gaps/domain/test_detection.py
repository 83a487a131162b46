"""From findings to gaps that are followed, over histories small enough to know what they must say."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps

from gaps.domain.detection import DetectionResult, detect_gaps
from gaps.domain.lifecycle import close_gap, resolve_gap
from gaps.enums import GapOrigin, GapStatus, TransitionKind
from gaps.models import CorrectiveAction, Gap, GapTransition, RootCause
from predictions.domain.forecasting import forecast_project
from predictions.enums import ActionStatus, Severity
from projects.history.calendar import WorkCalendar
from projects.history.project_history import ProjectHistory
from projects.models import Project
from tenants.isolation.models import TenantModel
from tenants.isolation.transaction import tenant_context
from tests.factories.gaps import RootCauseFactory
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.factories.tenants import UserFactory
from tests.project_histories import DAY, NOW, WEEK, team_history

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenant")]

STEADY_TEAM = [5] * 40
TARGET = date(2024, 9, 25)
"""Twelve weeks after NOW: enough for about 60 items."""
HOPELESS, TIGHT, WAVERING, EASY = 120, 45, 26, 10
"""WAVERING: no day of slip expected, and a risk of the date of .13 where .15 is accepted."""


@pytest.fixture
def project(tenant: Any) -> Project:
    return ProjectFactory.create(start_date=date(2023, 9, 1), end_date=TARGET)


def _detect(
    project: Project, *, open_items: int, as_of: datetime = NOW, weekly: list[int] | None = None
) -> DetectionResult:
    history = team_history(weekly or STEADY_TEAM, open_items=open_items, as_of=as_of)
    return _detect_in(project, history, as_of)


def _detect_in(project: Project, history: ProjectHistory, as_of: datetime) -> DetectionResult:
    calendar = WorkCalendar()
    forecast = forecast_project(project=project, history=history, calendar=calendar, as_of=as_of, at=as_of)
    return detect_gaps(project=project, history=history, calendar=calendar, forecast=forecast, as_of=as_of, at=as_of)


def _everything_stored() -> dict[str, list[Any]]:
    return {
        model._meta.label: list(model._default_manager.order_by("pk").values())
        for model in apps.get_models()
        if issubclass(model, TenantModel) and model._meta.app_label in {"gaps", "predictions"}
    }


def test_project_at_risk_gets_a_gap_with_everything_to_check_it(project: Project) -> None:
    result = _detect(project, open_items=HOPELESS)

    gap = Gap.objects.get()
    assert result.gaps == (gap,)
    assert result.changes == Counter({TransitionKind.OPENED: 1})
    assert (gap.origin, gap.status, gap.severity) == (GapOrigin.DETECTED, GapStatus.OPEN, Severity.CRITICAL)
    assert gap.target_value == {"value": "2024-09-25", "unit": "date", "label": "promised"}
    assert gap.current_value["value"] > gap.current_value["low"] > "2024-09-25"
    assert gap.identified_at == gap.last_seen_at == NOW
    assert gap.evidence.filter(object_type="work_item", object_key__startswith="DEMO-").exists()
    assert gap.affected_areas.exists()
    assert gap.corrective_actions.exists()
    assert list(gap.root_causes.values_list("code", flat=True)) == ["UNEXPLAINED"]
    transition = GapTransition.objects.get()
    assert (transition.kind, transition.from_status, transition.actor_id) == (TransitionKind.OPENED, "", None)


def test_finish_beyond_ten_years_has_no_date_and_says_so(project: Project) -> None:
    _detect(project, open_items=5_000)

    current = Gap.objects.get().current_value
    assert (current["value"], current["label"]) == (None, "85% sure to be done: more than ten years away")


def test_parts_of_the_slip_add_up_to_what_the_gap_says(project: Project) -> None:
    _detect(project, open_items=HOPELESS)

    gap = Gap.objects.get()
    assert sum(cause.contribution_share or 0 for cause in gap.root_causes.all()) == pytest.approx(1.0)


def test_healthy_project_gets_no_gap(project: Project) -> None:
    result = _detect(project, open_items=EASY)

    assert result.gaps == ()
    assert not Gap.objects.exists()


@pytest.mark.parametrize("later", [timedelta(0), timedelta(minutes=5)])
def test_second_run_on_unchanged_facts_writes_nothing(project: Project, later: timedelta) -> None:
    history = team_history(STEADY_TEAM, open_items=HOPELESS)
    _detect_in(project, history, NOW)
    before = _everything_stored()

    result = _detect_in(project, history, NOW + later)

    assert result.changes == Counter()
    assert _everything_stored() == before


def test_worse_finding_worsens_the_gap_and_replaces_its_evidence(project: Project) -> None:
    _detect(project, open_items=TIGHT)
    gap = Gap.objects.get()
    before = (gap.severity, gap.effect_tolerance_units)

    result = _detect(project, open_items=HOPELESS, as_of=NOW + DAY)

    gap.refresh_from_db()
    assert result.changes == Counter({TransitionKind.WORSENED: 1})
    assert gap.effect_tolerance_units > before[1]
    transition = GapTransition.objects.filter(kind=TransitionKind.WORSENED).get()
    assert (transition.from_severity, transition.to_severity) == (before[0], Severity.CRITICAL)
    assert gap.evidence.filter(field="open_items").get().value == str(HOPELESS)
    assert gap.last_seen_at == NOW + DAY


def test_milder_finding_eases_the_gap(project: Project) -> None:
    _detect(project, open_items=HOPELESS)

    result = _detect(project, open_items=TIGHT, as_of=NOW + DAY)

    assert result.changes == Counter({TransitionKind.EASED: 1})
    assert Gap.objects.get().status == GapStatus.OPEN


def test_gap_is_resolved_after_two_quiet_runs_of_different_moments(project: Project) -> None:
    _detect(project, open_items=HOPELESS)

    first = _detect(project, open_items=EASY, as_of=NOW + DAY)
    same_moment = _detect(project, open_items=EASY, as_of=NOW + DAY)
    assert Gap.objects.get().status == GapStatus.OPEN
    second = _detect(project, open_items=EASY, as_of=NOW + 2 * DAY)

    gap = Gap.objects.get()
    assert (first.changes, same_moment.changes) == (Counter(), Counter())
    assert second.changes == Counter({TransitionKind.RESOLVED: 1})
    assert (gap.status, gap.resolved_at) == (GapStatus.RESOLVED, NOW + 2 * DAY)


def test_gap_stays_open_while_the_risk_is_near_what_is_accepted(project: Project) -> None:
    _detect(project, open_items=HOPELESS)

    runs = [_detect(project, open_items=WAVERING, as_of=NOW + days * DAY) for days in (1, 2, 3)]
    assert [run.changes for run in runs] == [Counter()] * 3
    assert Gap.objects.get().status == GapStatus.OPEN
    for days in (4, 5):
        _detect(project, open_items=EASY, as_of=NOW + days * DAY)

    resolved = GapTransition.objects.get(kind=TransitionKind.RESOLVED)
    assert "the risk below half of what is accepted" in resolved.note


def test_one_quiet_run_between_two_findings_resolves_nothing(project: Project) -> None:
    _detect(project, open_items=HOPELESS)
    _detect(project, open_items=EASY, as_of=NOW + DAY)
    _detect(project, open_items=HOPELESS, as_of=NOW + 2 * DAY)

    _detect(project, open_items=EASY, as_of=NOW + 3 * DAY)

    assert Gap.objects.get().status == GapStatus.OPEN


def test_unknown_does_not_resolve_a_gap(project: Project) -> None:
    _detect(project, open_items=HOPELESS)
    empty = ProjectHistory.from_facts([])

    for days in (1, 2, 3):
        _detect_in(project, empty, NOW + days * DAY)

    gap = Gap.objects.get()
    assert (gap.status, gap.below_since) == (GapStatus.OPEN, None)


@pytest.mark.parametrize("after", [DAY, 26 * WEEK])
def test_gap_is_over_when_all_work_is_done_in_time_or_late(project: Project, after: timedelta) -> None:
    _detect(project, open_items=HOPELESS)

    first = _detect(project, open_items=0, as_of=NOW + after)
    second = _detect(project, open_items=0, as_of=NOW + after + DAY)

    assert (first.changes, second.changes) == (Counter(), Counter({TransitionKind.RESOLVED: 1}))
    assert GapTransition.objects.get(kind=TransitionKind.RESOLVED).note.startswith("Every work item is done or gone")


def test_finding_that_comes_back_reopens_the_same_gap(project: Project) -> None:
    _detect(project, open_items=HOPELESS)
    for days in (1, 2):
        _detect(project, open_items=EASY, as_of=NOW + days * DAY)

    result = _detect(project, open_items=TIGHT, as_of=NOW + 3 * DAY)

    gap = Gap.objects.get()
    assert result.changes == Counter({TransitionKind.REOPENED: 1})
    assert (gap.status, gap.identified_at, gap.resolved_at) == (GapStatus.OPEN, NOW, None)
    assert gap.opening_effect == gap.effect_tolerance_units
    kinds = list(GapTransition.objects.order_by("id").values_list("kind", flat=True))
    assert kinds == [TransitionKind.OPENED, TransitionKind.RESOLVED, TransitionKind.REOPENED]


def test_history_tells_how_bad_a_gap_is_that_came_back(project: Project) -> None:
    _detect(project, open_items=TIGHT)
    small = Gap.objects.get()
    for days in (1, 2):
        _detect(project, open_items=EASY, as_of=NOW + days * DAY)

    _detect(project, open_items=HOPELESS, as_of=NOW + 3 * DAY)

    gap, told = Gap.objects.get(), GapTransition.objects.order_by("id").last()
    assert told is not None
    assert (told.from_severity, told.to_severity) == (small.severity, gap.severity) != (gap.severity, gap.severity)
    assert (told.from_effect, told.to_effect) == (small.effect_tolerance_units, gap.effect_tolerance_units)
    assert told.inputs_hash == gap.inputs_hash != small.inputs_hash


def test_gap_that_a_person_resolved_stays_so_on_the_same_facts(project: Project) -> None:
    _detect(project, open_items=TIGHT)
    resolve_gap(gap=Gap.objects.get(), by=UserFactory.create(), at=NOW, note="The scope was cut with the sponsor.")

    same = _detect(project, open_items=TIGHT)
    later = _detect(project, open_items=TIGHT, as_of=NOW + DAY)

    assert same.changes == Counter()
    assert later.changes == Counter({TransitionKind.REOPENED: 1})


def test_gap_that_a_person_closed_stays_closed_unless_it_gets_worse(project: Project) -> None:
    _detect(project, open_items=TIGHT)
    gap = Gap.objects.get()
    close_gap(gap=gap, by=UserFactory.create(), at=NOW, note="We know, and accept it.")

    same = _detect(project, open_items=TIGHT, as_of=NOW + timedelta(minutes=5))
    assert Gap.objects.get().status == GapStatus.CLOSED
    worse = _detect(project, open_items=HOPELESS, as_of=NOW + DAY)

    assert same.changes == Counter()
    assert worse.changes == Counter({TransitionKind.REOPENED: 1})
    assert Gap.objects.get().status == GapStatus.OPEN


def test_look_at_the_past_does_not_overrule_the_present(project: Project) -> None:
    _detect(project, open_items=HOPELESS)
    before = list(Gap.objects.values())

    _detect(project, open_items=EASY, as_of=NOW - WEEK)

    assert list(Gap.objects.values()) == before


def test_what_people_added_survives_an_update(project: Project) -> None:
    _detect(project, open_items=TIGHT)
    gap = Gap.objects.get()
    RootCauseFactory.create(gap=gap, code="", rank=2, description="The sponsor changed.")
    taken = gap.corrective_actions.order_by("id").first()
    taken.owner, taken.due_date, taken.status = UserFactory.create(), TARGET, ActionStatus.ACTIVE
    taken.title = "Our own words"
    taken.save()

    _detect(project, open_items=HOPELESS, as_of=NOW + DAY)

    assert RootCause.objects.get(gap=gap, code="").rank == 2
    assert CorrectiveAction.objects.get(pk=taken.pk).title == "Our own words"


def test_rank_held_by_a_person_is_passed_over(project: Project) -> None:
    _detect(project, open_items=TIGHT)
    gap = Gap.objects.get()
    gap.root_causes.all().delete()
    RootCauseFactory.create(gap=gap, code="", rank=1)

    _detect(project, open_items=HOPELESS, as_of=NOW + DAY)

    assert list(gap.root_causes.order_by("rank").values_list("rank", "code")) == [(1, ""), (2, "UNEXPLAINED")]


def test_project_without_a_tolerance_has_no_multiples_of_it(project: Project) -> None:
    project.schedule_tolerance_days = 0
    project.schedule_tolerance_percent = 0.0

    _detect(project, open_items=HOPELESS)

    assert not Gap.objects.exists()


def test_detection_touches_no_other_tenant(project: Project, theirs: LookAlike) -> None:
    with tenant_context(theirs.tenant.pk):
        before = _everything_stored()

    _detect(project, open_items=HOPELESS)

    with tenant_context(theirs.tenant.pk):
        assert _everything_stored() == before

"""A gap computed again from the record of then: exactly on an unchanged record, and with its reason otherwise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from gaps.models import Gap, GapTransition
from projects.enums import AnalysisKind
from projects.models import AnalysisRecord, FieldChange, Project, WorkItem
from stratibreak.pipeline import refresh_project
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry
from tests.api.analysed import analysed_project
from tests.api.conftest import ApiClient
from tests.factories.gaps import GapFactory
from tests.factories.look_alike import LookAlike
from tests.factories.projects import WorkItemFactory
from tests.project_histories import NOW

pytestmark = pytest.mark.django_db

OPEN_ITEMS = 120


@pytest.fixture
def late(ours: LookAlike) -> Project:
    """Twice the work that fits before its date."""
    return analysed_project(ours, open_items=OPEN_ITEMS)


def _gap(one: LookAlike, project: Project) -> Gap:
    with tenant_context(one.tenant.pk):
        found: Gap = Gap.objects.get(project=project)
        return found


def _recompute(client: ApiClient, gap: Gap) -> dict[str, Any]:
    answer = client.send("POST", f"/api/v1/gaps/{gap.pk}/recompute")
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told


def _codes(told: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in told["reasons"]]


def test_every_finding_recomputes_exactly_on_an_unchanged_record(
    ours: LookAlike, late: Project, admin: ApiClient
) -> None:
    told = _recompute(admin, _gap(ours, late))

    assert told["reproduced"] is True
    assert told["stored"] == told["recomputed"]
    assert told["reasons"] == []


def test_it_recomputes_later_too_from_what_was_known_then(ours: LookAlike, late: Project, admin: ApiClient) -> None:
    later = NOW + timedelta(days=3)
    with tenant_context(ours.tenant.pk):
        WorkItemFactory.create_batch(3, project=late, opened_at=later, recorded_at=later)

    assert _recompute(admin, _gap(ours, late))["reproduced"] is True


def test_it_writes_nothing_but_that_it_was_read(ours: LookAlike, late: Project, admin: ApiClient) -> None:
    gap = _gap(ours, late)

    def stored() -> tuple[Any, ...]:
        with tenant_context(ours.tenant.pk):
            row = Gap.objects.filter(pk=gap.pk).values().get()
            return row, AnalysisRecord.objects.count(), GapTransition.objects.count(), AuditEntry.objects.count()

    *before, audited = stored()
    _recompute(admin, gap)
    *after, audited_after = stored()

    assert after == before
    assert audited_after == audited + 1


def test_it_is_asked_with_the_settings_of_then(ours: LookAlike, late: Project, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        moved = {"end_date": NOW.date() + timedelta(days=400), "accepted_risk": 0.5, "schedule_tolerance_days": 9}
        Project.objects.filter(pk=late.pk).update(**moved)

    told = _recompute(admin, _gap(ours, late))

    assert (told["reproduced"], told["reasons"]) == (True, [])


def test_of_several_runs_over_that_moment_the_one_that_found_it_speaks(
    ours: LookAlike, late: Project, admin: ApiClient
) -> None:
    gap = _gap(ours, late)
    with tenant_context(ours.tenant.pk):
        late.schedule_tolerance_days = 0
        late.schedule_tolerance_percent = 0.0
        late.save()
        refresh_project(project=late, as_of=NOW, at=NOW + timedelta(hours=1))
        runs = AnalysisRecord.objects.filter(project=late, kind=AnalysisKind.GAPS, as_of=NOW)
        assert runs.count() == 2

    assert _recompute(admin, gap)["reproduced"] is True


def test_settings_of_now_stand_in_for_a_run_that_was_not_kept(ours: LookAlike, late: Project, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        Gap.objects.filter(project=late).update(last_seen_at=NOW + timedelta(minutes=1))
        Project.objects.filter(pk=late.pk).update(schedule_tolerance_days=90)

    told = _recompute(admin, _gap(ours, late))

    assert (told["reproduced"], _codes(told)) == (False, ["RUN_NOT_KEPT"])
    assert told["recomputed"]["effect_in_tolerances"] < told["stored"]["effect_in_tolerances"] / 2


def test_facts_of_that_time_recorded_since_are_the_reason(ours: LookAlike, late: Project, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        WorkItemFactory.create_batch(
            5, project=late, opened_at=NOW - timedelta(days=9), recorded_at=NOW + timedelta(days=1)
        )

    told = _recompute(admin, _gap(ours, late))

    assert told["reproduced"] is False
    assert "FACTS_RECORDED_SINCE" in _codes(told)


def test_another_version_of_the_detector_is_the_reason(ours: LookAlike, late: Project, admin: ApiClient) -> None:
    gap = _gap(ours, late)
    with tenant_context(ours.tenant.pk):
        Gap.objects.filter(pk=gap.pk).update(detector_version="0")

    assert _codes(_recompute(admin, gap)) == ["DETECTOR_CHANGED"]


def test_deleted_facts_are_the_reason_and_no_exception(ours: LookAlike, late: Project, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        FieldChange.objects.filter(project=late)._raw_delete("default")
        WorkItem.objects.filter(project=late)._raw_delete("default")

    told = _recompute(admin, _gap(ours, late))

    assert (told["reproduced"], told["recomputed"]) == (False, None)
    assert "FACTS_CHANGED" in _codes(told) or "OTHER_TEAMS_CHANGED" in _codes(told)


def test_gap_entered_by_hand_has_nothing_to_reproduce(ours: LookAlike, late: Project, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        gap = GapFactory.create(
            project=late, origin="MANUAL", fingerprint="", detector_id="", detector_version="", inputs_hash=""
        )

    assert _codes(_recompute(admin, gap)) == ["ENTERED_BY_HAND"]


def test_gap_of_another_tenant_is_a_missing_one(theirs: LookAlike, as_role: Callable[[Role], ApiClient]) -> None:
    foreign = theirs.rows[Gap]

    assert as_role(Role.ANALYST).send("POST", f"/api/v1/gaps/{foreign.pk}/recompute").status_code == 404


def test_gaps_of_every_type_recompute_after_a_second_run(ours: LookAlike, late: Project, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        refresh_project(project=late, as_of=NOW + timedelta(days=2), at=NOW + timedelta(days=2))
        gaps = list(Gap.objects.filter(project=late))

    assert gaps
    assert all(_recompute(admin, gap)["reproduced"] for gap in gaps)

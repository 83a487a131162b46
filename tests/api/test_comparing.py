"""Two runs compared through the API: what changed, why, and the same answer each time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gaps.enums import GapStatus, TransitionKind
from projects.enums import AnalysisKind
from projects.models import AnalysisRecord, Project
from tenants.isolation.transaction import tenant_context
from tests.api.analysed import analysed_project
from tests.api.conftest import ApiClient
from tests.factories.gaps import GapFactory, GapTransitionFactory
from tests.factories.look_alike import LookAlike
from tests.factories.projects import AnalysisRecordFactory, ProjectFactory
from tests.project_histories import NOW

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=14)


@pytest.fixture
def project(ours: LookAlike) -> Project:
    """Nothing was finished in the two weeks between its runs."""
    return analysed_project(ours, open_items=60, moments=(NOW, LATER))


def _runs(one: LookAlike, project: Project, kind: AnalysisKind) -> list[str]:
    with tenant_context(one.tenant.pk):
        rows = AnalysisRecord.objects.filter(project=project, kind=kind).order_by("as_of")
        return [str(pk) for pk in rows.values_list("pk", flat=True)]


def _two_runs(project: Project) -> list[AnalysisRecord]:
    return [
        AnalysisRecordFactory.create(project=project, kind=AnalysisKind.GAPS, as_of=at, created_at=at)
        for at in (NOW, LATER)
    ]


def _compare(client: ApiClient, project: Project, earlier: str, later: str) -> Any:
    return client.fetch(f"/api/v1/projects/{project.pk}/analyses/compare", **{"from": earlier, "to": later})


@pytest.mark.parametrize("kind", [AnalysisKind.FORECAST, AnalysisKind.GAPS, AnalysisKind.REFRESH])
def test_runs_say_what_changed_between_them(
    kind: AnalysisKind, ours: LookAlike, project: Project, admin: ApiClient
) -> None:
    told = _compare(admin, project, *_runs(ours, project, kind)).json()

    assert (told["kind"], told["inputs_are_same"], told["model_is_same"]) == (kind, False, True)
    assert told["forecast"]["p85_moved_days"] > 0, "two weeks without finished work"
    assert told["forecast"]["p_on_time_moved"] < 0
    assert told["from"]["as_of"] < told["to"]["as_of"]
    assert admin.fetch(told["forecast"]["moves"]).json()["result"] is not None
    assert told["gaps"]["counts"]["opened"] + told["gaps"]["counts"]["worsened"] >= 0
    assert {change["change"] for change in told["gaps"]["listed"]} <= set(told["gaps"]["counts"])


def test_the_same_two_runs_give_the_same_answer(ours: LookAlike, project: Project, admin: ApiClient) -> None:
    runs = _runs(ours, project, AnalysisKind.GAPS)

    assert _compare(admin, project, *runs).content == _compare(admin, project, *runs).content


def test_gap_moves_between_the_runs_are_told_and_no_others(
    ours: LookAlike, theirs: LookAlike, admin: ApiClient
) -> None:
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create()
        runs = _two_runs(project)
        gap = GapFactory.create(project=project)
        for days in (-1, 5, 30):
            GapTransitionFactory.create(gap=gap, at=NOW + timedelta(days=days))
        GapTransitionFactory.create(gap=GapFactory.create(), at=NOW + timedelta(days=5))

    told = _compare(admin, project, *(str(run.pk) for run in runs)).json()

    assert [change["gap"] for change in told["gaps"]["listed"]] == [str(gap.pk)]
    assert sum(told["gaps"]["counts"].values()) == 1


def test_whatever_happened_to_a_gap_between_the_runs_is_told(ours: LookAlike, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create()
        runs = _two_runs(project)
        gap = GapFactory.create(project=project)
        for kind in TransitionKind:
            before = "" if kind == TransitionKind.OPENED else GapStatus.OPEN
            GapTransitionFactory.create(gap=gap, kind=kind, from_status=before, at=NOW + timedelta(days=5))

    told = _compare(admin, project, *(str(run.pk) for run in runs)).json()

    assert [change["change"] for change in told["gaps"]["listed"]] == [kind.lower() for kind in TransitionKind]
    assert told["gaps"]["counts"] == {kind.lower(): 1 for kind in TransitionKind}


def test_bad_questions_are_refused(ours: LookAlike, theirs: LookAlike, project: Project, admin: ApiClient) -> None:
    first, second = _runs(ours, project, AnalysisKind.GAPS)
    other_kind = _runs(ours, project, AnalysisKind.FORECAST)[1]
    foreign = str(theirs.rows[AnalysisRecord].pk)
    elsewhere = str(ours.rows[AnalysisRecord].pk)
    nowhere = "00000000-0000-7000-8000-000000000000"

    def refused(earlier: str, later: str) -> dict[str, Any]:
        answer = _compare(admin, project, earlier, later)
        assert answer.status_code == 400
        return {**answer.json(), "instance": ""}

    for pair in ((first, other_kind), (second, first), (first, first), (first, "x"), ("x\x00", second)):
        refused(*pair)
    assert refused(first, foreign) == refused(first, nowhere) == refused(first, elsewhere)
    assert admin.fetch(f"/api/v1/projects/{project.pk}/analyses/compare", **{"from": first}).status_code == 400
    assert (
        admin.fetch(
            f"/api/v1/projects/{project.pk}/analyses/compare", **{"from": first, "to": second, "also": "x"}
        ).status_code
        == 400
    )


def test_comparison_asks_as_often_with_many_gaps(ours: LookAlike, project: Project, admin: ApiClient) -> None:
    runs, counts = _runs(ours, project, AnalysisKind.GAPS), []
    for more in (1, 3):
        with tenant_context(ours.tenant.pk):
            gap = GapFactory.create(project=project)
            for _ in range(more):
                GapTransitionFactory.create(gap=gap, at=NOW + timedelta(days=5))
        with CaptureQueriesContext(connection) as captured:
            _compare(admin, project, *runs)
        counts.append(
            sum("projects_analysisrecord" in each["sql"] or "gaps_gaptransition" in each["sql"] for each in captured)
        )

    assert counts == [4, 4]

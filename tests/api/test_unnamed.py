"""What a role may not list is named to it by no answer: stakeholders read figures about the work, not its items."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from gaps.models import Evidence, Gap, RootCause
from predictions.models import Prediction, PredictionOutcome
from projects.models import AnalysisRecord, Project, WorkItem
from stratibreak.pipeline import refresh_project
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tenants.permissions import Action, allowed
from tenants.unnamed import KINDS, hidden_kinds, without_names
from tests.api.analysed import analysed_project
from tests.api.conftest import ApiClient
from tests.api.endpoints import ENDPOINTS
from tests.api.test_matrix import enter_project
from tests.factories.gaps import EvidenceFactory, GapFactory, RootCauseFactory
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import PredictionFactory, PredictionOutcomeFactory
from tests.factories.projects import IterationFactory, WorkItemFactory
from tests.project_histories import NOW

pytestmark = pytest.mark.django_db

SECRET = "HUSH-77"
ITEM = {"object_type": "work_item", "object_id": "7", "object_key": SECRET, "url": f"https://tool.example/{SECRET}"}
FACT = {**ITEM, "field": "due_date", "value": "2026-01-01", "observed_at": "2025-01-01T00:00:00Z"}
"""A name that stands nowhere else."""


@pytest.fixture
def project(ours: LookAlike) -> Project:
    """A project that slips, with an item, an iteration and a claim of a name that can be found again."""
    found = analysed_project(ours, moments=())
    with tenant_context(ours.tenant.pk):
        late = WorkItem.objects.filter(project=found, status_category="TODO").values_list("pk", flat=True)[:25]
        WorkItem.objects.filter(pk__in=list(late)).update(opened_at=NOW - timedelta(weeks=4))
        refresh_project(project=found, as_of=NOW, at=NOW)
        WorkItemFactory.create(project=found, key=SECRET, title=f"About {SECRET}")
        IterationFactory.create(project=found, name=SECRET)
        gap = GapFactory.create(project=found)
        EvidenceFactory.create(gap=gap, object_type="work_item", object_key=SECRET, url=ITEM["url"])
        EvidenceFactory.create(gap=gap, object_type="iteration", object_key=SECRET)
        EvidenceFactory.create(gap=gap, object_type="what somebody calls an issue", object_key=SECRET)
        RootCauseFactory.create(gap=gap, evidence_for=[FACT], evidence_against=[FACT])
        PredictionFactory.create(
            project=found,
            is_alert=True,
            as_of=(now := timezone.now()),
            issued_at=now,
            predicted_for=now + timedelta(days=20),
            event={"claim": f"{SECRET} is late.", "subject": {"type": "work_item", "id": "7", "key": SECRET}},
            evidence=[FACT],
        )
        PredictionOutcomeFactory.create(
            prediction=PredictionFactory.create(project=found, evidence=[FACT]), evidence=[FACT]
        )
    enter_project(ours, found.pk)
    return found


def _names(ours: LookAlike, project: Project) -> re.Pattern[str]:
    with tenant_context(ours.tenant.pk):
        rows = WorkItem.objects.filter(project=project).values_list("key", "url", "title")
        names = {SECRET, *(each for row in rows for each in row if len(each) > 3)}
    return re.compile(r"(?<![\w-])(" + "|".join(map(re.escape, sorted(names, key=len, reverse=True))) + r")(?![\w-])")


def _paths(project: Project) -> list[str]:
    questions = ("forecast", "slip", "forecast/moves", "replay", "data-quality")
    return [
        *(f"{endpoint.list_path}" for endpoint in ENDPOINTS if allowed(Role.STAKEHOLDER, "view", endpoint.label)),
        *(f"/api/v1/projects/{project.pk}/{each}" for each in questions),
        "/api/v1/me/briefing",
        "/api/v1/portfolio",
        "/api/v1/calibration",
        "/api/v1/action-efficacy",
    ]


def test_no_answer_names_the_work_to_a_stakeholder(
    ours: LookAlike, project: Project, as_role: Callable[[Role], ApiClient]
) -> None:
    names, stakeholder, admin = _names(ours, project), as_role(Role.STAKEHOLDER), as_role(Role.ADMIN)
    named_to_admin = 0

    for path in _paths(project):
        answer, whole = stakeholder.get(path), admin.get(path)
        assert answer.status_code == whole.status_code == 200, (path, answer.content)
        assert names.findall(answer.content.decode()) == [], path
        named_to_admin += bool(names.search(whole.content.decode()))

    assert named_to_admin >= 7  # evidence, causes, predictions, outcomes, runs, slip, briefing


def test_single_rows_name_nothing_either(
    ours: LookAlike, project: Project, as_role: Callable[[Role], ApiClient]
) -> None:
    names, stakeholder = _names(ours, project), as_role(Role.STAKEHOLDER)
    models = {"gaps": Gap, "evidence": Evidence, "root-causes": RootCause, "predictions": Prediction}
    models |= {"prediction-outcomes": PredictionOutcome, "analysis-records": AnalysisRecord}
    with tenant_context(ours.tenant.pk):
        paths = [
            f"/api/v1/{name}/{pk}"
            for name, model in models.items()
            for pk in model.objects.values_list("pk", flat=True)
        ]

    for path in paths:
        answer = stakeholder.get(path)
        assert answer.status_code in (200, 404), path
        assert names.findall(answer.content.decode()) == [], path


def test_whoever_may_not_list_the_work_gets_no_page_and_no_file_of_it(as_role: Callable[[Role], ApiClient]) -> None:
    for role in Role:
        client, is_admin = as_role(role), role == Role.ADMIN
        assert (client.get(reverse("admin:gaps_evidence_changelist")).status_code == 200) == is_admin
        if hidden_kinds(role):
            assert client.fetch("/api/v1/evidence/export").status_code == 403


def test_figures_stay(ours: LookAlike, project: Project, as_role: Callable[[Role], ApiClient]) -> None:
    path = f"/api/v1/projects/{project.pk}/slip"

    told, whole = (as_role(role).fetch(path).json()["result"] for role in (Role.STAKEHOLDER, Role.ADMIN))

    assert told["slip_days"] == whole["slip_days"]
    assert any(row["object_key"] for part in whole["parts"] for row in part["evidence"])
    for mine, part in zip(told["parts"], whole["parts"], strict=True):
        assert (mine["days"], mine["evidence_count"]) == (part["days"], part["evidence_count"])
        assert [row["days"] for row in mine["evidence"]] == [row["days"] for row in part["evidence"]]


@pytest.mark.parametrize("by", ["ITEM", "PARENT", "ITERATION"])
def test_what_if_says_how_many_and_not_which(
    by: str, ours: LookAlike, project: Project, as_role: Callable[[Role], ApiClient]
) -> None:
    names, path = _names(ours, project), f"/api/v1/projects/{project.pk}/what-if"
    body = {
        "scenarios": [{"steps": [{"kind": "DROP", "count": 5}]}],
        "minimal_cut": {"before": "2024-10-01", "by": by},
    }

    told, whole = (as_role(role).send("POST", path, body) for role in (Role.STAKEHOLDER, Role.ADMIN))

    assert (told.status_code, whole.status_code) == (200, 200)
    assert names.findall(told.content.decode()) == []
    assert [each["p_on_time"] for each in told.json()["options"]] == [
        each["p_on_time"] for each in whole.json()["options"]
    ]
    mine, theirs = (each.json()["minimal_cut"] for each in (told, whole))
    assert (mine["cut_count"], len(mine["cut"])) == (theirs["cut_count"], len(theirs["cut"]))
    if by == "ITEM":
        assert names.search(whole.content.decode())


def test_searching_finds_no_name(project: Project, as_role: Callable[[Role], ApiClient]) -> None:
    stakeholder, admin = as_role(Role.STAKEHOLDER), as_role(Role.ADMIN)
    found = [len(who.fetch("/api/v1/evidence", search=SECRET).json()["results"]) for who in (stakeholder, admin)]

    assert found == [0, 3]


def test_everything_that_answers_name_is_hidden_or_listed() -> None:
    for role in Role:
        hidden = hidden_kinds(role)
        assert hidden == {kind for kind, (label, _) in KINDS.items() if not allowed(role, Action.VIEW, label)}
    assert hidden_kinds(Role.STAKEHOLDER) == {"work_item", "parent", "iteration", "incident", "deployment", "ci_run"}
    assert hidden_kinds(Role.TEAM_LEADER) == frozenset()
    assert hidden_kinds(None) == frozenset(KINDS)


def test_what_is_told_to_others_is_left_as_it_is() -> None:
    told = {"rows": ({**ITEM, "days": 2.5}, {"object_type": "day", "object_key": "2026-05-01"})}

    unnamed = without_names(told, frozenset({"work_item"}))

    assert told["rows"][0]["object_key"] == SECRET
    assert unnamed["rows"][1] == told["rows"][1]
    assert unnamed["rows"][0] == {
        "object_type": "work_item", "object_id": "", "object_key": "", "url": "", "days": 2.5,
    }  # fmt: skip
    assert without_names([1, None, "x"], frozenset()) == [1, None, "x"]

"""When, why not, and why it moved: the answers about a project's date, and who gets them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from predictions.enums import OutcomeResult
from predictions.models import PredictionOutcome
from projects.enums import AnalysisKind
from projects.models import AnalysisRecord, Baseline, Project, ScopeApproval, WorkItem
from stratibreak.pipeline import refresh_project
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.api.analysed import TARGET, analysed_project
from tests.api.conftest import ApiClient
from tests.api.test_matrix import enter_project
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import ISSUED_AT, PredictionFactory, PredictionOutcomeFactory, sha256_of
from tests.factories.projects import BaselineFactory, ProjectFactory, ScopeApprovalFactory
from tests.project_histories import DAY, NOW, WEEK
from tests.recorded_team import record_team

pytestmark = pytest.mark.django_db

MOMENTS = (NOW - 3 * WEEK, NOW - WEEK, NOW)


@pytest.fixture
def project(ours: LookAlike) -> Project:
    return analysed_project(ours, moments=MOMENTS)


def path_of(project: Project, question: str) -> str:
    return f"/api/v1/projects/{project.pk}/{question}"


# --- the forecast ---


def test_forecast_has_its_numbers_and_hides_what_it_is_played_from(project: Project, admin: ApiClient) -> None:
    answer = admin.fetch(path_of(project, "forecast")).json()

    assert (answer["readiness"], [reason["code"] for reason in answer["readiness_reasons"]]) == (
        "LIMITED",
        ["FORECAST_AGED"],  # it is of NOW, which is years ago
    )
    assert [point["p"] for point in answer["result"]["quantiles"]] == [0.5, 0.7, 0.85, 0.95]
    assert 0 < answer["result"]["p_on_time"]["value"] < 1
    for name in ("assumptions", "drivers", "evidence"):
        assert answer["result"][name]
    assert "basis" not in answer["result"]


def test_a_fresh_forecast_is_limited_by_the_record_alone(ours: LookAlike, admin: ApiClient) -> None:
    now = timezone.now()
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create(name="Fresh", end_date=(now + 26 * WEEK).date())
        record_team(project, [5] * 40, open_items=20, as_of=now)
        refresh_project(project=project, as_of=now, at=now)

    answer = admin.fetch(path_of(project, "forecast")).json()

    assert answer["result"] is not None
    assert "FORECAST_AGED" not in [reason["code"] for reason in answer["readiness_reasons"]]


def _promise(project: Project, number: int, *, kept: bool) -> None:
    """A settled event whose P85 day, within the target, was kept or not."""
    prediction = PredictionFactory.create(
        project=project,
        event_key=sha256_of(f"event {number}"),
        episode_id=UUID(int=2_000_000 + number),
        event={"claim": "Not all is done.", "subject": {"type": "project"}, "target_date": "2026-03-31"},
        quantiles={"unit": "date", "points": [{"p": 0.85, "value": "2026-03-20"}]},
        predicted_for=datetime(2026, 4, 1, tzinfo=UTC),
        as_of=ISSUED_AT,
    )
    done = {
        "object_type": "project",
        "object_id": "",
        "object_key": "",
        "url": "",
        "observed_at": "2026-04-02T00:00:00Z",
    }
    PredictionOutcomeFactory.create(
        prediction=prediction,
        result=OutcomeResult.NOT_OCCURRED if kept else OutcomeResult.OCCURRED,
        occurred_at=None if kept else prediction.predicted_for,
        evidence=[{**done, "field": "scope_done_on", "value": "2026-03-19"}] if kept else [],
    )


def test_track_record_says_how_often_the_promise_was_kept(project: Project, ours: LookAlike, admin: ApiClient) -> None:
    before = admin.fetch(path_of(project, "forecast")).json()["track_record"]
    with tenant_context(ours.tenant.pk):
        for number in range(27):
            _promise(project, number, kept=number % 7 != 0)

    record = admin.fetch(path_of(project, "forecast")).json()["track_record"]["project"]

    assert before["project"] == {
        "p": 0.85, "kept": 0, "judged": 0, "share": None, "low": None, "high": None, "missing_events": 20,
        "sentence": None,
    }  # fmt: skip
    assert record["sentence"] == "Our 85% was right 23 of 27 times."
    assert (record["kept"], record["judged"], record["missing_events"]) == (23, 27, 0)
    assert record["low"] < record["share"] < record["high"]


def test_track_record_below_the_gate_has_no_share(project: Project, ours: LookAlike, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        for number in range(19):
            _promise(project, number, kept=True)

    record = admin.fetch(path_of(project, "forecast")).json()["track_record"]["project"]

    assert (record["judged"], record["share"], record["sentence"], record["missing_events"]) == (19, None, None, 1)


def test_track_record_of_all_projects_is_of_those_a_person_sees(
    project: Project, ours: LookAlike, theirs: LookAlike, as_role: Callable[[Role], ApiClient]
) -> None:
    with tenant_context(ours.tenant.pk):
        other = ProjectFactory.create(name="Other")
        for number in range(22):
            _promise(other, number, kept=True)
    with tenant_context(theirs.tenant.pk):
        foreign = ProjectFactory.create(name="Foreign")
        for number in range(30):
            _promise(foreign, number, kept=False)
    enter_project(ours, project.pk)

    judged = {
        role: as_role(role).fetch(path_of(project, "forecast")).json()["track_record"]["all_projects"] for role in Role
    }

    assert {(judged[role]["kept"], judged[role]["judged"]) for role in (Role.ADMIN, Role.ANALYST)} == {(22, 22)}
    assert {judged[role]["judged"] for role in (Role.TEAM_LEADER, Role.STAKEHOLDER)} == {0}
    with tenant_context(ours.tenant.pk):
        assert PredictionOutcome.objects.filter(prediction__project=other).count() == 22


# --- the targets ---


def _targets(client: ApiClient, project: Project) -> list[tuple[str | None, str]]:
    rows = client.fetch(path_of(project, "forecast")).json()["target_history"]
    return [(row["target_date"], row["source"]) for row in rows]


def test_edited_and_deleted_plans_do_not_rewrite_what_the_target_was(ours: LookAlike, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create(name="Moving", end_date=None, start_date=None)
        plan: Baseline = BaselineFactory.create(project=project, finish_date=date(2026, 6, 30))
        plan.finish_date = date(2026, 8, 31)
        plan.save()
        approval: ScopeApproval = ScopeApprovalFactory.create(
            project=project, approved_at=datetime(2026, 11, 1, tzinfo=UTC), finish_date=date(2026, 12, 31)
        )
        approval.delete()
        plan.delete()

    assert _targets(admin, project) == [
        ("2026-06-30", "BASELINE"),
        ("2026-12-31", "SCOPE_APPROVAL"),
        ("2026-08-31", "BASELINE"),
        (None, "NONE"),
    ]


def test_moved_end_date_stands_beside_the_one_before(project: Project, ours: LookAlike, admin: ApiClient) -> None:
    before = _targets(admin, project)
    with tenant_context(ours.tenant.pk):
        project.end_date = date(2024, 11, 27)
        project.save()

    assert before[-1] == (TARGET.isoformat(), "PROJECT")
    assert _targets(admin, project) == [*before, ("2024-11-27", "PROJECT")]


def test_history_tells_moves_and_leaves_repetitions_out(project: Project, ours: LookAlike, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        for minutes in (5, 10):
            refresh_project(
                project=project, as_of=NOW + timedelta(minutes=minutes), at=NOW + timedelta(minutes=minutes)
            )

    history = admin.fetch(path_of(project, "forecast")).json()["history"]

    moments = [row["as_of"] for row in history["moves"]]
    assert moments == sorted(moments, reverse=True)
    assert len(moments) <= len(MOMENTS)
    assert history["has_more"] is False
    for row in history["moves"]:
        assert row["target_date"] == TARGET.isoformat()
        assert 0 < row["p_on_time"] < 1


# --- the slip ---


def test_bars_add_up_to_the_slip_and_open_their_items(project: Project, ours: LookAlike, admin: ApiClient) -> None:
    answer = admin.fetch(path_of(project, "slip")).json()

    result = answer["result"]
    assert sum(part["days"] for part in result["parts"]) + result["unknown_days"] == result["slip_days"]
    assert answer["readiness"] == "OK"
    assert answer["model"]["id"] == "slip.shapley"
    told = admin.fetch(path_of(project, "forecast")).json()["result"]
    assert (result["target_date"], result["p50_date"]) == (told["target_date"], told["quantiles"][0]["value"])
    factors = {part["factor"] for part in result["parts"]} | {row["factor"] for row in result["untold"]}
    assert len(factors) == 7
    assert all(row["message"] for row in result["untold"])
    assert all(part["low_days"] <= part["high_days"] for part in result["parts"])
    assert result["target_date"] == TARGET.isoformat()


def test_added_items_are_behind_their_bar_with_keys_and_addresses(ours: LookAlike, admin: ApiClient) -> None:
    project = analysed_project(ours, moments=())
    with tenant_context(ours.tenant.pk):
        late = WorkItem.objects.filter(project=project, status_category="TODO")
        WorkItem.objects.filter(pk__in=list(late.values_list("pk", flat=True)[:25])).update(opened_at=NOW - 4 * WEEK)
        refresh_project(project=project, as_of=NOW, at=NOW)

    result = admin.fetch(path_of(project, "slip")).json()["result"]

    bar = next(part for part in result["parts"] if part["factor"] == "SCOPE_ADDED")
    assert (bar["evidence_count"], len(bar["evidence"])) == (25, 20)
    with tenant_context(ours.tenant.pk):
        for row in bar["evidence"]:
            item = WorkItem.objects.get(pk=row["object_id"])
            assert (row["object_key"], row["url"], row["object_type"]) == (item.key, item.url, "work_item")


def test_slip_of_a_target_that_has_passed_is_told(ours: LookAlike, admin: ApiClient) -> None:
    late = analysed_project(ours, end_date=NOW.date() - timedelta(days=30))

    result = admin.fetch(path_of(late, "slip")).json()["result"]

    assert result["slip_days"] > 30
    assert sum(part["days"] for part in result["parts"]) + result["unknown_days"] == result["slip_days"]


def test_without_a_plan_there_is_no_slip_and_a_reason(ours: LookAlike, admin: ApiClient) -> None:
    without_plan = analysed_project(ours, with_plan=False)
    with tenant_context(ours.tenant.pk):
        never = ProjectFactory.create(name="Never analysed")

    for project, code in ((without_plan, "NO_BASELINE"), (never, "NOT_YET_RUN")):
        answer = admin.fetch(path_of(project, "slip")).json()
        assert (answer["readiness"], answer["result"]) == ("INSUFFICIENT", None)
        assert [row["code"] for row in answer["readiness_reasons"]] == [code]


# --- the moves ---


def _moved(client: ApiClient, project: Project, since: datetime, until: datetime) -> Any:
    return client.fetch(
        path_of(project, "forecast/moves"), **{"from": since.isoformat(), "to": until.isoformat()}
    ).json()


def test_move_adds_up_to_what_the_two_forecasts_said(project: Project, admin: ApiClient) -> None:
    answer = _moved(admin, project, NOW - 2 * WEEK, NOW + DAY)

    result = answer["result"]
    assert (answer["from"]["as_of"], answer["to"]["as_of"]) == ("2024-06-12T12:00:00Z", "2024-07-03T12:00:00Z")
    assert sum(part["days"] for part in result["parts"]) == result["p85_moved_days"]
    assert sum(part["p_on_time"] for part in result["parts"]) == result["p_on_time_moved"]
    difference = answer["to"]["p_on_time"]["value"] - answer["from"]["p_on_time"]["value"]
    assert result["p_on_time_moved"] == pytest.approx(difference, abs=1e-6)
    assert {part["component"]: part["days"] for part in result["parts"]}["TIME_PASSED"] == 21.0
    assert {part["component"]: part["measured"] for part in result["parts"]}["WORK_FINISHED"].startswith("15 items")
    assert answer["model"]["id"] == "forecast-moves.shapley"


def test_move_by_added_scope_names_it(project: Project, ours: LookAlike, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        rows = list(WorkItem.objects.filter(project=project, status_category="TODO")[:30])
        for number, row in enumerate(rows):
            row.pk, row.external_id, row.opened_at = UUID(int=7_000_000 + number), f"new {number}", NOW + DAY
            row.recorded_at = NOW + DAY
            row._state.adding = True
        WorkItem.objects.bulk_create(rows)
        refresh_project(project=project, as_of=NOW + 2 * DAY, at=NOW + 2 * DAY)

    parts = _moved(admin, project, NOW, NOW + 3 * DAY)["result"]["parts"]

    largest = max(parts, key=lambda part: part["days"])
    assert (largest["component"], largest["measured"]) == ("SCOPE_ADDED", "30 items came in.")


@pytest.mark.parametrize(
    ("since", "until", "code"),
    [
        (NOW - 50 * WEEK, NOW, "NO_FORECAST_THEN"),
        (NOW - 50 * WEEK, NOW - 40 * WEEK, "NO_FORECAST_NOW"),
        (NOW + DAY, NOW + 2 * DAY, "SAME_FORECAST"),
    ],
)
def test_move_without_two_forecasts_is_null_with_a_reason(
    since: datetime, until: datetime, code: str, project: Project, admin: ApiClient
) -> None:
    answer = _moved(admin, project, since, until)

    assert (answer["readiness"], answer["result"], answer["model"]) == ("INSUFFICIENT", None, None)
    assert [row["code"] for row in answer["readiness_reasons"]] == [code]


def test_forecast_of_an_earlier_release_is_not_guessed_at(project: Project, ours: LookAlike, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        record = AnalysisRecord.objects.filter(project=project, kind=AnalysisKind.FORECAST).earliest("as_of")
        results = {name: value for name, value in record.results.items() if name != "basis"}
        copied = ("kind", "readiness", "inputs_hash", "model_id", "duration_ms")
        AnalysisRecord.objects.create(
            **{name: getattr(record, name) for name in copied},
            project=project,
            as_of=record.as_of + DAY,
            model_version="0",
            results=results,
        )

    answer = _moved(admin, project, record.as_of + 2 * DAY, NOW)

    assert [row["code"] for row in answer["readiness_reasons"]] == ["FORECAST_WITHOUT_BASIS"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"from": "2024-07-03T12:00:00"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2024-07-03T12:00:00Z", "to": "2024-07-03T12:00:00Z"}, "from"),
        ({"to": "0001-01-02T00:00:00Z"}, "to"),
        ({"to": "2024-07-03T12:00:00Z\u0000"}, "to"),
        ({"since": "2024-07-03T12:00:00Z"}, "since"),
    ],
)
def test_moments_that_are_none_are_refused(query: dict[str, str], name: str, ours: LookAlike, admin: ApiClient) -> None:
    answer = admin.fetch(f"/api/v1/projects/{ours.rows[Project].pk}/forecast/moves", **query)

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert [error["parameter"] for error in answer.json()["errors"]] == [name]


@pytest.mark.parametrize("question", ["forecast", "slip"])
def test_parameter_nobody_reads_is_refused(question: str, ours: LookAlike, admin: ApiClient) -> None:
    answer = admin.fetch(f"/api/v1/projects/{ours.rows[Project].pk}/{question}", colour="blue")

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


# --- who sees it, and what it costs ---


@pytest.mark.parametrize("question", ["forecast", "slip", "forecast/moves"])
def test_answers_are_of_projects_a_person_sees(
    question: str, project: Project, ours: LookAlike, theirs: LookAlike, as_role: Callable[[Role], ApiClient]
) -> None:
    foreign = analysed_project(theirs)
    before = {role: as_role(role).fetch(path_of(project, question)).status_code for role in Role}

    enter_project(ours, project.pk)

    assert before == {role: 404 if role in (Role.TEAM_LEADER, Role.STAKEHOLDER) else 200 for role in Role}
    assert {as_role(role).fetch(path_of(project, question)).status_code for role in Role} == {200}
    assert {as_role(role).fetch(path_of(foreign, question)).status_code for role in Role} == {404}


@pytest.mark.parametrize("question", ["forecast", "slip", "forecast/moves"])
def test_another_tenants_runs_and_edits_have_no_part_in_ours(
    question: str, project: Project, theirs: LookAlike, admin: ApiClient
) -> None:
    query = {"from": (NOW - 2 * WEEK).isoformat(), "to": NOW.isoformat()} if question == "forecast/moves" else {}
    before = admin.fetch(path_of(project, question), **query).json()

    foreign = analysed_project(theirs, open_items=200)
    with tenant_context(theirs.tenant.pk):
        foreign.end_date = date(2030, 1, 1)
        foreign.save()

    assert admin.fetch(path_of(project, question), **query).json() == before


@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize(("question", "queries"), [("forecast", 20), ("slip", 11), ("forecast/moves", 12)])
def test_answers_cost_a_fixed_number_of_queries(
    question: str, queries: int, runs: int, ours: LookAlike, admin: ApiClient, django_assert_num_queries: Any
) -> None:
    project = analysed_project(ours, moments=MOMENTS[-runs:])
    admin.fetch(path_of(project, question))

    with django_assert_num_queries(queries):
        answer = admin.fetch(path_of(project, question))

    assert json.loads(answer.content)["project"] == str(project.pk)

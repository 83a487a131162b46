"""The main job over rows of the record: from work items to a prediction and a gap, once, for one tenant."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection

from gaps.models import Gap
from predictions.models import Prediction
from projects.enums import AnalysisKind, ProjectStatus
from projects.models import AnalysisRecord, Project, WorkItem
from stratibreak.management.commands.refresh import parse_moment
from stratibreak.pipeline import RefreshOutcome, refresh_lock_key, refresh_project, take_refresh_lock
from tenants.isolation.models import TenantModel
from tenants.isolation.transaction import tenant_context
from tenants.models import Tenant
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.project_histories import NOW
from tests.recorded_team import record_team

pytestmark = pytest.mark.django_db

TARGET = date(2024, 9, 25)
STEADY_TEAM = [5] * 40


@pytest.fixture
def tenant(ours: LookAlike) -> Tenant:
    return ours.tenant


@pytest.fixture
def project(tenant: Tenant) -> Project:
    with tenant_context(tenant.pk):
        Project.objects.update(status=ProjectStatus.COMPLETED)
        project = ProjectFactory.create(name="Billing", start_date=date(2023, 9, 1), end_date=TARGET)
        record_team(project, STEADY_TEAM, open_items=120)
    return project


@pytest.fixture
def chosen(tenant: Tenant, project: Project) -> Iterator[None]:
    with tenant_context(tenant.pk):
        yield


def _everything_stored() -> dict[str, list[Any]]:
    return {
        model._meta.label: list(model._default_manager.order_by("pk").values())
        for model in apps.get_models()
        if issubclass(model, TenantModel)
    }


@pytest.mark.usefixtures("chosen")
def test_record_becomes_prediction_gap_and_runs(project: Project) -> None:
    refresh = refresh_project(project=project, as_of=NOW, at=NOW)

    prediction, gap = Prediction.objects.get(project=project), Gap.objects.get(project=project)
    assert refresh.outcome == RefreshOutcome.DONE
    assert refresh.forecast is not None
    assert refresh.detection is not None
    assert refresh.flow is not None
    assert refresh.forecast.prediction == prediction
    assert refresh.detection.gaps == (gap,)
    assert refresh.flow.throughput_per_week.value == pytest.approx(5, abs=0.5)
    item = WorkItem.objects.get(pk=gap.evidence.filter(object_type="work_item").first().object_id)
    assert item.project == project
    kinds = AnalysisRecord.objects.filter(project=project).values_list("kind", flat=True)
    assert Counter(kinds) == Counter(
        [AnalysisKind.FLOW, AnalysisKind.FORECAST, AnalysisKind.CAUSES, AnalysisKind.GAPS, AnalysisKind.REFRESH]
    )


@pytest.mark.usefixtures("chosen")
def test_second_run_over_the_same_moment_writes_nothing(project: Project) -> None:
    refresh_project(project=project, as_of=NOW, at=NOW)
    before = _everything_stored()

    refresh_project(project=project, as_of=NOW, at=NOW + timedelta(hours=1))

    assert _everything_stored() == before


@pytest.mark.usefixtures("chosen")
def test_second_run_costs_a_fixed_number_of_queries(project: Project, django_assert_num_queries: Any) -> None:
    refresh_project(project=project, as_of=NOW, at=NOW)

    with django_assert_num_queries(49):
        refresh_project(project=project, as_of=NOW, at=NOW)


@pytest.mark.usefixtures("chosen")
def test_project_without_facts_is_told_what_to_connect() -> None:
    empty = ProjectFactory.create()

    refresh = refresh_project(project=empty, as_of=NOW, at=NOW)

    assert refresh.forecast is not None
    assert refresh.forecast.prediction is None
    assert refresh.forecast.delay_risk.readiness.reasons[0].unlock == "CONNECT_A_TOOL"
    assert not Gap.objects.filter(project=empty).exists()


@pytest.mark.usefixtures("chosen")
def test_future_is_not_on_record(project: Project) -> None:
    with pytest.raises(ValueError, match="future"):
        refresh_project(project=project, as_of=NOW + timedelta(seconds=1), at=NOW)


def test_refresh_touches_no_other_tenant(tenant: Tenant, project: Project, theirs: LookAlike) -> None:
    with tenant_context(theirs.tenant.pk):
        before = _everything_stored()

    with tenant_context(tenant.pk):
        refresh_project(project=project, as_of=NOW, at=NOW)

    with tenant_context(theirs.tenant.pk):
        assert _everything_stored() == before


def test_run_that_dies_half_way_leaves_the_former_state(
    tenant: Tenant, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tenant_context(tenant.pk):
        before = _everything_stored()

    def die(**_arguments: Any) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr("stratibreak.pipeline.detect_gaps", die)
    with pytest.raises(RuntimeError, match="killed"):
        _refresh("--tenant", tenant.name, "--as-of", NOW.isoformat())

    with tenant_context(tenant.pk):
        assert _everything_stored() == before


# --- two at once ---


@pytest.fixture
def other_connection() -> Iterator[psycopg.Connection[Any]]:
    """A second session on the test database, as the web's login, in an open transaction."""
    parameters = connection.get_connection_params()
    address = {key: parameters[key] for key in ("host", "port", "user", "password", "dbname") if parameters.get(key)}
    with psycopg.connect(**address) as other:
        yield other


@pytest.mark.usefixtures("chosen")
def test_of_two_runs_at_once_one_says_that_it_did_nothing(
    project: Project, other_connection: psycopg.Connection[Any]
) -> None:
    other_connection.execute("SELECT pg_advisory_xact_lock(%s)", [refresh_lock_key(project.pk)])
    before = _everything_stored()

    refresh = refresh_project(project=project, as_of=NOW, at=NOW)

    assert (refresh.outcome, refresh.forecast, refresh.detection) == (RefreshOutcome.BUSY, None, None)
    assert _everything_stored() == before


@pytest.mark.usefixtures("chosen")
def test_lock_of_one_project_does_not_hold_up_another(
    project: Project, other_connection: psycopg.Connection[Any]
) -> None:
    other_connection.execute("SELECT pg_advisory_xact_lock(%s)", [refresh_lock_key(ProjectFactory.create().pk)])

    assert take_refresh_lock(project.pk)


def test_lock_names_the_tenant(ours: LookAlike, theirs: LookAlike, project: Project) -> None:
    with tenant_context(ours.tenant.pk):
        our_key = refresh_lock_key(project.pk)
    with tenant_context(theirs.tenant.pk):
        their_key = refresh_lock_key(project.pk)

    assert our_key != their_key


# --- the command ---


def _refresh(*arguments: str) -> str:
    out = StringIO()
    call_command("refresh", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.mark.parametrize("by", ["name", "id"])
def test_command_analyses_the_active_projects_of_one_tenant(
    tenant: Tenant, project: Project, theirs: LookAlike, by: str
) -> None:
    with tenant_context(theirs.tenant.pk):
        before = _everything_stored()

    out = _refresh("--tenant", tenant.name if by == "name" else str(tenant.pk), "--as-of", NOW.isoformat())

    assert out.startswith("Billing: P(on time) ")
    assert out.count("\n") == 1
    assert "1 opened" in out
    with tenant_context(tenant.pk):
        assert Gap.objects.filter(project=project).count() == 1
    with tenant_context(theirs.tenant.pk):
        assert _everything_stored() == before


def test_command_prints_one_json_document(tenant: Tenant, project: Project) -> None:
    out = _refresh("--tenant", tenant.name, "--project", "billing", "--as-of", NOW.isoformat(), "--json")

    document = json.loads(out)
    (row,) = document["projects"]
    assert row["project"] == {"id": str(project.pk), "name": "Billing"}
    assert row["outcome"] == "DONE"
    assert row["readiness"] == "OK"
    assert [point["p"] for point in row["forecast"]["quantiles"]] == [0.5, 0.7, 0.85, 0.95]
    assert row["gaps"]["changes"] == {"OPENED": 1}
    assert row["flow"]["open_items"] == 120


def test_command_says_why_there_is_no_forecast(tenant: Tenant) -> None:
    with tenant_context(tenant.pk):
        Project.objects.update(status=ProjectStatus.COMPLETED)
        ProjectFactory.create(name="Empty")

    out = _refresh("--tenant", tenant.name)

    assert out.startswith("Empty: no forecast, MISCONFIGURED: The record holds no work items.")


def test_command_reports_a_busy_project(
    tenant: Tenant, project: Project, other_connection: psycopg.Connection[Any]
) -> None:
    with tenant_context(tenant.pk):
        other_connection.execute("SELECT pg_advisory_xact_lock(%s)", [refresh_lock_key(project.pk)])

    assert _refresh("--tenant", tenant.name) == "Billing: another refresh is at it; nothing was changed\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tenant", "Nobody"], "no organisation"),
        (["--tenant", "Demo Organisation A", "--project", "Nothing"], "no project"),
        (["--tenant", "Demo Organisation A", "--as-of", "soon"], "neither a day"),
        (["--tenant", "Demo Organisation A", "--as-of", "2024-07-03T12:00:00"], "no offset"),
        (["--tenant", "Demo Organisation A", "--as-of", "9999-01-01"], "future"),
    ],
)
@pytest.mark.usefixtures("ours")
def test_command_says_what_is_wrong_with_its_arguments(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        _refresh(*arguments)


def test_project_of_another_tenant_is_one_that_is_not_there(tenant: Tenant, theirs: LookAlike) -> None:
    foreign, missing = (str(theirs.rows[Project].pk), "00000000-0000-7000-8000-000000000000")

    refusals = []
    for project_id in (foreign, missing):
        with pytest.raises(CommandError) as refusal:
            _refresh("--tenant", tenant.name, "--project", project_id)
        refusals.append(str(refusal.value).replace(project_id, "…"))

    assert refusals[0] == refusals[1]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-07-03", datetime(2024, 7, 3, tzinfo=UTC)),
        ("2024-07-03T12:00:00Z", datetime(2024, 7, 3, 12, tzinfo=UTC)),
        ("2024-07-03T14:00:00+02:00", datetime(2024, 7, 3, 12, tzinfo=UTC)),
    ],
)
def test_moments_are_days_or_instants_with_their_offset(text: str, moment: datetime) -> None:
    assert parse_moment(text) == moment

"""Replaying a project's past through the doors: the command and the API, kept and never in the ledger."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from predictions.domain.replaying import describe_replay, keep_replay, load_replay_inputs, record_end, run_replay
from predictions.forecasters.replay import ReplayPlan
from predictions.models import Prediction, PredictionOutcome
from projects.enums import AnalysisKind
from projects.models import AnalysisRecord, Project
from stratibreak.management.commands.replay import parse_step
from stratibreak.pipeline import refresh_lock_key
from tenants.audit.enums import AuditAction
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry
from tests.api.conftest import signed_in
from tests.factories.look_alike import LookAlike
from tests.factories.projects import BaselineFactory, ProjectFactory
from tests.project_histories import DAY, WEEK
from tests.recorded_team import record_team

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
BEGUN, MISSED_TARGET = (NOW - 60 * WEEK).date(), (NOW - 4 * WEEK).date()


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Any) -> None:
    settings.STATIC_ROOT = None


def _late_project(world: LookAlike, name: str = "Billing") -> Project:
    """A team that was to be done four weeks ago, and has twenty items open."""
    with tenant_context(world.tenant.pk):
        project = ProjectFactory.create(name=name, start_date=BEGUN, end_date=(NOW + 20 * WEEK).date())
        record_team(project, [5] * 52, open_items=20, as_of=NOW)
        BaselineFactory.create(
            project=project,
            approved_at=NOW - 60 * WEEK,
            start_date=BEGUN,
            finish_date=MISSED_TARGET,
            scope_item_count=100,
        )
    return project


@pytest.fixture
def project(ours: LookAlike) -> Project:
    return _late_project(ours)


def _replay(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("replay", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def _kept(world: LookAlike) -> list[AnalysisRecord]:
    with tenant_context(world.tenant.pk):
        return list(AnalysisRecord.objects.filter(kind=AnalysisKind.REPLAY))


# --- the command ---


def test_command_says_what_would_have_been_warned_of_and_keeps_it(
    project: Project, ours: LookAlike, theirs: LookAlike
) -> None:
    said, shown = _replay("--tenant", ours.tenant.name, "--project", "billing", "--months", "6", "--step", "2w")

    assert said.startswith("Billing: 13 of 13 moments had a forecast\n")
    assert f"{MISSED_TARGET.isoformat()} (plan): hits, warned" in said
    assert "reconstructed from surviving records" in said
    assert shown == ""
    (record,) = _kept(ours)
    assert (record.project_id, record.readiness) == (project.pk, "OK")
    assert record.as_of >= NOW
    assert record.results["summary"]["events"]["HIT"] == 1
    assert _kept(theirs) == []


def test_nothing_of_a_replay_enters_the_ledger(project: Project, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        before = (Prediction.objects.count(), PredictionOutcome.objects.count())

    _replay("--tenant", ours.tenant.name, "--project", "billing", "--months", "2")

    with tenant_context(ours.tenant.pk):
        assert (Prediction.objects.count(), PredictionOutcome.objects.count()) == before


def test_same_replay_again_is_kept_once(project: Project, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        replay = run_replay(load_replay_inputs(project, at=NOW), ReplayPlan(NOW, months=1))
        first, second = (keep_replay(project, replay, at=NOW, duration_ms=1) for _ in range(2))

    assert first == second
    assert len(_kept(ours)) == 1


def test_command_prints_one_json_document(project: Project, ours: LookAlike) -> None:
    said, _ = _replay("--tenant", ours.tenant.name, "--project", str(project.pk), "--months", "2", "--json")

    document = json.loads(said)
    assert (document["project"], len(document["steps"])) == (str(project.pk), 8)


def test_progress_is_drawn(project: Project, ours: LookAlike) -> None:
    _, shown = _replay("--tenant", ours.tenant.name, "--project", "billing", "--months", "2", "--progress")

    assert "100%  8 moments" in shown
    assert shown.endswith("\n")


def test_project_without_facts_is_told_what_to_connect(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        ProjectFactory.create(name="Empty")

    said, _ = _replay("--tenant", ours.tenant.name, "--project", "Empty", "--months", "2")

    assert said == "Empty: 0 of 8 moments had a forecast\n  The record holds no work items.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--months", "0"], "1 to 24 months"),
        (["--months", "25"], "1 to 24 months"),
        (["--step", "soon"], "no step"),
        (["--step", "0d"], "at least a day"),
        (["--months", "1", "--step", "9w"], "not longer"),
    ],
)
def test_command_says_what_is_wrong_with_its_arguments(arguments: list[str], message: str, ours: LookAlike) -> None:
    with pytest.raises(CommandError, match=message):
        _replay("--tenant", ours.tenant.name, "--project", "x", *arguments)


def test_project_of_another_tenant_is_one_that_is_not_there(ours: LookAlike, theirs: LookAlike) -> None:
    foreign = _late_project(theirs)

    for name_or_id in ("Billing", str(foreign.pk)):
        with pytest.raises(CommandError, match="no project"):
            _replay("--tenant", ours.tenant.name, "--project", name_or_id)


@pytest.mark.parametrize(("text", "days"), [("1w", 7), ("13w", 91), ("3d", 3)])
def test_steps_are_days_or_weeks(text: str, days: int) -> None:
    assert parse_step(text) == timedelta(days=days)


# --- the API ---


def test_replay_is_run_kept_and_read_again(project: Project, ours: LookAlike) -> None:
    client, path = signed_in(ours.users[Role.ANALYST]), f"/api/v1/projects/{project.pk}/replay"
    before = client.fetch(path).json()

    made = client.send("POST", path, {"months": 6, "step_weeks": 2})

    assert (before["readiness"], before["result"]) == ("INSUFFICIENT", None)
    assert made.status_code == 201
    assert client.fetch(made["Location"]).json()["kind"] == "REPLAY"
    assert client.fetch(path).json() == made.json()
    result = made.json()["result"]
    assert result["summary"]["events"]["HIT"] == 1
    assert result["is_reconstructed"] is True
    assert len(result["steps"]) == 13
    with tenant_context(ours.tenant.pk):
        assert AuditEntry.objects.filter(action=AuditAction.RUN_ANALYSIS, resource_id=str(project.pk)).count() == 1


@pytest.mark.parametrize(
    "body",
    [
        {"months": 0},
        {"months": 25},
        {"months": True},
        {"months": "x\u0000"},
        {"step_weeks": 0},
        {"months": 1, "step_weeks": 13},
    ],
)
def test_replay_without_bounds_is_refused(body: dict[str, Any], project: Project, ours: LookAlike) -> None:
    client = signed_in(ours.users[Role.ADMIN])

    answer = client.send("POST", f"/api/v1/projects/{project.pk}/replay", body)

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert _kept(ours) == []


def test_project_that_is_too_large_for_a_request_names_the_command(
    project: Project, ours: LookAlike, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratibreak.api.REPLAYED_ITEMS", 100)
    client = signed_in(ours.users[Role.ADMIN])

    answer = client.send("POST", f"/api/v1/projects/{project.pk}/replay", {"months": 1})

    assert answer.status_code == 409
    assert "manage.py replay" in answer.json()["detail"]


def test_busy_project_is_not_replayed(project: Project, ours: LookAlike) -> None:
    client = signed_in(ours.users[Role.ADMIN])
    parameters = connection.get_connection_params()
    address = {key: parameters[key] for key in ("host", "port", "user", "password", "dbname") if parameters.get(key)}
    with psycopg.connect(**address) as other:
        with tenant_context(ours.tenant.pk):
            other.execute("SELECT pg_advisory_xact_lock(%s)", [refresh_lock_key(project.pk)])
        answer = client.send("POST", f"/api/v1/projects/{project.pk}/replay", {"months": 1})

    assert answer.status_code == 409
    assert _kept(ours) == []


# --- rows ---


@pytest.mark.parametrize("projects", [1, 3])
def test_reading_and_keeping_cost_a_fixed_number_of_queries(
    projects: int, ours: LookAlike, django_assert_num_queries: Any
) -> None:
    made = [_late_project(ours, name=f"Billing {number}") for number in range(projects)]
    with tenant_context(ours.tenant.pk):
        with django_assert_num_queries(20):
            inputs = load_replay_inputs(made[0], at=NOW)
        replay = run_replay(inputs, ReplayPlan(NOW, months=1))
        with django_assert_num_queries(2):
            keep_replay(made[0], replay, at=NOW, duration_ms=1)
        with django_assert_num_queries(1):
            assert describe_replay(made[0])["result"] is not None


# --- detectors ---


def test_detectors_are_replayed_to_a_rate_and_nothing_is_kept(project: Project, ours: LookAlike) -> None:
    said, _ = _replay("--tenant", ours.tenant.name, "--project", "billing", "--months", "6", "--detectors")

    assert "TIMELINE: " in said
    assert "alarms per project-year" in said
    assert _kept(ours) == []


def test_detectors_are_replayed_as_json(project: Project, ours: LookAlike) -> None:
    said, _ = _replay("--tenant", ours.tenant.name, "--project", "billing", "--months", "6", "--detectors", "--json")

    told = json.loads(said)
    timeline = next(row for row in told["detectors"] if row["type"] == "TIMELINE")
    assert (timeline["moments"], timeline["answered"]) == (26, 26)
    assert timeline["alarms_per_project_year"] == pytest.approx(
        len(timeline["alarms"]) / timeline["project_years"], 1e-2
    )


# --- a record that has ended ---


def test_an_archive_is_replayed_to_its_own_end(ours: LookAlike) -> None:
    ended = NOW - 300 * WEEK
    with tenant_context(ours.tenant.pk):
        archive = ProjectFactory.create(name="Archive", start_date=(ended - 60 * WEEK).date(), end_date=ended.date())
        record_team(archive, [5] * 52, open_items=20, as_of=ended)

    said, told = _replay("--tenant", ours.tenant.name, "--project", "archive", "--months", "6", "--step", "2w")
    alarms, _ = _replay("--tenant", ours.tenant.name, "--project", "archive", "--months", "6", "--detectors")

    assert said.startswith("Archive: 13 of 13 moments had a forecast\n")
    assert told.startswith("The record ends on ")
    assert "TIMELINE: " in alarms
    assert "answered 26 of 26 moments" in alarms
    (record,) = _kept(ours)
    steps = [datetime.fromisoformat(step["as_of"]) for step in record.results["steps"]]
    assert ended - 3 * WEEK < max(steps) < ended, "one step before the last event"


def test_what_an_archive_does_not_tell_did_not_fail_to_happen(ours: LookAlike) -> None:
    """Its last target lies behind its end: nobody looked whether it was kept."""
    ended = NOW - 300 * WEEK
    with tenant_context(ours.tenant.pk):
        archive = ProjectFactory.create(name="Archive", start_date=(ended - 60 * WEEK).date())
        record_team(archive, [5] * 52, open_items=20, as_of=ended)
        Project.objects.filter(pk=archive.pk).update(end_date=(ended + 6 * WEEK).date())
        BaselineFactory.create(
            project=archive,
            approved_at=ended - 40 * WEEK,
            start_date=(ended - 60 * WEEK).date(),
            finish_date=(ended + 6 * WEEK).date(),
            scope_item_count=400,
        )

    _replay("--tenant", ours.tenant.name, "--project", "archive", "--months", "3")

    (record,) = _kept(ours)
    assert record.results["summary"]["answered"] > 0
    assert {event["verdict"] for event in record.results["events"]} == {"UNDECIDED"}


def test_a_record_that_is_looked_at_goes_on_until_now(project: Project, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        history = load_replay_inputs(project, at=NOW).history

    assert record_end(history, at=NOW) == NOW
    assert record_end(history, at=NOW - 100 * WEEK) == NOW - 100 * WEEK, "nothing had happened at all"
    assert record_end(history, at=NOW + 5 * WEEK) < NOW + DAY

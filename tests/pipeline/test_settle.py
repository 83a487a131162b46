"""Settling through the doors: the refresh, and the command over one organisation or all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from predictions.enums import OutcomeResult
from predictions.forecasters.resolution import scope_hash
from predictions.models import Prediction, PredictionOutcome
from projects.domain.queries.history import load_history
from projects.enums import ProjectStatus
from projects.models import Project
from stratibreak.pipeline import refresh_project
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import PredictionFactory
from tests.factories.projects import ProjectFactory, WorkItemFactory

pytestmark = pytest.mark.django_db

ISSUED = datetime(2026, 2, 2, tzinfo=UTC)
TARGET_OVER = datetime(2026, 3, 1, tzinfo=UTC)


def _claim_over_one_open_item(world: LookAlike, *, status: ProjectStatus = ProjectStatus.ACTIVE) -> Prediction:
    with tenant_context(world.tenant.pk):
        project = ProjectFactory.create(name="Settled", status=status)
        WorkItemFactory.create(project=project, last_seen_at=TARGET_OVER + timedelta(days=1))
        known = load_history(project.pk).as_of(ISSUED)
        event = {
            "claim": "Not done.",
            "scope": {
                "item_count": 1,
                "as_of": ISSUED.isoformat(),
                "items_hash": scope_hash(known, known.states.open),
            },
        }
        return PredictionFactory.create(
            project=project, event=event, as_of=ISSUED, issued_at=ISSUED, predicted_for=TARGET_OVER
        )


def _results(world: LookAlike, prediction: Prediction) -> list[str]:
    with tenant_context(world.tenant.pk):
        return list(PredictionOutcome.objects.filter(prediction=prediction).values_list("result", flat=True))


def _settle(*arguments: str) -> str:
    out = StringIO()
    call_command("settle", *arguments, stdout=out)
    return out.getvalue()


def test_refresh_settles_before_it_forecasts(ours: LookAlike) -> None:
    prediction = _claim_over_one_open_item(ours)
    now = timezone.now()

    with tenant_context(ours.tenant.pk):
        refresh = refresh_project(project=Project.objects.get(pk=prediction.project_id), as_of=now, at=now)

    assert refresh.settlement is not None
    assert refresh.settlement.by_result == {"OCCURRED": 1}
    assert _results(ours, prediction) == [OutcomeResult.OCCURRED]


def test_command_settles_one_organisation_and_no_other(ours: LookAlike, theirs: LookAlike) -> None:
    mine, foreign = _claim_over_one_open_item(ours), _claim_over_one_open_item(theirs)

    said = _settle("--tenant", ours.tenant.name, "--project", "settled")

    assert said == f"{ours.tenant.name}, Settled: 1 occurred, 0 not occurred, 0 censored; 0 open\n"
    assert (_results(ours, mine), _results(theirs, foreign)) == ([OutcomeResult.OCCURRED], [])


def test_command_settles_all_organisations_and_projects_that_were_completed(ours: LookAlike, theirs: LookAlike) -> None:
    claims = [(world, _claim_over_one_open_item(world, status=ProjectStatus.COMPLETED)) for world in (ours, theirs)]

    said = _settle()
    again = _settle()

    assert all(_results(world, claim) == [OutcomeResult.OCCURRED] for world, claim in claims)
    assert said.count("Settled: 1 occurred") == 2
    assert "Settled" not in again


def test_project_is_named_within_an_organisation(ours: LookAlike, theirs: LookAlike) -> None:
    foreign = _claim_over_one_open_item(theirs)

    with pytest.raises(CommandError, match="needs --tenant"):
        _settle("--project", str(foreign.project_id))
    with pytest.raises(CommandError, match="no project"):
        _settle("--tenant", ours.tenant.name, "--project", str(foreign.project_id))
    assert _results(theirs, foreign) == []


def test_command_says_so_where_nothing_is_claimed(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        for project in Project.objects.all():
            project.delete()
    told = StringIO()

    call_command("settle", tenant=str(ours.tenant.pk), stdout=told)

    assert told.getvalue() == "No project has an open claim, nor an action to follow.\n"

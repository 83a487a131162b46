"""A refresh with every claim that rows of the record can carry: kept once, chained, for one tenant."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command

from predictions.domain.ledger import check_ledger
from predictions.models import Prediction, PredictionOutcome
from projects.enums import AnalysisKind, ProjectStatus
from projects.models import (
    AnalysisRecord,
    FieldChange,
    Iteration,
    IterationMembership,
    Milestone,
    MilestoneMembership,
    Project,
    WorkItem,
)
from stratibreak.pipeline import refresh_project
from tenants.isolation.models import TenantModel
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import BaselineFactory, CostEntryFactory, ProjectFactory
from tests.project_histories import DAY, NOW, WEEK
from tests.recorded_team import record_team

pytestmark = pytest.mark.django_db

TARGET = date(2024, 9, 25)
LEVELS = {
    "DELAY_RISK project",
    "DELAY_RISK milestone",
    "DELAY_RISK iteration",
    "DELAY_RISK work_item",
    "BUDGET_OVERRUN project",
}
"""All that these rows can carry: nothing came in since the plan, nobody carries the items, and they have no types."""


def _record(name: str, *, open_items: int = 120) -> Project:
    """A team with a plan, costs, a release, sprints, estimates, due dates that it misses, and far too much to do."""
    project = ProjectFactory.create(name=name, start_date=date(2023, 9, 1), end_date=TARGET)
    record_team(project, [5] * 40, open_items=open_items)
    begun = NOW - 40 * WEEK
    BaselineFactory.create(
        project=project,
        approved_at=begun,
        start_date=begun.date(),
        finish_date=TARGET,
        budget=Decimal("46000.00"),
        scope_item_count=250,
    )
    for week in range(40):
        day = (NOW - DAY - week * WEEK).date()
        CostEntryFactory.create(project=project, incurred_on_date=day, amount=Decimal("1000.00"), recorded_at=NOW - DAY)
    items = list(WorkItem.objects.filter(project=project).order_by("key"))
    _sprints(project, items)
    _release(project, [item for item in items if item.resolved_at is None])
    _due_dates_and_points(project, items)
    return project


def _sprints(project: Project, items: list[WorkItem]) -> None:
    begin = NOW - 40 * WEEK
    for number in range(21):
        starts_at = begin + number * 2 * WEEK - 3 * DAY
        sprint = Iteration.objects.create(
            project=project,
            source="jira",
            external_id=f"{number}",
            name=f"Sprint {number}",
            starts_at=starts_at,
            ends_at=starts_at + 2 * WEEK,
            recorded_at=starts_at - DAY,
        )
        members = items[number * 12 : number * 12 + 12]
        IterationMembership.objects.bulk_create(
            IterationMembership(
                iteration=sprint, work_item=item, joined_at=starts_at - DAY, recorded_at=starts_at - DAY
            )
            for item in members
        )


def _release(project: Project, items: list[WorkItem]) -> None:
    begun = NOW - 4 * WEEK
    release = Milestone.objects.create(
        project=project, source="jira", external_id="r", name="R", target_date=TARGET, recorded_at=begun
    )
    MilestoneMembership.objects.bulk_create(
        MilestoneMembership(milestone=release, work_item=item, joined_at=begun, recorded_at=begun)
        for item in items[:60]
    )


def _due_dates_and_points(project: Project, items: list[WorkItem]) -> None:
    changes: list[FieldChange] = []
    for number, item in enumerate(items):
        due = NOW + (2 + number % 9) * DAY if item.resolved_at is None else item.resolved_at - 3 * DAY
        for field, value in (("due_date", due.date().isoformat()), ("estimate_points", "2")):
            changes.append(
                FieldChange(
                    project=project,
                    work_item=item,
                    external_id=f"{field}-{number}",
                    field=field,
                    to_id="",
                    to_text=value,
                    changed_at=item.opened_at,
                    recorded_at=NOW - timedelta(hours=1),
                )
            )
    FieldChange.objects.bulk_create(changes)


@pytest.fixture
def project(ours: LookAlike) -> Project:
    with tenant_context(ours.tenant.pk):
        Project.objects.update(status=ProjectStatus.COMPLETED)
        return _record("Billing")


def _everything_stored() -> dict[str, list[Any]]:
    return {
        model._meta.label: list(model._default_manager.order_by("pk").values())
        for model in apps.get_models()
        if issubclass(model, TenantModel)
    }


def _levels(project: Project) -> set[str]:
    rows = Prediction.objects.filter(project=project).values_list("type", "event__subject__type")
    return {f"{kind} {level}" for kind, level in rows}


def test_every_level_gives_a_claim_and_the_chain_holds(project: Project, ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(theirs.tenant.pk):
        before = _everything_stored()

    with tenant_context(ours.tenant.pk):
        refresh_project(project=project, as_of=NOW, at=NOW)

        assert _levels(project) == LEVELS
        check = check_ledger(project.pk)
        assert (check.broken, check.rows) == (0, Prediction.objects.filter(project=project).count())
        record = AnalysisRecord.objects.get(project=project, kind=AnalysisKind.FORECAST)
        assert [row["reasons"] for row in record.results["risks"] if row["level"] == "milestone"] == [[]]
    with tenant_context(theirs.tenant.pk):
        assert _everything_stored() == before


def test_second_run_on_unchanged_facts_writes_nothing(project: Project, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        refresh_project(project=project, as_of=NOW, at=NOW)
        before = _everything_stored()

        refresh_project(project=project, as_of=NOW, at=NOW + timedelta(hours=1))

        assert _everything_stored() == before


def test_second_run_over_a_whole_tenant_writes_nothing_either(project: Project, ours: LookAlike) -> None:
    """Each project is another's record to learn from, but only from before the moment asked about."""
    with tenant_context(ours.tenant.pk):
        both = [project, _record("Payroll", open_items=60)]
        for as_of in (NOW - DAY, NOW):
            for each in both:
                refresh_project(project=each, as_of=as_of, at=as_of)
        before = _everything_stored()

        for each in both:
            refresh_project(project=each, as_of=NOW, at=NOW)

        assert _everything_stored() == before


def test_unchanged_second_run_costs_a_fixed_number_of_queries(
    project: Project, ours: LookAlike, django_assert_num_queries: Any
) -> None:
    with tenant_context(ours.tenant.pk):
        refresh_project(project=project, as_of=NOW, at=NOW)

        with django_assert_num_queries(49):
            refresh_project(project=project, as_of=NOW, at=NOW)


def test_run_that_dies_while_it_keeps_claims_leaves_none(
    project: Project, ours: LookAlike, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(**_arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stratibreak.pipeline.detect_gaps", die)
    with pytest.raises(KeyboardInterrupt):
        _refresh("--tenant", ours.tenant.name, "--as-of", NOW.isoformat())

    with tenant_context(ours.tenant.pk):
        assert not Prediction.objects.filter(project=project).exists()
        assert not AnalysisRecord.objects.filter(project=project).exists()


def _refresh(*arguments: str) -> str:
    out = StringIO()
    call_command("refresh", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_command_tells_what_it_warns_of_and_what_it_settled(project: Project, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        refresh_project(project=project, as_of=NOW, at=NOW)
        WorkItem.objects.filter(project=project).update(last_seen_at=datetime.now(UTC))

    line = _refresh("--tenant", ours.tenant.name)
    document = json.loads(_refresh("--tenant", ours.tenant.name, "--json"))

    assert "settled: " in line
    assert " occurred" in line
    (row,) = document["projects"]
    assert row["settled"]["failed"] == 0
    assert {risk["level"] for risk in row["forecast"]["risks"]} == {"project", "milestone", "iteration", "work_item"}
    with tenant_context(ours.tenant.pk):
        settled = PredictionOutcome.objects.filter(prediction__project=project)
        assert {f"{o.prediction.type} {o.prediction.event['subject']['type']}" for o in settled} >= {
            "DELAY_RISK project",
            "DELAY_RISK milestone",
            "DELAY_RISK iteration",
            "DELAY_RISK work_item",
        }

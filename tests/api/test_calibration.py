"""Can it be trusted? The record of a tenant, of a person's own projects, and recomputed from what was exported."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from statistics import fmean
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from predictions.enums import OutcomeResult, PredictionType
from predictions.models import Prediction
from projects.models import Project
from tenants.audit.enums import AuditAction
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry
from tests.api.conftest import ApiClient
from tests.api.test_exports import table_of
from tests.api.test_matrix import enter_project
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import ISSUED_AT, PredictionFactory, PredictionOutcomeFactory, sha256_of
from tests.factories.projects import ProjectFactory

pytestmark = pytest.mark.django_db

CALIBRATION = "/api/v1/calibration"


def _settled(project: Project, number: int, *, probability: float, result: OutcomeResult, **fields: Any) -> Prediction:
    acted_on = fields.pop("acted_on", False)
    prediction = PredictionFactory.create(
        project=project,
        event_key=sha256_of(f"target {number}"),
        episode_id=UUID(int=1_000_000 + number),
        probability=probability,
        probability_low=None,
        probability_high=None,
        is_alert=probability >= 0.6,
        **fields,
    )
    score = (probability - (result == OutcomeResult.OCCURRED)) ** 2
    PredictionOutcomeFactory.create(
        prediction=prediction,
        result=result,
        occurred_at=prediction.predicted_for if result == OutcomeResult.OCCURRED else None,
        accuracy=None if result == OutcomeResult.CENSORED else score,
        acted_on=acted_on,
    )
    return prediction


def _history_of(world: LookAlike, *, events: int, probability: float = 0.75) -> Project:
    """Events of which two of three occurred, every other one forecast twice, every fifth acted on."""
    with tenant_context(world.tenant.pk):
        project = ProjectFactory.create(name="Scored")
        for number in range(events):
            result = OutcomeResult.NOT_OCCURRED if number % 3 == 0 else OutcomeResult.OCCURRED
            for repeat in range(1 + number % 2):
                _settled(
                    project,
                    number,
                    probability=probability - 0.05 * repeat - 0.01 * (number % 7),
                    result=result,
                    acted_on=number % 5 == 0,
                    as_of=ISSUED_AT - timedelta(days=7 * (1 - repeat)),
                )
    return project


@pytest.fixture
def project(ours: LookAlike) -> Project:
    return _history_of(ours, events=24)


def test_scores_can_be_computed_again_from_what_is_exported(project: Project, admin: ApiClient) -> None:
    shown = admin.fetch(CALIBRATION, project=str(project.pk)).json()

    rows = {row["id"]: row for row in table_of(admin.fetch("/api/v1/predictions/export", project=str(project.pk)))}
    ours, theirs = defaultdict(list), defaultdict(list)
    for outcome in table_of(admin.fetch("/api/v1/prediction-outcomes/export")):
        row = rows.get(outcome["prediction"])
        if row is not None and outcome["result"] != "CENSORED":
            occurred = outcome["result"] == "OCCURRED"
            ours[row["event_key"]].append((float(row["probability"]) - occurred) ** 2)
            theirs[row["event_key"]].append((float(row["base_rate"]) - occurred) ** 2)
            assert float(outcome["accuracy"]) == pytest.approx(ours[row["event_key"]][-1])
    brier, base = (fmean(fmean(errors) for errors in each.values()) for each in (ours, theirs))
    assert (shown["all"]["events"], shown["all"]["predictions"]) == (len(ours), len(rows)) == (24, 36)
    assert shown["all"]["brier"]["value"] == pytest.approx(brier)
    assert shown["all"]["brier_base_rate"] == pytest.approx(base)
    assert shown["all"]["brier_skill"]["value"] == pytest.approx(1 - brier / base)


def test_acted_and_unacted_stand_beside_all(project: Project, admin: ApiClient) -> None:
    shown = admin.fetch(CALIBRATION, project=str(project.pk)).json()

    assert shown["readiness"] == "OK"
    assert [shown[group]["events"] for group in ("all", "acted", "unacted")] == [24, 5, 19]
    assert (shown["acted"]["brier"], shown["acted"]["missing_events"]) == (None, 15)
    warnings = shown["all"]["warnings"]
    assert (warnings["occurred_events"], warnings["false_alarms"]) == (16, 8)
    assert sum(row["events"] for row in warnings["lead_time_histogram"]) == 16
    assert [row["p"] for row in shown["all"]["coverage"]] == []
    assert len(shown["all"]["worst_misses"]) == 5


def test_too_few_events_have_no_score_and_say_how_many_are_missing(ours: LookAlike, admin: ApiClient) -> None:
    project = _history_of(ours, events=13)

    shown = admin.fetch(CALIBRATION, project=str(project.pk)).json()

    assert shown["readiness"] == "INSUFFICIENT"
    assert shown["readiness_reasons"][0]["message"] == "13 events are settled; 7 more needed."
    assert (shown["all"]["brier"], shown["all"]["reliability"], shown["all"]["warnings"]) == (None, None, None)


def test_nothing_settled_is_no_error(ours: LookAlike, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        empty = ProjectFactory.create()

    shown = admin.fetch(CALIBRATION, project=str(empty.pk)).json()

    assert (shown["as_of"], shown["readiness"], shown["all"]["missing_events"]) == (None, "INSUFFICIENT", 20)


def test_looks_at_the_past_are_never_scored(project: Project, ours: LookAlike, admin: ApiClient) -> None:
    before = admin.fetch(CALIBRATION).json()
    with tenant_context(ours.tenant.pk):
        _settled(project, 99, probability=0.1, result=OutcomeResult.OCCURRED, is_retrospective=True)

    assert admin.fetch(CALIBRATION).json() == before


def test_what_was_settled_early_is_scored_when_its_target_is_over(
    project: Project, ours: LookAlike, admin: ApiClient
) -> None:
    """Otherwise the good ends of running projects would be counted, and the bad ones not yet."""
    before = admin.fetch(CALIBRATION).json()
    with tenant_context(ours.tenant.pk):
        tomorrow = timezone.now() + timedelta(days=1)
        _settled(project, 99, probability=0.1, result=OutcomeResult.NOT_OCCURRED, predicted_for=tomorrow)

    assert admin.fetch(CALIBRATION).json() == before


def test_types_are_told_apart(project: Project, ours: LookAlike, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        for number in range(3):
            _settled(
                project, number, probability=0.2, result=OutcomeResult.OCCURRED, type=PredictionType.SCOPE_CREEP,
                as_of=ISSUED_AT - timedelta(days=30),
            )  # fmt: skip

    events = {
        types: admin.fetch(CALIBRATION, type=types, project=str(project.pk)).json()["all"]["predictions"]
        for types in ("DELAY_RISK", "SCOPE_CREEP", "TEAM_BURNOUT")
    }

    assert events == {"DELAY_RISK": 36, "SCOPE_CREEP": 3, "TEAM_BURNOUT": 0}


# --- who sees what ---


def test_record_of_another_tenant_has_no_part_in_ours(project: Project, theirs: LookAlike, admin: ApiClient) -> None:
    before = admin.fetch(CALIBRATION).json()
    foreign = _history_of(theirs, events=30, probability=0.95)

    assert admin.fetch(CALIBRATION).json() == before
    unknown = admin.fetch(CALIBRATION, project="00000000-0000-7000-8000-000000000000").json()
    assert admin.fetch(CALIBRATION, project=str(foreign.pk)).json() == unknown
    assert unknown["all"]["predictions"] == 0


@pytest.mark.parametrize("role", [Role.TEAM_LEADER, Role.STAKEHOLDER])
def test_record_is_that_of_the_projects_a_person_sees(
    role: Role, project: Project, ours: LookAlike, as_role: Callable[[Role], ApiClient]
) -> None:
    client = as_role(role)
    before = client.fetch(CALIBRATION).json()["all"]["predictions"]

    enter_project(ours, project.pk)

    after = client.fetch(CALIBRATION).json()["all"]["predictions"]
    assert after == before + 36


@pytest.mark.parametrize(
    "query", [{"type": "NOTHING"}, {"project": "x"}, {"since": "2026"}, {"page_size": "1"}, {"type": "A\u0000"}]
)
def test_parameter_nobody_reads_is_refused(query: dict[str, str], admin: ApiClient) -> None:
    answer = admin.fetch(CALIBRATION, **query)

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_reading_the_record_is_in_the_trail(project: Project, ours: LookAlike, admin: ApiClient) -> None:
    admin.fetch(CALIBRATION)

    with tenant_context(ours.tenant.pk):
        entry = AuditEntry.objects.order_by("-timestamp", "-id").first()
    assert entry is not None
    assert entry.action == AuditAction.ACCESS_PREDICTION


@pytest.mark.parametrize("events", [1, 3])
def test_reading_the_record_costs_a_fixed_number_of_queries(
    events: int, ours: LookAlike, admin: ApiClient, django_assert_num_queries: Any
) -> None:
    project = _history_of(ours, events=events)
    admin.fetch(CALIBRATION)

    with django_assert_num_queries(13):
        answer = admin.fetch(CALIBRATION, project=str(project.pk))

    assert json.loads(answer.content)["all"]["events"] == events
    assert all(row["missing_events"] == 20 - row["warned_events"] for row in json.loads(answer.content)["probation"])

"""Options are compared while a person watches: whole requests over a project of 30,000 items and ten years."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from predictions.attribution.forecast_moves import ToldForecast, decompose_move
from predictions.forecasters.finish import forecast_finish
from predictions.forecasters.what_if import AddCapacity, DropItems, Scenario, WhatIf
from projects.history import ProjectHistory
from projects.models import Project
from stratibreak.pipeline import refresh_project
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.api.conftest import ApiClient, signed_in
from tests.factories.look_alike import LookAlike
from tests.factories.projects import BaselineFactory, ProjectFactory
from tests.project_histories import NOW, WEEK, team_facts
from tests.recorded_team import record_facts

pytestmark = pytest.mark.benchmark

WEEKLY = [48, 55, 52, 50, 57, 46, 53, 55] * 65
OPEN_ITEMS = 2_960
TARGET = NOW.date() + 60 * WEEK
MAX_ANSWER_S, MAX_MOVE_S = 0.3, 0.5


def best_of_five_s(work: Callable[[], object], *, clock: Callable[[], float] = time.perf_counter) -> float:
    """The least of five. Pure computation is judged by the processor's time, which a busy machine leaves alone."""
    durations = []
    for _ in range(5):
        began = clock()
        work()
        durations.append(clock() - began)
    return min(durations)


def test_playing_ten_options_and_a_cut_takes_at_most_three_tenths_of_a_second() -> None:
    finish = forecast_finish(
        ProjectHistory.from_facts(team_facts(WEEKLY, open_items=OPEN_ITEMS)), as_of=NOW, target_date=TARGET
    )
    basis = finish.basis
    assert basis is not None

    def play() -> None:
        what_if = WhatIf(basis)
        for number in range(1, 11):
            outcome = what_if.outcome(Scenario("", (DropItems(number * 50), AddCapacity(share=number / 20))))
            assert outcome.p_on_time is not None
        assert what_if.cut_items(TARGET, candidates=OPEN_ITEMS).needed_items

    assert best_of_five_s(play, clock=time.process_time) <= MAX_ANSWER_S


def test_telling_why_a_forecast_moved_takes_at_most_half_a_second() -> None:
    history = ProjectHistory.from_facts(team_facts(WEEKLY, open_items=OPEN_ITEMS))
    told = []
    for moment in (NOW - 3 * WEEK, NOW):
        finish = forecast_finish(history, as_of=moment, target_date=TARGET)
        p85 = finish.quantile(0.85)
        assert finish.basis is not None
        assert p85 is not None
        assert p85.weeks is not None
        assert finish.p_on_time is not None
        told.append(ToldForecast(finish.basis, p85.weeks * 7, finish.p_on_time.value))

    assert best_of_five_s(lambda: decompose_move(told[0], told[1]), clock=time.process_time) <= MAX_MOVE_S


@pytest.fixture
def large(ours: LookAlike) -> Project:
    with tenant_context(ours.tenant.pk):
        project: Project = ProjectFactory.create(name="Ten years", start_date=None, end_date=TARGET)
        record_facts(project, team_facts(WEEKLY, open_items=OPEN_ITEMS))
        BaselineFactory.create(
            project=project,
            approved_at=NOW - 520 * WEEK,
            start_date=date(2014, 7, 16),
            finish_date=TARGET,
            scope_item_count=30_000,
        )
        refresh_project(project=project, as_of=NOW - WEEK, at=NOW - WEEK)
        refresh_project(project=project, as_of=NOW, at=NOW)
    return project


@pytest.mark.django_db
def test_every_answer_about_the_date_of_a_large_project_is_quick(large: Project, ours: LookAlike) -> None:
    client: ApiClient = signed_in(ours.users[Role.PROJECT_MANAGER])
    path = f"/api/v1/projects/{large.pk}"
    body: dict[str, Any] = {
        "scenarios": [
            {"steps": [{"kind": "DROP", "count": 300}]},
            {"steps": [{"kind": "DEFER", "count": 300}]},
            {"steps": [{"kind": "ADD_CAPACITY", "share": 0.2}]},
            {"steps": [{"kind": "MOVE_DATE", "target_date": "2026-01-30"}]},
        ],
        "minimal_cut": {"before": TARGET.isoformat()},
    }
    moments = {"from": (NOW - 6 * WEEK / 7).isoformat(), "to": NOW.isoformat()}

    def what_if() -> Any:
        return client.send("POST", f"{path}/what-if", body)

    measured = {
        "what-if": best_of_five_s(what_if),
        "forecast": best_of_five_s(lambda: client.fetch(f"{path}/forecast")),
        "slip": best_of_five_s(lambda: client.fetch(f"{path}/slip")),
        "moves": best_of_five_s(lambda: client.fetch(f"{path}/forecast/moves", **moments)),
    }

    answer = json.loads(what_if().content)
    # Its record is years old, and limits nothing else.
    assert [reason["code"] for reason in answer["readiness_reasons"]] == ["FORECAST_AGED"]
    assert answer["minimal_cut"]["needed_items"] > 0
    limits = dict.fromkeys(measured, MAX_ANSWER_S) | {"moves": MAX_MOVE_S}
    assert {name: seconds for name, seconds in measured.items() if seconds > limits[name]} == {}, measured

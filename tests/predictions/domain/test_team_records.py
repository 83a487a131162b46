"""What a forecast learns from the tenant's other teams, and that it learns from nobody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import numpy as np
import pytest

from predictions.domain.forecasting import forecast_project
from predictions.domain.team_records import load_pools
from predictions.priors.throughput import shipped_pools
from projects.history.calendar import WorkCalendar
from projects.models import AnalysisRecord, Project
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.project_histories import DAY, NOW, WEEK, team_history

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenant")]
RNG = np.random.default_rng(1)
ERRATIC = [int(count) for count in RNG.choice([0, 1, 25], 120)]
STEADY = [5] * 40


def _team(weekly: list[int] | None = None, *, as_of: datetime = NOW - DAY, name: str = "Other") -> Project:
    """A project that was forecast once."""
    project = ProjectFactory.create(name=name, start_date=date(2021, 9, 1), end_date=date(2025, 9, 25))
    _forecast(project, weekly or ERRATIC, as_of=as_of)
    return project


def _forecast(project: Project, weekly: list[int], *, as_of: datetime = NOW) -> Any:
    history = team_history(weekly, open_items=40, as_of=as_of)
    return forecast_project(project=project, history=history, calendar=WorkCalendar(), as_of=as_of, at=as_of)


@pytest.fixture
def project(tenant: Any) -> Project:
    return ProjectFactory.create(name="Asked", start_date=date(2021, 9, 1), end_date=date(2024, 9, 25))


def test_team_alone_starts_from_what_ships(project: Project) -> None:
    assert load_pools(project, as_of=NOW) is None


def test_run_keeps_the_weeks_that_other_teams_learn_from(project: Project) -> None:
    _forecast(project, STEADY)

    assert AnalysisRecord.objects.get().results["weekly_finishes"] == [5.0] * 39


def test_other_teams_of_the_tenant_move_the_forecast(project: Project) -> None:
    """Teams that never surprised anybody: the dates come closer together."""
    alone = _forecast(project, STEADY).finish
    for number in range(3):
        _team([7] * 200, name=f"Steady {number}")

    together = _forecast(project, STEADY).finish

    pools = load_pools(project, as_of=NOW)
    assert pools is not None
    assert [pool.independent > 0 for pool in pools] == [True] * len(shipped_pools())
    assert together.inputs_hash != alone.inputs_hash
    assert together.quantile(0.95).weeks < 0.95 * alone.quantile(0.95).weeks


def test_own_past_is_no_other_team(project: Project) -> None:
    _forecast(project, STEADY, as_of=NOW - WEEK)

    assert load_pools(project, as_of=NOW) is None


def test_what_others_learn_later_is_not_known_yet(project: Project) -> None:
    _team(as_of=NOW + DAY, name="Tomorrow")
    _team(as_of=NOW)

    assert load_pools(project, as_of=NOW) is None


def test_newest_record_of_each_team_counts_once(project: Project) -> None:
    other = _team(as_of=NOW - 4 * WEEK)
    _forecast(other, [*ERRATIC, 3, 3, 3, 3], as_of=NOW - DAY)

    once = load_pools(project, as_of=NOW)

    assert once is not None
    assert once[0].independent == pytest.approx(len(ERRATIC) + 4 - 12 - 1, abs=2)


def test_team_whose_forecast_abstained_teaches_nothing(project: Project) -> None:
    _team([5, 5])

    assert load_pools(project, as_of=NOW) is None


def test_look_alike_tenant_teaches_nothing_and_learns_nothing(
    project: Project, theirs: LookAlike, make_tenant: Callable[[str], Any]
) -> None:
    with tenant_context(theirs.tenant.pk):
        foreign = _team(name="Other")
    assert load_pools(project, as_of=NOW) is None
    alone = _forecast(project, STEADY)
    with tenant_context(theirs.tenant.pk):
        assert load_pools(foreign, as_of=NOW + WEEK) is None or project.pk not in set(
            Project.objects.values_list("pk", flat=True)
        )

    assert _forecast(project, STEADY).finish.result_hash == alone.finish.result_hash


@pytest.mark.parametrize("teams", [1, 3])
def test_teams_cost_one_query_whatever_their_number(
    project: Project, teams: int, django_assert_num_queries: Any
) -> None:
    for number in range(teams):
        _team(name=f"Team {number}")

    with django_assert_num_queries(1):
        assert load_pools(project, as_of=NOW) is not None

"""Actions through the API: moved by the table only, by whoever may, and what they were worth."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gaps.models import CorrectiveAction
from predictions.attribution.action_effect import METHOD
from predictions.enums import ActionStatus
from predictions.models import ActionTransition, PreventiveAction
from tenants.enums import ApiScope, Role
from tenants.isolation.transaction import tenant_context
from tenants.models import User
from tests.api.conftest import ApiClient
from tests.api.test_matrix import enter_project
from tests.factories.gaps import CorrectiveActionFactory, GapFactory
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory

pytestmark = pytest.mark.django_db

KINDS: dict[str, Any] = {"corrective-actions": CorrectiveAction, "preventive-actions": PreventiveAction}
each_kind = pytest.mark.parametrize("name", KINDS)


def _due() -> str:
    return (timezone.now().date() + timedelta(days=30)).isoformat()


def _activate(client: ApiClient, one: LookAlike, name: str, **changes: Any) -> Any:
    body = {"kind": "ACTIVATED", "owner": str(one.users[Role.TEAM_LEADER].pk), "due_date": _due(), **changes}
    return client.send("POST", f"/api/v1/{name}/{one.rows[KINDS[name]].pk}/transitions", body)


@each_kind
def test_action_is_activated_done_and_kept(name: str, ours: LookAlike, admin: ApiClient) -> None:
    path = f"/api/v1/{name}/{ours.rows[KINDS[name]].pk}"

    activated = _activate(admin, ours, name, note="Agreed on Monday.")
    done = admin.send("POST", f"{path}/transitions", {"kind": "COMPLETED"})

    assert (activated.status_code, done.status_code) == (201, 201), activated.content + done.content
    told = activated.json()
    assert (told["from_status"], told["to_status"], told["note"]) == ("SUGGESTED", "ACTIVE", "Agreed on Monday.")
    assert told["actor_id"] == str(ours.users[Role.ADMIN].pk)
    assert admin.fetch(activated["Location"]).json()["id"] == told["id"]
    shown = admin.fetch(path).json()
    assert (shown["status"], shown["owner"]) == ("DONE", str(ours.users[Role.TEAM_LEADER].pk))
    history = admin.fetch("/api/v1/action-transitions", action_id=str(ours.rows[KINDS[name]].pk)).json()["results"]
    assert sorted(row["kind"] for row in history) == ["ACTIVATED", "COMPLETED"]


@each_kind
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"owner": None}, "owner"),
        ({"due_date": None}, "due_date"),
        ({"due_date": "2020-01-01"}, "due_date"),
        ({"kind": "COMPLETED", "owner": None, "due_date": None}, "kind"),
        ({"kind": "DROPPED", "owner": None, "due_date": None}, "note"),
    ],
)
def test_refusal_says_what_is_missing_and_changes_nothing(
    changes: dict[str, Any], field: str, name: str, ours: LookAlike, admin: ApiClient
) -> None:
    refused = _activate(admin, ours, name, **changes)

    assert refused.status_code == 409
    assert [error["pointer"] for error in refused.json()["errors"]] == [f"#/{field}"]
    assert admin.fetch(f"/api/v1/{name}/{ours.rows[KINDS[name]].pk}").json()["status"] == "SUGGESTED"


@each_kind
@pytest.mark.parametrize("body", [{}, {"kind": "ESCALATED"}, {"kind": "x\x00"}, {"kind": ["ACTIVATED"]}, [], "text"])
def test_garbage_is_refused(body: Any, name: str, ours: LookAlike, admin: ApiClient) -> None:
    answer = admin.send("POST", f"/api/v1/{name}/{ours.rows[KINDS[name]].pk}/transitions", body)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


@each_kind
def test_owner_of_another_tenant_is_nobody(name: str, ours: LookAlike, theirs: LookAlike, admin: ApiClient) -> None:
    foreign = _activate(admin, ours, name, owner=str(theirs.users[Role.ADMIN].pk))
    missing = _activate(admin, ours, name, owner="00000000-0000-7000-8000-000000000000")

    assert foreign.status_code == missing.status_code == 400
    assert foreign.json()["errors"] == missing.json()["errors"]


@each_kind
def test_status_and_measured_effect_cannot_be_written(name: str, ours: LookAlike, admin: ApiClient) -> None:
    path = f"/api/v1/{name}/{ours.rows[KINDS[name]].pk}"

    admin.send("PATCH", path, {"status": "DONE", "measured_effect_days": 99, "measured_at": _due()}, etag="*")

    shown = admin.fetch(path).json()
    assert (shown["status"], shown["measured_effect_days"], shown["measured_at"]) == ("SUGGESTED", None, None)


def test_team_leader_moves_actions_of_their_own_projects_only(
    ours: LookAlike, as_role: Callable[[Role], ApiClient]
) -> None:
    leader = as_role(Role.TEAM_LEADER)
    with tenant_context(ours.tenant.pk):
        mine = CorrectiveActionFactory.create(gap=GapFactory.create(project=ProjectFactory.create(name="Mine")))
        other = CorrectiveActionFactory.create(gap=GapFactory.create(project=ProjectFactory.create(name="Other")))
    enter_project(ours, mine.gap.project_id)
    body = {"kind": "DROPPED", "note": "No."}

    assert leader.send("POST", f"/api/v1/corrective-actions/{mine.pk}/transitions", body).status_code == 201
    assert leader.send("POST", f"/api/v1/corrective-actions/{other.pk}/transitions", body).status_code == 404
    history = leader.fetch("/api/v1/action-transitions").json()["results"]
    assert [row["action_id"] for row in history] == [str(mine.pk)]


def test_reading_key_moves_nothing(ours: LookAlike, key_of: Callable[..., ApiClient]) -> None:
    path = f"/api/v1/corrective-actions/{ours.rows[CorrectiveAction].pk}/transitions"

    assert key_of(Role.ADMIN, ApiScope.READ).send("POST", path, {"kind": "DROPPED", "note": "x"}).status_code == 403
    with tenant_context(ours.tenant.pk):
        assert not ActionTransition.objects.filter(action_id=ours.rows[CorrectiveAction].pk).exists()


# --- efficacy ---


def _measured(one: LookAlike, count: int, *, days: float, code: str = "CUT") -> None:
    with tenant_context(one.tenant.pk):
        owner = User.objects.first()
        for number in range(count):
            CorrectiveActionFactory.create(
                gap=GapFactory.create(project=ProjectFactory.create()),
                code=code,
                title=f"Do {code}",
                status=ActionStatus.DONE,
                owner=owner,
                due_date=date(2026, 1, 1),
                completed_at=timezone.now(),
                measured_effect_days=days + number % 2,
                measurement={"method": METHOD, "reason": None, "compared_forecasts": 5},
            )


def test_efficacy_is_untested_below_five_and_stops_at_the_tenant(
    ours: LookAlike, theirs: LookAlike, admin: ApiClient
) -> None:
    _measured(ours, 4, days=10.0)
    _measured(theirs, 9, days=-50.0)

    (row,) = admin.fetch("/api/v1/action-efficacy").json()["codes"]

    assert (row["measured_actions"], row["missing_actions"], row["standing"]) == (4, 1, "UNTESTED")
    assert (row["measured_effect_days"], row["expected_effect_days"]) == (None, None)


def test_efficacy_tells_the_best_first(ours: LookAlike, admin: ApiClient) -> None:
    _measured(ours, 6, days=-5.0, code="HARMS")
    _measured(ours, 6, days=10.0, code="HELPS")

    told = admin.fetch("/api/v1/action-efficacy").json()

    assert [row["code"] for row in told["codes"]] == ["HELPS", "HARMS"]
    assert told["codes"][0]["measured_effect_days"]["low"] > 0
    assert told["required_actions"] == 5


def test_efficacy_is_of_the_projects_one_sees(ours: LookAlike, as_role: Callable[[Role], ApiClient]) -> None:
    _measured(ours, 6, days=10.0)

    assert as_role(Role.STAKEHOLDER).fetch("/api/v1/action-efficacy").json()["codes"] == []


def test_efficacy_refuses_a_parameter_nobody_reads(admin: ApiClient) -> None:
    assert admin.fetch("/api/v1/action-efficacy", project="x").status_code == 400


def test_efficacy_asks_as_often_with_many_actions(ours: LookAlike, admin: ApiClient) -> None:
    counts = []
    for more in (1, 3):
        _measured(ours, more, days=3.0)
        with CaptureQueriesContext(connection) as captured:
            admin.fetch("/api/v1/action-efficacy")
        asked = [query["sql"] for query in captured]
        counts.append(sum("correctiveaction" in sql or "preventiveaction" in sql for sql in asked))

    assert counts == [4, 4], "the measured ones and their titles, of both kinds"

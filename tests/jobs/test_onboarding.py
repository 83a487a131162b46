"""From a token to the first replayed forecast: a project with a name, a connection with credentials, no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from integrations.enums import IntegrationStatus
from integrations.models import FieldMapping, Integration
from projects.enums import CategoryOrigin
from projects.models import WorkflowStatus
from stratibreak.jobs.steps import Step
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.api.conftest import ApiClient, signed_in
from tests.factories.look_alike import LookAlike
from tests.integrations.connectors.github.fake import FakeGitHub
from tests.integrations.connectors.jira.fake import STATUSES as JIRA_STATUSES
from tests.integrations.connectors.jira.fake import FakeJira
from tests.integrations.connectors.local_server import serving
from tests.integrations.connectors.trello.fake import LISTS as TRELLO_LISTS
from tests.integrations.connectors.trello.fake import FakeTrello
from tests.integrations.connectors.trello.fake import move as trello_move
from tests.integrations.tools import TOOLS
from tests.jobs.conftest import StartWorker, wait_until
from tests.jobs.test_worker import jobs_of

pytestmark = pytest.mark.django_db(transaction=True)

ITEMS, OPEN_ITEMS = 60, 12
"""An item is begun every third day, and is done five days later; the last ones are open."""


def past(now: datetime) -> Iterator[tuple[int, datetime, datetime | None]]:
    """Number, beginning and end of items of the last half year."""
    for number in range(ITEMS):
        begun_at = now - timedelta(days=3 * (ITEMS - number), hours=number % 7)
        yield number, begun_at, None if number >= ITEMS - OPEN_ITEMS else begun_at + timedelta(days=2 + number % 9)


def _github(fake: FakeGitHub, now: datetime) -> None:
    template = fake.issues[5]
    for number, begun_at, done_at in past(now):
        issue = number + 100
        moment = (done_at or begun_at).strftime("%Y-%m-%dT%H:%M:%SZ")
        fake.issues[issue] = {
            **template,
            "id": 5000 + issue,
            "number": issue,
            "title": f"Issue {issue}",
            "created_at": begun_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "updated_at": moment,
            "closed_at": moment if done_at else None,
            "state": "closed" if done_at else "open",
            "state_reason": "completed" if done_at else None,
        }
        if done_at:
            fake.timelines[issue] = [{"id": 9000 + issue, "event": "closed", "created_at": moment, "actor": {"id": 1}}]
    fake.page_size = 50


def _trello(fake: FakeTrello, now: datetime) -> None:
    template = next(iter(fake.cards.values()))
    to_do, _, done, *_ = sorted(TRELLO_LISTS)
    for number, begun_at, done_at in past(now):
        card = f"{int(begun_at.timestamp()):08x}{number + 100:016x}"
        last = (done_at or begun_at).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        fake.cards[card] = {
            **template,
            "id": card,
            "name": f"Card {number}",
            "idList": done if done_at else to_do,
            "dateLastActivity": last,
            "shortLink": f"More{number}",
            "closed": False,
            "dueComplete": False,
        }
        if done_at:
            move = trello_move(1, number + 200, card, to_do, done)
            fake.actions.append({**move, "id": f"{int(done_at.timestamp()):08x}{number + 500:016x}", "date": last})
    fake.page_size = 50


def _jira(fake: FakeJira, now: datetime) -> None:
    template = fake.issues["10002"]
    for number, begun_at, done_at in past(now):
        issue_id = str(20_000 + number)
        moment = (done_at or begun_at).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        fake.issues[issue_id] = {
            **template,
            "id": issue_id,
            "key": f"ROCK-{number + 100}",
            "fields": {
                **template["fields"],
                "summary": f"Issue {number}",
                "status": JIRA_STATUSES["5" if done_at else "1"],
                "created": begun_at.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
                "updated": moment,
                "resolutiondate": moment if done_at else None,
                "worklog": {"worklogs": [], "total": 0},
            },
        }
        if done_at:
            change = {"field": "status", "fieldId": "status", "from": "1", "fromString": "To Do", "to": "5"}
            fake.histories[issue_id] = [
                {
                    "id": str(70_000 + number),
                    "created": round(done_at.timestamp() * 1000),
                    "author": {"accountId": "bob"},
                    "items": [{**change, "toString": "Done"}],
                }
            ]
    fake.page_size = 50


FILLED: dict[str, Callable[[Any, datetime], None]] = {"GITHUB": _github, "TRELLO": _trello, "JIRA": _jira}
SPARSE = ("ASANA", "GITLAB", "MONDAY", "BITRIX24")


def onboard(client: ApiClient, tool: str) -> tuple[str, str]:
    """What a newcomer does, and nothing else. Answers the addresses of the project and of the connection."""
    project = client.send("POST", "/api/v1/projects", {"name": f"First {tool}"})
    assert project.status_code == 201, project.json()
    connection = client.send(
        "POST",
        "/api/v1/integrations",
        {
            "project": project.json()["id"],
            "type": tool,
            "name": tool,
            "config": TOOLS[tool].config,
            "credentials": TOOLS[tool].credentials,
        },
    )
    assert connection.status_code == 201, connection.json()
    address = f"/api/v1/integrations/{connection.json()['id']}"
    assert client.send("POST", f"{address}/test").json()["ok"], tool
    assert client.send("POST", f"{address}/sync").status_code == 202
    return f"/api/v1/projects/{project.json()['id']}", address


def test_token_is_all_that_a_first_replayed_forecast_takes(
    ours: LookAlike, theirs: LookAlike, start_worker: StartWorker, settings: Any
) -> None:
    for each in (ours, theirs):
        with tenant_context(each.tenant.pk):
            Integration.objects.update(status=IntegrationStatus.INACTIVE)
    now = datetime.now(UTC)
    client = signed_in(ours.users[Role.ADMIN])
    with ExitStack() as stack:
        played = {}
        for tool in (*FILLED, *SPARSE):
            fake = played[tool] = TOOLS[tool].play()
            if tool in FILLED:
                FILLED[tool](fake, now)
            stack.enter_context(serving(fake))
        gateways = {tool: fake.base_url for tool, fake in played.items()}
        settings.INTEGRATION_GATEWAYS = gateways
        settings.INTEGRATION_NETWORKS = ["127.0.0.0/8"]
        started = {tool: onboard(client, tool) for tool in played}
        start_worker(gateways=gateways)
        for tool, (project, _) in started.items():
            project_id = project.rpartition("/")[2]
            wait_until(partial(_is_replayed, ours, project_id), f"a replay of {tool}")

    stranger = signed_in(theirs.users[Role.ADMIN])
    for tool, (project, connection) in started.items():
        assert client.fetch(f"{connection}/runs").json()["results"][0]["status"] == "SUCCEEDED", tool
        assert stranger.fetch(f"{project}/forecast").status_code == 404
        if tool in FILLED:
            _check_forecast(client, project, tool)
        else:
            _check_what_is_missing(client, project, tool)
    with tenant_context(ours.tenant.pk):
        projects = [project.rpartition("/")[2] for project, _ in started.values()]
        assert not FieldMapping.objects.filter(integration__project__in=projects).exists()
        said = WorkflowStatus.objects.filter(project__in=projects, category_origin=CategoryOrigin.PERSON)
        assert not said.exists()


def _check_forecast(client: ApiClient, project: str, tool: str) -> None:
    """Dates, and a look back; that no day was promised is said, and holds up nothing."""
    forecast, replay = (client.fetch(f"{project}/{what}").json() for what in ("forecast", "replay"))
    assert (forecast["readiness"], forecast["readiness_reasons"]) == ("OK", []), tool
    assert forecast["result"]["outlook"]["cone"], tool
    [missing] = forecast["result"]["delay_risk"]["reasons"]
    assert (missing["code"], missing["unlock"]) == ("NO_TARGET", "SET_TARGET_DATE")
    assert replay["readiness"] in ("OK", "LIMITED"), (tool, replay["readiness_reasons"])
    assert replay["result"] is not None, tool


def _check_what_is_missing(client: ApiClient, project: str, tool: str) -> None:
    """A few items carry no forecast: what is needed is said in numbers, in place of an empty answer."""
    for what in ("forecast", "replay"):
        answer = client.fetch(f"{project}/{what}").json()
        assert (answer["readiness"], answer["result"]) == ("INSUFFICIENT", None), tool
        assert "TOO_FEW_FINISHED" in [reason["code"] for reason in answer["readiness_reasons"]], tool
        assert "10 are needed" in answer["readiness_reasons"][0]["message"]


def _is_replayed(one: LookAlike, project_id: str) -> bool:
    jobs = jobs_of(one.tenant.pk, UUID(project_id))
    return any(job.task == Step.REPLAY and job.status in ("succeeded", "failed") for job in jobs)

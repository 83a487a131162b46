"""Every tool as it is played, and what connects it: credentials and, where it cannot be found without, its address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tests.integrations.connectors.asana import fake as asana
from tests.integrations.connectors.bitrix24 import fake as bitrix24
from tests.integrations.connectors.github import fake as github
from tests.integrations.connectors.gitlab import fake as gitlab
from tests.integrations.connectors.jira import fake as jira
from tests.integrations.connectors.monday import fake as monday
from tests.integrations.connectors.slack import fake as slack
from tests.integrations.connectors.trello import fake as trello


@dataclass(frozen=True)
class PlayedTool:
    """config: what a person must say beside the credentials"""

    play: Callable[[], Any]
    credentials: dict[str, str]
    config: dict[str, Any] = field(default_factory=dict)


TOOLS: Final = {
    "ASANA": PlayedTool(asana.FakeAsana, {"token": asana.TOKEN}),
    "BITRIX24": PlayedTool(
        bitrix24.FakeBitrix24,
        {"webhook_code": bitrix24.CODE},
        {"base_url": "https://acme.example", "user_id": bitrix24.USER},
    ),
    "GITHUB": PlayedTool(github.FakeGitHub, {"token": github.TOKEN}),
    "GITLAB": PlayedTool(gitlab.FakeGitLab, {"token": gitlab.TOKEN}),
    "JIRA": PlayedTool(
        jira.FakeJira, {"api_token": jira.TOKEN}, {"base_url": "https://acme.example", "account_email": jira.EMAIL}
    ),
    "MONDAY": PlayedTool(monday.FakeMonday, {"api_token": monday.TOKEN}),
    "SLACK": PlayedTool(slack.FakeSlack, {"token": slack.TOKEN}),
    "TRELLO": PlayedTool(trello.FakeTrello, {"api_key": trello.KEY, "token": trello.TOKEN}),
}

"""The exports of every tool, in one list."""

from __future__ import annotations

from typing import Final

from integrations.exports import asana, bitrix24, github, gitlab, jira, monday, slack, teams, trello
from projects.imports.formats import ImportFormat

EXPORTS: Final[tuple[ImportFormat, ...]] = tuple(
    form for tool in (asana, bitrix24, github, gitlab, jira, monday, slack, teams, trello) for form in tool.FORMATS
)

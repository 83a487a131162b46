"""What a connection to Asana is told."""

from __future__ import annotations

from integrations.connectors.options import RENEWABLE, SECRET_TEXT, JsonSchema, Option, ToolOptions, list_of

GID: JsonSchema = {"type": "string", "pattern": r"^[0-9]{1,40}$"}

OPTIONS = ToolOptions(
    (
        Option(
            name="workspace_gid",
            label="Workspace",
            schema=GID,
            help="The number of one; left out: all that the account is in.",
        ),
        Option(
            name="project_gids",
            label="Projects",
            schema=list_of(GID),
            help="The number in a project's address; left out: all that the account sees.",
        ),
        Option(
            name="token",
            label="Token",
            schema=SECRET_TEXT,
            is_secret=True,
            help="A personal access token, or a service account's; it reads what its account sees.",
        ),
        *RENEWABLE,
    )
)

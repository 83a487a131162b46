"""What a connection to Asana is told."""

from __future__ import annotations

from integrations.connectors.options import NAMES, Option, ToolOptions

OPTIONS = ToolOptions(
    (
        Option(name="workspace_gid", label="Workspace"),
        Option(name="project_gids", label="Projects", schema=NAMES, help="Left out: all that the account sees."),
    )
)

"""What a connection to GitLab is told."""

from __future__ import annotations

from integrations.connectors.options import NAMES, WEB_ADDRESS, Option, ToolOptions

OPTIONS = ToolOptions(
    (
        Option(name="base_url", label="Address", schema=WEB_ADDRESS, help="Left out: https://gitlab.com."),
        Option(name="project_paths", label="Projects", schema=NAMES),
        Option(name="group_paths", label="Groups", schema=NAMES),
    )
)

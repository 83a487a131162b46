"""What a connection to GitLab is told."""

from __future__ import annotations

from integrations.connectors.options import NAMES, RENEWABLE, SECRET_TEXT, WEB_ADDRESS, Option, ToolOptions

OPTIONS = ToolOptions(
    (
        Option(name="base_url", label="Address", schema=WEB_ADDRESS, help="Left out: https://gitlab.com."),
        Option(
            name="project_paths",
            label="Projects",
            schema=NAMES,
            help="Such as group/project; left out, and without groups: all that the account is a member of.",
        ),
        Option(name="group_paths", label="Groups", schema=NAMES, help="All projects of these, and of groups in them."),
        Option(
            name="status_label_scope",
            label="Scope of status labels",
            help="Such as “workflow”, where labels like workflow::doing say how far an open issue is.",
        ),
        Option(
            name="token",
            label="Token",
            schema=SECRET_TEXT,
            is_secret=True,
            help="A personal, group or project access token with the scope read_api, or one of OAuth.",
        ),
        *RENEWABLE,
    )
)

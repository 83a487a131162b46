"""What a connection to monday.com is told."""

from __future__ import annotations

from integrations.connectors.options import NAMES, SECRET_TEXT, Option, ToolOptions

OPTIONS = ToolOptions(
    (
        Option(
            name="board_ids",
            label="Boards",
            schema=NAMES,
            help="Numbers from the boards' addresses; left out: all that the account sees.",
        ),
        Option(
            name="status_column",
            label="Status column",
            help="Its title or id; left out: the status column called Status, else the first one that knows “done”.",
        ),
        Option(name="due_date_column", label="Due date column", help="A date or a timeline; left out: by its title."),
        Option(name="estimate_column", label="Estimate column", help="Numbers; left out: by its title."),
        Option(name="api_version", label="API version", help="Left out: 2026-04."),
        Option(
            name="api_token",
            label="Token",
            schema=SECRET_TEXT,
            is_secret=True,
            is_required=True,
            help="A personal API token, or an app's with boards:read, updates:read and me:read.",
        ),
    )
)

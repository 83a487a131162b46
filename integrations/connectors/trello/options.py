"""What a connection to Trello is told."""

from __future__ import annotations

from integrations.connectors.options import SECRET_TEXT, Option, ToolOptions, list_of

OPTIONS = ToolOptions(
    (
        Option(
            name="board_ids",
            label="Boards",
            schema=list_of({"type": "string", "pattern": r"^[0-9A-Za-z]{1,40}$"}),
            help="The short name in a board's address, or its id; left out: all that the account sees.",
        ),
        Option(
            name="api_key",
            label="API key",
            schema=SECRET_TEXT,
            is_secret=True,
            is_required=True,
            help="Of a Power-Up of yours: trello.com/power-ups/admin.",
        ),
        Option(
            name="token",
            label="Token",
            schema=SECRET_TEXT,
            is_secret=True,
            is_required=True,
            help="Made with that key; the scope “read” is enough.",
        ),
    )
)

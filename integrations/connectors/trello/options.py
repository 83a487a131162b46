"""What a connection to Trello is told."""

from __future__ import annotations

from integrations.connectors.options import NAMES, Option, ToolOptions

OPTIONS = ToolOptions(
    (Option(name="board_ids", label="Boards", schema=NAMES, help="Left out: all that the account sees."),)
)

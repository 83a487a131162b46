"""What a connection to Microsoft Teams is told."""

from __future__ import annotations

from integrations.connectors.options import NAMES, Option, ToolOptions

OPTIONS = ToolOptions(
    (
        Option(name="directory_id", label="Directory"),
        Option(name="team_ids", label="Teams", schema=NAMES),
        Option(name="channel_ids", label="Channels", schema=NAMES),
    )
)

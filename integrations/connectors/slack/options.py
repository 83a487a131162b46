"""What a connection to Slack is told."""

from __future__ import annotations

from integrations.connectors.options import NAMES, Option, ToolOptions

OPTIONS = ToolOptions(
    (
        Option(name="channel_ids", label="Channels", schema=NAMES),
        Option(name="notify_channel_id", label="Channel for notifications"),
    )
)

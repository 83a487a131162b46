"""What a connection to Slack is told."""

from __future__ import annotations

from integrations.connectors.options import NAMES, RENEWABLE, SECRET_TEXT, Option, ToolOptions

OPTIONS = ToolOptions(
    (
        Option(
            name="channel_ids",
            label="Channels",
            schema=NAMES,
            help="Such as C0123456789; left out: all that the app has been invited to.",
        ),
        Option(name="notify_channel_id", label="Channel for notifications"),
        Option(
            name="token",
            label="Token",
            schema=SECRET_TEXT,
            is_secret=True,
            help="Of the app's bot (xoxb-…), with channels:read, channels:history and users:read.",
        ),
        *RENEWABLE,
    )
)

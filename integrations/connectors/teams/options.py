"""What a connection to Microsoft Teams is told."""

from __future__ import annotations

from integrations.connectors.options import NAMES, SECRET_TEXT, Option, ToolOptions

OPTIONS = ToolOptions(
    (
        Option(name="directory_id", label="Directory", help="Directory (tenant) ID of the app registration."),
        Option(name="client_id", label="Application", help="Application (client) ID of the app registration."),
        Option(name="team_ids", label="Teams", schema=NAMES, help="Left out: all that are shown."),
        Option(
            name="channel_ids",
            label="Channels",
            schema=NAMES,
            help="Such as 19:…@thread.tacv2, or with the team before it, team/19:…; left out: all of the teams.",
        ),
        Option(
            name="chat_ids",
            label="Group chats",
            schema=NAMES,
            help="Such as 19:…@thread.v2; left out: none.",
        ),
        Option(
            name="client_secret",
            label="Client secret",
            schema=SECRET_TEXT,
            is_secret=True,
            help="Of the app registration; with ChannelMessage.Read.All, Channel.ReadBasic.All, Team.ReadBasic.All.",
        ),
        Option(
            name="access_token",
            label="Access token",
            schema=SECRET_TEXT,
            is_secret=True,
            help="In place of the client secret, to try something out: it ends within the hour.",
        ),
    )
)
